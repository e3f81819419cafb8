/** Defects of columns, keys and indexes. */
import { byHand, mended } from './defect.ts'
import type { Defect } from './defect.ts'
import type { FixtureRoles } from '../healthy-schema.ts'

/** Makes them for a fixture with these roles. */
export function keysDefects({ app }: FixtureRoles): readonly Defect[] {
  return [
    {
      code: 'tenant-column-missing',
      name: 'a child without a tenant',
      plant: `create table shop.lines (id uuid primary key, owner uuid, parent uuid, foreign key (owner, parent) references shop.orders); grant select, insert on shop.lines to ${app}`,
      objects: ['table shop.lines'],
      ...byHand,
    },
    {
      code: 'shared-table-writable',
      name: 'a catalogue that tenants write',
      plant: `grant insert on shop.currencies to ${app}`,
      objects: ['table shop.currencies'],
      ...byHand,
    },
    {
      code: 'tenant-nullable',
      name: 'a tenant that may be null',
      plant: 'alter table shop.bookings alter org_id drop not null',
      objects: ['column shop.bookings.org_id'],
      ...mended,
    },
    {
      code: 'foreign-key-tenant',
      name: 'a reference by id alone',
      plant:
        'alter table shop.orders add constraint by_plan foreign key (plan_id) references shop.plans on update cascade on delete set null deferrable initially deferred',
      objects: ['constraint by_plan on shop.orders'],
      ...mended,
    },
    {
      code: 'foreign-key-tenant',
      name: 'a reference with another column in the place of the tenant',
      plant:
        'alter table shop.orders add billed_org uuid, add constraint billed foreign key (billed_org, referrer_id) references shop.customers',
      objects: ['constraint billed on shop.orders'],
      ...mended,
    },
    {
      code: 'foreign-key-empties-tenant',
      name: 'set null without columns',
      plant:
        'alter table shop.orders add constraint refers foreign key (org_id, referrer_id) references shop.customers on delete set null',
      objects: ['constraint refers on shop.orders'],
      ...mended,
    },
    {
      code: 'foreign-key-empties-tenant',
      name: 'set null with the tenant among the columns',
      plant:
        'alter table shop.orders add "a)$&" uuid, add constraint refers foreign key (org_id, "a)$&") references shop.customers on delete set null (org_id, "a)$&")',
      objects: ['constraint refers on shop.orders'],
      ...mended,
    },
    {
      code: 'foreign-key-empties-tenant',
      name: 'set null of the tenant alone',
      plant:
        'alter table shop.orders add constraint of_org foreign key (org_id) references shop.organizations on delete set null',
      objects: ['constraint of_org on shop.orders'],
      ...byHand,
    },
    {
      code: 'primary-key-tenant',
      name: 'a key that tenants write',
      plant: `grant insert on shop.plans to ${app}`,
      objects: ['constraint plans_pkey on shop.plans'],
      ...mended,
    },
    {
      code: 'unique-key-tenant',
      name: 'a constraint',
      plant:
        'alter table shop.customers add constraint one_phone unique nulls not distinct (phone) include (note) deferrable',
      objects: ['constraint one_phone on shop.customers'],
      ...mended,
    },
    {
      code: 'unique-key-tenant',
      name: 'an index with a strange name',
      plant:
        'create unique index "one "" USING phone" on shop.customers (phone desc nulls last) include (note) where phone is not null',
      objects: ['index shop."one "" USING phone"'],
      ...mended,
    },
    {
      code: 'unique-key-tenant',
      name: 'an index of a partition',
      plant: 'create unique index one_id on shop.events_0 (id)',
      objects: ['index shop.one_id'],
      ...mended,
    },
    {
      code: 'exclusion-tenant',
      name: 'a room for all tenants',
      plant:
        'alter table shop.bookings add constraint one_room exclude using btree (room with =, slot with =) where (slot > 0)',
      objects: ['constraint one_room on shop.bookings'],
      ...mended,
    },
    {
      code: 'constraint-not-valid',
      name: 'a check',
      plant: 'alter table shop.orders add constraint small check (total < 1000) not valid',
      objects: ['constraint small on shop.orders'],
      ...mended,
    },
    {
      code: 'constraint-not-valid',
      name: 'a foreign key',
      plant:
        'alter table shop.orders add constraint again foreign key (org_id, customer_id) references shop.customers not valid',
      objects: ['constraint again on shop.orders'],
      ...mended,
    },
    {
      code: 'index-invalid',
      name: 'an index that was not finished',
      plant:
        "update pg_index set indisvalid = false where indexrelid = 'shop.orders_placed_at_idx'::regclass",
      objects: ['index shop.orders_placed_at_idx'],
      ...mended,
    },
    {
      code: 'index-invalid',
      name: 'an index that no partition has',
      plant: 'create index events_id_idx on only shop.events (id)',
      objects: ['index shop.events_id_idx'],
      ...byHand,
    },
    {
      code: 'tenant-index',
      name: 'no index at all',
      plant: 'drop index shop.bookings_org_id_idx',
      objects: ['table shop.bookings'],
      ...mended,
    },
    {
      code: 'tenant-index',
      name: 'a partial index',
      plant: 'drop index shop.bookings_org_id_idx; create index on shop.bookings (org_id) where slot > 0',
      objects: ['table shop.bookings'],
      ...mended,
    },
    {
      code: 'index-unusable',
      name: 'an array in a gin index',
      plant: 'create index orders_tags on shop.orders using gin (tags)',
      objects: ['index shop.orders_tags'],
      ...byHand,
    },
    {
      code: 'index-unusable',
      name: 'an expression',
      plant: 'create index orders_day on shop.orders ((placed_at at time zone $$utc$$))',
      objects: ['index shop.orders_day'],
      ...byHand,
    },
    {
      code: 'index-unusable',
      name: 'a search function that nobody may call',
      plant: `revoke execute on function shop.search_customers(text) from ${app}`,
      objects: ['index shop.customers_words_idx'],
      ...byHand,
    },
    {
      code: 'index-column-unusable',
      name: 'a numeric column',
      plant: 'create index orders_total on shop.orders (org_id, total)',
      objects: ['index shop.orders_total'],
      ...byHand,
    },
    {
      code: 'index-column-unusable',
      name: 'an enum',
      plant:
        "create type shop.mood as enum ('sad'); alter table shop.orders add mood shop.mood; create index orders_mood on shop.orders (org_id, mood)",
      objects: ['index shop.orders_mood'],
      ...byHand,
    },
    {
      code: 'sequence-key',
      name: 'identity and serial',
      plant:
        'alter table shop.orders add number bigint generated always as identity; alter table shop.customers add number serial',
      objects: ['column shop.customers.number', 'column shop.orders.number'],
      ...byHand,
    },
  ]
}
