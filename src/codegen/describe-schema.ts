/** Introspects a live database: kysely-codegen's metadata, made truthful with what `pg_catalog` adds. */
import type { Kysely } from 'kysely'
import { PostgresDialect } from 'kysely-codegen'
import type { PostgresDB, TableMetadata } from 'kysely-codegen'
import { readColumns, readTables } from './catalog.ts'
import type { CatalogColumn, CatalogTable } from './catalog.ts'
import { findTenantColumn } from './tenant-column.ts'
import { readJsonType, readValueList } from './value-list.ts'
import type { ValueList } from './value-list.ts'

/** A type, and the module that exports it. */
export interface JsonTypeName {
  readonly name: string
  /** As the generated file must write it: `../src/notes/note-layout.js`, or the name of a package. */
  readonly from: string
}

/** A column with all that its TypeScript type depends on. */
export interface ColumnDescription extends Omit<CatalogColumn, 'checks' | 'schema' | 'table'> {
  readonly comment: string | null
  /** The only values that the column may hold, when a CHECK or an enum lists them. */
  readonly values: ValueList | undefined
  /** `object` or `array`, when a CHECK says that the JSON is one. */
  readonly jsonType: string | undefined
  /** The type of the JSON, when the caller named one. */
  readonly namedType?: JsonTypeName
}

/** A table or view with all that its types and its manifest depend on. */
export interface TableDescription {
  readonly schema: string
  readonly name: string
  readonly comment: string | null
  readonly isView: boolean
  readonly columns: readonly ColumnDescription[]
  readonly primaryKey: readonly string[]
  readonly tenantColumn: string | null
}

/** Which tables are described, and how a tenant's rows are recognised. */
export interface DescribeOptions {
  /** The schemas to describe; all that the connection may use when left out. */
  readonly schemas?: readonly string[] | undefined
  /** The tenant column of tables whose policies do not tell (default `org_id`). */
  readonly tenantColumn?: string | undefined
}

/**
 * Describes every table and view, sorted by schema and name; partitions and Kysely's own tables are left out.
 *
 * Any Kysely instance will do, the embedded engine's too. The connection must be allowed to use the schemas.
 */
export async function describeSchema<DB>(
  db: Kysely<DB>,
  options: DescribeOptions = {},
): Promise<readonly TableDescription[]> {
  const { schemas, tenantColumn = 'org_id' } = options
  // kysely-codegen calls every child of a table a partition; one that merely inherits is a table of its own
  const dialect = new PostgresDialect({ partitions: true })
  // one after the other: the embedded engine has a single connection
  // the introspector reads pg_catalog only: what the caller's own tables are does not matter to it
  const metadata = await dialect.introspector.introspect({ db: db as unknown as Kysely<PostgresDB> })
  const tables = groupByTable(await readTables(db), (table) => table.name)
  const columns = groupByTable(await readColumns(db), (column) => column.table)

  const described: TableDescription[] = []
  for (const found of metadata.tables) {
    const key = qualify(found.schema ?? '', found.name)
    const table = tables.get(key)?.[0]
    if (table === undefined || table.isPartition) continue
    if (schemas !== undefined && !schemas.includes(table.schema)) continue
    described.push(describeTable(found, table, { columns: columns.get(key) ?? [], tenantColumn }))
  }
  return described.sort((a, b) => compare(qualify(a.schema, a.name), qualify(b.schema, b.name)))
}

/** The key of a table in `DB`: always with its schema, `public` too. */
export function qualify(schema: string, name: string): string {
  return `${schema}.${name}`
}

function describeTable(
  found: TableMetadata,
  table: CatalogTable,
  { columns, tenantColumn }: { readonly columns: readonly CatalogColumn[]; readonly tenantColumn: string },
): TableDescription {
  const comments = new Map(found.columns.map((column) => [column.name, column.comment]))
  const names = columns.map((column) => column.name)
  return {
    schema: table.schema,
    name: table.name,
    comment: table.comment,
    isView: found.isView,
    columns: columns.map((column) => describeColumn(column, comments.get(column.name) ?? null)),
    primaryKey: table.primaryKey,
    tenantColumn: findTenantColumn(table, names, tenantColumn),
  }
}

function describeColumn(
  { schema: _schema, table: _table, checks, ...column }: CatalogColumn,
  comment: string | null,
): ColumnDescription {
  const jsonTypes = checks.map((check) => readJsonType(check, column.name))
  return {
    ...column,
    comment,
    values: column.labels ?? allowedValues(column, checks),
    jsonType: jsonTypes.find((jsonType) => jsonType !== undefined),
  }
}

/** The values that all lists have in common, where the column's type arrives as such values. */
function allowedValues(
  column: Pick<CatalogColumn, 'baseType' | 'isArray' | 'name'>,
  checks: readonly string[],
): ValueList | undefined {
  if (column.isArray) return undefined
  // char(n) arrives padded with spaces, bigint as text: their lists would not be what a row holds
  if (['text', 'varchar'].includes(column.baseType)) return intersect(checks, column.name, isText)
  return ['int2', 'int4'].includes(column.baseType) ? intersect(checks, column.name, isNumber) : undefined
}

function intersect<T extends number | string>(
  checks: readonly string[],
  column: string,
  isValue: (value: number | string) => value is T,
): readonly T[] | undefined {
  let common: readonly T[] | undefined
  for (const check of checks) {
    const values: readonly (number | string)[] | undefined = readValueList(check, column)
    if (values === undefined || !values.every(isValue)) continue
    common = common === undefined ? values : common.filter((value) => values.includes(value))
  }
  return common === undefined || common.length === 0 ? undefined : common
}

function isText(value: number | string): value is string {
  return typeof value === 'string'
}

function isNumber(value: number | string): value is number {
  return typeof value === 'number'
}

function groupByTable<T extends { readonly schema: string }>(
  rows: readonly T[],
  name: (row: T) => string,
): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(rows, (row) => qualify(row.schema, name(row)))
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
