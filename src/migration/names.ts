/** Names of tables, constraints and indexes: plain lower-case identifiers, so that none needs quoting or escaping. */
import { MigrationError } from '../errors.ts'

/** A table and its schema. */
export interface TableName {
  readonly schema: string
  readonly name: string
  /** `schema.name`, ready for SQL. */
  readonly sql: string
}

/** What a constraint or an index is, as the end of its name says. */
export type NameSuffix = 'pkey' | 'fkey' | 'key' | 'check' | 'idx'

const identifier = /^[a-z_][a-z0-9_]{0,62}$/u

/**
 * Takes `schema.table` apart.
 *
 * @throws {MigrationError} when the schema is missing: a search path that differs would create the table elsewhere.
 */
export function parseTableName(table: string): TableName {
  const [schema, name, ...rest] = table.split('.')
  if (schema === undefined || name === undefined || rest.length > 0) {
    throw new MigrationError(`table "${table}" must be written with its schema: schema.table`)
  }
  return { schema: checkIdentifier(schema), name: checkIdentifier(name), sql: `"${schema}"."${name}"` }
}

/** Quotes a column, role or schema after checking that it is a plain identifier. */
export function quoteIdentifier(name: string): string {
  return `"${checkIdentifier(name)}"`
}

/** Quotes a list of columns: `"org_id", "id"`. */
export function quoteColumns(columns: readonly string[]): string {
  return columns.map(quoteIdentifier).join(', ')
}

/**
 * Builds `<table>_<columns>_<suffix>`.
 *
 * @throws {MigrationError} when it has more than the 63 characters after which PostgreSQL cuts a name off silently.
 */
export function objectName(table: TableName, columns: readonly string[], suffix: NameSuffix): string {
  const name = [table.name, ...columns, suffix].join('_')
  if (name.length <= 63) return checkIdentifier(name)
  throw new MigrationError(`name "${name}" is longer than 63 characters: give the index or constraint a name`)
}

function checkIdentifier(name: string): string {
  if (identifier.test(name)) return name
  throw new MigrationError(
    `"${name}" is no plain name: use 1 to 63 of a-z, 0-9 and _, not starting with a digit`,
  )
}
