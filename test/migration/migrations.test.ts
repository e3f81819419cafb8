import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { NO_MIGRATIONS } from 'kysely/migration'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrationProvider } from '../../migrations/index.ts'
import { dumpSchema } from '../../src/migration/dump-schema.ts'
import { folderChecksums } from '../../src/migration/folder-migrations.ts'
import { migrateToLatest, withMigrator } from '../../src/migration/migrate.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await emptyDatabase()
})

afterAll(async () => {
  await database.close()
})

test('lists every file of the folder, in the order of the names', async () => {
  const files = (await readdir(new URL('../../migrations/', import.meta.url)))
    .filter((file) => file !== 'index.ts' && file !== 'checksums.ts')
    .map((file) => file.replace(/\.ts$/, ''))
    .toSorted()
  expect(Object.keys(await migrationProvider.getMigrations())).toEqual(files)
  for (const file of files) expect(file).toMatch(/^\d{8}_\d{4}_[a-z]+(_[a-z]+)+$/)
})

test('has the checksum of every file, as it was released', async () => {
  const folder = fileURLToPath(new URL('../../migrations/', import.meta.url))
  // of a new migration: npm run migrations:checksums
  expect(await migrationProvider.getChecksums?.()).toEqual(await folderChecksums(folder))
})

test(
  'creates test/schema.sql, takes everything back, and creates the same again',
  { timeout: 120_000 },
  async () => {
    const options = { target: database.target, provider: migrationProvider }
    const names = await migrateToLatest(options)
    const first = await dumpSchema(database.admin)
    const committed = await readFile(new URL('../schema.sql', import.meta.url), 'utf8')
    expect(committed.endsWith(`\n\n${first}`)).toBe(true)

    const undone = await withMigrator(options, async (migrator) => await migrator.migrateTo(NO_MIGRATIONS))
    expect(undone).toEqual(names.toReversed())
    expect(await objectsLeft()).toEqual(['kysely_migration', 'kysely_migration_lock'])

    await migrateToLatest(options)
    expect(await dumpSchema(database.admin)).toBe(first)
    expect(await migrateToLatest(options)).toEqual([])
  },
)

test('goes down and up one by one with rows in the tables', { timeout: 120_000 }, async () => {
  const options = { target: database.target, provider: migrationProvider }
  await sql`
    with organization as (insert into ibex_core.organizations (name, slug) values ('A', 'a') returning id),
    agent as (insert into ibex_core.agents (org_id, name, slug) select id, 'Ada', 'ada' from organization returning *),
    role as (insert into ibex_core.roles (org_id, name) select id, 'Guide' from organization returning *),
    template as (insert into ibex_core.prompt_templates (org_id, role_id, name, content) select org_id, id, 'hello', 'Hi' from role),
    directive as (insert into ibex_core.directives (org_id, agent_id) select org_id, id from agent returning *)
    insert into ibex_core.directive_versions (org_id, directive_id, version_num, content, content_hash)
    select org_id, id, 1, 'be kind', repeat('0', 64) from directive`.execute(database.admin)
  const before = await dumpSchema(database.admin)

  const undone = await withMigrator(options, async (migrator) => {
    return await migrator.migrateTo('20261122_0010_create_directive_versions')
  })
  const all = Object.keys(await migrationProvider.getMigrations())
  expect(undone).toEqual(all.slice(10).toReversed())
  const redone: string[] = []
  for (const _ of undone)
    redone.push(...(await withMigrator(options, async (migrator) => await migrator.migrateUp())))

  expect(redone).toEqual(undone.toReversed())
  expect(await dumpSchema(database.admin)).toBe(before)
  const { rows } = await sql<{
    content: string
  }>`select content from ibex_core.directive_versions`.execute(database.admin)
  expect(rows).toEqual([{ content: 'be kind' }])
})

test('takes the right to create temporary objects from the roles', async () => {
  const { rows } = await sql`
    select rolname::text as role, has_database_privilege(oid, current_database(), 'temporary') as temporary,
      has_database_privilege(oid, current_database(), 'create') as "create",
      has_schema_privilege(oid, 'ibex_core', 'create') as "createInSchema",
      has_schema_privilege(oid, 'public', 'create') as "createInPublic"
    from pg_roles where rolname in ('ibex_app', 'ibex_system', 'ibex_search') order by 1`.execute(
    database.admin,
  )
  const nothing = { temporary: false, create: false, createInSchema: false, createInPublic: false }
  expect(rows).toEqual([
    { role: 'ibex_app', ...nothing },
    { role: 'ibex_search', ...nothing },
    { role: 'ibex_system', ...nothing },
  ])
})

async function objectsLeft(): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname::text as name from pg_class where relnamespace = 'ibex_core'::regnamespace and relkind <> 'i'
    union all select proname from pg_proc where pronamespace = 'ibex_core'::regnamespace order by 1`.execute(
    database.admin,
  )
  return rows.map(({ name }) => name)
}
