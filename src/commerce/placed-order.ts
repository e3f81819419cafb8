/** Reads what `ibex_core.place_order` returns: a row an item, each with the columns of the order. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Order, OrderItem } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'

/** An order and its items, in the order of its lines. */
export interface OrderWithItems {
  readonly order: Order
  readonly items: readonly OrderItem[]
}

type Values = Readonly<Record<string, unknown>>

const orderColumns = Object.keys(tables['ibex_core.orders'].columns)
const itemColumns = Object.keys(tables['ibex_core.order_items'].columns)

/** The columns of the order, and those of the item with a prefix, because both have an id. */
export const placedColumns: RawBuilder<unknown> = sql.join([
  ...orderColumns.map((column) => sql`(placed).${sql.ref(column)}`),
  ...itemColumns.map((column) => sql`(item).${sql.ref(column)} as ${sql.ref(`item_${column}`)}`),
])

/** Puts the rows of one order together. */
export function toOrderWithItems(rows: readonly Values[]): OrderWithItems {
  // the columns of the two tables, as placedColumns names them
  return {
    order: pick(rows[0] ?? {}, orderColumns) as unknown as Order,
    items: rows.map((row) => pick(row, itemColumns, 'item_') as unknown as OrderItem),
  }
}

function pick(row: Values, columns: readonly string[], prefix = ''): Values {
  return Object.fromEntries(columns.map((column) => [column, row[prefix + column]]))
}
