import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { Retrievals } from '../../src/memory/retrievals.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, ownersView, watchTheirs } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>
let mineIds: string[]
let theirIds: string[]

beforeAll(async () => {
  tenants = await openTwoTenants()
  const add = async (name: 'mine' | 'theirs', count: number): Promise<string[]> => {
    const inputs = Array.from({ length: count }, (_, index) => ({
      agentId: null,
      content: `memory ${index}`,
      embedding: direction(index),
      category: 'factual' as const,
    }))
    const added = await tenants[name].memories.add(inputs, { onNearDuplicate: 'ignore' })
    return added.map(({ memory }) => memory.id)
  }
  mineIds = await add('mine', 4)
  theirIds = await add('theirs', 2)
  await tenants.theirs.memories.recordRetrievals(theirIds)
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memory_usage', 'ibex_core.memories')
})

beforeEach(async () => {
  await tenants.admin.deleteFrom('ibex_core.memory_usage').where('org_id', '=', tenants.mine.orgId).execute()
})

afterEach(async () => {
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

async function counts(column: 'retrieval_count' | 'injection_count' = 'retrieval_count'): Promise<number[]> {
  const rows = await tenants.mine.memoryUsage.find()
  return mineIds.map((id) => rows.find(({ memory_id }) => memory_id === id)?.[column] ?? 0)
}

test('counts retrievals and injections apart, an id as often as it comes, and tells when the last one was', async () => {
  const { memories, memoryUsage } = tenants.mine
  const [one = '', two = ''] = mineIds
  const before = await ownersView(tenants.admin, 'ibex_core.memories', tenants.mine.orgId)
  expect(await memories.recordRetrievals([one, two, one.toUpperCase()])).toBe(2)
  expect(await memories.recordRetrievals([one])).toBe(1)
  expect(await memories.recordInjections([two])).toBe(1)
  expect(await counts()).toEqual([3, 1, 0, 0])
  expect(await counts('injection_count')).toEqual([0, 1, 0, 0])
  const [usage] = await memoryUsage.find({ where: { memory_id: one } })
  expect(Date.now() - Number(usage?.last_retrieved_at)).toBeLessThan(60_000)
  expect(usage?.last_injected_at).toBeNull()
  expect(await ownersView(tenants.admin, 'ibex_core.memories', tenants.mine.orgId)).toEqual(before)
})

test('passes over ids that the tenant does not have, in one statement', async () => {
  const statements = tenants.statements.length
  expect(await tenants.mine.memories.recordRetrievals([...theirIds, randomUUID(), mineIds[0] ?? ''])).toBe(1)
  expect(tenants.statements.length - statements).toBe(1)
  expect(await counts()).toEqual([1, 0, 0, 0])
  expect(await tenants.mine.memories.recordRetrievals([])).toBe(0)
})

test(
  'counts right when many count the same in different orders at once',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    const { memories } = tenants.mine
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const ids = index % 2 === 0 ? mineIds : mineIds.toReversed()
        await memories.recordRetrievals(ids)
      }),
    )
    expect(await counts()).toEqual([40, 40, 40, 40])
  },
)

test('counts the hits of searches later, without a statement in the search', async () => {
  const { database, mine } = tenants
  const before = tenants.statements.length
  // on a slow machine the moment to write them down may come before they are looked at
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    for (const record of [true, true, false])
      await mine.memories.search({ embedding: direction(0), limit: 2, record })
    await vi.advanceTimersByTimeAsync(1_000)
    await mine.memories.search({ embedding: direction(0), limit: 1 })
    expect(tenants.statements.length - before).toBe(4)
    expect(await counts()).toEqual([0, 0, 0, 0])
    await database.flushRetrievals()
  } finally {
    vi.useRealTimers()
  }
  expect(await counts()).toEqual([3, ...(await counts()).slice(1)])
  expect((await counts()).reduce((sum, count) => sum + count, 0)).toBe(5)
  await database.flushRetrievals()
  expect((await counts()).reduce((sum, count) => sum + count, 0)).toBe(5)
})

test('keeps the retrievals of a transaction that is undone, and waits for no other connection in it', async () => {
  const { database, mine } = tenants
  await failure(
    async () =>
      await mine.transaction(async (trx) => {
        await trx.memories.search({ embedding: direction(1), limit: 1 })
        throw new Error('changed my mind')
      }),
  )
  await database.flushRetrievals()
  expect(await counts()).toEqual([0, 1, 0, 0])
})

test(
  'writes down what is left when the database is closed',
  skipOnEmbedded('the engine belongs to one database'),
  async () => {
    const other = createDatabase(tenants.test.target)
    await other.forTenant(tenants.mine.orgId).memories.search({ embedding: direction(2), limit: 1 })
    await other.close()
    expect(await counts()).toEqual([0, 0, 1, 0])
  },
)

test('keeps what could not be written for the next time, and does not let one tenant hold the others back', async () => {
  const written: [string, readonly string[]][] = []
  let failing = 'one'
  const retrievals = new Retrievals(async (orgId, uses) => {
    if (orgId === failing) throw new Error('refused')
    written.push([orgId, uses.map(({ memoryId, count }) => `${memoryId} ${count}`)])
    await Promise.resolve()
  })
  retrievals.record('one', ['a'])
  retrievals.record('two', ['b', 'b'])
  expect(await failure(async () => await retrievals.flush())).toMatchObject({ message: 'refused' })
  expect(await failure(async () => await retrievals.flush())).toMatchObject({ message: 'refused' })
  retrievals.record('one', ['a'])
  failing = ''
  await retrievals.flush()
  expect(written).toEqual([
    ['two', ['b 2']],
    ['one', ['a 2']],
  ])
})
