import { expect, test } from 'vitest'
import {
  describeAnswers,
  describeBorder,
  describeLoad,
  describeQuestions,
  describeSpeed,
  isIsolated,
} from '../../examples/quickstart/report.ts'
import type { BorderReport } from '../../examples/quickstart/try-borders.ts'

const held = { what: 'select an agent', how: 'Kysely', held: true, outcome: '0 rows' } as const
const crossed = { what: 'delete an agent', how: 'SQL', held: false, outcome: '1 rows' } as const

function report(overrides: Partial<BorderReport> = {}): BorderReport {
  return { outcomes: [held], agents: 3, memories: 17, unchanged: true, ...overrides }
}

const none = { created: 0, duplicate: 0, merged: 0, pending_review: 0, superseded: 0, erased: 0 }
const alder = { organization: { slug: 'a', name: 'Alder' }, people: 3, outcomes: { ...none, created: 1_018 } }
const birch = { organization: { slug: 'b', name: 'Birch' }, people: 1 }

test('adds up what was loaded and says how much was read', () => {
  const outcomes = { ...none, created: 10, duplicate: 3, merged: 2, pending_review: 1 }
  expect(describeLoad([alder, { ...birch, outcomes }], 1_034)).toEqual([
    '  organization   people   created   duplicate   merged   pending review',
    '  Alder               3     1,018           0        0                0',
    '  Birch               1        10           3        2                1',
    '  together            4     1,028           3        2                1',
    '',
    '  1,028 created + 3 duplicate + 2 merged + 1 pending review',
    '  = 1,034 of 1,034 statements read',
  ])
})

test('counts what is not learnt again where there is any', () => {
  const lines = describeLoad([alder, { ...birch, outcomes: { ...none, erased: 4 } }], 1_022)
  expect(lines.slice(-2)).toEqual([
    '  1,018 created + 0 duplicate + 0 merged + 0 pending review + 4 erased',
    '  = 1,022 of 1,022 statements read',
  ])
})

test('says how fast a long load was, and nothing about a short one', () => {
  expect(describeSpeed(9_000, 4_500)).toBe('  4.5 s, 2,000 rows per second, embedding included')
  expect(describeSpeed(60, 100)).toBeUndefined()
})

test('shows the answers of both ways side by side, or that there are none', () => {
  const here = { content: 'Here.', relevance: 0.5, people: ['Ana'] }
  const long = { ...here, content: 'word '.repeat(9) }
  const answered = [
    { question: 'Where?', text: [here], hybrid: [here, long] },
    { question: 'Who?', text: [], hybrid: [] },
  ]
  expect(describeQuestions(answered)).toEqual([
    '  Where?',
    `    Here.${' '.repeat(34)}Here.`,
    `${' '.repeat(43)}word word word word word word word w…`,
    '  Who?',
    `    nothing${' '.repeat(32)}nothing`,
  ])
})

test('shows answers with their similarity, or that there are none', () => {
  const answers = [
    { content: 'Ana lives here.', relevance: 0.3162, people: ['Ana'] },
    { content: 'I bake.', relevance: 0.3, people: ['Ana', 'Boris', 'Chiara'] },
    { content: 'word '.repeat(30), relevance: 0.1, people: ['Ana'] },
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
