/** What a repository must know of a table at run time. */

/**
 * The shape of one table: generated for the tables of this package (`tables`), and by `ibex-db/codegen` for a user's own.
 *
 * ```ts
 * const notes = {
 *   name: 'public.notes',
 *   columns: { org_id: 'uuid', id: 'uuid', body: 'text', deleted_at: 'timestamp with time zone' },
 *   primaryKey: ['org_id', 'id'],
 *   tenantColumn: 'org_id',
 *   softDeleteColumn: 'deleted_at',
 *   generatedColumns: [],
 *   nullableColumns: ['deleted_at'],
 * } as const satisfies TableDefinition
 * ```
 */
export interface TableDefinition {
  /** With its schema: `ibex_core.memories`. */
  readonly name: string
  /** PostgreSQL's type of each column, as `format_type()` prints it: `vector(384)`, `text[]`. */
  readonly columns: Readonly<Record<string, string>>
  readonly primaryKey: readonly string[]
  /** The column that policies compare with the tenant; null for a table that all tenants share. */
  readonly tenantColumn: string | null
  /** The column that is set instead of deleting the row; null where rows are deleted. */
  readonly softDeleteColumn: string | null
  /** Columns that PostgreSQL computes: never written. */
  readonly generatedColumns: readonly string[]
  readonly nullableColumns: readonly string[]
}

/** A definition that belongs to the table `TB`. */
export type DefinitionOf<TB extends string> = TableDefinition & { readonly name: TB }

/** The columns of the primary key that tell one row of a tenant from another: all but the tenant column. */
export function keyColumns({ primaryKey, tenantColumn }: TableDefinition): readonly string[] {
  const columns = primaryKey.filter((column) => column !== tenantColumn)
  // the tenant's own table (organizations) has no other key than the tenant
  return columns.length === 0 ? primaryKey : columns
}
