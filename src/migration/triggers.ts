/** The triggers of the pattern: `updated_at`, and append-only. */
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import type { TableName } from './names.ts'
import { quoteIdentifier } from './names.ts'
import { readColumns } from './tenant-isolation.ts'

/**
 * Creates the trigger that sets `updated_at` when the row really changed, or replaces it after a new column.
 *
 * ```sql
 * create or replace trigger notes_touch_updated_at before update on public.notes
 *   for each row when (old.* *<> new.*) execute function ibex_core.touch_updated_at()
 * ```
 *
 * A BEFORE trigger sees NULL in the generated columns of NEW, so whole rows would always differ: a table that has one
 * compares its other columns by name.
 */
export async function touchUpdatedAt(db: MigrationHandle, table: TableName): Promise<void> {
  const columns = await readColumns(db, table)
  const written = columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => quoteIdentifier(name))
  const hasGenerated = written.length < columns.length
  const list = (row: string): string => written.map((column) => `${row}.${column}`).join(', ')
  // *<> compares the stored bytes, so it needs no equality operator of each type
  const changed = hasGenerated
    ? `(${list('old')}) is distinct from (${list('new')})`
    : 'old.* operator(pg_catalog.*<>) new.*'
  await run(
    db,
    `create or replace trigger ${table.name}_touch_updated_at before update on ${table.sql}
      for each row when (${changed}) execute function ibex_core.touch_updated_at()`,
  )
}

/**
 * Makes the table append-only for everybody, its owner and superusers included.
 *
 * What a foreign key does is let through: rows still go when the row that they belong to is deleted.
 */
export async function refuseChanges(db: MigrationHandle, table: TableName): Promise<void> {
  await run(
    db,
    `create trigger ${table.name}_refuse_change before update or delete on ${table.sql}
      for each row execute function ibex_core.refuse_change()`,
  )
  await run(
    db,
    `create trigger ${table.name}_refuse_truncate before truncate on ${table.sql}
      for each statement execute function ibex_core.refuse_change()`,
  )
}
