/** The versions of memories that were there before versions told of deletions. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest, withMigrator } from '../../src/migration/migrate.ts'
import { insertMemory, insertOrganization } from '../support/factories.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await emptyDatabase()
})

afterAll(async () => {
  await database.close()
})

test('tells of those what their operations told, for every tenant', { timeout: 120_000 }, async () => {
  const { admin, target } = database
  const options = { target, provider: migrationProvider }
  await withMigrator(options, async (migrator) => await migrator.migrateTo('20261124_0027_create_points'))
  for (let count = 0; count < 2; count++) {
    const { id: orgId } = await insertOrganization(admin)
    const { id } = await insertMemory(admin, { org_id: orgId, content: 'A' })
    await insertMemory(admin, { org_id: orgId, content: 'B' })
    for (const change of [
      'deleted_at = now()',
      'importance = 7',
      'deleted_at = null',
      'importance = 8',
      'deleted_at = now()',
    ])
      await sql`update ibex_core.memories set ${sql.raw(change)} where id = ${id}`.execute(admin)
  }

  await migrateToLatest(options)

  const { rows } = await sql<{ versions: string[] }>`
    select array_agg(operation || ' ' || is_deleted order by version_num) as versions
    from ibex_core.memory_versions group by org_id, memory_id order by count(*)`.execute(admin)
  const untouched = ['create false']
  const touched = [
    'create false',
    'delete true',
    'update true',
    'restore false',
    'update false',
    'delete true',
  ]
  expect(rows.map(({ versions }) => versions)).toEqual([untouched, untouched, touched, touched])
  // and it stays append-only
  await expect(sql`update ibex_core.memory_versions set is_deleted = false`.execute(admin)).rejects.toThrow(
    'append-only',
  )
})
