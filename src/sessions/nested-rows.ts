/** Rows within rows: what travels as JSON, and how it gets its types back. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { TableDefinition } from '../repository/table-definition.ts'

/** The columns of a table for a JSON object: a bigint as text, because a JSON number that is parsed loses digits. */
export function jsonColumns(table: TableDefinition, alias: string): RawBuilder<unknown> {
  return sql.join(
    Object.entries(table.columns).map(([column, type]) => {
      const reference = sql.ref(`${alias}.${column}`)
      return type === 'bigint' ? sql`${reference}::text as ${sql.ref(column)}` : reference
    }),
  )
}

/** Gives a row that came as JSON the types that it would have had by itself: times are Dates. */
export function rowFromJson<R>(table: TableDefinition, json: Readonly<Record<string, unknown>>): R {
  const row: Record<string, unknown> = { ...json }
  for (const [column, type] of Object.entries(table.columns)) {
    const value = row[column]
    if (type === 'timestamp with time zone' && typeof value === 'string') row[column] = new Date(value)
  }
  // the columns of the table with their types, as the manifest that both come from says
  return row as R
}
