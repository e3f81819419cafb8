import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { counter, jsonObject, oneOf, textList, textOfLength } from '../src/migration/columns.ts'
import type { Column, ColumnOptions } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { allowFunction, describeFunction } from '../src/migration/sql-functions.ts'

/** Creates what an organization sells and the orders of it, and keeps orders, items and inventory in step. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createProducts(db)
  await createOrders(db)
  await createOrderItems(db)
  await checkSubtotals(db)
  await checkStatus(db)
  await giveBackInventory(db)
  await createPlaceOrder(db)
}

/** Drops the functions and the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function ibex_core.place_order`.execute(db)
  await db.schema.dropTable('ibex_core.order_items').execute()
  await db.schema.dropTable('ibex_core.orders').execute()
  await db.schema.dropTable('ibex_core.products').execute()
  await sql`drop function ibex_core.give_back_inventory()`.execute(db)
  await sql`drop function ibex_core.check_order_status()`.execute(db)
  await sql`drop function ibex_core.check_order_subtotal()`.execute(db)
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
      subtotal: money({ comment: 'The sum of the items; checked when the transaction ends.' }),
      total_price: money({ comment: 'What is to be paid: the subtotal with shipping, taxes, discounts.' }),
      metadata: jsonObject(
        {},
        { comment: 'Shipping, payment and the like; adjustments: label and amount of each.' },
      ),
    },
    unique: [['order_number']],
    references: [{ columns: ['user_id'], table: 'ibex_core.users', onDelete: 'set null', index: false }],
  })
  await createTenantIndex(db, 'ibex_core.orders', { columns: ['created_at desc'] })
  await createTenantIndex(db, 'ibex_core.orders', {
    columns: ['user_id', 'created_at desc'],
    where: 'user_id is not null',
  })
}

async function createOrderItems(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.order_items', {
    comment: 'One line of an order, as it was when the order was placed.',
    columns: {
      order_id: { type: 'uuid' },
      seq: { type: 'integer', check: (seq) => `${seq} >= 1`, comment: 'Counts from 1 per order.' },
      product_id: { type: 'uuid', optional: true, comment: 'Null when the product was deleted since.' },
      sku: textOfLength(1, 100),
      name: textOfLength(1, 500),
      quantity: { type: 'integer', check: (quantity) => `${quantity} >= 1` },
      taken_quantity: counter('integer', {
        comment: 'How many were taken from the inventory: what a cancelled order gives back.',
      }),
      unit_price: money(),
    },
    unique: [['order_id', 'seq']],
    checks: [{ columns: ['taken_quantity', 'quantity'], condition: 'taken_quantity <= quantity' }],
    references: [
      { columns: ['order_id'], table: 'ibex_core.orders', onDelete: 'cascade', index: false },
      { columns: ['product_id'], table: 'ibex_core.products', onDelete: 'set null' },
    ],
  })
}

/** Deferred, because an order and its items are written one after the other. */
async function checkSubtotals(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.check_order_subtotal() returns trigger language plpgsql set search_path = '' as $$
declare
  tenant constant uuid := coalesce(new.org_id, old.org_id);
  changed uuid[];
begin
  if tg_table_name = 'orders' then
    changed := array[new.id];
  else
    changed := array[old.order_id, new.order_id];
  end if;
  if exists (
    select from ibex_core.orders as checked where checked.org_id = tenant and checked.id = any (changed)
      and checked.subtotal <> (
        select coalesce(sum(line.quantity * line.unit_price), 0) from ibex_core.order_items as line
        where line.org_id = tenant and line.order_id = checked.id)
  ) then
    raise check_violation using message = 'the subtotal of an order is not the sum of its items',
      schema = 'ibex_core', table = 'orders', constraint = 'orders_subtotal_items_check';
  end if;
  return null;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.check_order_subtotal()',
    'Raises when the subtotal of an order is not the sum of its items.',
  )
  await sql`create constraint trigger orders_subtotal_items_check after insert or update of subtotal on ibex_core.orders
    deferrable initially deferred for each row execute function ibex_core.check_order_subtotal()`.execute(db)
  await sql`create constraint trigger order_items_order_subtotal_check
    after insert or delete or update of order_id, quantity, unit_price on ibex_core.order_items
    deferrable initially deferred for each row execute function ibex_core.check_order_subtotal()`.execute(db)
}

async function checkStatus(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.check_order_status() returns trigger language plpgsql set search_path = '' as $$
begin
  if (old.status, new.status) not in (('pending', 'processing'), ('processing', 'completed'),
    ('pending', 'cancelled'), ('processing', 'cancelled')) then
    raise check_violation using message = 'the status of an order does not go this way',
      schema = 'ibex_core', table = 'orders', constraint = 'orders_status_transition_check';
  end if;
  return new;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.check_order_status()',
    'Lets an order go from pending to processing to completed, and to cancelled before it is completed.',
  )
  await sql`create trigger orders_check_status before update of status on ibex_core.orders
    for each row when (old.status <> new.status) execute function ibex_core.check_order_status()`.execute(db)
}

async function giveBackInventory(db: Kysely<unknown>): Promise<void> {
  // once: the row of the order is locked, and no status leads out of cancelled
  await sql`create function ibex_core.give_back_inventory() returns trigger language plpgsql set search_path = '' as $$
declare
  given_back constant uuid[] := array(select product_id from ibex_core.order_items
    where org_id = new.org_id and order_id = new.id and taken_quantity > 0);
begin
  perform from ibex_core.products where org_id = new.org_id and id = any (given_back) order by id for no key update;
  update ibex_core.products as product set inventory_quantity = product.inventory_quantity + taken.quantity
  from (
    select product_id, sum(taken_quantity)::integer as quantity from ibex_core.order_items
    where org_id = new.org_id and order_id = new.id group by product_id
  ) as taken
  where product.org_id = new.org_id and product.id = taken.product_id and taken.quantity > 0;
  return null;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.give_back_inventory()',
    'Gives back to the inventory what a cancelled order took from it, in the order that place_order() locks products in.',
  )
  await sql`create trigger orders_give_back_inventory after update of status on ibex_core.orders
    for each row when (old.status <> 'cancelled' and new.status = 'cancelled')
    execute function ibex_core.give_back_inventory()`.execute(db)
}

async function createPlaceOrder(db: Kysely<unknown>): Promise<void> {
  // a function and not one statement: what is read after the locks must be what they made sure of, and each statement in
  // here has its own snapshot; all refusals come before the first write
  await sql`create function ibex_core.place_order(tenant uuid, number text, buyer uuid, product_ids uuid[],
  quantities integer[], amounts numeric[], expected_total numeric, details jsonb)
returns table (refusal text, positions integer[], placed ibex_core.orders, item ibex_core.order_items)
language plpgsql set search_path = '' as $$
declare
  unavailable integer[];
  short integer[];
  sum_of_items numeric;
  total numeric;
begin
  -- in one order everywhere, so that two orders never wait for each other crosswise
  perform from ibex_core.products where org_id = tenant and id = any (product_ids) order by id for no key update;
  select array_agg(wanted.seq - 1 order by wanted.seq) filter (where product.id is null),
    array_agg(wanted.seq - 1 order by wanted.seq) filter (where product.inventory_quantity < wanted.quantity),
    sum(wanted.quantity * product.price)
  into unavailable, short, sum_of_items
  from unnest(product_ids, quantities) with ordinality as wanted (product_id, quantity, seq)
  left join ibex_core.products as product on product.org_id = tenant and product.id = wanted.product_id
    and product.status = 'published' and product.deleted_at is null;
  total := sum_of_items + (select coalesce(sum(amount), 0) from unnest(amounts) as amount);
  refusal := case when unavailable is not null then 'unavailable' when short is not null then 'inventory'
    when total <> expected_total then 'total' end;
  if refusal is not null then
    positions := coalesce(unavailable, short);
    return next;
    return;
  end if;
  insert into ibex_core.orders (org_id, order_number, user_id, subtotal, total_price, metadata)
  values (tenant, number, buyer, sum_of_items, total, details) returning * into placed;
  update ibex_core.products as product set inventory_quantity = product.inventory_quantity - taken.quantity
  from (
    select wanted.product_id, sum(wanted.quantity) as quantity
    from unnest(product_ids, quantities) as wanted (product_id, quantity) group by 1
  ) as taken
  where product.org_id = tenant and product.id = taken.product_id;
  insert into ibex_core.order_items (org_id, order_id, seq, product_id, sku, name, quantity, taken_quantity, unit_price)
  select tenant, placed.id, wanted.seq, product.id, product.sku, product.name, wanted.quantity, wanted.quantity, product.price
  from unnest(product_ids, quantities) with ordinality as wanted (product_id, quantity, seq)
  join ibex_core.products as product on product.org_id = tenant and product.id = wanted.product_id;
  return query select refusal, positions, placed, line from ibex_core.order_items as line
    where line.org_id = tenant and line.order_id = placed.id order by line.seq;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.place_order',
    'Takes the items from the inventory and writes an order of them, a row an item; or writes nothing and says why not.',
  )
  await allowFunction(db, 'ibex_core.place_order')
}
