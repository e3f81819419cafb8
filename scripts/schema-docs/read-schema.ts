/** Reads a live schema into what the picture and the page are made from. */
import { sql } from 'kysely'
import type { Kysely, Transaction } from 'kysely'
import { describeSchema, qualify } from '../../src/codegen/describe-schema.ts'
import type { ColumnDescription, TableDescription } from '../../src/codegen/describe-schema.ts'
import { readJsonType, readValueList } from '../../src/codegen/value-list.ts'
import { readCatalog } from './catalog.ts'
import type { Catalog, CatalogCheck, CatalogForeignKey, CatalogIndex } from './catalog.ts'
import { readableSql, readableType } from './readable-sql.ts'

/** A column as a reader wants to know it. */
export interface SchemaColumn extends Pick<
  ColumnDescription,
  'comment' | 'isGenerated' | 'isNullable' | 'jsonType' | 'name' | 'values'
> {
  /** In its short form: `timestamptz`, `char(64)`. */
  readonly type: string
  /** The default, or what generates the column. */
  readonly expression: string | undefined
  /** The conditions on this column alone that neither its values nor its JSON type tell. */
  readonly checks: readonly string[]
}

/** A reference between two tables, without the tenant column that both sides have. */
export interface Reference {
  readonly table: string
  readonly columns: readonly string[]
  readonly target: string
  readonly targetColumns: readonly string[]
  /** `on delete cascade` */
  readonly action: string
  /** The reference is the tenant itself: every tenant table has one of these. */
  readonly isTenant: boolean
  /** The row may do without it. */
  readonly isOptional: boolean
  /** No two rows have the same one. */
  readonly isUnique: boolean
}

/** An index; the one behind a key too. */
export type SchemaIndex = Pick<CatalogIndex, 'columns' | 'definition' | 'isPrimary' | 'isUnique'>

/** A table with what it refers to and what refers to it. */
export interface SchemaTable extends Pick<
  TableDescription,
  'comment' | 'name' | 'primaryKey' | 'tenantColumn'
> {
  readonly columns: readonly SchemaColumn[]
  /** Conditions over several columns. */
  readonly checks: readonly string[]
  readonly indexes: readonly SchemaIndex[]
  /** `16 hash partitions by org_id` */
  readonly partitioning: string | undefined
  readonly refersTo: readonly Reference[]
  readonly referredToBy: readonly Reference[]
}

/** Reads every table of the schema but no view, sorted by name; expressions come out as a person would write them. */
export async function readSchema<DB>(db: Kysely<DB>, schema: string): Promise<readonly SchemaTable[]> {
  return await db.transaction().execute(async (trx) => {
    await usePath(trx, schema)
    const described = await describeSchema(trx)
    const catalog = await readCatalog(trx, schema)
    const tables = described.filter((table) => table.schema === schema && !table.isView)
    const byName = new Map(described.map((table) => [nameWithin(schema, table), table]))
    const references = catalog.foreignKeys.map((key) => describeReference(key, byName, catalog.indexes))
    return tables.map((table) => describeTable(table, catalog, references))
  })
}

/** The name as the catalog of this schema has it. */
function nameWithin(schema: string, table: TableDescription): string {
  return table.schema === schema ? table.name : qualify(table.schema, table.name)
}

/** Makes PostgreSQL write the names of the schema bare, whatever the login's own search path is. */
async function usePath<DB>(trx: Transaction<DB>, schema: string): Promise<void> {
  await sql`select set_config('search_path', format('%I, public', ${schema}::text), true)`.execute(trx)
}

function describeTable(
  { name, comment, primaryKey, tenantColumn, columns }: TableDescription,
  catalog: Catalog,
  references: readonly Reference[],
): SchemaTable {
  const isMine = (row: { readonly table: string }): boolean => row.table === name
  const checks = catalog.checks.filter(isMine)
  const partitioning = catalog.partitionings.find(isMine)
  const expressions = new Map(catalog.defaults.filter(isMine).map((row) => [row.column, row.expression]))
  return {
    name,
    comment,
    primaryKey,
    tenantColumn,
    columns: columns.map((column) => describeColumn(column, expressions.get(column.name), checks)),
    checks: checks
      .filter((check) => check.columns.length !== 1)
      .map((check) => readableSql(check.expression)),
    indexes: catalog.indexes.filter(isMine).map(describeIndex),
    partitioning: partitioning && describePartitioning(partitioning.key, partitioning.count),
    refersTo: references.filter(isMine),
    referredToBy: references.filter((reference) => reference.target === name),
  }
}

function describeColumn(
  column: ColumnDescription,
  expression: string | undefined,
  checks: readonly CatalogCheck[],
): SchemaColumn {
  const { name, comment, isGenerated, isNullable, jsonType, values } = column
  const isTold = (check: string): boolean =>
    (values !== undefined && readValueList(check, name) !== undefined) ||
    (jsonType !== undefined && readJsonType(check, name) !== undefined)
  const own = checks.filter((check) => check.columns.length === 1 && check.columns[0] === name)
  return {
    name,
    comment,
    isGenerated,
    isNullable,
    jsonType,
    values,
    type: readableType(column.type),
    expression: expression === undefined ? undefined : readableSql(expression),
    checks: own.filter((check) => !isTold(check.expression)).map((check) => readableSql(check.expression)),
  }
}

function describeIndex({ columns, definition, isPrimary, isUnique }: CatalogIndex): SchemaIndex {
  return { columns, definition: readableSql(definition), isPrimary, isUnique }
}

function describeReference(
  key: CatalogForeignKey,
  tables: ReadonlyMap<string, TableDescription>,
  indexes: readonly CatalogIndex[],
): Reference {
  const tenantColumn = tables.get(key.table)?.tenantColumn
  const targetTenantColumn = tables.get(key.target)?.tenantColumn
  const pairs = key.columns.map((column, place) => ({ column, target: key.targetColumns[place] ?? '' }))
  const own = pairs.filter(({ column, target }) => column !== tenantColumn || target !== targetTenantColumn)
  const isTenant = own.length === 0
  const shown = isTenant ? pairs : own
  const columns = shown.map(({ column }) => column)
  return {
    table: key.table,
    columns,
    target: key.target,
    targetColumns: shown.map(({ target }) => target),
    action: describeAction(key.action, columns),
    isTenant,
    isOptional: hasNullable(tables.get(key.table)?.columns ?? [], key.columns),
    isUnique: indexes.some((index) => index.table === key.table && isKeyWithin(index, key.columns)),
  }
}

function hasNullable(columns: readonly ColumnDescription[], names: readonly string[]): boolean {
  return columns.some((column) => column.isNullable && names.includes(column.name))
}

function describeAction(action: string, columns: readonly string[]): string {
  if (action === '') return 'on delete no action'
  // emptying the whole reference is what everybody expects
  return action.toLowerCase().replace(` (${columns.join(', ')})`, '')
}

function isKeyWithin(index: CatalogIndex, columns: readonly string[]): boolean {
  return index.isUnique && index.isPlain && index.columns.every((column) => columns.includes(column))
}

function describePartitioning(key: string, count: number): string {
  const [, method = '', columns = ''] = /^(\w+) \((.*)\)$/u.exec(key) ?? []
  return `${count} ${method.toLowerCase()} partitions by ${columns}`
}
