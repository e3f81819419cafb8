/** Drops a column of a tenant table that exists. */
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import { parseTableName, quoteIdentifier } from './names.ts'
import { touchUpdatedAt } from './triggers.ts'

/**
 * Drops a column: the way down from `addTenantColumn`.
 *
 * The trigger of `updated_at` may name the column in its condition, which would keep it; it is written anew without it.
 *
 * ```ts
 * await dropTenantColumn(db, 'public.notes', 'is_pinned')
 * ```
 */
export async function dropTenantColumn(db: MigrationHandle, table: string, column: string): Promise<void> {
  const name = parseTableName(table)
  const trigger = quoteIdentifier(`${name.name}_touch_updated_at`)
  await run(db, `drop trigger if exists ${trigger} on ${name.sql}`)
  await run(db, `alter table ${name.sql} drop column ${quoteIdentifier(column)}`)
  await touchUpdatedAt(db, name)
}
