import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { OrderInput } from '../../src/commerce/order-input.ts'
import {
  CheckViolationError,
  DataExceptionError,
  ForeignKeyViolationError,
  InsufficientInventoryError,
  OrderTotalMismatchError,
  ProductUnavailableError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { Product, User } from '../../types/database.d.ts'
import { nextMoment } from '../support/next-moment.ts'
import { insertProduct, insertUser } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, shown, watchTheirs } from '../support/two-tenants.ts'
import { refused } from './refused.ts'

let tenants: TwoTenants
let ana: User
let glass: Product
let jug: Product
let foreign: { readonly product: Product; readonly user: User; readonly orderId: string }
let theirsUnchanged: () => Promise<void>
let count = 0

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  ana = await insertUser(admin, { org_id: mine.orgId })
  const product = await insertProduct(admin, { org_id: theirs.orgId })
  const user = await insertUser(admin, { org_id: theirs.orgId })
  const items = [{ productId: product.id, quantity: 1 }]
  const { order } = await theirs.orders.place({ orderNumber: 'order-1', userId: user.id, items })
  foreign = { product, user, orderId: order.id }
  theirsUnchanged = await watchTheirs(
    tenants,
    'ibex_core.products',
    'ibex_core.orders',
    'ibex_core.order_items',
  )
})

beforeEach(async () => {
  const { admin, mine } = tenants
  glass = await insertProduct(admin, { org_id: mine.orgId, name: 'A glass', price: '9.90' })
  jug = await insertProduct(admin, { org_id: mine.orgId, name: 'A jug', price: '20.05' })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

/** An order of two glasses and a jug: 39.85. */
function order(values: Partial<OrderInput> = {}): OrderInput {
  count += 1
  return {
    orderNumber: `order-${count}`,
    items: [
      { productId: jug.id, quantity: 1 },
      { productId: glass.id, quantity: 2 },
    ],
    ...values,
  }
}

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.orders.exists({ id: foreign.orderId })).toBe(false)
  expect(await tenants.mine.orderItems.exists({ order_id: foreign.orderId })).toBe(false)
}

async function refusedOrder(input: OrderInput): Promise<Error> {
  return await refused(tenants, async () => await tenants.mine.orders.place(input))
}

async function inventory(...products: readonly Product[]): Promise<unknown> {
  const rows = products.map(
    async ({ id }) => await tenants.mine.products.findByIdOrThrow(id, { includeDeleted: true }),
  )
  return (await Promise.all(rows)).map((row) => row.inventory_quantity)
}

test('places an order with items as the products are now, in the order given, and takes them from the inventory', async () => {
  const input = order({ userId: ana.id, metadata: { channel: 'web' } })
  const placed = await tenants.mine.orders.place(input)
  expect(placed.order).toMatchObject({
    org_id: tenants.mine.orgId,
    order_number: input.orderNumber,
    user_id: ana.id,
    status: 'pending',
    subtotal: '39.85',
    total_price: '39.85',
    metadata: { channel: 'web' },
  })
  const common = { org_id: tenants.mine.orgId, order_id: placed.order.id }
  expect(placed.items).toMatchObject([
    { ...common, seq: 1, product_id: jug.id, sku: jug.sku, name: 'A jug', quantity: 1, unit_price: '20.05' },
    {
      ...common,
      seq: 2,
      product_id: glass.id,
      sku: glass.sku,
      name: 'A glass',
      quantity: 2,
      unit_price: '9.90',
    },
  ])
  expect(placed.items.map((item) => item.taken_quantity)).toEqual([1, 2])
  expect(await inventory(jug, glass)).toEqual([9, 8])
})

test('keeps what an item was when the product changes', async () => {
  const { order: placed } = await tenants.mine.orders.place(order())
  await tenants.mine.products.update(glass.id, { price: '99.00', name: 'A goblet', sku: `new-${glass.sku}` })
  await tenants.mine.products.delete(jug.id)
  const found = await tenants.mine.orders.findWithItems(placed.id)
  expect(found?.items).toMatchObject([
    { product_id: null, sku: jug.sku, name: 'A jug', unit_price: '20.05' },
    { product_id: glass.id, sku: glass.sku, name: 'A glass', unit_price: '9.90' },
  ])
  expect(found?.order).toEqual(placed)
})

test('reads an order with its items in one statement, as it was placed', async () => {
  const placed = await tenants.mine.orders.place(order())
  const before = tenants.statements.length
  expect(await tenants.mine.orders.findWithItems(placed.order.id)).toEqual(placed)
  expect(tenants.statements.length).toBe(before + 1)
  expect(placed.items[0]?.created_at).toBeInstanceOf(Date)

  const bare = await tenants.mine.orders.insert({
    order_number: randomUUID(),
    subtotal: '0',
    total_price: '0',
  })
  expect(await tenants.mine.orders.findWithItems(bare.id)).toEqual({ order: bare, items: [] })
  for (const id of [foreign.orderId, randomUUID()])
    expect(await tenants.mine.orders.findWithItems(id)).toBeUndefined()
})

test('places an order in one statement', async () => {
  const before = tenants.statements.length
  await tenants.mine.orders.place(order())
  expect(tenants.statements.length).toBe(before + 1)
})

test('adds adjustments to the total, and keeps them', async () => {
  const adjustments = [
    { label: 'shipping', amount: '4.9' },
    { label: 'voucher', amount: '-5.00' },
    { label: 'nothing', amount: '-0.00' },
  ]
  const input = order({ adjustments, metadata: { channel: 'web' }, expectedTotal: '39.75' })
  const placed = await tenants.mine.orders.place(input)
  expect(placed.order).toMatchObject({
    subtotal: '39.85',
    total_price: '39.75',
    metadata: { channel: 'web', adjustments },
  })
  const free = order({ adjustments: [{ label: 'gift', amount: '-39.85' }], expectedTotal: '0' })
  expect((await tenants.mine.orders.place(free)).order).toMatchObject({ total_price: '0.00' })
})

test('adds up cents that floating point cannot', async () => {
  const products = []
  for (const price of ['0.10', '0.20', '1.10'])
    products.push(await insertProduct(tenants.admin, { org_id: tenants.mine.orgId, price }))
  const items = products.map(({ id }) => ({ productId: id, quantity: 3 }))
  const placed = await tenants.mine.orders.place(order({ items, expectedTotal: '4.2' }))
  expect(placed.order).toMatchObject({ subtotal: '4.20', total_price: '4.20' })
})

test('refuses a total that is not the one expected, and names no amount', async () => {
  const error = await refusedOrder(order({ expectedTotal: '39.84' }))
  expect(error).toBeInstanceOf(OrderTotalMismatchError)
  expect(JSON.stringify(shown(error))).not.toMatch(/39|84/)
})

test('refuses a product that is deleted, not published, unknown or of another tenant, and says which in one way', async () => {
  const { admin, mine } = tenants
  const others: Product[] = []
  for (const values of [{ status: 'draft' }, { status: 'archived' }, { deleted_at: new Date() }] as const)
    others.push(await insertProduct(admin, { org_id: mine.orgId, ...values }))
  const errors: unknown[] = []
  for (const id of [...others.map((product) => product.id), foreign.product.id, randomUUID()]) {
    const items = [
      { productId: glass.id, quantity: 1 },
      { productId: id, quantity: 1 },
    ]
    const error = await refusedOrder(order({ items }))
    expect(error).toBeInstanceOf(ProductUnavailableError)
    errors.push(shown(error))
  }
  expect(errors).toEqual(errors.map(() => shown(new ProductUnavailableError([1]))))
})

test('says where all the items are that cannot be ordered', async () => {
  const items = [randomUUID(), glass.id, foreign.product.id].map((productId) => ({ productId, quantity: 1 }))
  expect(await refusedOrder(order({ items }))).toMatchObject({ positions: [0, 2] })
})

test('refuses more than the inventory holds, of any of the items', async () => {
  const items = [
    { productId: jug.id, quantity: 10 },
    { productId: glass.id, quantity: 11 },
  ]
  const error = await refusedOrder(order({ items }))
  expect(error).toBeInstanceOf(InsufficientInventoryError)
  expect(shown(error)).toEqual(shown(new InsufficientInventoryError([1])))
  await tenants.mine.orders.place(order({ items: [{ productId: jug.id, quantity: 10 }] }))
  expect(await inventory(jug, glass)).toEqual([0, 10])
})

test('refuses discounts that make the total negative', async () => {
  const error = await refusedOrder(order({ adjustments: [{ label: 'gift', amount: '-39.86' }] }))
  expect(error).toBeInstanceOf(CheckViolationError)
  expect(error).toMatchObject({ constraint: 'orders_total_price_check' })
})

test('refuses a sum that no column holds', async () => {
  const dear = await insertProduct(tenants.admin, { org_id: tenants.mine.orgId, price: '99999999.99' })
  expect(await refusedOrder(order({ items: [{ productId: dear.id, quantity: 2 }] }))).toBeInstanceOf(
    DataExceptionError,
  )
})

test('refuses a number that is taken, but not by another tenant', async () => {
  const { orders } = tenants.mine
  await orders.place(order({ orderNumber: 'taken' }))
  const error = await refusedOrder(order({ orderNumber: 'taken' }))
  expect(error).toBeInstanceOf(UniqueViolationError)
  expect(error).toMatchObject({ constraint: 'orders_org_id_order_number_key' })
  const { order_number: theirs } = await tenants.theirs.orders.findByIdOrThrow(foreign.orderId)
  await orders.place(order({ orderNumber: `${theirs}-and-mine` }))
  expect(await orders.findByNumber(theirs)).not.toMatchObject({ id: foreign.orderId })
})

test('says the same of a user of another tenant as of one that does not exist', async () => {
  const errors = [
    await refusedOrder(order({ userId: foreign.user.id })),
    await refusedOrder(order({ userId: randomUUID() })),
  ]
  expect(errors[0]).toBeInstanceOf(ForeignKeyViolationError)
  expect(shown(errors[0])).toEqual(shown(errors[1]))
})

test('leaves the transaction usable when an order is refused, and takes part in it', async () => {
  const { mine } = tenants
  const rolledBack = mine.transaction(async (trx) => {
    const items = [{ productId: glass.id, quantity: 11 }]
    const error = await failure(async () => await trx.orders.place(order({ items })))
    expect(error).toBeInstanceOf(InsufficientInventoryError)
    await trx.orders.place(order())
    throw new Error('no')
  })
  await expect(rolledBack).rejects.toThrow('no')
  expect(await inventory(jug, glass)).toEqual([10, 10])
  await mine.transaction(async (trx) => await trx.orders.place(order()))
  expect(await inventory(jug, glass)).toEqual([9, 8])
})

test('finds an order by its number, and the orders of a user newest first, page by page', async () => {
  const { orders } = tenants.mine
  const user = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  const placed = []
  for (let index = 0; index < 3; index++) {
    const items = [{ productId: glass.id, quantity: 1 }]
    placed.push((await orders.place(order({ userId: user.id, items }))).order)
    await nextMoment()
  }
  const [first, second, third] = placed
  expect(await orders.findByNumber(first?.order_number ?? '')).toEqual(first)
  expect(await orders.findByNumber('nobody has it')).toBeUndefined()

  expect((await orders.ordersOf(user.id)).rows).toEqual([third, second, first])
  const page = await orders.ordersOf(user.id, { limit: 2 })
  expect(page.rows).toEqual([third, second])
  expect((await orders.ordersOf(user.id, { limit: 2, after: page.nextCursor })).rows).toEqual([first])
  expect((await orders.ordersOf(foreign.user.id)).rows).toEqual([])
})

test('keeps the order of a user who is deleted, as that of a guest', async () => {
  const user = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  const { order: placed } = await tenants.mine.orders.place(order({ userId: user.id }))
  await tenants.mine.users.delete(user.id)
  expect(await tenants.mine.orders.findById(placed.id)).toEqual({
    ...placed,
    user_id: null,
    updated_at: expect.any(Date),
  })
})
