import { expect, test } from 'vitest'
import { quoteName, quoteText } from '../../src/database/quote.ts'

test.each([
  ['plain', "'plain'"],
  ["it's", "'it''s'"],
  ['a\\b', String.raw`E'a\\b'`],
  ["\\'; select 1 --", String.raw`E'\\''; select 1 --'`],
  ['', "''"],
])('quotes the text %j', (text, quoted) => {
  expect(quoteText(text)).toBe(quoted)
})

test('quotes a name, whatever is in it', () => {
  expect(quoteName('a"b')).toBe('"a""b"')
})
