/** Turns a filter by columns into a condition, with the traps of SQL taken out. */
import { expressionBuilder, sql } from 'kysely'
import type { Expression, ExpressionBuilder, RawBuilder, SqlBool } from 'kysely'
import { InvalidArgumentError } from '../errors.ts'
import { isPlainObject } from '../tenancy/arguments.ts'
import { assertColumn, checkDecimal, toColumnValue } from './column-values.ts'
import type { ReadOptions } from './row-types.ts'
import type { TableDefinition } from './table-definition.ts'

type AnyBuilder = ExpressionBuilder<{ readonly row: Record<string, unknown> }, 'row'>

/** A filter without its types. */
export type UntypedFilter = Readonly<Record<string, unknown>> | ((eb: AnyBuilder) => Expression<SqlBool>)

/**
 * The conditions of a filter.
 *
 * A list is one array parameter (`= any($1)`), so it may be empty (no row) and may hold more than 65,535 values.
 *
 * @throws {InvalidArgumentError} when a value is undefined: in SQL it would silently find nothing.
 * @throws {InvalidColumnError} when the table has no such column.
 */
export function filterConditions(table: TableDefinition, filter: UntypedFilter = {}): Expression<SqlBool>[] {
  // in brackets: "or" in a raw expression would otherwise reach beyond the tenant's condition
  if (typeof filter === 'function') return [sql<SqlBool>`(${filter(builder)})`]
  // a Map, an array or an instance has no columns of its own, so it would match every row
  if (!isPlainObject(filter))
    throw new InvalidArgumentError('where', 'must be an object of columns, or a function')
  return Object.entries(filter).map(([column, value]) => columnCondition(table, column, value))
}

/** The conditions that every read of a table carries: the tenant, and living rows unless deleted ones are asked for. */
export function rowConditions(
  table: TableDefinition,
  orgId: string,
  { includeDeleted = false }: ReadOptions,
): RawBuilder<SqlBool>[] {
  const { softDeleteColumn } = table
  if (softDeleteColumn === null || includeDeleted) return tenantConditions(table, orgId)
  return [...tenantConditions(table, orgId), sql<SqlBool>`${columnOf(table, softDeleteColumn)} is null`]
}

/** The tenant's condition; none for a table that all tenants share. */
export function tenantConditions(table: TableDefinition, orgId: string): RawBuilder<SqlBool>[] {
  const { tenantColumn } = table
  return tenantColumn === null ? [] : [sql<SqlBool>`${columnOf(table, tenantColumn)} = ${orgId}`]
}

/** Adds conditions that must all hold. */
export function whereAll<Q extends { where(condition: Expression<SqlBool>): Q }>(
  query: Q,
  conditions: readonly Expression<SqlBool>[],
): Q {
  return conditions.reduce((filtered, condition) => filtered.where(condition), query)
}

/** A column with its table, so that it stays unambiguous in a join; made once, because every query needs it. */
export function columnOf(table: TableDefinition, column: string): RawBuilder<unknown> {
  let columns = references.get(table)
  if (columns === undefined) references.set(table, (columns = new Map()))
  let reference = columns.get(column)
  if (reference === undefined) columns.set(column, (reference = sql.ref(`${table.name}.${column}`)))
  return reference
}

const references: WeakMap<TableDefinition, Map<string, RawBuilder<unknown>>> = new WeakMap()

const builder: AnyBuilder = expressionBuilder()

function columnCondition(table: TableDefinition, column: string, value: unknown): Expression<SqlBool> {
  assertColumn(table, column)
  const argument = `filter on "${column}"`
  if (value === undefined) {
    throw new InvalidArgumentError(argument, 'is undefined: leave the key out, or pass null for "is null"')
  }
  const reference = columnOf(table, column)
  if (value === null) return sql<SqlBool>`${reference} is null`
  const type = table.columns[column] ?? ''
  if (Array.isArray(value) && isScalar(type)) {
    for (const item of value) {
      if (item === undefined || item === null)
        throw new InvalidArgumentError(argument, 'holds null or undefined in its list')
      checkDecimal(argument, type, item)
    }
    return sql<SqlBool>`${reference} = any(${value})`
  }
  checkDecimal(argument, type, value)
  return sql<SqlBool>`${reference} = ${toColumnValue(type, value)}`
}

function isScalar(type: string): boolean {
  return (
    !type.endsWith('[]') &&
    !type.startsWith('json') &&
    !type.startsWith('vector') &&
    !type.startsWith('halfvec')
  )
}
