import { Kysely, sql } from 'kysely'
import type { MigrationProvider } from 'kysely/migration'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MigrationError } from '../../src/errors.ts'
import { migrateToLatest, migrationStatus } from '../../src/migration/migrate.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await emptyDatabase()
})

afterAll(async () => {
  await database.close()
})

test('names the migration that failed, quotes no value, and keeps those before it', async () => {
  const provider: MigrationProvider = {
    getMigrations: async () =>
      await Promise.resolve({
        '1_create': {
          up: async (db: Kysely<unknown>) => {
            await sql`create table public.half_done (id int primary key)`.execute(db)
          },
        },
        '2_fill': {
          up: async (db: Kysely<unknown>) => {
            await sql`insert into public.half_done values (4711), (4711)`.execute(db)
          },
        },
      }),
  }

  const error = await migrateToLatest({ target: database.target, provider }).catch((error: unknown) => error)

  expect(error).toBeInstanceOf(MigrationError)
  const { message } = error as MigrationError
  expect(message).toContain('migration 2_fill failed, and nothing of it was kept (1 before it has run): ')
  expect(message).not.toContain('4711')
  const { rows } = await sql`select count(*)::int as count from public.half_done`.execute(database.admin)
  expect(rows).toEqual([{ count: 0 }])
  const statuses = await migrationStatus({ target: database.target, provider })
  expect(statuses.map(({ name, state }) => `${name} ${state}`)).toEqual([
    '1_create executed',
    '2_fill pending',
  ])
})

test('runs with row_security off and a lock timeout, and hands the session back as it was', async () => {
  const before = await readSettings(database.admin)
  expect(before).toEqual({ rowSecurity: 'on', lockTimeout: '0' })

  const db = new Kysely<unknown>({ dialect: migrationDialect({ target: database.target }) })
  expect(await readSettings(db)).toEqual({ rowSecurity: 'off', lockTimeout: '5s' })
  await db.destroy()
  const patient = new Kysely<unknown>({
    dialect: migrationDialect({ target: database.target, lockTimeout: 60_000 }),
  })
  expect(await readSettings(patient)).toEqual({ rowSecurity: 'off', lockTimeout: '1min' })
  await patient.destroy()

  expect(await readSettings(database.admin)).toEqual(before)
})

async function readSettings<DB>(db: Kysely<DB>): Promise<unknown> {
  const { rows } = await sql`
    select current_setting('row_security') as "rowSecurity", current_setting('lock_timeout') as "lockTimeout"`.execute(
    db,
  )
  return rows[0]
}
