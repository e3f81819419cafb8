/** Columns of a table that a migration creates, with a function for each rule of the data model. */
import { quoteText } from '../database/quote.ts'
import { quoteIdentifier } from './names.ts'

/** One column. It is `not null` unless `optional` says otherwise. */
export interface Column {
  /** The SQL type, written as in `create table`: `text`, `vector(384)`. */
  readonly type: string
  /** Allows null. */
  readonly optional?: boolean
  /** An SQL expression: `false`, `gen_random_uuid()`, `'draft'` with its quotes. */
  readonly default?: string
  /** Builds the condition of `<table>_<column>_check`. */
  readonly check?: (column: string) => string
  /** The SQL expression of a stored generated column. */
  readonly generated?: string
  /** What the name does not say; the generated types carry it. */
  readonly comment?: string
}

/** What the caller of a column function may add. */
export type ColumnOptions = Pick<Column, 'optional' | 'default' | 'comment'>

/** Columns by their names, in the order of the table. */
export type Columns = Readonly<Record<string, Column>>

/** A text that is one of a list. A CHECK and not an enum: `enum =` is not leakproof, so row-level security would switch its index off. */
export function oneOf(values: readonly string[], options: ColumnOptions & { value?: string } = {}): Column {
  const { value, ...rest } = options
  const check = (column: string): string => checkIn(column, values)
  return { type: 'text', check, ...(value === undefined ? {} : { default: quoteText(value) }), ...rest }
}

/** Builds the condition `column in ('a', 'b')`, which the code generator turns into a union type. */
export function checkIn(column: string, values: readonly string[]): string {
  return `${column} in (${values.map(quoteText).join(', ')})`
}

/** A `real` between 0 and 1. Not `numeric`: its comparisons are not leakproof, and it arrives as a string. */
export function score(options: ColumnOptions = {}): Column {
  return { type: 'real', check: (column) => `${column} between 0 and 1`, ...options }
}

/** A `jsonb` that holds an object, `{}` by default. */
export function jsonObject(
  value: Readonly<Record<string, unknown>> = {},
  options: ColumnOptions = {},
): Column {
  return {
    type: 'jsonb',
    default: quoteText(JSON.stringify(value)),
    check: (column) => `jsonb_typeof(${column}) = 'object'`,
    ...options,
  }
}

/** A whole number that starts at 0 and is never negative. */
export function counter(type: 'integer' | 'bigint' = 'integer', options: ColumnOptions = {}): Column {
  return { type, default: '0', check: (column) => `${column} >= 0`, ...options }
}

/** A `text[]`, empty by default. */
export function textList(options: ColumnOptions = {}): Column {
  return { type: 'text[]', default: "'{}'", ...options }
}

/** A SHA-256 in 64 hexadecimal digits, lower case. */
export function sha256(options: ColumnOptions = {}): Column {
  return { type: 'char(64)', check: (column) => `${column} ~ '^[0-9a-f]{64}$'`, ...options }
}

/** A text whose length in characters is limited. */
export function textOfLength(least: number, most: number, options: ColumnOptions = {}): Column {
  return {
    type: 'text',
    check: (column) => `char_length(${column}) between ${least} and ${most}`,
    ...options,
  }
}

/**
 * The definition of a column as it stands in `create table`, without its check.
 *
 * @throws {MigrationError} when the name is no plain lower-case identifier.
 */
export function columnSql(name: string, column: Column): string {
  const parts = [quoteIdentifier(name), column.type]
  if (column.default !== undefined) parts.push('default', column.default)
  if (column.generated !== undefined) parts.push(`generated always as (${column.generated}) stored`)
  if (column.optional !== true) parts.push('not null')
  return parts.join(' ')
}
