import { expect, test } from 'vitest'
import { textMatching } from '../../src/testing/text-pattern.ts'

test.each([
  '^[a-z0-9-]+$',
  '^[a-z0-9][a-z0-9-]*[a-z0-9]$',
  '^[0-9a-f]{64}$',
  String.raw`^\d{3}-\d{2,4}$`,
  String.raw`^[^@]+@[^@]+\.[a-z]{2,}$`,
  '^(EUR|USD|CHF)$',
  '^(?:\\+|00)[1-9][0-9]{6,14}$',
  '^[A-Z]{2}[0-9]{2}( [A-Z0-9]{4}){2,7}$',
  String.raw`^https?://[\w.-]+(/.*)?$`,
  'x',
])('makes texts that fit %s', (pattern) => {
  const texts = [1, 2, 51].map((number) => textMatching(pattern, number))
  for (const text of texts) expect(text).toMatch(new RegExp(pattern, 'u'))
})

test('makes different texts for different numbers', () => {
  const texts = new Set([1, 2, 3, 51, 52].map((number) => textMatching('^[a-z]{2,8}$', number)))
  expect(texts.size).toBe(5)
})

test.each([String.raw`^(a)\1$`, '^(?=a)b$', '^(a$', '^[a-$'])(
  'makes nothing of what it does not understand: %s',
  (pattern) => {
    expect(textMatching(pattern, 1)).toBeUndefined()
  },
)
