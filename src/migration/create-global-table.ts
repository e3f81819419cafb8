/** Creates a table that all tenants share: a catalogue. */
import type { Columns } from './columns.ts'
import { createTable, idColumn, timeColumns, uniqueSql } from './create-table.ts'
import type { TableCheck } from './create-table.ts'
import type { MigrationHandle } from './handle.ts'
import { objectName, parseTableName, quoteColumns } from './names.ts'
import { grantGlobal } from './tenant-isolation.ts'
import { createGlobalIndex } from './indexes.ts'

/** What a table of all tenants is. */
export interface GlobalTableDefinition {
  readonly comment: string
  readonly columns: Columns
  /** Adds `deleted_at`. */
  readonly softDelete?: boolean
  /** Keys, unique among all rows: every tenant sees them all anyway. */
  readonly unique?: readonly (readonly string[])[]
  readonly checks?: readonly TableCheck[]
  readonly references?: readonly GlobalReference[]
}

/** A foreign key to the `id` of another table of all tenants. */
export interface GlobalReference {
  readonly column: string
  readonly table: string
  readonly onDelete: 'cascade' | 'set null' | 'no action'
}

/**
 * Creates a table without a tenant, that every tenant reads and only the system role writes.
 *
 * ```ts
 * await createGlobalTable(db, 'public.currencies', {
 *   comment: 'A currency.',
 *   columns: { code: { type: 'text' } },
 *   unique: [['code']],
 * })
 * ```
 *
 * There is no policy on it: who may do what is a matter of rights alone. Never put anything of a tenant in it.
 *
 * The way down is `drop table public.currencies`.
 */
export async function createGlobalTable(
  db: MigrationHandle,
  table: string,
  definition: GlobalTableDefinition,
): Promise<void> {
  const name = parseTableName(table)
  const { references = [], unique = [] } = definition
  const constraints = [
    `constraint ${objectName(name, ['id'], 'pkey')} primary key (id)`,
    ...unique.map((key) => uniqueSql(name, key)),
    ...references.map(({ column, table: target, onDelete }) => {
      const key = `foreign key (${quoteColumns([column])}) references ${parseTableName(target).sql} (id)`
      return `constraint ${objectName(name, [column], 'fkey')} ${key} on delete ${onDelete}`
    }),
  ]
  const columns = { id: idColumn, ...definition.columns, ...timeColumns(definition) }
  await createTable(db, name, { ...definition, columns, constraints })
  await grantGlobal(db, name)
  for (const { column } of references) await createGlobalIndex(db, table, { columns: [column] })
}
