/** The policies and rights that keep one tenant's rows from another's. */
import { quoteText } from '../database/quote.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run } from './handle.ts'
import type { TableName } from './names.ts'
import { quoteColumns, quoteIdentifier } from './names.ts'
import { appRole, roles, systemRole } from './roles.ts'
import { grantSchemaUsage } from './schema.ts'

/** What the isolation of a table depends on. */
export interface IsolationOptions {
  /** The column that holds the tenant's id. */
  readonly tenantColumn: string
  /** Rows can be added, never changed. */
  readonly appendOnly: boolean
}

/**
 * Enables and forces row-level security, with the same condition for reading and for writing.
 *
 * ```sql
 * create policy notes_tenant_isolation on public.notes to ibex_app
 *   using (org_id = (select ibex_core.current_org_id())) with check (org_id = (select ibex_core.current_org_id()))
 * ```
 *
 * `(select …)` is evaluated once a statement; a bare call would be once a row.
 */
export async function isolate(
  db: MigrationHandle,
  table: TableName,
  options: IsolationOptions,
): Promise<void> {
  const condition = `${quoteIdentifier(options.tenantColumn)} = (select ibex_core.current_org_id())`
  await run(db, `alter table ${table.sql} enable row level security`)
  await run(db, `alter table ${table.sql} force row level security`)
  await run(
    db,
    `create policy ${table.name}_tenant_isolation on ${table.sql} to ${appRole} using (${condition}) with check (${condition})`,
  )
  await run(
    db,
    `create policy ${table.name}_system_access on ${table.sql} to ${systemRole} using (true) with check (true)`,
  )
  await grantSchemaUsage(db, table.schema)
  await revokeAll(db, table)
  await grantExactly(db, table, options)
}

/**
 * Takes every right from the two roles of scopes and gives back exactly what they need.
 *
 * UPDATE is granted column by column: not on the tenant column, so that no row changes hands, and not on generated
 * columns. TRUNCATE, REFERENCES and TRIGGER are never granted: row-level security does not hold them.
 */
export async function grantExactly(
  db: MigrationHandle,
  table: TableName,
  { tenantColumn, appendOnly }: IsolationOptions,
): Promise<void> {
  const grantees = `${appRole}, ${systemRole}`
  await run(db, `revoke all on ${table.sql} from ${grantees}`)
  if (appendOnly) {
    await run(db, `grant select, insert on ${table.sql} to ${grantees}`)
    return
  }
  const columns = (await readColumns(db, table)).filter(
    ({ name, isGenerated }) => name !== tenantColumn && !isGenerated,
  )
  await run(db, `grant select, insert, delete on ${table.sql} to ${grantees}`)
  await run(
    db,
    `grant update (${quoteColumns(columns.map(({ name }) => name))}) on ${table.sql} to ${grantees}`,
  )
}

/** Leaves a tenant, of the row that it is, no more than reading it and changing the columns named. */
export async function grantRoot(
  db: MigrationHandle,
  table: TableName,
  tenantMayUpdate: readonly string[],
): Promise<void> {
  await run(db, `revoke insert, update, delete on ${table.sql} from ${appRole}`)
  if (tenantMayUpdate.length === 0) return
  await run(db, `grant update (${quoteColumns(tenantMayUpdate)}) on ${table.sql} to ${appRole}`)
}

/** Lets every tenant read a table that all share, and the system role write it. */
export async function grantGlobal(db: MigrationHandle, table: TableName): Promise<void> {
  await grantSchemaUsage(db, table.schema)
  await revokeAll(db, table)
  await run(db, `grant select on ${table.sql} to ${appRole}`)
  await run(db, `grant select, insert, update, delete on ${table.sql} to ${systemRole}`)
}

/** Takes every right on the table from everybody but its owner, whatever default privileges have given. */
export async function revokeAll(db: MigrationHandle, table: TableName): Promise<void> {
  await run(db, `revoke all on ${table.sql} from public, ${roles.join(', ')}`)
}

/** A column as the catalog knows it. */
export interface StoredColumn {
  readonly name: string
  readonly isGenerated: boolean
}

/** Reads the columns of a table in their order. */
export async function readColumns(db: MigrationHandle, table: TableName): Promise<readonly StoredColumn[]> {
  return await read<StoredColumn>(
    db,
    `select attname::text as name, attgenerated <> '' as "isGenerated" from pg_catalog.pg_attribute
    where attrelid = ${quoteText(table.sql)}::regclass and attnum > 0 and not attisdropped order by attnum`,
  )
}
