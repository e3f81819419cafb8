/** Hot, warm and cold memories: the rules, and what moves the memories between them. */
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { retierMemories } from '../../src/memory/retier-memories.ts'
import type { RetierOptions, RetierReport } from '../../src/memory/retier-memories.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { SystemScope } from '../../src/tenancy/system-scope.ts'
import type { DB, MemoryTier, MemoryUsage, NewMemory } from '../../types/database.d.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { insertMemory } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>

const now = new Date('2026-06-01T12:00:00Z')

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 10 })
  const { admin, theirs } = tenants
  const values = { org_id: theirs.orgId, created_at: daysAgo(400) }
  // one that its tenant's retier would move, and one that is where it should be
  await insertMemory(admin, values)
  const { id } = await insertMemory(admin, { ...values, tier: 'cold' })
  await theirs.memoryUsage.insert({ memory_id: id, retrieval_count: 1, last_retrieved_at: daysAgo(399) })
  theirsUnchanged = await watchTheirs(
    tenants,
    ...['memories', 'memory_usage', 'memory_versions'].map((name) => `ibex_core.${name}`),
  )
})

afterEach(async () => {
  await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function daysAgo(days: number): Date {
  return new Date(now.getTime() - days * 86_400_000)
}

type Given = Partial<Omit<NewMemory, 'org_id'>>

type Use = Partial<Pick<MemoryUsage, 'retrieval_count' | 'injection_count'>> & {
  readonly retrieved?: number
  readonly injected?: number
}

/** A memory of mine that was added so many days ago. */
async function added(days: number, values: Given = {}, use?: Use): Promise<string> {
  const { admin, mine } = tenants
  const { id } = await insertMemory(admin, { org_id: mine.orgId, created_at: daysAgo(days), ...values })
  if (use !== undefined) {
    const { retrieved, injected, ...counts } = use
    await mine.memoryUsage.insert({
      memory_id: id,
      ...counts,
      last_retrieved_at: retrieved === undefined ? null : daysAgo(retrieved),
      last_injected_at: injected === undefined ? null : daysAgo(injected),
    })
  }
  return id
}

async function tierOf(id: string): Promise<MemoryTier | undefined> {
  return (await tenants.mine.memories.findById(id, { includeDeleted: true }))?.tier
}

/** Where each of my memories is stored, and which transaction has written it. */
async function places(): Promise<unknown[]> {
  const { rows } = await sql`select id, ctid::text, xmin::text from ibex_core.memories
    where org_id = ${tenants.mine.orgId} order by id`.execute(tenants.admin)
  return rows
}

type Case = readonly [what: string, expected: MemoryTier, days: number, values?: Given, use?: Use]

const cases: readonly Case[] = [
  ['is new', 'warm', 0],
  ['is pinned, however old', 'hot', 4_000, { is_pinned: true, importance: 1, tier: 'cold' }],
  ['was used 5 times, last 6 days ago', 'hot', 300, {}, { retrieval_count: 5, retrieved: 6 }],
  ['was injected 5 times, last 6 days ago', 'hot', 300, {}, { injection_count: 5, injected: 6 }],
  ['was used 4 times', 'warm', 300, {}, { retrieval_count: 4, injection_count: 4, retrieved: 1 }],
  ['was used 5 times, last 8 days ago', 'warm', 300, {}, { retrieval_count: 5, retrieved: 8 }],
  ['is hot, last used 13 days ago', 'hot', 300, { tier: 'hot' }, { retrieval_count: 5, retrieved: 13 }],
  ['is hot, last used 15 days ago', 'warm', 300, { tier: 'hot' }, { retrieval_count: 5, retrieved: 15 }],
  ['matters most, and is 29 days old', 'hot', 29, { importance: 9 }],
  ['matters most, and is 31 days old', 'warm', 31, { importance: 10 }],
  ['matters most, was hot, and is 59 days old', 'hot', 59, { importance: 9, tier: 'hot' }],
  ['matters most, was hot, and is 61 days old', 'warm', 61, { importance: 9, tier: 'hot' }],
  ['matters much, and is new', 'warm', 1, { importance: 8 }],
  ['was silent for 89 days', 'warm', 89],
  ['was silent for 91 days', 'cold', 91],
  ['is hot and was silent for 91 days', 'cold', 91, { tier: 'hot' }],
  ['hardly matters, 17 days old', 'warm', 17, { importance: 1 }],
  ['hardly matters, 19 days old', 'cold', 19, { importance: 1 }],
  ['matters most, 179 days old', 'warm', 179, { importance: 10 }],
  ['matters most, 181 days old', 'cold', 181, { importance: 10 }],
  ['is cold, and was used yesterday', 'warm', 300, { tier: 'cold' }, { retrieval_count: 1, retrieved: 1 }],
  [
    'was injected after it was retrieved',
    'warm',
    300,
    {},
    { retrieval_count: 1, retrieved: 200, injected: 9 },
  ],
]

test('puts each memory where its use, age, importance and pin say', async () => {
  const { memories } = tenants.mine
  const ids: string[] = []
  for (const [, , days, values, use] of cases) ids.push(await added(days, values, use))
  await memories.retier({ now })
  const found = await Promise.all(ids.map(tierOf))
  expect(cases.map(([what], index) => [what, found[index]])).toEqual(
    cases.map(([what, tier]) => [what, tier]),
  )
  // the rules say the same of what they have moved
  expect(await memories.retier({ now })).toEqual({
    examined: cases.length,
    moved: 0,
    moves: [],
    isComplete: true,
  })
  await theirsUnchanged()
})

/** Seven that move and four that stay. */
async function addMixed(): Promise<void> {
  for (const days of [100, 101, 102, 103]) await added(days)
  await added(1, { is_pinned: true })
  await added(1, { tier: 'hot' })
  await added(1, { tier: 'hot' })
  for (const days of [1, 2, 3]) await added(days)
  await added(500, { tier: 'cold' })
}

const mixed = {
  moved: 7,
  moves: [
    { from: 'warm', to: 'cold', count: 4 },
    { from: 'hot', to: 'warm', count: 2 },
    { from: 'warm', to: 'hot', count: 1 },
  ],
  isComplete: true,
}

test('tells how many went where, as the dry run had told, and writes no other memory', async () => {
  const { memories, memoryVersions } = tenants.mine
  await addMixed()
  const before = await places()
  expect(await memories.retier({ now, dryRun: true })).toEqual({ examined: 11, ...mixed })
  expect(await places()).toEqual(before)
  expect(await memories.retier({ now })).toEqual({ examined: 11, ...mixed })
  const after = await places()
  expect(
    after.filter((place, index) => JSON.stringify(place) === JSON.stringify(before[index])),
  ).toHaveLength(4)
  const reason = 'tier by use, age, importance and pin'
  expect(await memoryVersions.count({ operation: 'update', change_reason: reason })).toBe(7)
  await theirsUnchanged()
})

test('goes as far as the limit, in batches of any size', async () => {
  const { memories } = tenants.mine
  await addMixed()
  expect(await memories.retier({ now, limit: 3, dryRun: true })).toMatchObject({
    moved: 3,
    isComplete: false,
  })
  expect(await memories.retier({ now, limit: 3, batchSize: 2 })).toMatchObject({
    moved: 3,
    isComplete: false,
  })
  expect(await memories.retier({ now, batchSize: 1 })).toMatchObject({
    examined: 11,
    moved: 4,
    isComplete: true,
  })
  expect(await memories.retier({ now, batchSize: 11 })).toMatchObject({ examined: 11, moved: 0 })
})

test('leaves memories that are not active or soft-deleted', async () => {
  const ids = [
    await added(500, { status: 'archived' }),
    await added(500, { status: 'pending_review' }),
    await added(500, { deleted_at: now }),
  ]
  expect(await tenants.mine.memories.retier({ now })).toMatchObject({ examined: 0, moved: 0 })
  expect(await Promise.all(ids.map(tierOf))).toEqual(['warm', 'warm', 'warm'])
})

test('goes by the time of the database when none is given', async () => {
  const id = await added(0, { created_at: new Date(Date.now() - 91 * 86_400_000) })
  const other = await added(0, { created_at: new Date(Date.now() - 89 * 86_400_000) })
  await tenants.mine.memories.retier()
  expect([await tierOf(id), await tierOf(other)]).toEqual(['cold', 'warm'])
})

test('keeps the reason of the scope, and gives that of a transaction back', async () => {
  const { database, mine } = tenants
  const id = await added(500)
  const scope = database.forTenant(mine.orgId, { changeReason: 'spring cleaning' })
  await scope.memories.retier({ now })
  await mine.transaction(async (trx) => {
    await trx.memories.retier({ now: daysAgo(500) })
    await trx.memories.update(id, { importance: 7 })
  })
  const history = await mine.memories.history(id)
  expect(history.map(({ tier, change_reason }) => [tier, change_reason])).toEqual([
    ['warm', null],
    ['cold', 'spring cleaning'],
    ['warm', 'tier by use, age, importance and pin'],
    ['warm', null],
  ])
})

describe('with others at the same time', skipOnEmbedded('one connection: nobody else is there'), () => {
  test('moves each memory once, however many move them', async () => {
    const { memories, memoryVersions } = tenants.mine
    for (let count = 0; count < 60; count++) await added(100 + count)
    const reports = await Promise.all(
      Array.from({ length: 8 }, async () => await memories.retier({ now, batchSize: 20 })),
    )
    expect(reports.reduce((sum, { moved }) => sum + moved, 0)).toBe(60)
    expect(await memoryVersions.count({ tier: 'cold' })).toBe(60)
    await theirsUnchanged()
  })

  test('skips what another holds', async () => {
    const { mine } = tenants
    const [held, free] = [await added(100), await added(100)]
    await mine.transaction(async (trx) => {
      await trx.memories.update(held, { subject: 'held' })
      const beside = await runOutsideTransaction(async () => await mine.memories.retier({ now }))
      expect(beside).toMatchObject({ moved: 1, isComplete: true })
    })
    expect([await tierOf(held), await tierOf(free)]).toEqual(['warm', 'cold'])
    expect(await mine.memories.retier({ now })).toMatchObject({ moved: 1 })
  })

  test('spares a memory that is pinned after it has looked, before it has locked', async () => {
    const { admin, mine } = tenants
    const id = await added(500, {}, { retrieval_count: 1 })
    // it looks at the use of each memory; this makes it wait there, its snapshot taken
    await sql`create policy slow on ibex_core.memory_usage as restrictive for select to ibex_app
      using ((select pg_advisory_xact_lock_shared(1)) is not null)`.execute(admin)
    let retier: Promise<RetierReport> | undefined
    await admin.transaction().execute(async (trx) => {
      await sql`select pg_advisory_xact_lock(1)`.execute(trx)
      retier = mine.memories.retier({ now })
      await untilBlocked(admin)
      await mine.memories.update(id, { is_pinned: true })
    })
    expect(await retier).toMatchObject({ moved: 1, moves: [{ from: 'warm', to: 'hot' }] })
    await sql`drop policy slow on ibex_core.memory_usage`.execute(admin)
    expect(await tierOf(id)).toBe('hot')
  })
})

async function retierAll(options: RetierOptions): Promise<RetierReport> {
  return await tenants.database.asSystem(
    'nightly tiering',
    async (system) => await retierMemories(system, options),
  )
}

test('moves the memories of all tenants as the system, and leaves those that are where they should be', async () => {
  const { admin, theirs } = tenants
  const id = await added(500)
  const before = await theirs.memories.find({ orderBy: { id: 'asc' } })
  const dry = await retierAll({ now, dryRun: true, batchSize: 1 })
  expect(await theirs.memories.find({ orderBy: { id: 'asc' } })).toEqual(before)
  // whatever else is in the database may move too
  expect(dry.moved).toBeGreaterThanOrEqual(2)
  await retierAll({ now, batchSize: 2 })
  expect(await tierOf(id)).toBe('cold')
  expect((await tenants.mine.memories.history(id))[1]).toMatchObject({
    changed_by_type: 'system',
    change_reason: 'nightly tiering',
  })
  const after = await theirs.memories.find({ orderBy: { id: 'asc' } })
  expect(after.map(({ tier }) => tier)).toEqual(['cold', 'cold'])
  const stayed = before.find(({ tier }) => tier === 'cold')
  expect(after.find((memory) => memory.id === stayed?.id)).toEqual(stayed)
  expect(await retierAll({ now })).toMatchObject({ moved: 0, isComplete: true })
  await admin
    .updateTable('ibex_core.memories')
    .set({ tier: 'warm' })
    .where('id', '<>', stayed?.id ?? '')
    .where('org_id', '=', theirs.orgId)
    .execute()
})

const badOptions: [string, object][] = [
  ['batchSize', { batchSize: 0 }],
  ['batchSize', { batchSize: 10_001 }],
  ['batchSize', { batchSize: Number.NaN }],
  ['limit', { limit: 0 }],
  ['limit', { limit: 1.5 }],
  ['dryRun', { dryRun: 'false' }],
  ['now', { now: '2026-06-01' }],
  ['now', { now: new Date(Number.NaN) }],
  ['option "olderThan"', { olderThan: now }],
]

test.each(badOptions)('refuses a wrong %s before any SQL: %j', async (argument, options) => {
  for (const run of [
    async () => await tenants.mine.memories.retier(options),
    async () => await retierAll(options),
  ]) {
    const error = await refusal(tenants, run)
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ argument })
  }
})

test('throws before any SQL when it is handed anything but a system scope', async () => {
  for (const scope of [tenants.mine, { db: tenants.mine.db }, undefined]) {
    const system = scope as unknown as SystemScope<DB>
    const error = await refusal(tenants, async () => await retierMemories(system))
    expect(error).toMatchObject({ argument: 'system' })
  }
})
