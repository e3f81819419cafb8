/** Foreign keys between tenant tables: always with `org_id`, so that no row refers to another tenant's. */
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import { createTenantIndex } from './indexes.ts'
import type { TableName } from './names.ts'
import { objectName, parseTableName, quoteColumns } from './names.ts'
import { withoutForce } from './without-force.ts'

/** A foreign key to another tenant table, without the `org_id` that both sides begin with. */
export interface TenantReference {
  readonly columns: readonly string[]
  /** The table referred to. */
  readonly table: string
  /** The key referred to, `id` by default. */
  readonly targetColumns?: readonly string[]
  /**
   * What happens to this row when the other one is deleted. `set null` is for optional columns; it empties them and keeps
   * `org_id`. `no action` refuses.
   */
  readonly onDelete: 'cascade' | 'set null' | 'no action'
  /** With `set null`: which columns are emptied, all by default. */
  readonly setNull?: readonly string[]
  /** `false` where another index already begins with the columns. Without one, each delete over there reads all rows here. */
  readonly index?: false
}

/**
 * Adds a composite foreign key, and the index that it needs, to a table that exists.
 *
 * ```sql
 * alter table public.notes add constraint notes_org_id_agent_id_fkey
 *   foreign key (org_id, agent_id) references ibex_core.agents (org_id, id) on delete set null (agent_id)
 * ```
 *
 * Existing rows are checked with the owner's eyes: under forced row-level security PostgreSQL would not see them and
 * mark a violated constraint as valid.
 */
export async function addTenantForeignKey(
  db: MigrationHandle,
  table: string,
  reference: TenantReference,
): Promise<void> {
  const name = parseTableName(table)
  await withoutForce(db, [table, reference.table], async () => {
    await run(db, `alter table ${name.sql} add ${referenceSql(name, reference)}`)
  })
  await indexReference(db, table, reference)
}

/** The constraint of a reference as it stands in `create table`. */
export function referenceSql(table: TableName, reference: TenantReference): string {
  const { columns, targetColumns = ['id'], onDelete, setNull = columns } = reference
  const action = onDelete === 'set null' ? `set null (${quoteColumns(setNull)})` : onDelete
  const name = objectName(table, ['org_id', ...columns], 'fkey')
  const target = parseTableName(reference.table)
  return (
    `constraint ${name} foreign key (${quoteColumns(['org_id', ...columns])}) ` +
    `references ${target.sql} (${quoteColumns(['org_id', ...targetColumns])}) on delete ${action}`
  )
}

/** Creates the index that finds the rows which refer to a deleted one. */
export async function indexReference(
  db: MigrationHandle,
  table: string,
  { columns, onDelete, index }: TenantReference,
): Promise<void> {
  if (index === false) return
  const where =
    onDelete === 'set null' ? columns.map((column) => `${column} is not null`).join(' and ') : undefined
  await createTenantIndex(db, table, { columns, ...(where === undefined ? {} : { where }) })
}
