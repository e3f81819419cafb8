import type { Kysely } from 'kysely'
import { textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates the tags of memories. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memory_tags', {
    comment: 'A tag of a memory.',
    primaryKey: ['memory_id', 'tag'],
    columns: { memory_id: { type: 'uuid' }, tag: textOfLength(1, 64) },
    references: [{ columns: ['memory_id'], table: 'ibex_core.memories', onDelete: 'cascade', index: false }],
  })
  await createTenantIndex(db, 'ibex_core.memory_tags', { columns: ['tag'] })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.memory_tags').execute()
}
