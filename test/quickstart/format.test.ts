import { expect, test } from 'vitest'
import { alignTable, countOf, fitLine, formatCount } from '../../examples/quickstart/format.ts'

test('aligns text to the left and numbers to the right', () => {
  const table = alignTable([
    ['organization', 'created'],
    ['Alder Clinic', 18],
    ['Birch', 1_234],
  ])
  expect(table).toEqual(['  organization   created', '  Alder Clinic        18', '  Birch            1,234'])
})

test('shortens a line to 80 columns and marks it', () => {
  const line = fitLine('word '.repeat(40), 10)
  expect(line).toHaveLength(70)
  expect(line.endsWith('…')).toBe(true)
  expect(fitLine('x'.repeat(70), 10)).toBe('x'.repeat(70))
})

test('does not let a text steer the terminal', () => {
  expect(fitLine('a\u001B[31mred\u0007\nb', 0)).toBe('a [31mred  b')
})

test('names counts', () => {
  expect([countOf(1, 'person', 'people'), countOf(2_000, 'person', 'people')]).toEqual([
    '1 person',
    '2,000 people',
  ])
  expect(formatCount(8_978)).toBe('8,978')
})
