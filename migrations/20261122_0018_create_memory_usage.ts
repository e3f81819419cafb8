import type { Kysely } from 'kysely'
import { counter, score } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'

/** Creates the usage counters of memories. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memory_usage', {
    comment:
      'How a memory was used; created with the first use. Not in memories: an update there re-inserts the embedding into its index.',
    primaryKey: ['memory_id'],
    columns: {
      memory_id: { type: 'uuid' },
      retrieval_count: counter('integer', { comment: 'How often a search returned it.' }),
      injection_count: counter('integer', { comment: 'How often it became part of a prompt.' }),
      last_retrieved_at: { type: 'timestamptz', optional: true },
      last_injected_at: { type: 'timestamptz', optional: true },
      usefulness_score: score({ default: '0.5', comment: 'How useful it turned out to be, 0 to 1.' }),
      positive_votes: counter(),
      negative_votes: counter(),
    },
    references: [{ columns: ['memory_id'], table: 'ibex_core.memories', onDelete: 'cascade', index: false }],
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.memory_usage').execute()
}
