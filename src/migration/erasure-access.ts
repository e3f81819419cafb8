/** What the role that erases may do beside what every tenant may: change what is append-only. */
import { quoteText } from '../database/quote.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run } from './handle.ts'
import type { TableName } from './names.ts'
import { eraserRole } from './roles.ts'

/** Opens an append-only table to erasure, where the migrations have created it. */
export async function openToErasure(db: MigrationHandle, table: TableName): Promise<void> {
  const [erasure] = await read<{ exists: boolean }>(
    db,
    "select to_regproc('ibex_core.erase_subject') is not null as exists",
  )
  if (erasure?.exists === true) await run(db, grantErasure(table.sql))
}

/**
 * Opens every append-only table of the database, those of consumers included: what was created before erasure was.
 *
 * They are known by their trigger. The rights are those on the whole table, so that columns which come later are in them.
 */
export async function openAllToErasure(db: MigrationHandle): Promise<void> {
  for (const table of await appendOnlyTables(db)) await run(db, grantErasure(table))
}

/** Closes them again. */
export async function closeAllToErasure(db: MigrationHandle): Promise<void> {
  for (const table of await appendOnlyTables(db)) await run(db, `revoke all on ${table} from ${eraserRole}`)
}

function grantErasure(table: string): string {
  return `grant update, delete on ${table} to ${eraserRole}`
}

async function appendOnlyTables(db: MigrationHandle): Promise<readonly string[]> {
  const rows = await read<{ table: string }>(
    db,
    `select format('%I.%I', nspname, relname) as table
    from pg_catalog.pg_class join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p') and not relispartition and exists (select from pg_catalog.pg_trigger
      where tgrelid = pg_class.oid and tgfoid = ${quoteText('ibex_core.refuse_change')}::regproc)
    order by 1`,
  )
  return rows.map(({ table }) => table)
}
