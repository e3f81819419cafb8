/** Every constraint of the tables of commerce, broken once through a repository. */
import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { CheckViolationError, ForeignKeyViolationError, UniqueViolationError } from '../../src/errors.ts'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import { insertUser } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { commerceTables, refused } from './refused.ts'

const secret = 'canary-4711'
const product = { sku: secret, name: secret, price: '47.11' }
const order = { order_number: secret, subtotal: '0', total_price: '47.11' }
const line = { sku: secret, name: secret, quantity: 1, unit_price: '47.11', seq: 1 }
const movement = {
  change_type: 'earn',
  direction: 'credit',
  amount: 1,
  biz_type: secret,
  event_id: secret,
} as const

let tenants: TwoTenants
let userId: string
let foreign: { readonly userId: string; readonly productId: string; readonly orderId: string }
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  userId = (await insertUser(admin, { org_id: mine.orgId })).id
  const { id: theirUser } = await insertUser(admin, { org_id: theirs.orgId })
  // the same keys in another tenant are in nobody's way
  const { id: productId } = await theirs.products.insert({
    ...product,
    inventory_quantity: 1,
    status: 'published',
  })
  const placed = await theirs.orders.place({ orderNumber: secret, items: [{ productId, quantity: 1 }] })
  await theirs.points.credit({ userId: theirUser, amount: 5, eventId: secret, bizType: secret })
  foreign = { userId: theirUser, productId, orderId: placed.order.id }
  theirsUnchanged = await watchTheirs(tenants, ...commerceTables)
})

afterEach(async () => {
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

type Break = (trx: TenantTransaction) => Promise<unknown>

/** An order of mine that an item is written for. */
async function withItem(trx: TenantTransaction, values: Readonly<Record<string, unknown>>): Promise<unknown> {
  const { id } = await trx.orders.insert(order)
  return await trx.orderItems.insert({ ...line, order_id: id, ...values })
}

async function withMovement(
  trx: TenantTransaction,
  values: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  return await trx.pointsLedger.insert({ ...movement, user_id: userId, ...values })
}

const long = (length: number): string => secret.padEnd(length + 1, 'x')

const breaks: Readonly<Record<string, Break>> = {
  products_sku_check: async (trx) => await trx.products.insert({ ...product, sku: long(100) }),
  products_name_check: async (trx) => await trx.products.insert({ ...product, name: long(500) }),
  products_category_check: async (trx) => await trx.products.insert({ ...product, category: long(100) }),
  products_price_check: async (trx) => await trx.products.insert({ ...product, price: '-47.11' }),
  products_inventory_quantity_check: async (trx) =>
    await trx.products.insert({ ...product, inventory_quantity: -4_711 }),
  products_status_check: async (trx) => await trx.products.insert({ ...product, status: secret as 'draft' }),
  products_metadata_check: async (trx) =>
    await trx.products.insert({ ...product, metadata: [secret] as never }),
  products_org_id_sku_key: async (trx) => await trx.products.insertMany([product, product]),
  products_org_id_id_pkey: async (trx) => {
    const { id } = await trx.products.insert(product)
    await trx.products.insert({ ...product, id, sku: 'other' })
  },
  orders_order_number_check: async (trx) => await trx.orders.insert({ ...order, order_number: long(100) }),
  orders_status_check: async (trx) => await trx.orders.insert({ ...order, status: secret as 'pending' }),
  orders_subtotal_check: async (trx) => await trx.orders.insert({ ...order, subtotal: '-47.11' }),
  orders_total_price_check: async (trx) => await trx.orders.insert({ ...order, total_price: '-47.11' }),
  orders_metadata_check: async (trx) => await trx.orders.insert({ ...order, metadata: [secret] as never }),
  orders_org_id_order_number_key: async (trx) => await trx.orders.insertMany([order, order]),
  orders_org_id_user_id_fkey: async (trx) => await trx.orders.insert({ ...order, user_id: foreign.userId }),
  orders_org_id_id_pkey: async (trx) => {
    const { id } = await trx.orders.insert(order)
    await trx.orders.insert({ ...order, id, order_number: 'other' })
  },
  // deferred: the transaction fails when it ends
  orders_subtotal_items_check: async (trx) => await trx.orders.insert({ ...order, subtotal: '47.11' }),
  order_items_order_subtotal_check: async (trx) => await withItem(trx, {}),
  order_items_seq_check: async (trx) => await withItem(trx, { seq: 0 }),
  order_items_sku_check: async (trx) => await withItem(trx, { sku: long(100) }),
  order_items_name_check: async (trx) => await withItem(trx, { name: long(500) }),
  order_items_quantity_check: async (trx) => await withItem(trx, { quantity: 0 }),
  order_items_taken_quantity_check: async (trx) => await withItem(trx, { taken_quantity: -1 }),
  order_items_taken_quantity_quantity_check: async (trx) => await withItem(trx, { taken_quantity: 2 }),
  order_items_unit_price_check: async (trx) => await withItem(trx, { unit_price: '-47.11' }),
  order_items_org_id_order_id_seq_key: async (trx) => {
    const { id } = await trx.orders.insert(order)
    const item = { ...line, order_id: id }
    await trx.orderItems.insertMany([item, item])
  },
  order_items_org_id_order_id_fkey: async (trx) => await withItem(trx, { order_id: foreign.orderId }),
  order_items_org_id_product_id_fkey: async (trx) => await withItem(trx, { product_id: foreign.productId }),
  order_items_org_id_id_pkey: async (trx) => {
    const { id } = await trx.orders.insert(order)
    const item = { ...line, id: randomUUID(), order_id: id }
    await trx.orderItems.insertMany([item, { ...item, seq: 2 }])
  },
  point_accounts_org_id_user_id_key: async (trx) =>
    await trx.points.insertMany([{ user_id: userId }, { user_id: userId }]),
  point_accounts_org_id_user_id_fkey: async (trx) => await trx.points.insert({ user_id: foreign.userId }),
  point_accounts_org_id_id_pkey: async (trx) => {
    const { id } = await trx.points.insert({ user_id: userId })
    const { id: other } = await trx.users.insert({ email: 'other@example.com' })
    await trx.points.insert({ id, user_id: other })
  },
  points_ledger_amount_check: async (trx) => await withMovement(trx, { amount: 0 }),
  points_ledger_balance_after_check: async (trx) =>
    await withMovement(trx, { change_type: 'spend', direction: 'debit', amount: 4_711 }),
  points_ledger_frozen_after_check: async (trx) =>
    await withMovement(trx, { change_type: 'release', amount: 4_711 }),
  points_ledger_frozen_after_balance_after_check: async (trx) =>
    await withMovement(trx, { change_type: 'freeze', direction: 'debit', amount: 4_711 }),
  points_ledger_change_type_check: async (trx) => await withMovement(trx, { change_type: secret }),
  points_ledger_change_type_direction_check: async (trx) => {
    await withMovement(trx, { amount: 10 })
    await withMovement(trx, { event_id: 'other', direction: 'debit' })
  },
  points_ledger_direction_check: async (trx) => {
    await withMovement(trx, { amount: 10 })
    await withMovement(trx, { event_id: 'other', change_type: 'spend', direction: secret })
  },
  points_ledger_biz_type_check: async (trx) => await withMovement(trx, { biz_type: long(50) }),
  points_ledger_event_id_check: async (trx) => await withMovement(trx, { event_id: long(100) }),
  points_ledger_metadata_check: async (trx) => await withMovement(trx, { metadata: [secret] }),
  points_ledger_org_id_event_id_key: async (trx) => {
    await withMovement(trx, {})
    await withMovement(trx, {})
  },
  points_ledger_org_id_user_id_fkey: async (trx) => await withMovement(trx, { user_id: foreign.userId }),
  points_ledger_org_id_id_pkey: async (trx) => {
    const id = randomUUID()
    await withMovement(trx, { id })
    await withMovement(trx, { id, event_id: 'other' })
  },
}

/** What an error names when it is not the constraint itself, because something in front of it refuses first. */
const named: Readonly<Record<string, string>> = {
  order_items_order_subtotal_check: 'orders_subtotal_items_check',
  points_ledger_org_id_user_id_fkey: 'point_accounts_org_id_user_id_fkey',
}

/** What nobody can break: triggers write these columns, and the constraints are there to catch the triggers. */
const unbreakable = [
  'point_accounts_balance_check',
  'point_accounts_balance_lifetime_check',
  'point_accounts_frozen_balance_balance_check',
  'point_accounts_frozen_balance_check',
  'point_accounts_lifetime_earned_check',
  'point_accounts_lifetime_spent_check',
  'point_accounts_version_check',
  'points_ledger_org_id_user_id_version_key',
  'points_ledger_version_check',
]

/** The key that every tenant table has. */
const organizationKeys = commerceTables.map((table) => `${table.replace('ibex_core.', '')}_org_id_fkey`)

test('knows every constraint that the tables have', async () => {
  const { rows } = await sql<{ name: string }>`select conname::text as name from pg_constraint
    where conrelid = any(${commerceTables}::regclass[]) and contype <> 'n' order by 1`.execute(tenants.admin)
  const names = rows.map(({ name }) => name)
  expect([...Object.keys(breaks), ...unbreakable, ...organizationKeys].toSorted()).toEqual(names)
})

test.each(Object.entries(breaks))(
  '%s: a typed error, nothing half-written, no value',
  async (constraint, write) => {
    const error = await refused(tenants, async () => await tenants.mine.transaction(write))
    expect(error).toMatchObject({
      name: nameOf(constraint),
      schema: 'ibex_core',
      constraint: named[constraint] ?? constraint,
    })
    expect(everything(error)).not.toMatch(/4711|47\.11|canary/)
    for (const id of [userId, ...Object.values(foreign)]) expect(everything(error)).not.toContain(id)
  },
)

function nameOf(constraint: string): string {
  if (constraint.endsWith('_fkey')) return ForeignKeyViolationError.name
  return constraint.endsWith('_check') ? CheckViolationError.name : UniqueViolationError.name
}

/** Everything of an error that a log or an API could show, causes included; without paths and lines. */
function everything(error: Error): string {
  const causes: string[] = []
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    current.stack = ''
    causes.push(inspect(current, { depth: 20, showHidden: true }), JSON.stringify(current), current.message)
  }
  return causes.join('\n')
}
