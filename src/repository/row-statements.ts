/** The statements that write one row: compiled once for each set of columns, as only their parameters change. */
import { isExpression, sql } from 'kysely'
import type { CompiledQuery, Kysely, SqlBool } from 'kysely'
import { LRUCache } from 'lru-cache'
import type { Values } from './column-values.ts'
import { columnOf, tenantConditions, whereAll } from './filter.ts'
import type { OneTable } from './keyset-page.ts'
import { keyColumns } from './table-definition.ts'
import type { TableDefinition } from './table-definition.ts'

type RowQuery = CompiledQuery<Record<string, unknown>>

/** Where a row is written to. */
export interface RowTarget {
  readonly db: Kysely<OneTable>
  readonly table: TableDefinition
  readonly orgId: string
}

/** The row that is updated. */
export interface UpdatedRow {
  /** The values of the key, in the order of its columns. */
  readonly key: readonly unknown[]
  readonly which: 'living' | 'deleted' | 'any'
}

/** The statement that inserts a row and returns it. */
export function insertStatement({ db, table }: RowTarget, values: Values): RowQuery {
  const build = (row: Values): RowQuery => db.insertInto(nameOf(table)).values(row).returningAll().compile()
  return isText(values)
    ? build(values)
    : { ...kept(table, 'insert', values, build), parameters: Object.values(values) }
}

/** The statement that updates a row and returns it, when the tenant has it. */
export function updateStatement(target: RowTarget, values: Values, row: UpdatedRow): RowQuery {
  if (isText(values)) return updateOf(target, values, row)
  const { table, orgId } = target
  const { key, which } = row
  const anyone = { ...target, orgId: '' }
  const anything = { which, key: key.map(() => null) }
  const query = kept(table, which, values, (nulls) => updateOf(anyone, nulls, anything))
  const tenant = table.tenantColumn === null ? [] : [orgId]
  return { ...query, parameters: [...Object.values(values), ...tenant, ...key] }
}

/** An expression among the values is part of the statement's text, which is then compiled each time. */
function isText(values: Values): boolean {
  return Object.values(values).some((value) => typeof value === 'function' || isExpression(value))
}

function updateOf({ db, table, orgId }: RowTarget, values: Values, { key, which }: UpdatedRow): RowQuery {
  const { softDeleteColumn } = table
  const conditions = [
    ...tenantConditions(table, orgId),
    ...keyColumns(table).map((column, index) => sql<SqlBool>`${columnOf(table, column)} = ${key[index]}`),
  ]
  if (softDeleteColumn !== null && which !== 'any') {
    const isNull = which === 'living' ? sql`is null` : sql`is not null`
    conditions.push(sql<SqlBool>`${columnOf(table, softDeleteColumn)} ${isNull}`)
  }
  const query = whereAll(db.updateTable(nameOf(table)).set(values), conditions)
  return query.returningAll().compile()
}

/** The statement for these columns, compiled without values: it outlives the row. */
function kept(
  table: TableDefinition,
  kind: 'insert' | UpdatedRow['which'],
  values: Values,
  build: (nulls: Values) => RowQuery,
): RowQuery {
  const columns = Object.keys(values)
  let queries = cache.get(table)
  if (queries === undefined) cache.set(table, (queries = new LRUCache({ max: maxStatements })))
  const shape = [kind, ...columns].join('\0')
  let query = queries.get(shape)
  if (query === undefined) {
    query = build(Object.fromEntries(columns.map((column) => [column, null])))
    queries.set(shape, query)
  }
  return query
}

function nameOf({ name }: TableDefinition): 'row' {
  return name as 'row'
}

/** Sets of columns that are kept for each table: programs write few, and one that was forgotten is compiled again. */
const maxStatements = 100

const cache: WeakMap<TableDefinition, LRUCache<string, RowQuery>> = new WeakMap()
