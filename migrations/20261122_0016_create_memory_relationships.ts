import type { Kysely } from 'kysely'
import { jsonObject, oneOf, score } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates the relations between memories. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memory_relationships', {
    comment: 'How one memory relates to another: source supports, contradicts, supersedes … target.',
    columns: {
      source_id: { type: 'uuid' },
      target_id: { type: 'uuid' },
      relation_type: oneOf([
        'supports',
        'contradicts',
        'supersedes',
        'refines',
        'co_occurs',
        'derived_from',
        'related_to',
      ]),
      confidence: score({ default: '0.8' }),
      metadata: jsonObject(),
    },
    checks: [{ columns: ['source_id', 'target_id'], condition: 'source_id <> target_id' }],
    references: [
      { columns: ['source_id'], table: 'ibex_core.memories', onDelete: 'cascade', index: false },
      { columns: ['target_id'], table: 'ibex_core.memories', onDelete: 'cascade' },
    ],
  })
  await createTenantIndex(db, 'ibex_core.memory_relationships', {
    columns: ['source_id', 'target_id', 'relation_type'],
    unique: true,
    // with org_id the name would be cut off at 63 characters
    name: 'memory_relationships_source_id_target_id_relation_type_key',
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.memory_relationships').execute()
}
