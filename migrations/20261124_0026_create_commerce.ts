import type { Kysely } from 'kysely'
import { counter, jsonObject, oneOf, textList, textOfLength } from '../src/migration/columns.ts'
import type { Column, ColumnOptions } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates what an organization sells, the orders of it, and the points of its users. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createProducts(db)
  await createOrders(db)
  await createPoints(db)
}

/** Drops the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.points_ledger').execute()
  await db.schema.dropTable('ibex_core.point_accounts').execute()
  await db.schema.dropTable('ibex_core.order_items').execute()
  await db.schema.dropTable('ibex_core.orders').execute()
  await db.schema.dropTable('ibex_core.products').execute()
}

function money(options: ColumnOptions = {}): Column {
  return { type: 'numeric(10,2)', check: (column) => `${column} >= 0`, ...options }
}

async function createProducts(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.products', {
    comment: 'Something that an organization sells.',
    softDelete: true,
    columns: {
      sku: textOfLength(1, 100, { comment: 'The stock-keeping unit; unique in the organization.' }),
      name: textOfLength(1, 500),
      description: { type: 'text', optional: true },
      category: textOfLength(1, 100, { optional: true }),
      price: money(),
      inventory_quantity: counter('integer', { comment: 'How many are there to sell.' }),
      status: oneOf(['draft', 'published', 'archived'], { value: 'draft' }),
      tags: textList(),
      metadata: jsonObject({}, { comment: 'Variants, specifications and the like.' }),
    },
    unique: [['sku']],
  })
  await createTenantIndex(db, 'ibex_core.products', { columns: ['category', 'created_at desc'] })
}

async function createOrders(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.orders', {
    comment: 'An order of a user, or of a guest.',
    columns: {
      order_number: textOfLength(1, 100, { comment: 'Unique in the organization.' }),
      user_id: { type: 'uuid', optional: true, comment: 'Null for a guest.' },
      status: oneOf(['pending', 'processing', 'completed', 'cancelled'], { value: 'pending' }),
      subtotal: money({ comment: 'The sum of the items.' }),
      total_price: money({ comment: 'What is to be paid: subtotal, shipping, taxes, discounts.' }),
      metadata: jsonObject({}, { comment: 'Shipping, payment and the like.' }),
    },
    unique: [['order_number']],
    references: [{ columns: ['user_id'], table: 'ibex_core.users', onDelete: 'set null' }],
  })
  await createTenantIndex(db, 'ibex_core.orders', { columns: ['created_at desc'] })
  await createTenantTable(db, 'ibex_core.order_items', {
    comment: 'One line of an order, as it was when the order was placed.',
    columns: {
      order_id: { type: 'uuid' },
      product_id: { type: 'uuid', optional: true, comment: 'Null when the product was deleted since.' },
      sku: textOfLength(1, 100),
      name: textOfLength(1, 500),
      quantity: { type: 'integer', check: (quantity) => `${quantity} >= 1` },
      unit_price: money(),
    },
    references: [
      { columns: ['order_id'], table: 'ibex_core.orders', onDelete: 'cascade' },
      { columns: ['product_id'], table: 'ibex_core.products', onDelete: 'set null' },
    ],
  })
}

async function createPoints(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.point_accounts', {
    comment: 'The points of a user: what the ledger adds up to.',
    columns: {
      user_id: { type: 'uuid' },
      balance: counter('bigint'),
      frozen_balance: counter('bigint', { comment: 'The part of the balance that cannot be spent now.' }),
      lifetime_earned: counter('bigint'),
      lifetime_spent: counter('bigint'),
      version: counter('bigint', { comment: 'Counts the movements: the optimistic lock.' }),
    },
    unique: [['user_id']],
    checks: [{ columns: ['frozen_balance', 'balance'], condition: 'frozen_balance <= balance' }],
    references: [{ columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade', index: false }],
  })
  await createTenantTable(db, 'ibex_core.points_ledger', {
    comment: 'A movement of points. Append-only.',
    appendOnly: true,
    columns: {
      user_id: { type: 'uuid' },
      change_type: oneOf(['earn', 'spend', 'refund', 'adjust', 'expire', 'freeze', 'release']),
      amount: { type: 'bigint', check: (amount) => `${amount} > 0` },
      direction: oneOf(['credit', 'debit']),
      balance_after: counter('bigint'),
      biz_type: textOfLength(1, 50, { comment: 'What the points were given or taken for.' }),
      event_id: textOfLength(1, 100, { comment: 'What happened; moves points once in the organization.' }),
      metadata: jsonObject(),
    },
    unique: [['event_id']],
    references: [{ columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade', index: false }],
  })
  await createTenantIndex(db, 'ibex_core.points_ledger', { columns: ['user_id', 'created_at desc'] })
}
