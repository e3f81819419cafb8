/** The sweep of memories whose time has come. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { sweepExpiredMemories } from '../../src/memory/expired-memories.ts'
import type { ExpirySweep } from '../../src/memory/expired-memories.ts'
import type { BatchOptions } from '../../src/repository/batch-options.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { SystemScope } from '../../src/tenancy/system-scope.ts'
import type { DB, NewMemory } from '../../types/database.d.ts'
import { insertMemory } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
/** Theirs, which has expired too. */
let theirId: string
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 10 })
})

beforeEach(async () => {
  theirId = await expired(1_000, {}, tenants.theirs.orgId)
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.memory_versions')
})

afterEach(async () => {
  for (const { orgId } of [tenants.mine, tenants.theirs])
    await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function hoursAgo(hours: number): Date {
  return new Date(Date.now() - hours * 3_600_000)
}

/** A memory that expired so many hours ago. */
async function expired(
  hours: number,
  values: Partial<Omit<NewMemory, 'org_id'>> = {},
  orgId: string = tenants.mine.orgId,
): Promise<string> {
  const row = { org_id: orgId, expires_at: hoursAgo(hours), ...values }
  return (await insertMemory(tenants.admin, row)).id
}

async function living(): Promise<string[]> {
  return (await tenants.mine.memories.find()).map(({ id }) => id).toSorted()
}

test('soft-deletes what has expired, pinned or not, with a version that says why, and nothing else', async () => {
  const { memories } = tenants.mine
  const gone = [
    await expired(3),
    await expired(2, { is_pinned: true }),
    await expired(1, { status: 'archived' }),
  ]
  const kept = [await expired(-1), await expired(0, { expires_at: null })]
  const deleted = await expired(5, { deleted_at: hoursAgo(4) })
  const before = await memories.findById(deleted, { includeDeleted: true })

  expect(await memories.sweepExpired()).toEqual({ expired: 3, isComplete: true })
  expect(await living()).toEqual(kept.toSorted())
  for (const id of gone) {
    const history = await memories.history(id)
    expect(history.map(({ operation, change_reason }) => [operation, change_reason])).toEqual([
      ['create', null],
      ['delete', 'expired'],
    ])
    // it can be brought back, as everything that is soft-deleted
    expect(await memories.restore(id)).toMatchObject({ id, deleted_at: null })
  }
  expect(await memories.findById(deleted, { includeDeleted: true })).toEqual(before)
  expect(await memories.history(deleted)).toHaveLength(1)
  await theirsUnchanged()
})

test('counts in a dry run what the sweep would delete, and deletes nothing', async () => {
  const { memories } = tenants.mine
  for (const hours of [1, 2, 3, 4, 5, -1]) await expired(hours)
  for (const limit of [undefined, 2, 5, 100]) {
    const dry = await memories.sweepExpired({ limit, dryRun: true })
    expect(await living()).toHaveLength(6)
    let swept: ExpirySweep | undefined
    await failure(
      async () =>
        await tenants.mine.transaction(async (trx) => {
          swept = await trx.memories.sweepExpired({ limit, batchSize: 2 })
          throw new Error('taken back')
        }),
    )
    expect(dry.expired).toBe(Math.min(limit ?? 5, 5))
    expect(dry.expired).toBe(swept?.expired)
  }
  await theirsUnchanged()
})

test('goes as far as the limit, the longest expired first', async () => {
  const { memories } = tenants.mine
  const ids: string[] = []
  for (const hours of [1, 2, 3, 4, 5]) ids.push(await expired(hours))
  expect(await memories.sweepExpired({ limit: 3, batchSize: 2 })).toEqual({ expired: 3, isComplete: false })
  expect(await living()).toEqual(ids.slice(0, 2).toSorted())
  expect(await memories.sweepExpired({ limit: 3 })).toEqual({ expired: 2, isComplete: true })
  expect(await memories.sweepExpired()).toEqual({ expired: 0, isComplete: true })
})

test('keeps the reason of the scope, and gives that of a transaction back', async () => {
  const { database, mine } = tenants
  const [first, second, other] = [await expired(1), await expired(-100), await expired(-100)]
  const scope = database.forTenant(mine.orgId, { changeReason: 'the contract ended' })
  await scope.memories.sweepExpired()
  await mine.transaction(async (trx) => {
    await trx.memories.update(second, { expires_at: hoursAgo(1) })
    await trx.memories.sweepExpired()
    await trx.memories.softDelete(other)
  })
  const reasons = await Promise.all(
    [first, second, other].map(async (id) => (await mine.memories.history(id)).at(-1)),
  )
  expect(reasons.map((version) => [version?.operation, version?.change_reason])).toEqual([
    ['delete', 'the contract ended'],
    ['delete', 'expired'],
    ['delete', null],
  ])
})

describe('with others at the same time', skipOnEmbedded('one connection: nobody else is there'), () => {
  test('deletes each memory once, however many sweep', async () => {
    const { memories, memoryVersions } = tenants.mine
    for (let count = 0; count < 60; count++) await expired(1 + count)
    const sweeps = await Promise.all(
      Array.from({ length: 8 }, async () => await memories.sweepExpired({ batchSize: 7 })),
    )
    expect(sweeps.reduce((sum, { expired: count }) => sum + count, 0)).toBe(60)
    expect(await memoryVersions.count({ operation: 'delete' })).toBe(60)
    await theirsUnchanged()
  })

  test('skips what another holds, and spares what is given more time', async () => {
    const { mine } = tenants
    const [held, free] = [await expired(2), await expired(1)]
    await mine.transaction(async (trx) => {
      await trx.memories.update(held, { expires_at: hoursAgo(-24) })
      const beside = await runOutsideTransaction(async () => await mine.memories.sweepExpired({ limit: 1 }))
      expect(beside).toMatchObject({ expired: 1 })
    })
    expect(await mine.memories.sweepExpired()).toMatchObject({ expired: 0 })
    expect(await living()).toEqual([held])
    expect(await mine.memories.findById(free)).toBeUndefined()
  })
})

async function sweepAll(options: BatchOptions = {}): Promise<ExpirySweep> {
  return await tenants.database.asSystem(
    'nightly expiry sweep',
    async (system) => await sweepExpiredMemories(system, options),
  )
}

test('sweeps all tenants as the system, by time whatever the tenant, and spares a twin that has time left', async () => {
  const { mine, theirs } = tenants
  const id = await expired(1)
  await expired(-1, { id }, theirs.orgId)
  expect(await sweepAll({ dryRun: true })).toEqual({ expired: 2, isComplete: true })
  expect(await sweepAll({ limit: 1 })).toEqual({ expired: 1, isComplete: false })
  expect((await theirs.memories.find()).map((memory) => memory.id)).toEqual([id])
  expect(await living()).toEqual([id])
  expect(await sweepAll()).toEqual({ expired: 1, isComplete: true })
  expect(await living()).toEqual([])
  expect((await theirs.memories.find()).map((memory) => memory.id)).toEqual([id])
  for (const [scope, swept] of [
    [mine, id],
    [theirs, theirId],
  ] as const) {
    const version = { operation: 'delete', changed_by_type: 'system', change_reason: 'nightly expiry sweep' }
    expect((await scope.memories.history(swept)).at(-1)).toMatchObject(version)
  }
})

test.each<[string, object]>([
  ['batchSize', { batchSize: 0 }],
  ['batchSize', { batchSize: 10_001 }],
  ['limit', { limit: 0 }],
  ['limit', { limit: Number.POSITIVE_INFINITY }],
  ['dryRun', { dryRun: 1 }],
  ['option "dryrun"', { dryrun: true }],
  ['options', []],
])('refuses a wrong %s before any SQL: %j', async (argument, options) => {
  for (const run of [
    async () => await tenants.mine.memories.sweepExpired(options),
    async () => await sweepAll(options),
  ]) {
    const error = await refusal(tenants, run)
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ argument })
  }
})

test('throws before any SQL when it is handed anything but a system scope', async () => {
  for (const scope of [tenants.mine, { db: tenants.mine.db }, undefined]) {
    const system = scope as unknown as SystemScope<DB>
    const error = await refusal(tenants, async () => await sweepExpiredMemories(system))
    expect(error).toMatchObject({ argument: 'system' })
  }
})
