/** What SQL that nobody has read may see: its role, and the tables that are opened to it. */
import { InsufficientPrivilegeError } from '../errors.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run, sqlStateOf } from './handle.ts'
import { parseTableName, quoteColumns, quoteIdentifier, quoteText } from './names.ts'
import { untrustedRole } from './roles.ts'

/** What an open table shows. */
export interface UntrustedAccess {
  /** The columns that may be read: leave out secrets, and what no question needs. */
  readonly columns: readonly string[]
  /** The column that holds the tenant's id (default `org_id`). */
  readonly tenantColumn?: string
}

/**
 * Creates the role of `tenant.untrusted(…)` where it is missing: nobody logs in as it, and it may do nothing yet.
 *
 * There is no counterpart for `down`: the role belongs to the whole cluster.
 *
 * @throws {InsufficientPrivilegeError} when the server refuses; the message is what an administrator must run.
 */
export async function createUntrustedRole(db: MigrationHandle): Promise<void> {
  const create = `create role ${untrustedRole} nologin nosuperuser nobypassrls`
  const existing = await read(
    db,
    `select from pg_catalog.pg_roles where rolname = ${quoteText(untrustedRole)}`,
  )
  if (existing.length === 0) await createRole(db, create)
  // who may not grant it is told by the handover of the function, with the statement that helps
  await run(
    db,
    `do $$ begin execute format('grant ${untrustedRole} to %I', session_user)
      || case when current_setting('server_version_num')::int >= 160000 then ' with inherit false, set true' else '' end;
    exception when insufficient_privilege then null; end $$`,
  )
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

async function createRole(db: MigrationHandle, statement: string): Promise<void> {
  try {
    // another database of the cluster may be migrated at this moment
    await run(
      db,
      `do $$ begin ${statement}; exception when duplicate_object or unique_violation then null; end $$`,
    )
  } catch (cause) {
    if (sqlStateOf(cause) !== '42501') throw cause
    throw new InsufficientPrivilegeError(
      `this login may not create roles: let an administrator run: ${statement};`,
      { sqlState: '42501' },
      { cause },
    )
  }
}
