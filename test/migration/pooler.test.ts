/** Migrations and poolers: what shares sessions is refused, what does not is taken. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TransactionPoolerError } from '../../src/errors.ts'
import { dryRun } from '../../src/migration/dry-run.ts'
import { migrateToLatest, migrationStatus } from '../../src/migration/migrate.ts'
import type { MigrateOptions } from '../../src/migration/migrate.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { serverUrl, urlForPort } from '../support/server-url.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { skipWithoutPgBouncer } from '../support/skip.ts'
import { withClient } from '../support/with-client.ts'

describe('through PgBouncer', skipWithoutPgBouncer(), () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await emptyDatabase()
  })

  afterAll(async () => {
    await database.close()
  })

  test.each([1, 3])(
    'in transaction mode with %i connections, nothing runs and nothing is set',
    async (poolSize) => {
      await using bouncer = await startPgBouncer(serverUrl(database), { poolSize })
      const url = urlForPort(serverUrl(database), bouncer.port)
      for (const run of [migrateToLatest, migrationStatus, dryRun]) {
        await expect(run(options(url))).rejects.toThrow(TransactionPoolerError)
      }
      await expect(migrateToLatest(options(url))).rejects.toThrow(/DATABASE_DIRECT_URL, --direct-url/)
      const { rows } = await sql`select to_regclass('shop.kysely_migration') as name`.execute(database.admin)
      expect(rows).toEqual([{ name: null }])
      // a setting of the session would have reached the next client
      const settings = await withClient(url, async (client) => {
        const found = await client.query<{ value: string }>("select current_setting('row_security') as value")
        return found.rows
      })
      expect(settings).toEqual([{ value: 'on' }])
    },
  )

  test('in session mode they run', async () => {
    await using bouncer = await startPgBouncer(serverUrl(database), { poolSize: 3, mode: 'session' })
    const url = urlForPort(serverUrl(database), bouncer.port)
    expect(await migrateToLatest(options(url))).toEqual(['1_a'])
  })
})

function options(url: string): MigrateOptions {
  const provider = { getMigrations: async () => await Promise.resolve({ '1_a': { up: async () => {} } }) }
  return { target: { url }, provider, schema: 'shop' }
}
