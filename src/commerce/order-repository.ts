/** Orders. */
import { sql } from 'kysely'
import type { DB, Order, OrderStatus } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import {
  InsufficientInventoryError,
  OrderStatusError,
  OrderTotalMismatchError,
  ProductUnavailableError,
  RowNotFoundError,
} from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Page, PageOptions } from '../repository/row-types.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkUuid } from '../tenancy/arguments.ts'
import { checkOrder } from './order-input.ts'
import type { OrderInput } from './order-input.ts'
import { placedColumns, toOrderWithItems } from './placed-order.ts'
import type { OrderWithItems } from './placed-order.ts'

/**
 * Places orders and moves them on: pending, processing, completed, and cancelled before that.
 *
 * The database holds what must hold for plain Kysely too. When a transaction ends, the subtotal of an order is the sum of
 * its items (0 without any), or it fails with the constraint `orders_subtotal_items_check`. A status that does not lead to
 * the new one fails with `orders_status_transition_check`. Cancelling gives the inventory back; deleting does not.
 */
export class OrderRepository extends BaseRepository<DB, 'ibex_core.orders'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.orders'])
  }

  /**
   * Places an order: takes the items from the inventory and writes them with sku, name and price as they are now.
   *
   * One statement, all or nothing. Products are locked in the order of their ids, so orders that share some wait for each
   * other and never in a circle. An order that is refused because of its products or total leaves a surrounding transaction
   * usable. Who does not know whether an order was placed, the connection having broken, finds it by its number.
   *
   * ```ts
   * const { order, items } = await tenant.orders.place({
   *   orderNumber: '2026-0001',
   *   userId: ana.id,
   *   items: [{ productId: glass.id, quantity: 2 }],
   *   adjustments: [{ label: 'shipping', amount: '4.90' }, { label: 'voucher', amount: '-5.00' }],
   *   expectedTotal: '19.70',
   * })
   * ```
   *
   * @throws {InvalidArgumentError} when the input is not what it should be; money is decimal text, never a number.
   * @throws {ProductUnavailableError} when a product is unknown, deleted, not published, or another tenant's.
   * @throws {InsufficientInventoryError} when there are fewer of a product than are ordered.
   * @throws {OrderTotalMismatchError} when the total is not `expectedTotal`.
   * @throws {CheckViolationError} when discounts make the total negative: `orders_total_price_check`.
   * @throws {UniqueViolationError} when the organization has an order with this number.
   * @throws {ForeignKeyViolationError} when the tenant has no such user.
   * @throws {DataExceptionError} when a sum has more than 8 digits before the point.
   */
  async place(input: OrderInput): Promise<OrderWithItems> {
    const order = checkOrder(input)
    const { rows } = await sql<PlacedRow>`select refusal, positions, ${placedColumns}
      from ibex_core.place_order(${this.scope.orgId}, ${order.orderNumber}, ${order.userId}, ${order.productIds},
        ${order.quantities}, ${order.amounts}, ${order.expectedTotal}, ${order.metadata})`.execute(
      this.scope.db,
    )
    const refused = rows.find(({ refusal }) => refusal !== null)
    if (refused !== undefined) throw refusalError(refused)
    return toOrderWithItems(rows)
  }

  /**
   * Moves a pending order to processing, and returns it.
   *
   * @throws {OrderStatusError} when it is not pending.
   * @throws {RowNotFoundError} when the tenant has no such order.
   */
  async process(id: string): Promise<Order> {
    return await this.#move(id, 'processing', ['pending'])
  }

  /**
   * Moves an order that is processing to completed, and returns it.
   *
   * @throws {OrderStatusError} when it is not processing.
   * @throws {RowNotFoundError} when the tenant has no such order.
   */
  async complete(id: string): Promise<Order> {
    return await this.#move(id, 'completed', ['processing'])
  }

  /**
   * Cancels an order that is pending or processing, gives back what it took from the inventory, and returns it.
   *
   * Of any number of concurrent callers one cancels it, so nothing is given back twice.
   *
   * @throws {OrderStatusError} when it is completed or cancelled.
   * @throws {RowNotFoundError} when the tenant has no such order.
   */
  async cancel(id: string): Promise<Order> {
    return await this.#move(id, 'cancelled', ['pending', 'processing'])
  }

  /** Reads the order with this number, or `undefined`. */
  async findByNumber(orderNumber: string): Promise<Order | undefined> {
    return await this.findOne({ order_number: orderNumber })
  }

  /**
   * Reads one page of a user's orders, newest first.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   * @throws as {@link BaseRepository.findPage}.
   */
  async ordersOf(
    userId: string,
    { limit, after }: Pick<PageOptions<DB, 'ibex_core.orders'>, 'limit' | 'after'> = {},
  ): Promise<Page<Order>> {
    const where = { user_id: checkUuid('userId', userId) }
    return await this.findPage({ where, orderBy: { created_at: 'desc' }, limit, after })
  }

  /**
   * Reads an order and its items in one statement, or `undefined` when the tenant has no such order.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async findWithItems(id: string): Promise<OrderWithItems | undefined> {
    const found = await this.findById(id, {
      related: ({ many }) => ({
        items: many(tables['ibex_core.order_items'], 'order_id', { orderBy: { seq: 'asc' } }),
      }),
    })
    if (found === undefined) return undefined
    const { items, ...order } = found
    return { order, items }
  }

  async #move(id: string, to: OrderStatus, from: readonly OrderStatus[]): Promise<Order> {
    const order = await this.updateQuery()
      .set({ status: to })
      .where('id', '=', checkUuid('id', id))
      .where('status', 'in', from)
      .returningAll()
      .executeTakeFirst()
    if (order !== undefined) return order
    if (await this.exists({ id })) throw new OrderStatusError(to)
    throw new RowNotFoundError(this.table.name)
  }
}

/** What `ibex_core.place_order` returns: an order, or why there is none. */
interface PlacedRow extends Readonly<Record<string, unknown>> {
  readonly refusal: 'unavailable' | 'inventory' | 'total' | null
  /** The items that are refused, counted from 0. */
  readonly positions: readonly number[] | null
}

function refusalError({ refusal, positions }: PlacedRow): Error {
  if (refusal === 'total') return new OrderTotalMismatchError()
  const ErrorClass = refusal === 'inventory' ? InsufficientInventoryError : ProductUnavailableError
  return new ErrorClass(positions ?? [])
}
