import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { createExtension } from '../src/migration/extension.ts'
import { runAs } from '../src/migration/handover.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { searchRole } from '../src/migration/roles.ts'

const words = 'search_vector'
const indexes: readonly { readonly table: string; readonly column: string; readonly old: string }[] = [
  { table: 'ibex_core.memories', column: words, old: 'memories_search_vector_idx' },
  { table: 'ibex_core.memories', column: 'metadata jsonb_path_ops', old: 'memories_metadata_idx' },
  { table: 'ibex_core.rag_documents', column: words, old: 'rag_documents_search_vector_idx' },
  { table: 'ibex_core.canon_items', column: words, old: 'canon_items_search_vector_idx' },
]

/**
 * Lets the indexes of words and of metadata lead with the tenant, for which `gin` takes the extension `btree_gin`.
 *
 * They gave the rows of all tenants that hold a word, which a search then intersected with those of its own: the more
 * neighbours, the longer, and the longer for a word that the neighbours use. Chunks are never looked for by reading all those of a
 * partition: that may seem cheaper today, and grows with the neighbours.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createExtension(db, 'btree_gin')
  for (const { table, column, old } of indexes) {
    await createTenantIndex(db, table, { columns: [column], using: 'gin', acrossTenants: false })
    await sql`drop index ibex_core.${sql.id(old)}`.execute(db)
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
  for (const { table, column, old } of indexes) {
    await createTenantIndex(db, table, { columns: [column], using: 'gin' })
    const name = old.replace(/_(?<column>search_vector|metadata)_idx$/u, '_org_id_$<column>_idx')
    await sql`drop index ibex_core.${sql.id(name)}`.execute(db)
  }
}
