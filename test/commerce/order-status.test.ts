import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  CheckViolationError,
  InvalidArgumentError,
  OrderStatusError,
  RowNotFoundError,
} from '../../src/errors.ts'
import type { Order, OrderStatus, Product } from '../../types/database.d.ts'
import { insertProduct } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

type Move = 'process' | 'complete' | 'cancel'

let tenants: TwoTenants
let glass: Product
let foreign: Order
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await placeOrder('theirs', await insertProduct(tenants.admin, { org_id: tenants.theirs.orgId }))
  theirsUnchanged = await watchTheirs(
    tenants,
    'ibex_core.products',
    'ibex_core.orders',
    'ibex_core.order_items',
  )
})

beforeEach(async () => {
  glass = await insertProduct(tenants.admin, { org_id: tenants.mine.orgId })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.orders.exists({ id: foreign.id })).toBe(false)
}

/** An order of two of the ten. */
async function placeOrder(whose: 'mine' | 'theirs', { id }: Product): Promise<Order> {
  const input = { orderNumber: randomUUID(), items: [{ productId: id, quantity: 2 }] }
  return (await tenants[whose].orders.place(input)).order
}

async function inventory(): Promise<number> {
  const row = await tenants.mine.products.findByIdOrThrow(glass.id, { includeDeleted: true })
  return row.inventory_quantity
}

const ways: Readonly<Record<OrderStatus, readonly Move[]>> = {
  pending: [],
  processing: ['process'],
  completed: ['process', 'complete'],
  cancelled: ['cancel'],
}
const allowed: readonly [OrderStatus, Move, OrderStatus][] = [
  ['pending', 'process', 'processing'],
  ['processing', 'complete', 'completed'],
  ['pending', 'cancel', 'cancelled'],
  ['processing', 'cancel', 'cancelled'],
]
const refused: readonly [OrderStatus, Move, OrderStatus][] = [
  ['pending', 'complete', 'completed'],
  ['processing', 'process', 'processing'],
  ['completed', 'process', 'processing'],
  ['completed', 'complete', 'completed'],
  ['completed', 'cancel', 'cancelled'],
  ['cancelled', 'process', 'processing'],
  ['cancelled', 'complete', 'completed'],
  ['cancelled', 'cancel', 'cancelled'],
]

async function orderThatIs(status: OrderStatus): Promise<string> {
  const { id } = await placeOrder('mine', glass)
  for (const move of ways[status]) await tenants.mine.orders[move](id)
  return id
}

test.each(allowed)('lets an order that is %s %s: it is %s then', async (from, move, to) => {
  const id = await orderThatIs(from)
  const moved = await tenants.mine.orders[move](id)
  expect(moved).toMatchObject({ id, status: to })
  expect(await tenants.mine.orders.findById(id)).toEqual(moved)
  expect(await inventory()).toBe(to === 'cancelled' ? 10 : 8)
})

test.each(refused)('refuses to let an order that is %s %s, and changes nothing', async (from, move, to) => {
  const id = await orderThatIs(from)
  const before = [await tenants.mine.orders.findById(id), await inventory()]
  const error = await failure(async () => await tenants.mine.orders[move](id))
  expect(error).toBeInstanceOf(OrderStatusError)
  expect(error).toMatchObject({ code: 'order_status', to })
  expect([await tenants.mine.orders.findById(id), await inventory()]).toEqual(before)
})

test.each(refused.filter(([from, , to]) => from !== to))(
  'refuses plain Kysely too an order that is %s (%s) to become %s',
  async (from, _, to) => {
    const id = await orderThatIs(from)
    const error = await failure(async () => await tenants.mine.orders.update(id, { status: to }))
    expect(error).toBeInstanceOf(CheckViolationError)
    expect(error).toMatchObject({ table: 'orders', constraint: 'orders_status_transition_check' })
  },
)

test.each(['process', 'complete', 'cancel'] as const)(
  'says the same of an order of another tenant as of an unknown one: %s',
  async (move) => {
    for (const id of [foreign.id, randomUUID()]) {
      const error = await failure(async () => await tenants.mine.orders[move](id))
      expect(shown(error)).toEqual(shown(new RowNotFoundError('ibex_core.orders')))
    }
    const error = await refusal(tenants, async () => await tenants.mine.orders[move]('order-1'))
    expect(error).toBeInstanceOf(InvalidArgumentError)
  },
)

test('gives the inventory back when plain Kysely cancels, and to a product that was deleted softly', async () => {
  const id = await orderThatIs('pending')
  await tenants.mine.products.softDelete(glass.id)
  await tenants.mine.db
    .updateTable('ibex_core.orders')
    .set({ status: 'cancelled' })
    .where('id', '=', id)
    .execute()
  expect(await inventory()).toBe(10)
})

test('gives nothing back when a cancelled order is written once more', async () => {
  const id = await orderThatIs('cancelled')
  await tenants.mine.orders.update(id, { status: 'cancelled', metadata: { seen: true } })
  expect(await inventory()).toBe(10)
})

test('gives back what was taken, and not what was only written down', async () => {
  const { mine } = tenants
  const id = await orderThatIs('pending')
  await mine.transaction(async (trx) => {
    const item = { order_id: id, product_id: glass.id, sku: 'sku', name: 'A glass', unit_price: '0' }
    await trx.orderItems.insert({ ...item, seq: 2, quantity: 5 })
    await trx.orderItems.insert({ ...item, seq: 3, quantity: 5, taken_quantity: 1 })
  })
  await mine.orders.cancel(id)
  expect(await inventory()).toBe(11)
})

test('cancels an order whose product is gone', async () => {
  const id = await orderThatIs('processing')
  await tenants.mine.products.delete(glass.id)
  expect(await tenants.mine.orders.cancel(id)).toMatchObject({ status: 'cancelled' })
})

test('leaves the transaction usable when the status does not allow it', async () => {
  const id = await orderThatIs('completed')
  await tenants.mine.transaction(async (trx) => {
    expect(await failure(async () => await trx.orders.cancel(id))).toBeInstanceOf(OrderStatusError)
    await trx.orders.update(id, { metadata: { seen: true } })
  })
  expect(await tenants.mine.orders.findById(id)).toMatchObject({ metadata: { seen: true } })
})
