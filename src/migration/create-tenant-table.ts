/** Creates a tenant table with everything that protects it, in one call. */
import { MissingMigrationsError } from '../errors.ts'
import type { Column, Columns } from './columns.ts'
import { createTable, idColumn, timeColumns, uniqueSql } from './create-table.ts'
import type { TableCheck, TableParts } from './create-table.ts'
import { openToErasure } from './erasure-access.ts'
import type { MigrationHandle } from './handle.ts'
import { read } from './handle.ts'
import type { TableName } from './names.ts'
import { objectName, parseTableName, quoteColumns } from './names.ts'
import { createHashPartitions } from './partitions.ts'
import type { TenantReference } from './references.ts'
import { indexReference, referenceSql } from './references.ts'
import { grantRoot, isolate } from './tenant-isolation.ts'
import { refuseChanges } from './triggers.ts'

/** What a tenant table is, beyond what every tenant table has. */
export type TenantTableDefinition = ChangeableTable | AppendOnlyTable

/** A table whose rows change. */
export interface ChangeableTable extends AnyTenantTable {
  readonly appendOnly?: false
  /** Adds `deleted_at`. */
  readonly softDelete?: boolean
}

/** A table whose rows never change: no `updated_at`, no right to UPDATE or DELETE, and a trigger that raises for everybody. */
export interface AppendOnlyTable extends AnyTenantTable {
  readonly appendOnly: true
  readonly softDelete?: false
}

/** What both kinds have. */
export interface AnyTenantTable {
  /** What a row is; the generated types carry it. */
  readonly comment: string
  readonly columns: Columns
  /** The key after `org_id`. Without it the table gets an `id` and is keyed by that. */
  readonly primaryKey?: readonly string[]
  /** Further keys, each without the `org_id` that it begins with. */
  readonly unique?: readonly (readonly string[])[]
  /** Conditions over several columns; those of one column belong to it. */
  readonly checks?: readonly TableCheck[]
  readonly references?: readonly TenantReference[]
  /** Splits the table by hash of `org_id` into so many partitions. */
  readonly partitions?: number
}

/** The table of the tenants themselves. */
export interface TenantRootDefinition extends Omit<
  ChangeableTable,
  'primaryKey' | 'references' | 'partitions'
> {
  /** The columns that a tenant may change of its own row. */
  readonly tenantMayUpdate: readonly string[]
}

/**
 * Creates a tenant table: `org_id` and `id`, keys, times, policies, exact rights, triggers, comments.
 *
 * Works for a table of your own, in a schema of your own; the migrations of ibex-db must have run before.
 *
 * ```ts
 * await createTenantTable(db, 'public.notes', {
 *   comment: 'Something that an agent wrote down.',
 *   softDelete: true,
 *   columns: {
 *     agent_id: { type: 'uuid' },
 *     title: textOfLength(1, 200),
 *     status: oneOf(['draft', 'published'], { value: 'draft' }),
 *   },
 *   references: [{ columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade' }],
 * })
 * ```
 *
 * The way down is `drop table public.notes`.
 *
 * @throws {MissingMigrationsError} when the migrations of ibex-db have not run.
 */
export async function createTenantTable(
  db: MigrationHandle,
  table: string,
  definition: TenantTableDefinition,
): Promise<void> {
  const name = parseTableName(table)
  await requireMigrations(db)
  const { primaryKey = ['id'], partitions } = definition
  const columns: Columns = {
    org_id: orgIdColumn,
    ...(definition.primaryKey === undefined ? { id: idColumn } : {}),
    ...definition.columns,
    ...timeColumns(definition),
  }
  const constraints = [
    `constraint ${objectName(name, ['org_id', ...primaryKey], 'pkey')} primary key (${quoteColumns(['org_id', ...primaryKey])})`,
    `constraint ${objectName(name, ['org_id'], 'fkey')} foreign key (org_id) references ibex_core.organizations (id) on delete cascade`,
    ...(definition.unique ?? []).map((key) => uniqueSql(name, ['org_id', ...key])),
    ...(definition.references ?? []).map((reference) => referenceSql(name, reference)),
  ]
  await createIsolated(db, name, { ...definition, columns, constraints, tenantColumn: 'org_id' })
  if (partitions !== undefined) await createHashPartitions(db, name, partitions)
  for (const reference of definition.references ?? []) await indexReference(db, table, reference)
}

/**
 * Creates the table of the tenants themselves: its `id` is the tenant, and its keys reach across tenants.
 *
 * There is one such table, `ibex_core.organizations`. A tenant reads its own row and changes what `tenantMayUpdate` names;
 * the rest is the system role's: whoever may write a key that is unique among all tenants learns which ones others have.
 */
export async function createTenantRoot(
  db: MigrationHandle,
  table: string,
  definition: TenantRootDefinition,
): Promise<void> {
  const name = parseTableName(table)
  const columns = { id: idColumn, ...definition.columns, ...timeColumns(definition) }
  const constraints = [
    `constraint ${objectName(name, ['id'], 'pkey')} primary key (id)`,
    ...(definition.unique ?? []).map((key) => uniqueSql(name, key)),
  ]
  await createIsolated(db, name, { ...definition, columns, constraints, tenantColumn: 'id' })
  await grantRoot(db, name, definition.tenantMayUpdate)
}

const orgIdColumn: Column = { type: 'uuid', default: 'ibex_core.current_org_id()' }

async function requireMigrations(db: MigrationHandle): Promise<void> {
  const [row] = await read<{ exists: boolean }>(
    db,
    "select to_regprocedure('ibex_core.current_org_id()') is not null as exists",
  )
  if (row?.exists === true) return
  throw new MissingMigrationsError(
    'the database has no ibex_core schema: run the migrations of ibex-db before your own (migrationProvider of ibex-db/migrations)',
  )
}

interface IsolatedParts extends TableParts {
  readonly tenantColumn: string
  readonly partitions?: number
}

async function createIsolated(db: MigrationHandle, table: TableName, parts: IsolatedParts): Promise<void> {
  const { tenantColumn, appendOnly = false, partitions } = parts
  const partitionBy = partitions === undefined ? '' : ` partition by hash (${tenantColumn})`
  await createTable(db, table, parts, partitionBy)
  await isolate(db, table, { tenantColumn, appendOnly })
  if (!appendOnly) return
  await refuseChanges(db, table)
  await openToErasure(db, table)
}
