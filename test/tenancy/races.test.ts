import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type Canary, deeds, foreignRows, insertCanaries, race, serverDeeds } from './canaries.ts'
import { serverUrl } from '../support/server-url.ts'

let server: TestDatabase
let ids: readonly string[]

beforeAll(async () => {
  server = await setup()
  ids = await insertCanaries(server.admin)
})

afterAll(async () => {
  await server.close()
})

describe('on a server', skipOnEmbedded('one connection, without timeouts and cancellation'), () => {
  test.each([1, 2, 5])('keeps 200 scopes of 20 tenants apart on a pool of %i', async (poolSize) => {
    const applicationName = `ibex race ${poolSize}`
    await using database = createDatabase({
      ...server.target,
      poolSize,
      applicationName,
      connectTimeout: 25_000,
    })
    const { seen, foreign } = await race(database, ids, { kinds: serverDeeds, scopes: 200, seed: poolSize })
    expect(foreign).toEqual([])
    expect(seen).toBeGreaterThanOrEqual(200)
    expect(await busySessions(applicationName)).toEqual([])
  })

  test('would notice: the same reads on a session-level SET see rows of other tenants', async () => {
    const pool = new pg.Pool({ connectionString: serverUrl(server), max: 2 })
    const found = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const orgId = ids[index % ids.length] ?? ''
        await pool.query(
          "select set_config('role', 'ibex_app', false), set_config('app.current_org_id', $1, false)",
          [orgId],
        )
        await delay(index % 3)
        const { rows } = await pool.query<Canary>('select org_id, name from ibex_core.agents')
        return foreignRows(rows, orgId)
      }),
    )
    await pool.end()
    expect(found.flat().length).toBeGreaterThan(0)
  })
})

test('keeps 200 scopes of 20 tenants apart on a single connection', async () => {
  await using database = createDatabase({ ...server.target, poolSize: 1, connectTimeout: 25_000 })
  const { seen, foreign } = await race(database, ids, { kinds: deeds, scopes: 200, seed: 11 })
  expect(foreign).toEqual([])
  expect(seen).toBeGreaterThanOrEqual(200)
})

/** Sessions that were not handed back idle; one that was destroyed may take a moment to go. */
async function busySessions(applicationName: string): Promise<readonly unknown[]> {
  for (let attempt = 0; ; attempt++) {
    const { rows } = await sql`select state, query from pg_stat_activity
      where datname = current_database() and application_name = ${applicationName} and state <> 'idle'`.execute(
      server.admin,
    )
    if (rows.length === 0 || attempt === 200) return rows
    await delay(50)
  }
}
