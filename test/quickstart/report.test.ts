import { expect, test } from 'vitest'
import {
  describeAnswers,
  describeBorder,
  describeLoad,
  describeSpeed,
  isIsolated,
} from '../../examples/quickstart/report.ts'
import type { BorderReport } from '../../examples/quickstart/try-borders.ts'

const held = { what: 'select an agent', how: 'Kysely', held: true, outcome: '0 rows' } as const
const crossed = { what: 'delete an agent', how: 'SQL', held: false, outcome: '1 rows' } as const

function report(overrides: Partial<BorderReport> = {}): BorderReport {
  return { outcomes: [held], agents: 3, memories: 17, unchanged: true, ...overrides }
}

test('adds up what was loaded and says how much was read', () => {
  const lines = describeLoad(
    [
      { organization: { slug: 'a', name: 'Alder' }, people: 3, created: 1_018, duplicate: 2 },
      { organization: { slug: 'b', name: 'Birch' }, people: 1, created: 10, duplicate: 3 },
    ],
    1_033,
  )
  expect(lines).toEqual([
    '  organization   people   statements   created   duplicate',
    '  Alder               3        1,020     1,018           2',
    '  Birch               1           13        10           3',
    '  together            4        1,033     1,028           5',
    '',
    '  1,028 created + 5 duplicate = 1,033 of 1,033 statements read',
  ])
})

test('says how fast a long load was, and nothing about a short one', () => {
  expect(describeSpeed(9_000, 4_500)).toBe('  4.5 s, 2,000 rows per second, embedding included')
  expect(describeSpeed(60, 100)).toBeUndefined()
})

test('shows answers with their similarity, or that there are none', () => {
  const answers = [
    { content: 'Ana lives here.', similarity: 0.3162, people: ['Ana'] },
    { content: 'I bake.', similarity: 0.3, people: ['Ana', 'Boris', 'Chiara'] },
    { content: 'word '.repeat(30), similarity: 0.1, people: ['Ana'] },
  ]
  expect(describeAnswers('Alder', answers)).toEqual([
    '  Alder',
    '    0.32  Ana lives here. (Ana)',
    '    0.30  I bake. (Ana and 2 others)',
    `    0.10  ${'word '.repeat(12)}wor… (Ana)`,
  ])
  expect(describeAnswers('Alder', answers)[3]).toHaveLength(80)
  expect(describeAnswers('Birch', [])).toEqual(['  Birch', '    nothing'])
})

test('marks an attempt that crossed', () => {
  const lines = describeBorder('Birch', report({ outcomes: [held, crossed] }))
  expect(lines[0]).not.toContain('CROSSED')
  expect(lines[1]).toContain('CROSSED')
  expect(lines.at(-1)).toBe('  Meanwhile, as Birch: 3 agents and 17 memories, all as they were.')
})

test.each([
  ['every attempt came to nothing', report(), true],
  ['one attempt crossed', report({ outcomes: [held, crossed] }), false],
  ['the other side changed', report({ unchanged: false }), false],
  ['nothing was tried', report({ outcomes: [] }), false],
])('judges isolation where %s', (_, border, expected) => {
  expect(isIsolated(border)).toBe(expected)
})
