import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import { failure } from '../support/two-tenants.ts'
import { setup, type TestDatabase } from '../support/setup.ts'
import { PreparedStatementError } from '../../src/errors.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { insertCanaries, race, serverDeeds } from './canaries.ts'
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { skipWithoutPgBouncer } from '../support/skip.ts'
import { serverUrl, urlForPort } from '../support/server-url.ts'
import { withClient } from '../support/with-client.ts'

describe('behind PgBouncer in transaction mode', skipWithoutPgBouncer(), () => {
  let server: TestDatabase
  let bouncer: PgBouncer
  let url: string
  let database: Database
  let ids: readonly string[]

  beforeAll(async () => {
    server = await setup()
    ids = await insertCanaries(server.admin)
    bouncer = await startPgBouncer(serverUrl(server), { poolSize: 2 })
    url = urlForPort(serverUrl(server), bouncer.port)
    database = createDatabase({ url, poolSize: 10, prepare: false, connectTimeout: 20_000 })
  })

  afterAll(async () => {
    await database.close()
    await bouncer[Symbol.asyncDispose]()
    await server.close()
  })

  test('is noticed by verifyIsolation, which warns of named statements', async () => {
    const report = await database.verifyIsolation()
    expect(report).toMatchObject({ isPooled: true, role: 'ibex_app' })
    expect(report.warnings.join()).not.toContain('pooler')
    const named = createDatabase({ url })
    const { warnings } = await named.verifyIsolation()
    await named.close()
    expect(warnings).toContainEqual(expect.stringContaining('else pass prepare: false'))
  })

  test('refuses a pooler in which a tenant was left outside a transaction', async () => {
    await using leaky = await startPgBouncer(serverUrl(server), { poolSize: 1 })
    const pooled = urlForPort(serverUrl(server), leaky.port)
    const client = new pg.Client({ connectionString: pooled })
    await client.connect()
    await client.query("select set_config('app.current_org_id', $1, false)", [ids[7]])
    const other = createDatabase({ url: pooled, prepare: false })
    const error = await failure(async () => await other.verifyIsolation())
    await client.end()
    await other.close()
    expect(error).toHaveProperty('problems', [expect.stringContaining('behind the same pooler')])
  })

  test('keeps 200 scopes of 20 tenants apart on two connections of the server', async () => {
    const { seen, foreign } = await race(database, ids, { kinds: serverDeeds, scopes: 200, seed: 28 })
    expect(foreign).toEqual([])
    expect(seen).toBeGreaterThanOrEqual(200)
  })

  test('commits, rolls back and nests transactions, and streams', async () => {
    const tenant = database.forTenant(ids[0] ?? '')
    await tenant.transaction(async (trx) => {
      await trx.agents.insert({ name: 'kept', slug: 'kept' })
      await failure(
        async () =>
          await trx.transaction(async (nested) => {
            await nested.agents.insert({ name: 'undone', slug: 'undone' })
            throw new Error('no')
          }),
      )
    })
    const seen: string[] = []
    for await (const { slug } of tenant.db.selectFrom('ibex_core.agents').select('slug').stream(1))
      seen.push(slug)
    expect(seen).toContain('kept')
    expect(seen).not.toContain('undone')
  })

  test('stops a running statement through the pooler', async () => {
    const start = performance.now()
    const signal = AbortSignal.timeout(50)
    const aborted = database
      .forTenant(ids[0] ?? '')
      .transaction(async (trx) => await sql`select pg_sleep(20)`.execute(trx.db), { signal })
    await expect(aborted).rejects.toHaveProperty('name', 'TimeoutError')
    expect(performance.now() - start).toBeLessThan(5_000)
  })

  test.each<readonly [string, (tenant: TenantScope, signal: AbortSignal) => Promise<unknown>]>([
    [
      'of its transaction',
      async (tenant, signal) =>
        await tenant.transaction(async ({ db }) => await sql`select pg_sleep(60)`.execute(db), { signal }),
    ],
    [
      'of its own',
      async ({ db }, signal) =>
        await sql`select pg_sleep(60)`.execute(db, { signal, inflightQueryAbortStrategy: 'cancel query' }),
    ],
  ])('stops a statement whose signal %s came before the pooler had a session for it', async (_, sleep) => {
    await using narrow = await startPgBouncer(serverUrl(server), { poolSize: 1 })
    const pooled = createDatabase({ url: urlForPort(serverUrl(server), narrow.port), prepare: false })
    const tenant = pooled.forTenant(ids[0] ?? '')
    const controller = new AbortController()
    let aborted: Promise<Error> | undefined
    await tenant.transaction(async (trx) => {
      await sql`select 1`.execute(trx.db)
      const sleeper = runOutsideTransaction(async () => await sleep(tenant, controller.signal))
      aborted = failure(async () => await sleeper)
      // it waits for the one session, and the request to stop it finds nothing
      await delay(100)
      controller.abort(new Error('too long'))
      await delay(100)
    })
    expect(await aborted).toHaveProperty('message', 'too long')
    // waits for the statement to end
    await pooled.close()
  })

  test('never runs another process’s statement by its name', async () => {
    // a second copy of the library numbers its connections from 1, as another process does
    vi.resetModules()
    const copy = await import('../../src/create-database.ts')
    vi.resetModules()
    const again = await import('../../src/create-database.ts')
    const [one, two] = [copy.createDatabase({ url, poolSize: 1 }), again.createDatabase({ url, poolSize: 1 })]
    // each has one of the two sessions; the one that is given back last is lent first, so next time they change places
    await readConstant(one, 'of one', async () => {
      await readConstant(two, 'of two')
    })
    expect([await readConstant(two, 'of two'), await readConstant(one, 'of one')]).toEqual([
      'of two',
      'of one',
    ])
    const seen = await readConstant(two, 'of two', async () => {
      expect(await readConstant(one, 'of one')).toBe('of one')
    })
    expect(seen).toBe('of two')
    await Promise.all([one.close(), two.close()])
  })

  test('says what to do when named statements get lost', async () => {
    await using single = await startPgBouncer(serverUrl(server), { poolSize: 1 })
    const shared = urlForPort(serverUrl(server), single.port)
    await using named = createDatabase({ url: shared, poolSize: 1 })
    const tenant = named.forTenant(ids[0] ?? '')
    await tenant.agents.find()
    await tenant.users.find()
    await forget(shared, 'users')

    const error = await failure(
      async () =>
        await tenant.transaction(async (trx) => {
          await trx.agents.find()
          await trx.users.find()
        }),
    )
    expect(error).toBeInstanceOf(PreparedStatementError)
    expect(error).toHaveProperty('isRetryable', true)
    expect(error.message).toContain('pass prepare: false')
  })

  test('would notice: of one connection, a session-level SET reaches the next client, and a scope reaches nobody', async () => {
    await using single = await startPgBouncer(serverUrl(server), { poolSize: 1 })
    const shared = urlForPort(serverUrl(server), single.port)
    await using scoped = createDatabase({ url: shared, prepare: false })
    const reading = async (): Promise<string | null | undefined> =>
      await withClient(shared, async (client) => {
        const { rows } = await client.query<{ id: string | null }>(
          "select nullif(current_setting('app.current_org_id', true), '') as id",
        )
        return rows[0]?.id
      })
    await scoped.forTenant(ids[3] ?? '').agents.find()
    expect(await reading()).toBeNull()

    await withClient(
      shared,
      async (client) => await client.query(`set app.current_org_id = '${ids[7] ?? ''}'`),
    )
    expect(await reading()).toBe(ids[7])
    // what leaked is of no use to a scope, nor to the next one
    const rows = await scoped.forTenant(ids[3] ?? '').agents.find()
    expect(rows.map(({ org_id }) => org_id)).toEqual([ids[3]])
  })

  test('would notice: a session-level SET reaches another client', async () => {
    const clients = Array.from({ length: 6 }, () => new pg.Client({ connectionString: url }))
    await Promise.all(clients.map(async (client) => await client.connect()))
    const seen: unknown[] = []
    await clients[0]?.query("select set_config('app.current_org_id', $1, false)", [ids[7]])
    for (const client of clients.slice(1)) {
      const { rows } = await client.query<{ id: string }>(
        "select current_setting('app.current_org_id', true) as id",
      )
      seen.push(rows[0]?.id)
    }
    await Promise.all(clients.map(async (client) => await client.end()))
    expect(seen).toContain(ids[7])
  })
})

/** Reads a text that is part of the statement, so that each text is a statement of its own. */
async function readConstant(
  database: Database,
  text: string,
  meanwhile: () => Promise<void> = async () => {},
): Promise<unknown> {
  return await database.forTenant(randomUUID()).transaction(async ({ db }) => {
    const { rows } = await sql.raw<{ text: string }>(`select '${text}' as text`).execute(db)
    await meanwhile()
    return rows[0]?.text
  })
}

/** Takes the prepared statements on a table from the session that the pooler lends next. */
async function forget(url: string, table: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'select name from pg_prepared_statements where statement like $1',
      [`%"${table}"%`],
    )
    expect(rows.length).toBeGreaterThan(0)
    for (const { name } of rows) await client.query(`deallocate ${client.escapeIdentifier(name)}`)
  })
}
