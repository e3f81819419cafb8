/** Inserts many rows in one statement whose parameters are one array a column. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { toWireValue } from '../tenancy/wire-value.ts'
import type { Values } from './column-values.ts'
import type { TableDefinition } from './table-definition.ts'

/** Rows that give the same columns, with their places in what was handed in. */
export interface RowGroup {
  readonly columns: readonly string[]
  readonly rows: readonly Values[]
  readonly positions: readonly number[]
}

/** What may follow the rows. */
export interface BulkInsertParts {
  /** `on conflict …` */
  readonly suffix?: RawBuilder<unknown>
  /** Default: all columns. */
  readonly returning?: RawBuilder<unknown>
}

/** Rows of one statement at most: keeps a message of wide rows (a vector is some 4 kB of text) well below 100 MB. */
const maxRows = 5_000

/**
 * Groups rows by the columns that they give: a column left out takes its default, which an array cannot say.
 */
export function groupRows(rows: readonly Values[]): readonly RowGroup[] {
  const groups = new Map<string, { columns: string[]; rows: Values[]; positions: number[] }>()
  for (const [position, row] of rows.entries()) {
    const columns = Object.keys(row).toSorted()
    const key = columns.join('\0')
    const group = groups.get(key) ?? { columns, rows: [], positions: [] }
    group.rows.push(row)
    group.positions.push(position)
    groups.set(key, group)
  }
  return [...groups.values()].flatMap(splitGroup)
}

/**
 * The statement that inserts a group, in order.
 *
 * ```sql
 * insert into "public"."notes" ("body", "org_id")
 * select "body", "org_id" from unnest($1::text[], $2::uuid[]) with ordinality as "new" ("body", "org_id", "position")
 * order by "position" returning *
 * ```
 *
 * COPY would be as fast, but refuses to load a table with row-level security (0A000).
 */
export function bulkInsertQuery<R>(
  table: TableDefinition,
  group: RowGroup,
  { suffix = sql``, returning = sql`*` }: BulkInsertParts = {},
): RawBuilder<R> {
  const columns = group.columns.map((column) => sql.ref(column))
  const arrays = group.columns.map((column) =>
    columnArray(table.columns[column] ?? 'text', group.rows, column),
  )
  const position = sql.ref('ibex_position')
  return sql<R>`insert into ${sql.table(table.name)} (${sql.join(columns)}) select ${sql.join(
    group.columns.map((column) => selected(table.columns[column] ?? 'text', column)),
  )} from unnest(${sql.join(arrays)}) with ordinality as ${sql.ref('new')} (${sql.join([...columns, position])}) order by ${position} ${suffix} returning ${returning}`
}

/** A column of arrays travels as text: PostgreSQL's arrays of arrays are rectangular, and unnest would flatten them. */
function columnArray(type: string, rows: readonly Values[], column: string): RawBuilder<unknown> {
  if (!type.endsWith('[]')) return sql`${rows.map((row) => row[column])}::${sql.raw(castType(type))}[]`
  const texts = rows.map((row, index) => toWireValue(row[column], index))
  return sql`${texts}::text[]`
}

function selected(type: string, column: string): RawBuilder<unknown> {
  const reference = sql.ref(column)
  return type.endsWith('[]') ? sql`${reference}::${sql.raw(castType(type))}` : sql`${reference}`
}

/**
 * The type without its length: an explicit cast to `varchar(10)`, `char(10)` or `bit(10)` cuts the value silently, where the
 * assignment to the column raises 22001 or 22026.
 */
function castType(type: string): string {
  const suffix = type.endsWith('[]') ? '[]' : ''
  if (/^character( varying)?(\(|\[|$)/.test(type)) return `text${suffix}`
  return /^bit( varying)?(\(|\[|$)/.test(type) ? `bit varying${suffix}` : type
}

function splitGroup(group: RowGroup): readonly RowGroup[] {
  if (group.rows.length <= maxRows) return [group]
  const parts: RowGroup[] = []
  for (let start = 0; start < group.rows.length; start += maxRows) {
    parts.push({
      columns: group.columns,
      rows: group.rows.slice(start, start + maxRows),
      positions: group.positions.slice(start, start + maxRows),
    })
  }
  return parts
}
