/** A runner in a process of its own, for the tests that kill it. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { createIndexConcurrently } from '../../src/migration/concurrent-index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import type { MigrationSource } from '../../src/migration/migration-source.ts'

/**
 * Three migrations: a table, a row of it after `seconds`, and an index that is built concurrently.
 *
 * A build waits for every older transaction, so a test can stop it there.
 */
export function slowMigrations(seconds: number): MigrationSource {
  return {
    getMigrations: async () =>
      await Promise.resolve({
        '1_create': {
          up: async (db: Kysely<unknown>) =>
            void (await sql`create table shop.slow (id int primary key, name text)`.execute(db)),
        },
        '2_fill': {
          up: async (db: Kysely<unknown>) => {
            await sql`insert into shop.slow values (1, 'one')`.execute(db)
            await sql`select pg_sleep(${seconds})`.execute(db)
          },
        },
        '3_index': {
          config: { transaction: false },
          up: async (db: Kysely<unknown>) =>
            await createIndexConcurrently(db, 'shop.slow', { columns: ['name'] }),
        },
      }),
  }
}

const [, , url, seconds] = process.argv
if (process.argv[1] === import.meta.filename && url !== undefined) {
  await migrateToLatest({
    target: { url },
    provider: slowMigrations(Number(seconds)),
    schema: 'shop',
    // the test reads where it is
    onProgress: (progress) => process.stdout.write(`${JSON.stringify(progress)}\n`),
  })
}
