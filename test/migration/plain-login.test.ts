/** The migrations for a login that is no superuser, as on a managed server. */
import { readFile } from 'node:fs/promises'
import { Kysely, sql } from 'kysely'
import { Migrator, NO_MIGRATIONS } from 'kysely/migration'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrationProvider } from '../../migrations/index.ts'
import { dumpSchema } from '../../src/migration/dump-schema.ts'
import { migrationTableSchema } from '../../src/migration/migration-options.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import { createEraser, createRoles, createUntrustedRole } from '../../src/migration/roles.ts'
import { type TestDatabase, emptyDatabase } from '../support/setup.ts'

const login = `plain_${process.pid}_${Date.now()}`
let database: TestDatabase
let db: Kysely<unknown>

beforeAll(async () => {
  database = await emptyDatabase()
  const { admin, target } = database
  // what an administrator does beforehand
  await createRoles(admin)
  await createEraser(admin)
  await createUntrustedRole(admin)
  await sql`create extension if not exists vector`.execute(admin)
  await sql`create role ${sql.id(login)} noinherit`.execute(admin)
  await sql`grant ibex_app, ibex_system, ibex_search, ibex_eraser, ibex_untrusted to ${sql.id(login)}`.execute(
    admin,
  )
  await sql
    .raw(`do $$ begin execute format('grant create on database %I to ${login}', current_database()); end $$`)
    .execute(admin)
  db = new Kysely<unknown>({ dialect: migrationDialect({ target }) })
  await sql`set role ${sql.id(login)}`.execute(db)
})

afterAll(async () => {
  await sql`reset role`.execute(db)
  await db.destroy()
  await sql`drop owned by ${sql.id(login)}`.execute(database.admin)
  await sql`drop role ${sql.id(login)}`.execute(database.admin)
  await database.close()
})

test(
  'creates the same schema, search functions included, and takes it back',
  { timeout: 120_000 },
  async () => {
    const migrator = new Migrator({ db, provider: migrationProvider, migrationTableSchema })
    expect(await migrator.migrateToLatest()).not.toHaveProperty('error')
    const { rows } = await sql`select current_user::text as name, rolsuper as "isSuperuser" from pg_roles
    where rolname = current_user`.execute(db)
    expect(rows).toEqual([{ name: login, isSuperuser: false }])
    const committed = await readFile(new URL('../schema.sql', import.meta.url), 'utf8')
    expect(committed.endsWith(`\n\n${await dumpSchema(db)}`)).toBe(true)

    expect(await migrator.migrateTo(NO_MIGRATIONS)).not.toHaveProperty('error')
    const left =
      await sql`select proname from pg_proc where pronamespace = 'ibex_core'::regnamespace`.execute(db)
    expect(left.rows).toEqual([])
  },
)
