/** What the bookshop sells, an order of it, and the customer's points. */
import type { TenantTransaction } from '../../src/index.ts'

/** Inserts products, an order and points. */
export async function insertDemoCommerce(trx: TenantTransaction, customerId: string): Promise<void> {
  const book = await trx.products.insert({
    sku: 'tide-table',
    name: 'The Tide Table',
    category: 'crime',
    price: '14.90',
    inventory_quantity: 12,
    status: 'published',
    tags: ['short-chapters'],
  })
  const bag = await trx.products.insert({
    sku: 'canvas-bag',
    name: 'Canvas bag',
    price: '6.00',
    inventory_quantity: 40,
    status: 'published',
  })
  await trx.orders.place({
    orderNumber: 'HB-1001',
    userId: customerId,
    items: [
      { productId: book.id, quantity: 2 },
      { productId: bag.id, quantity: 1 },
    ],
    adjustments: [{ label: 'Shipping', amount: '3.50' }],
    expectedTotal: '39.30',
  })
  const points = { userId: customerId, bizType: 'order' }
  await trx.points.credit({ ...points, amount: 39, eventId: 'demo-order-HB-1001' })
  await trx.points.freeze({ ...points, amount: 10, eventId: 'demo-hold-1' })
}
