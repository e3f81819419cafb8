/** What SQL that nobody has read may see: the tables that are opened to it. */
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import { parseTableName, quoteColumns, quoteIdentifier } from './names.ts'
import { untrustedRole } from './roles.ts'

/** What an open table shows. */
export interface UntrustedAccess {
  /** The columns that may be read: leave out secrets, and what no question needs. */
  readonly columns: readonly string[]
  /** The column that holds the tenant's id (default `org_id`). */
  readonly tenantColumn?: string
}

/**
 * Lets `tenant.untrusted(…)` read these columns of a tenant table: the rows of the tenant for whom the call was signed.
 *
 * ```sql
 * create policy notes_untrusted_read on public.notes for select to ibex_untrusted
 *   using (org_id = (select ibex_core.signed_org_id()))
 * ```
 *
 * The way down is {@link closeToUntrusted}.
 */
export async function openToUntrusted(
  db: MigrationHandle,
  table: string,
  { columns, tenantColumn = 'org_id' }: UntrustedAccess,
): Promise<void> {
  const { sql: relation, name, schema } = parseTableName(table)
  const tenant = quoteIdentifier(tenantColumn)
  await run(
    db,
    `create policy ${quoteIdentifier(`${name}_untrusted_read`)} on ${relation} for select to ${untrustedRole}
    using (${tenant} = (select ibex_core.signed_org_id()))`,
  )
  await run(db, `grant usage on schema ${quoteIdentifier(schema)} to ${untrustedRole}`)
  await run(db, `grant select (${quoteColumns(columns)}) on ${relation} to ${untrustedRole}`)
}

/** Closes a table to `tenant.untrusted(…)` again. */
export async function closeToUntrusted(db: MigrationHandle, table: string): Promise<void> {
  const { sql: relation, name } = parseTableName(table)
  await run(db, `drop policy ${quoteIdentifier(`${name}_untrusted_read`)} on ${relation}`)
  await run(db, `revoke all on ${relation} from ${untrustedRole}`)
}
