import { expect, test } from 'vitest'
import {
  anchorOf,
  code,
  escapeText,
  headingLink,
  markdownItem,
  markdownTable,
} from '../../scripts/schema-docs/markdown.ts'

test.each([
  ['*bold*, _slanted_ and `code`', String.raw`\*bold\*, \_slanted\_ and ${'\\`code\\`'}`],
  ['snake_case stays', 'snake_case stays'],
  ['[a](b) <br> a & b $1 ~x~', String.raw`\[a\](b) \<br\> a \& b \$1 \~x\~`],
  ['two\n  lines ', 'two lines'],
  ['- no list', String.raw`\- no list`],
  ['1. no list', String.raw`1\. no list`],
  ['1 to 10.', '1 to 10.'],
])('shows the text %j as it is', (text, markdown) => {
  expect(escapeText(text)).toBe(markdown)
})

test.each([
  ['a = 1', '`a = 1`'],
  ['a ` b', '``a ` b``'],
  ['`a`', '`` `a` ``'],
])('writes the code %j', (text, markdown) => {
  expect(code(text)).toBe(markdown)
})

test('escapes the pipes of cells, those in code too', () => {
  expect(markdownTable(['A', 'B'], [['x | y', code('a || b')]])).toBe(
    ['| A | B |', '| --- | --- |', String.raw`| x \| y | ${'`a \\|\\| b`'} |`].join('\n'),
  )
})

test('lists one thing beside its name, several below it, and none not at all', () => {
  expect(markdownItem('Keys', [])).toEqual([])
  expect(markdownItem('Keys', ['a'])).toEqual(['- Keys: a'])
  expect(markdownItem('Keys', ['a', 'b'])).toEqual(['- Keys:', '  - a', '  - b'])
})

test('links to a heading by the anchor that GitHub gives it', () => {
  expect(anchorOf('Domain: memory')).toBe('domain-memory')
  expect(anchorOf('memory_tags')).toBe('memory_tags')
  expect(headingLink('Domain: memory', 'memory')).toBe('[memory](#domain-memory)')
})
