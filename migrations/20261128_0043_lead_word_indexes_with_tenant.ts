import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { createExtension } from '../src/migration/extension.ts'
import { runAs } from '../src/migration/handover.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { searchRole } from '../src/migration/roles.ts'

const words = 'search_vector'
const metadata = 'metadata jsonb_path_ops'
/** Each with its name before and after. */
const indexes = [
  ['memories', words, 'memories_search_vector_idx', 'memories_org_id_search_vector_idx'],
  ['memories', metadata, 'memories_metadata_idx', 'memories_org_id_metadata_idx'],
  ['rag_documents', words, 'rag_documents_search_vector_idx', 'rag_documents_org_id_search_vector_idx'],
  ['canon_items', words, 'canon_items_search_vector_idx', 'canon_items_org_id_search_vector_idx'],
] as const

/**
 * Lets the indexes of words and of metadata lead with the tenant, for which `gin` takes the extension `btree_gin`.
 *
 * They gave the rows of all tenants that hold a word, which a search then intersected with those of its own: the more
 * neighbours, the longer, and the longer for a word that the neighbours use. Chunks are never looked for by reading all those of a
 * partition: that may seem cheaper today, and grows with the neighbours.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createExtension(db, 'btree_gin')
  for (const [table, column, before] of indexes) {
    const definition = { columns: [column], using: 'gin', acrossTenants: false } as const
    await createTenantIndex(db, `ibex_core.${table}`, definition)
    await sql`drop index ibex_core.${sql.id(before)}`.execute(db)
  }
  await runAs(db, searchRole, async () => {
    await sql`alter function ibex_core.search_rag_documents set enable_seqscan = off`.execute(db)
  })
}

/** Leaves the tenant out of them again, and the extension where it is: other objects of the database may use it. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await runAs(db, searchRole, async () => {
    await sql`alter function ibex_core.search_rag_documents reset enable_seqscan`.execute(db)
  })
  for (const [table, column, , after] of indexes) {
    await createTenantIndex(db, `ibex_core.${table}`, { columns: [column], using: 'gin' })
    await sql`drop index ibex_core.${sql.id(after)}`.execute(db)
  }
}
