/** The extensions of PostgreSQL that the embedded engine is given: those that the migrations create. */
import type { Extensions } from '@electric-sql/pglite'

/** Loads them; their packages are optional peers. */
export async function loadEmbeddedExtensions(): Promise<Extensions> {
  const [{ btree_gin }, { vector }] = await Promise.all([
    import('@electric-sql/pglite/contrib/btree_gin'),
    import('@electric-sql/pglite-pgvector'),
  ])
  return { btree_gin, vector }
}
