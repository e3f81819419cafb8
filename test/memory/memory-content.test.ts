import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { checkContent, contentHash } from '../../src/memory/memory-content.ts'

test('hashes the normalised text with SHA-256', () => {
  expect(contentHash('Ana lives here')).toBe(createHash('sha256').update('Ana lives here').digest('hex'))
})

test.each([
  ['spaces around', '  Ana lives here '],
  ['spaces within', 'Ana   lives here'],
  ['line ends', 'Ana\nlives\r\nhere\n'],
  ['tabs and no-break spaces', 'Ana\tlives\u00a0here'],
])('gives texts that differ in %s one hash', (_, text) => {
  expect(contentHash(text)).toBe(contentHash('Ana lives here'))
})

test('gives composed and decomposed letters one hash', () => {
  expect(contentHash('Zoe\u0308')).toBe(contentHash('Zo\u00eb'))
})

test.each(['ana lives here', 'Ana lives here.', 'Analiveshere', 'Ana lives there'])(
  'gives another text another hash: %s',
  (text) => {
    expect(contentHash(text)).not.toBe(contentHash('Ana lives here'))
  },
)

test('counts characters as PostgreSQL does: an emoji is one', () => {
  const most = '🦌'.repeat(8_192)
  expect(checkContent(most)).toBe(most)
  expect(() => checkContent(`${most}x`)).toThrow(InvalidArgumentError)
  expect(checkContent('x'.repeat(8_192))).toHaveLength(8_192)
  expect(() => checkContent('x'.repeat(8_193))).toThrow(/^content is longer than 8192 characters: /)
})
