/** Orders and items as plain Kysely writes them: what the database checks when the transaction ends. */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { CheckViolationError } from '../../src/errors.ts'
import type { NewOrder, NewOrderItem } from '../../types/database.d.ts'
import { insertProduct } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants, ownersView, watchTheirs } from '../support/two-tenants.ts'
import { refused } from './refused.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const product = await insertProduct(tenants.admin, { org_id: tenants.theirs.orgId })
  await tenants.theirs.orders.place({ orderNumber: '1', items: [{ productId: product.id, quantity: 1 }] })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.orders', 'ibex_core.order_items')
})

afterEach(async () => {
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

function newOrder(subtotal: string): NewOrder & { readonly id: string } {
  return { id: randomUUID(), order_number: randomUUID(), subtotal, total_price: subtotal }
}

function item(orderId: string, seq: number, values: Partial<NewOrderItem> = {}): NewOrderItem {
  return { order_id: orderId, seq, sku: 'sku', name: 'A glass', quantity: 2, unit_price: '9.90', ...values }
}

/** Writes an order of two lines: 29.70. */
async function writeOrder(): Promise<string> {
  const row = newOrder('29.70')
  await tenants.mine.transaction(async (trx) => {
    await trx.orderItems.insertMany([]) // nothing, as a loop without lines does
    await trx.orders.insert(row)
    await trx.orderItems.insertMany([item(row.id, 1), item(row.id, 2, { quantity: 1 })])
  })
  return row.id
}

/** The name and the constraint of the error of what must be refused when it is committed. */
async function refusalOf(write: () => Promise<unknown>): Promise<unknown> {
  const error = await refused(tenants, write)
  expect(JSON.stringify([error.message, String(error.cause)])).not.toMatch(/\d\.\d/)
  // the name says whether it is one
  const { name, constraint, table } = error as CheckViolationError
  return { name, constraint, table }
}

const refusal = { name: 'CheckViolationError', constraint: 'orders_subtotal_items_check', table: 'orders' }

test('takes an order whose subtotal is the sum of its items, in whatever order they are written', async () => {
  const id = await writeOrder()
  await tenants.mine.transaction(async (trx) => {
    await trx.orderItems.insert(item(id, 3))
    await trx.orders.update(id, { subtotal: '49.50' })
    await trx.orderItems.insert(item(id, 4, { unit_price: '1.00' }))
    await trx.orders.update(id, { subtotal: '51.50' })
  })
  expect(await tenants.mine.orders.findById(id)).toMatchObject({ subtotal: '51.50' })
})

test('takes an order without items when its subtotal is 0, and only then', async () => {
  await tenants.mine.orders.insert(newOrder('0.00'))
  const { orders, db } = tenants.mine
  expect(await refusalOf(async () => await orders.insert(newOrder('0.01')))).toEqual(refusal)
  const plain = db.insertInto('ibex_core.orders').values(newOrder('9.90'))
  expect(await refusalOf(async () => await plain.execute())).toEqual(refusal)
})

test('refuses at commit an order whose items add up to something else', async () => {
  const row = newOrder('29.70')
  const write = async (): Promise<void> =>
    await tenants.mine.transaction(async (trx) => {
      await trx.orders.insert(row)
      await trx.orderItems.insert(item(row.id, 1))
    })
  expect(await refusalOf(write)).toEqual(refusal)
})

test('refuses to change the subtotal alone, an item alone, or to take one away', async () => {
  const id = await writeOrder()
  const { mine } = tenants
  const { db } = mine
  const [first, second] = await mine.orderItems.find({ where: { order_id: id }, orderBy: { seq: 'asc' } })
  if (first === undefined || second === undefined) throw new Error('the order has two items')
  for (const change of [
    async () => await mine.orders.update(id, { subtotal: '29.71' }),
    async () => await mine.orderItems.update(first.id, { quantity: 3 }),
    async () => await mine.orderItems.update(first.id, { unit_price: '9.91' }),
    async () => await mine.orderItems.delete(second.id),
    async () => await mine.orderItems.insert(item(id, 3)),
    async () => await db.deleteFrom('ibex_core.order_items').where('order_id', '=', id).execute(),
    async () => await sql`update ibex_core.orders set subtotal = 0 where id = ${id}`.execute(db),
  ]) {
    expect(await refusalOf(change)).toEqual(refusal)
  }
})

test('refuses to move an item to another order, also when that one is right then', async () => {
  const [from, to] = [await writeOrder(), await writeOrder()]
  const { mine } = tenants
  const [moving] = await mine.orderItems.find({ where: { order_id: from }, orderBy: { seq: 'asc' } })
  const move = async ({ orderItems }: Pick<typeof mine, 'orderItems'>): Promise<unknown> =>
    await orderItems.update(moving?.id ?? '', { order_id: to, seq: 3 })
  expect(await refusalOf(async () => await move(mine))).toEqual(refusal)
  const moveAndCount = async (): Promise<void> =>
    await mine.transaction(async (trx) => {
      await move(trx)
      await trx.orders.update(to, { subtotal: '49.50' })
    })
  expect(await refusalOf(moveAndCount)).toEqual(refusal)
})

test('takes changes that leave the sum as it was', async () => {
  const id = await writeOrder()
  const { mine } = tenants
  const [first, second] = await mine.orderItems.find({ where: { order_id: id }, orderBy: { seq: 'asc' } })
  await mine.transaction(async (trx) => {
    await trx.orderItems.delete(first?.id ?? '')
    await trx.orderItems.update(second?.id ?? '', { quantity: 3 })
  })
  expect(await mine.orders.findById(id)).toMatchObject({ subtotal: '29.70' })
})

test('refuses it for the system role and for a superuser too', async () => {
  const row = { ...newOrder('1.00'), org_id: tenants.mine.orgId }
  const bySystem = async (): Promise<void> =>
    await tenants.database.asSystem('a test', async ({ db }) => {
      await db.insertInto('ibex_core.orders').values(row).execute()
    })
  expect(await refusalOf(bySystem)).toEqual(refusal)
  const byAdmin = tenants.admin.insertInto('ibex_core.orders').values(row)
  const error = await refused(tenants, async () => await byAdmin.execute())
  expect(error).toMatchObject({ code: '23514', constraint: refusal.constraint })
})

test('lets an order be deleted with its items', async () => {
  const id = await writeOrder()
  expect(await tenants.mine.orders.delete(id)).toBe(true)
  expect(await tenants.mine.orderItems.count({ order_id: id })).toBe(0)
})

test('lets an organization be deleted with its products, orders and items', async () => {
  const { database, admin } = tenants
  const { id: orgId } = await database.asSystem('a test', async ({ db }) => {
    const organization = { name: 'To delete', slug: 'to-delete' }
    return await db
      .insertInto('ibex_core.organizations')
      .values(organization)
      .returning('id')
      .executeTakeFirstOrThrow()
  })
  const product = await insertProduct(admin, { org_id: orgId })
  const items = [{ productId: product.id, quantity: 1 }]
  await database.forTenant(orgId).orders.place({ orderNumber: '1', items })
  await database.asSystem('a test', async ({ db }) => {
    await db.deleteFrom('ibex_core.organizations').where('id', '=', orgId).execute()
  })
  for (const table of ['products', 'orders', 'order_items'])
    expect(await ownersView(admin, `ibex_core.${table}`, orgId)).toEqual([])
})
