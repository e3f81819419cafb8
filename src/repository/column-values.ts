/** Checks the columns and values of a row before they become SQL. */
import { vectorText } from '../database/vector-text.ts'
import { InvalidArgumentError, InvalidColumnError, TenantMismatchError } from '../errors.ts'
import { isUuid } from '../tenancy/arguments.ts'
import type { TableDefinition } from './table-definition.ts'

/** A row or patch as it is handed in. */
export type Values = Readonly<Record<string, unknown>>

/** @throws {InvalidColumnError} when the table has no such column. */
export function assertColumn(table: TableDefinition, column: string): void {
  // Object.hasOwn: "constructor" is no column either
  if (!Object.hasOwn(table.columns, column)) {
    throw new InvalidColumnError(
      table.name,
      column,
      'does not exist: see types/database.d.ts, or generate the types again',
    )
  }
}

/**
 * The columns of a row to insert, with the tenant's id; keys that are undefined are left out, as if they were not there.
 *
 * @throws {TenantMismatchError} when the row names another tenant.
 */
export function rowToInsert(table: TableDefinition, row: Values, orgId: string): Values {
  const values = writable(table, row)
  const { tenantColumn } = table
  if (tenantColumn === null) return values
  const given = values[tenantColumn]
  if (given !== undefined && !(typeof given === 'string' && given.toLowerCase() === orgId)) {
    throw new TenantMismatchError(
      `row for "${table.name}" names another tenant: leave ${tenantColumn} out, the scope fills it in`,
    )
  }
  return { ...values, [tenantColumn]: orgId }
}

/**
 * The columns of a patch.
 *
 * @throws {InvalidColumnError} when it names the tenant column or a column of the primary key.
 */
export function patchToUpdate(table: TableDefinition, patch: Values): Values {
  const values = writable(table, patch)
  for (const column of [...table.primaryKey, ...(table.tenantColumn === null ? [] : [table.tenantColumn])]) {
    if (column in values)
      throw new InvalidColumnError(table.name, column, 'is part of the key and cannot be updated')
  }
  return values
}

/**
 * The columns of an upsert: those of its key, with the tenant's, and those that are overwritten.
 *
 * @throws {InvalidArgumentError} when there is no key, or a column to overwrite has no value: it would get its default.
 * @throws {InvalidColumnError} when a column does not exist or cannot be updated.
 */
export function upsertColumns(
  table: TableDefinition,
  values: Values,
  {
    conflict,
    update,
  }: { readonly conflict: readonly string[]; readonly update?: readonly string[] | undefined },
): { readonly conflict: readonly string[]; readonly updated: readonly string[] } {
  if (conflict.length === 0)
    throw new InvalidArgumentError('conflict', 'must name the columns of a unique key')
  const { tenantColumn, primaryKey } = table
  const key = new Set(tenantColumn === null ? conflict : [tenantColumn, ...conflict])
  for (const column of key) assertColumn(table, column)
  const updated =
    update ?? Object.keys(values).filter((column) => !key.has(column) && !primaryKey.includes(column))
  for (const column of updated) {
    assertColumn(table, column)
    if (!Object.hasOwn(values, column))
      throw new InvalidArgumentError('update', `names "${column}", which the row does not give`)
  }
  patchToUpdate(table, Object.fromEntries(updated.map((column) => [column, values[column]])))
  return { conflict: [...key], updated }
}

/**
 * A value as the driver must be given it: JSON columns take arrays, vector columns take number arrays, which the driver,
 * not knowing the column, would both write as PostgreSQL arrays.
 */
export function toColumnValue(type: string, value: unknown): unknown {
  const isJson = type === 'jsonb' || type === 'json'
  if (isJson && Array.isArray(value)) return JSON.stringify(value)
  const isVector = type.startsWith('vector') || type.startsWith('halfvec')
  if (isVector && value instanceof Float32Array) return vectorText(value)
  if (isVector && Array.isArray(value)) return `[${value.join(',')}]`
  return value
}

/**
 * Checks what a `numeric` column is given, in which money is stored: decimal texts, which lose no cent.
 *
 * A text such as `1e3` or `NaN` means something to PostgreSQL, and is no amount.
 *
 * @throws {InvalidArgumentError} when it is a number, or a text that is no decimal number; `argument` is how it is called.
 */
export function checkDecimal(argument: string, type: string, value: unknown): void {
  if (value === null || !numeric.test(type)) return
  const isList = type.endsWith('[]')
  if (isList ? Array.isArray(value) && value.every(isDecimal) : isDecimal(value)) return
  const expected = isList ? 'a list of decimal texts' : 'a decimal text'
  throw new InvalidArgumentError(
    argument,
    `must be ${expected} such as '12.50': a number is floating point and would not be exact`,
  )
}

const numeric = /^numeric(\(|\[|$)/

function isDecimal(value: unknown): boolean {
  return value === null || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value))
}

/**
 * Checks a value that is compared with a key column.
 *
 * @throws {InvalidArgumentError} when it is missing, or no uuid where the column is one.
 */
export function checkKeyValue(table: TableDefinition, column: string, value: unknown): unknown {
  if (value === undefined || value === null)
    throw new InvalidArgumentError(column, `of "${table.name}" is missing: it is part of the key`)
  if (table.columns[column] === 'uuid' && !isUuid(value)) {
    throw new InvalidArgumentError(column, `of "${table.name}" is not a uuid`)
  }
  return value
}

function writable(table: TableDefinition, row: Values): Values {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new InvalidArgumentError('row', `for "${table.name}" must be an object of columns`)
  }
  const values: Record<string, unknown> = {}
  for (const [column, value] of Object.entries(row)) {
    assertColumn(table, column)
    if (value === undefined) continue
    if (table.generatedColumns.includes(column)) {
      throw new InvalidColumnError(table.name, column, 'is generated by the database and cannot be written')
    }
    const type = table.columns[column] ?? ''
    checkDecimal(column, type, value)
    values[column] = toColumnValue(type, value)
  }
  return values
}
