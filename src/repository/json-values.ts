/** How the values of a row travel inside JSON, and how they become what a plain read gives. */
import { sql } from 'kysely'
import type { AliasedRawBuilder, RawBuilder } from 'kysely'
import { assertColumn } from './column-values.ts'
import type { TableDefinition } from './table-definition.ts'

type Parser = (text: string) => unknown
type Row = Record<string, unknown>

/** What of a row in JSON is not yet what a plain read gives. */
export interface RowShape {
  /** The columns that travel as PostgreSQL's text, with their types. */
  readonly texts: readonly { readonly column: string; readonly type: string }[]
  /** The related rows in it. */
  readonly related: readonly { readonly name: string; readonly shape: RowShape }[]
}

/**
 * The types whose JSON is what a plain read gives. Of the others JSON loses something: digits of a bigint, the NaN of a
 * float, the form of a date; of a type that is not known, such as a domain over one of them, it may.
 */
const sameInJson = /^(?:boolean|smallint|integer|text|uuid|jsonb?|character(?: varying)?(?:\(\d+\))?)$/

/**
 * The columns of rows that become JSON (default: all of the table), where `rows` is the name of these in the statement.
 *
 * @throws {InvalidColumnError} when the table has no such column.
 */
export function jsonColumns(
  table: TableDefinition,
  rows: string,
  names: readonly string[] = Object.keys(table.columns),
): { readonly columns: readonly AliasedRawBuilder<unknown, string>[]; readonly texts: RowShape['texts'] } {
  for (const name of names) assertColumn(table, name)
  const typed = [...new Set(names)].map((column) => ({ column, type: table.columns[column] ?? 'text' }))
  return {
    columns: typed.map(({ column, type }) => {
      const reference = sql.ref(`${rows}.${column}`)
      return (sameInJson.test(type) ? sql`${reference}` : asText(reference)).as(column)
    }),
    texts: typed.filter(({ type }) => !sameInJson.test(type)),
  }
}

/**
 * One column for each type that travels as text. It is always null: what is wanted is that the server says which type the
 * column has, a domain's base type included, so that the connection's own parser can be asked for.
 */
export function typeColumns(shape: RowShape): AliasedRawBuilder<null, string>[] {
  // a domain may refuse null, so none is made
  return typesOf(shape).map((type, index) =>
    sql<null>`case when false then null::${sql.raw(type)} end`.as(`${typePrefix}${index}`),
  )
}

/** The rows without the columns of {@link typeColumns}, their values as plain reads give them. */
export function readValues(
  rows: readonly Row[],
  shape: RowShape,
  parserOf: (column: string) => Parser | undefined,
): Row[] {
  const parsers = new Map(typesOf(shape).map((type, index) => [type, parserOf(`${typePrefix}${index}`)]))
  const readRow = rowReader(shape, parsers)
  return rows.map((row) => {
    const values = Object.entries(row).filter(([name]) => !name.startsWith(typePrefix))
    return readRow(Object.fromEntries(values))
  })
}

/**
 * A value as the text that PostgreSQL would send for it. A cast is not always the same: it takes the padding from a
 * `char(n)` and adds the mask to an `inet`.
 */
function asText(reference: RawBuilder<unknown>): RawBuilder<string | null> {
  // concat makes '' of null; "is null" would also be true of a composite value whose fields all are
  return sql`case when ${reference} is distinct from null then concat(${reference}) end`
}

const typePrefix = '__ibex_type_'

function typesOf(shape: RowShape): readonly string[] {
  const types = shape.texts.map(({ type }) => type)
  return [...new Set([...types, ...shape.related.flatMap(({ shape: child }) => typesOf(child))])]
}

/** Reads rows of one shape in place: they were made out of JSON a moment ago, and nobody else has them. */
function rowReader(shape: RowShape, parsers: ReadonlyMap<string, Parser | undefined>): (row: Row) => Row {
  const texts = shape.texts.map(({ column, type }) => ({ column, parse: parsers.get(type) ?? String }))
  const related = shape.related.map(({ name, shape: child }) => ({ name, read: rowReader(child, parsers) }))
  return (row) => {
    for (const { column, parse } of texts) {
      const text = row[column]
      if (typeof text === 'string') row[column] = parse(text)
    }
    for (const { name, read } of related) {
      // rows out of json_agg, the row or the null of to_json
      const value = row[name] as Row[] | Row | null
      if (value !== null) [value].flat().forEach(read)
    }
    return row
  }
}
