import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import { ConnectionLostError } from '../../src/errors.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { failure } from '../support/two-tenants.ts'
import { insertOrganization } from '../support/factories.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type FlightCounter, countFlights } from './flight-counter.ts'
import { serverUrl, urlForPort } from '../support/server-url.ts'

describe('a connection that breaks', skipOnEmbedded('no connection that could break'), () => {
  let server: TestDatabase
  let proxy: FlightCounter
  let database: Database
  let tenant: TenantScope

  beforeAll(async () => {
    server = await setup()
    proxy = await countFlights(serverUrl(server))
    database = createDatabase({ url: urlForPort(serverUrl(server), proxy.port), poolSize: 1 })
    tenant = database.forTenant((await insertOrganization(server.admin)).id)
  })

  afterAll(async () => {
    await database.close()
    await proxy[Symbol.asyncDispose]()
    await server.close()
  })

  /** Ends a session, and returns when the pool has heard of it: the proxy between them is of this process. */
  async function terminate(pid: number): Promise<void> {
    await sql`select pg_terminate_backend(${pid}, 10000)`.execute(server.admin)
    for (let turn = 0; turn < 10; turn++) await nextTurn()
  }

  test('while idle is replaced without anybody noticing', async () => {
    const pid = await pidOf(tenant)
    await terminate(pid)
    expect(await pidOf(tenant)).not.toBe(pid)
  })

  test('under a statement is ConnectionLostError, which does not ask for a retry', async () => {
    const pid = await pidOf(tenant)
    const statement = failure(async () => await sql`select pg_sleep(20)`.execute(tenant.db))
    await delay(50)
    await terminate(pid)
    const error = await statement
    expect(error).toBeInstanceOf(ConnectionLostError)
    expect(error).toHaveProperty('isRetryable', false)
    expect(await pidOf(tenant)).not.toBe(pid)
  })

  test('between two statements of a transaction fails the second, and nothing of the first stays', async () => {
    const error = await failure(
      async () =>
        await tenant.transaction(async (trx) => {
          await trx.agents.insert({ name: 'A', slug: 'lost' })
          await terminate(await pidOf(trx))
          await trx.agents.find()
        }),
    )
    expect(error).toBeInstanceOf(ConnectionLostError)
    expect(await tenant.agents.find()).toEqual([])
  })

  test('before COMMIT fails the transaction', async () => {
    const error = await failure(
      async () =>
        await tenant.transaction(async (trx) => {
          await trx.agents.insert({ name: 'A', slug: 'lost' })
          await terminate(await pidOf(trx))
        }),
    )
    expect(error).toBeInstanceOf(ConnectionLostError)
    expect(await tenant.agents.find()).toEqual([])
  })

  test('in the middle of a stream ends the loop with an error', async () => {
    const error = await failure(async () => {
      const numbers = sql<{ n: number }>`generate_series(1, 100000)`.as<'n'>('n')
      for await (const _ of tenant.db.selectFrom(numbers).selectAll().stream(10)) proxy.cut()
    })
    expect(error).toBeInstanceOf(ConnectionLostError)
    expect(await tenant.agents.find()).toEqual([])
  })

  test('because the network is cut under concurrent statements fails them all, and the next ones run', async () => {
    const statements = Promise.allSettled([
      tenant.transaction(async (trx) => {
        await Promise.all([1, 2, 3].map(async () => await sql`select pg_sleep(20)`.execute(trx.db)))
      }),
    ])
    await delay(50)
    proxy.cut()
    expect(await statements).toMatchObject([{ status: 'rejected', reason: { code: 'connection_lost' } }])
    expect(await tenant.agents.find()).toEqual([])
  })
})

async function pidOf({ db }: Pick<TenantScope, 'db'>): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
  return rows[0]?.pid ?? 0
}
