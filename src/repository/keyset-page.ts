/** Reads one page of a query by the values of its last row, which stays fast however far one reads. */
import { sql } from 'kysely'
import type { OrderByDirection, RawBuilder, SelectQueryBuilder, SqlBool } from 'kysely'
import { InvalidArgumentError, InvalidColumnError } from '../errors.ts'
import { checkWholeNumber } from '../tenancy/arguments.ts'
import { assertColumn } from './column-values.ts'
import { columnOf } from './filter.ts'
import { decodeCursor, encodeCursor, queryFingerprint } from './page-cursor.ts'
import { keyColumns } from './table-definition.ts'
import type { TableDefinition } from './table-definition.ts'

/** A database without its types: the one table that a repository works on, under a stand-in name. */
export interface OneTable {
  readonly row: Record<string, unknown>
}

/** A query over one table without its types. */
export type AnyQuery = SelectQueryBuilder<OneTable, 'row', Record<string, unknown>>

/** One column of an order. */
export interface OrderTerm {
  readonly column: string
  readonly direction: OrderByDirection & ('asc' | 'desc')
}

interface PageRequest {
  /** Runs the query of the page. */
  readonly read: (page: AnyQuery) => Promise<readonly Record<string, unknown>[]>
  readonly orgId: string
  readonly table: TableDefinition
  /** Filtered, not ordered. */
  readonly query: AnyQuery
  readonly order: readonly OrderTerm[]
  readonly limit: number
  readonly after: string | undefined
}

interface UntypedPage {
  readonly rows: readonly Record<string, unknown>[]
  readonly nextCursor: string | undefined
}

const maxLimit = 10_000

/**
 * Reads the rows after the cursor, one more than asked for to know whether there is a next page.
 *
 * The cursor holds the order columns as PostgreSQL's own text: a JavaScript Date would lose the microseconds of a
 * timestamp and with them rows.
 *
 * @throws {InvalidCursorError} when the cursor is not of this query and tenant.
 * @throws {InvalidArgumentError} when the limit is not a whole number of 1 to 10,000.
 */
export async function readPage({
  read,
  orgId,
  table,
  query,
  order,
  limit,
  after,
}: PageRequest): Promise<UntypedPage> {
  checkWholeNumber('limit', limit, 1, maxLimit)
  const ordered = orderQuery(table, query, order)
  const fingerprint = queryFingerprint(orgId, ordered.compile())
  const cursorColumns = order.map(({ column }, index) =>
    sql<string>`${columnOf(table, column)}::text`.as(`${cursorPrefix}${index}`),
  )
  let page = ordered.select(cursorColumns).limit(limit + 1)
  if (after !== undefined)
    page = page.where(isAfter(table, order, decodeCursor(fingerprint, after, order.length)))
  const rows = await read(page)
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const nextCursor =
    last === undefined ? undefined : encodeCursor(fingerprint, cursorValues(last, order.length))
  const found = rows.slice(0, limit)
  for (const row of found) dropCursorColumns(row, order.length)
  return { rows: found, nextCursor }
}

/** Adds `order by`; the columns were checked to exist. */
export function orderQuery(table: TableDefinition, query: AnyQuery, order: readonly OrderTerm[]): AnyQuery {
  return order.reduce(
    (ordered, { column, direction }) => ordered.orderBy(columnOf(table, column), direction),
    query,
  )
}

/** Reads an order by column; undefined directions are left out. */
export function orderTerms(
  table: TableDefinition,
  order: Readonly<Record<string, unknown>> = {},
): readonly OrderTerm[] {
  const terms: OrderTerm[] = []
  for (const [column, direction] of Object.entries(order)) {
    assertColumn(table, column)
    if (direction === undefined) continue
    if (direction !== 'asc' && direction !== 'desc')
      throw new InvalidArgumentError(`order of "${column}"`, 'must be asc or desc')
    terms.push({ column, direction })
  }
  return terms
}

/** The order of a page: what was asked for, made total by the rest of the primary key. */
export function totalOrder(table: TableDefinition, terms: readonly OrderTerm[]): readonly OrderTerm[] {
  for (const { column } of terms) {
    if (table.nullableColumns.includes(column)) {
      throw new InvalidColumnError(
        table.name,
        column,
        'can be null: a page must be ordered by columns that cannot',
      )
    }
  }
  const direction = terms.at(-1)?.direction ?? 'asc'
  const rest = keyColumns(table).filter((column) => !terms.some((term) => term.column === column))
  return [...terms, ...rest.map((column) => ({ column, direction }))]
}

const cursorPrefix = '__ibex_cursor_'

/**
 * The condition "comes after these values". With one direction it is a row comparison, which a B-tree answers with one
 * range; with mixed directions the first column still bounds the range.
 */
function isAfter(
  table: TableDefinition,
  order: readonly OrderTerm[],
  values: readonly string[],
): RawBuilder<SqlBool> {
  const columns = order.map(({ column }) => columnOf(table, column))
  const first = order[0]
  if (first === undefined || order.every(({ direction }) => direction === first.direction)) {
    const operator = sql.raw(first?.direction === 'desc' ? '<' : '>')
    return sql<SqlBool>`(${sql.join(columns)}) ${operator} (${sql.join(values)})`
  }
  const alternatives = order.map(({ direction }, index) => {
    const operator = sql.raw(direction === 'desc' ? '<' : '>')
    const equal = columns.slice(0, index).map((column, position) => sql`${column} = ${values[position]}`)
    return sql`(${sql.join([...equal, sql`${columns[index]} ${operator} ${values[index]}`], sql` and `)})`
  })
  const bound = sql.raw(first.direction === 'desc' ? '<=' : '>=')
  return sql<SqlBool>`${columns[0]} ${bound} ${values[0]} and (${sql.join(alternatives, sql` or `)})`
}

function cursorValues(row: Record<string, unknown>, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => String(row[`${cursorPrefix}${index}`]))
}

/** The columns of the cursor are the last ones: taken away from the end, they leave V8's fast objects as they are. */
function dropCursorColumns(row: Record<string, unknown>, count: number): void {
  for (let index = count - 1; index >= 0; index--) Reflect.deleteProperty(row, `${cursorPrefix}${index}`)
}
