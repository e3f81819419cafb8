import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { withSettings } from '../../src/tenancy/query-settings.ts'
import { insertOrganization } from '../support/factories.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type FlightCounter, countFlights } from './flight-counter.ts'
import { serverUrl, urlForPort } from '../support/server-url.ts'

describe('on the wire', skipOnEmbedded('no network: there are no round trips to count'), () => {
  let server: TestDatabase
  let counter: FlightCounter
  let database: Database
  let tenant: TenantScope

  beforeAll(async () => {
    server = await setup()
    counter = await countFlights(serverUrl(server))
    database = createDatabase({ url: urlForPort(serverUrl(server), counter.port), poolSize: 1 })
    const { id } = await insertOrganization(server.admin)
    tenant = database.forTenant(id, { actor: { type: 'user', id: 'ana' }, changeReason: 'a test' })
    await sql`select 1`.execute(tenant.db)
  })

  afterAll(async () => {
    await database.close()
    await counter[Symbol.asyncDispose]()
    await server.close()
  })

  /** How many round trips `run` takes. */
  async function flightsOf(run: () => Promise<unknown>): Promise<number> {
    const before = counter.flights
    await run()
    return counter.flights - before
  }

  test('takes one round trip for a statement, the first time and when it is prepared', async () => {
    const query = tenant.db.selectFrom('ibex_core.agents').select('id').where('name', '=', 'x')
    expect(await flightsOf(async () => await query.execute())).toBe(1)
    expect(await flightsOf(async () => await query.execute())).toBe(1)
  })

  test('takes one round trip for a repository method, a write and a statement with settings of its own', async () => {
    expect(await flightsOf(async () => await tenant.agents.find({ where: { name: 'x' } }))).toBe(1)
    expect(await flightsOf(async () => await tenant.agents.insert({ name: 'One', slug: 'one' }))).toBe(1)
    const query = withSettings(sql`select 1`.compile(tenant.db), { 'hnsw.ef_search': '77' })
    expect(await flightsOf(async () => await tenant.db.executeQuery(query))).toBe(1)
  })

  test('takes one round trip for a statement that fails', async () => {
    const flights = await flightsOf(async () => {
      await expect(sql`select 1 / 0`.execute(tenant.db)).rejects.toThrow()
    })
    expect(flights).toBe(1)
  })

  test.each([1, 2, 5])('takes one more than its %i statements for a transaction', async (statements) => {
    const run = async () =>
      await tenant.transaction(
        async (trx) => {
          for (let count = 0; count < statements; count++) await sql`select ${count}::int`.execute(trx.db)
        },
        { isolationLevel: 'serializable', readOnly: true, statementTimeout: 5_000 },
      )
    expect(await flightsOf(run)).toBe(statements + 1)
  })

  test('takes two round trips for a transaction whose only statement fails', async () => {
    const flights = await flightsOf(async () => {
      const fail = tenant.transaction(async (trx) => await sql`select 1 / 0`.execute(trx.db))
      await expect(fail).rejects.toThrow()
    })
    expect(flights).toBe(2)
  })

  test('sends nothing for an empty transaction, committed or thrown out of', async () => {
    expect(await flightsOf(async () => await tenant.transaction(async () => await Promise.resolve()))).toBe(0)
    const flights = await flightsOf(async () => {
      const fail = tenant.transaction(async () => await Promise.reject(new Error('no')))
      await expect(fail).rejects.toThrow('no')
    })
    expect(flights).toBe(0)
  })

  test('takes two round trips more for a nested transaction', async () => {
    const flights = await flightsOf(
      async () =>
        await tenant.transaction(async (trx) => {
          await sql`select 1`.execute(trx.db)
          await trx.transaction(async (nested) => await sql`select 2`.execute(nested.db))
        }),
    )
    expect(flights).toBe(5)
  })
})
