import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError, UniqueViolationError } from '../../src/errors.ts'
import type { RoundTableResult } from '../../src/executions/round-table-repository.ts'
import type { LlmRoundTableResult } from '../../types/database.d.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

const table = 'ibex_core.llm_round_table_results'

let tenants: TwoTenants
let foreign: LlmRoundTableResult
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await tenants.theirs.roundTableResults.record(resultOf('result-1'))
  theirsUnchanged = await watchTheirs(tenants, table)
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
  await tenants.admin.deleteFrom(table).where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.roundTableResults.exists({ id: foreign.id })).toBe(false)
}

function resultOf(resultId: string, values: Partial<RoundTableResult> = {}): RoundTableResult {
  return {
    resultId,
    prompt: 'Why is the sky blue?',
    taskCategory: 'qa',
    winnerProvider: 'anthill',
    winnerResponse: 'Scattering.',
    participants: [],
    ...values,
  }
}

/** Records results of one category and winner at these days of March 2026. */
async function recordAt(
  days: readonly number[],
  taskCategory: string,
  winnerProvider: string,
): Promise<void> {
  for (const day of days) {
    const { id } = await tenants.mine.roundTableResults.record(
      resultOf(`${taskCategory}-${winnerProvider}-${day}`, { taskCategory, winnerProvider }),
    )
    await tenants.mine.roundTableResults.update(id, { created_at: march(day) })
  }
}

function march(day: number): Date {
  return new Date(Date.UTC(2026, 2, day))
}

test('records a result with its participants as the array that they are', async () => {
  const { roundTableResults } = tenants.mine
  const participants = [
    { provider: 'anthill', score: 0.91, notes: ['short', 'right'] },
    { provider: 'beehive', score: null },
  ]
  const result = await roundTableResults.record(
    resultOf('result-1', { participants, metadata: { judge: 'x' } }),
  )
  expect(result).toMatchObject({
    org_id: tenants.mine.orgId,
    result_id: 'result-1',
    prompt: 'Why is the sky blue?',
    task_category: 'qa',
    winner_provider: 'anthill',
    winner_response: 'Scattering.',
    participants,
    metadata: { judge: 'x' },
  })
  expect(await roundTableResults.findByResultId('result-1')).toEqual(result)
  expect(await roundTableResults.record(resultOf('result-2'))).toMatchObject({
    participants: [],
    metadata: {},
  })
})

test('records one result of an id, whatever other tenants have', async () => {
  const { roundTableResults } = tenants.mine
  expect(await roundTableResults.findByResultId('result-1')).toBeUndefined()
  const result = await roundTableResults.record(resultOf('result-1'))
  const again = await failure(
    async () => await roundTableResults.record(resultOf('result-1', { prompt: 'x' })),
  )
  expect(again).toBeInstanceOf(UniqueViolationError)
  expect(await roundTableResults.find()).toEqual([result])
})

test('reads the results of a category, newest first', async () => {
  const { roundTableResults } = tenants.mine
  await recordAt([2, 4, 1], 'qa', 'anthill')
  await recordAt([3], 'qa', 'beehive')
  await recordAt([5], 'creative', 'anthill')
  const read = async (...options: Parameters<typeof roundTableResults.byCategory>): Promise<string[]> =>
    (await roundTableResults.byCategory(...options)).map(({ result_id }) => result_id)

  expect(await read('qa')).toEqual(['qa-anthill-4', 'qa-beehive-3', 'qa-anthill-2', 'qa-anthill-1'])
  expect(await read('qa', { winner: 'anthill' })).toEqual(['qa-anthill-4', 'qa-anthill-2', 'qa-anthill-1'])
  expect(await read('qa', { limit: 2 })).toEqual(['qa-anthill-4', 'qa-beehive-3'])
  expect(await read('qa', { from: march(2), to: march(4) })).toEqual(['qa-beehive-3', 'qa-anthill-2'])
  expect(await read('qa', { from: march(4) })).toEqual(['qa-anthill-4'])
  expect(await read('qa', { to: march(2), winner: 'anthill' })).toEqual(['qa-anthill-1'])
  expect(await read('other')).toEqual([])
})

test(
  'orders the results of one transaction by time',
  skipOnEmbedded('its clock counts milliseconds'),
  async () => {
    const ids = ['c', 'a', 'd', 'b']
    await tenants.mine.transaction(async (trx) => {
      for (const id of ids) await trx.roundTableResults.record(resultOf(id))
    })
    const results = await tenants.mine.roundTableResults.byCategory('qa')
    expect(results.map(({ result_id }) => result_id)).toEqual(ids.toReversed())
  },
)

test('counts the wins by category and winner, most first', async () => {
  const { roundTableResults } = tenants.mine
  await recordAt([1, 2, 3], 'qa', 'beehive')
  await recordAt([4], 'qa', 'anthill')
  await recordAt([5, 6], 'creative', 'beehive')
  await recordAt([7, 8], 'creative', 'anthill')
  expect(await roundTableResults.wins()).toEqual([
    { category: 'qa', winner: 'beehive', wins: 3 },
    { category: 'creative', winner: 'anthill', wins: 2 },
    { category: 'creative', winner: 'beehive', wins: 2 },
    { category: 'qa', winner: 'anthill', wins: 1 },
  ])
  expect(await roundTableResults.wins({ category: 'qa', from: march(3), to: march(4) })).toEqual([
    { category: 'qa', winner: 'beehive', wins: 1 },
  ])
  expect(await roundTableResults.wins({ category: 'none' })).toEqual([])
})

const [from, participants] = [new Date('x'), { provider: 'anthill' }]

test.each<[string, string, (repository: TwoTenants['mine']['roundTableResults']) => Promise<unknown>]>([
  ['an empty id', 'resultId', async (r) => await r.record(resultOf(''))],
  ['an id of 101', 'resultId', async (r) => await r.record(resultOf('x'.repeat(101)))],
  [
    'a category of 51',
    'taskCategory',
    async (r) => await r.record(resultOf('a', { taskCategory: 'x'.repeat(51) })),
  ],
  ['no winner', 'winnerProvider', async (r) => await r.record(resultOf('a', { winnerProvider: '' }))],
  [
    'no response',
    'winnerResponse',
    async (r) => await r.record(resultOf('a', { winnerResponse: null as never })),
  ],
  [
    'no participants',
    'participants',
    async (r) => await r.record({ ...resultOf('a'), participants: null as never }),
  ],
  [
    'one participant',
    'participants',
    async (r) => await r.record({ ...resultOf('a'), participants: participants as never }),
  ],
  [
    'names only',
    'participants',
    async (r) => await r.record({ ...resultOf('a'), participants: ['anthill'] as never }),
  ],
  ['an invalid date', 'from', async (r) => await r.byCategory('qa', { from })],
  ['an invalid date to count from', 'from', async (r) => await r.wins({ from })],
  ['a limit of 1.5', 'limit', async (r) => await r.byCategory('qa', { limit: 1.5 })],
])('throws before any SQL when it is given %s', async (_, argument, call) => {
  const error = await refusal(tenants, async () => await call(tenants.mine.roundTableResults))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})
