import { EventEmitter, once } from 'node:events'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConnectionPoolTimeoutError, OuterScopeError, TenantMismatchError } from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import { failure, openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'
import { skipOnEmbedded } from '../support/skip.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants({ poolSize: 3, connectTimeout: 2_000 })
})

afterAll(async () => {
  await bundle.close()
})

/** Runs `inside` in a transaction that has begun, and returns what it throws. */
async function failureInside(inside: () => Promise<unknown>): Promise<Error> {
  return await failure(
    async () =>
      await bundle.mine.transaction(async (trx) => {
        await sql`select 1`.execute(trx.db)
        await inside()
      }),
  )
}

test('the outer scope inside a transaction is an error that names trx', async () => {
  for (const use of [
    async () => await bundle.mine.agents.find(),
    async () => await sql`select 1`.execute(bundle.mine.db),
    async () => await bundle.mine.transaction(async () => await bundle.mine.agents.find()),
    async () => await bundle.database.forTenant(bundle.mine.orgId).agents.find(),
  ]) {
    const error = await failureInside(use)
    expect(error).toBeInstanceOf(OuterScopeError)
    expect(error.message).toContain('(trx)')
    expect(error.message).toContain('runOutsideTransaction')
  }
})

test('another tenant inside a transaction is an error, and nothing of it is written', async () => {
  const insert = async (): Promise<unknown> => await bundle.theirs.agents.insert({ name: 'A', slug: 'a' })
  expect(await failureInside(insert)).toBeInstanceOf(TenantMismatchError)
  const nested = async (): Promise<unknown> =>
    await bundle.theirs.transaction(async (trx) => await trx.agents.find())
  expect(await failureInside(nested)).toBeInstanceOf(TenantMismatchError)
  const { rows } = await sql`select 1 from ibex_core.agents where org_id = ${bundle.theirs.orgId}`.execute(
    bundle.admin,
  )
  expect(rows).toEqual([])
})

test('the system scope inside a transaction of a tenant is an error', async () => {
  const error = await failureInside(
    async () => await bundle.database.asSystem('a test', async ({ db }) => await sql`select 1`.execute(db)),
  )
  expect(error).toBeInstanceOf(TenantMismatchError)
})

test('a scope inside a transaction of the system is an error', async () => {
  const error = await failure(
    async () =>
      await bundle.database.asSystem(
        'a test',
        async (system) => await system.transaction(async () => await bundle.mine.agents.find()),
      ),
  )
  expect(error).toBeInstanceOf(TenantMismatchError)
})

test('the outer scope is free for what a callback has started and left behind', async () => {
  const bus = new EventEmitter()
  const found: unknown[] = []
  await bundle.mine.transaction(async (trx) => {
    await trx.agents.find()
    void once(bus, 'later')
      .then(async () => found.push(await bundle.mine.agents.find()))
      .finally(() => bus.emit('done'))
  })
  const done = once(bus, 'done')
  bus.emit('later')
  await done
  expect(found).toEqual([[]])
})

describe('runOutsideTransaction', () => {
  test(
    'uses the outer scope in a transaction of its own',
    skipOnEmbedded('one connection, which the transaction holds'),
    async () => {
      await failureInside(async () => {
        await runOutsideTransaction(
          async () => await bundle.mine.agents.insert({ name: 'A', slug: 'outside' }),
        )
        await runOutsideTransaction(async () => await bundle.theirs.agents.find())
        throw new Error('the transaction is rolled back, what ran outside is not')
      })
      expect(await bundle.mine.agents.find({ where: { slug: 'outside' } })).toHaveLength(1)
    },
  )

  test('fails in time where there is no second connection', async ({ skip }) => {
    skip(bundle.test.backend !== 'embedded', 'a server has another connection')
    const use = async (): Promise<unknown> =>
      await runOutsideTransaction(async () => await bundle.mine.agents.find())
    expect(await failureInside(use)).toBeInstanceOf(ConnectionPoolTimeoutError)
    expect(await bundle.mine.agents.find()).toEqual([])
  })
})
