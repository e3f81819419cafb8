/** For every rule the defects that it, and no other, must find in the healthy schema. */
import type { Catalog } from '../../src/doctor/catalog.ts'
import type { DoctorOptions } from '../../src/doctor/options.ts'
import { temporaryRight } from './healthy-schema.ts'
import type { FixtureRoles } from './healthy-schema.ts'

/** One planted defect. */
export interface Defect {
  readonly code: string
  /** What is wrong, for the name of the test. */
  readonly name: string
  /** The script that plants it. */
  readonly plant: string
  /** What the finding must name; the role names stand in it as `APP`, `SYSTEM` and `SEARCH`. */
  readonly objects: readonly string[]
  /** Whether statements can mend it. */
  readonly isMendable: boolean
  readonly options?: DoctorOptions
  /** For what no statement can plant on every server: the versions, and rights of later ones. */
  readonly edit?: (catalog: Catalog) => Catalog
}

const policy = (using: string, check = using): string =>
  `alter policy by_tenant on shop.orders using (${using}) with check (${check})`
const held = 'org_id = (select shop.current_tenant())'
const orders = 'table shop.orders'
const byTenant = 'policy by_tenant on shop.orders'

/** Makes the defects for a fixture with these roles. */
export function defects({ app, system, search }: FixtureRoles): readonly Defect[] {
  const mended = { isMendable: true }
  const byHand = { isMendable: false }
  return [
    {
      code: 'no-tenant-table',
      name: 'an empty database',
      plant: 'drop schema shop cascade',
      objects: ['database'],
      ...byHand,
    },
    {
      code: 'no-tenant-table',
      name: 'a tenant column that nobody has',
      plant: 'drop schema shop cascade; create schema shop; create table shop.notes (tenant uuid)',
      objects: ['database'],
      ...byHand,
    },
    {
      code: 'role-missing',
      name: 'a role that does not exist',
      plant: '',
      objects: ["role 'nobody''s'"],
      options: { roles: [app, "nobody's"] },
      ...byHand,
    },
    {
      code: 'role-superuser',
      name: 'a superuser',
      plant: `alter role ${app} superuser`,
      objects: ['role APP'],
      ...mended,
    },
    {
      code: 'role-bypasses-rls',
      name: 'BYPASSRLS',
      plant: `alter role ${app} bypassrls`,
      objects: ['role APP'],
      ...mended,
    },
    {
      code: 'role-attributes',
      name: 'three attributes',
      plant: `alter role ${app} createrole createdb replication`,
      objects: ['role APP'],
      ...mended,
    },
    {
      code: 'role-member',
      name: 'membership in a role with BYPASSRLS',
      plant: `alter role ${system} bypassrls; grant ${system} to ${app}; drop policy for_system on shop.organizations; drop policy for_system on shop.plans; drop policy for_system on shop.customers; drop policy for_system on shop.orders; drop policy for_system on shop.bookings; drop policy for_system on shop.events; revoke all on shop.currencies from ${system}`,
      objects: ['membership of APP in SYSTEM'],
      ...mended,
    },
    {
      code: 'role-member',
      name: 'membership in the owner, through another role',
      plant: `create role ${app}_a; create role ${app}_b; grant ${app}_b to ${app}_a; grant ${app}_a to ${app}; alter table shop.orders owner to ${app}_b`,
      objects: ['membership of APP in APP_a'],
      ...mended,
    },
    {
      code: 'role-member',
      name: 'membership in pg_read_all_data',
      plant: `grant pg_read_all_data to ${app}`,
      objects: ['membership of APP in pg_read_all_data'],
      ...mended,
    },
    {
      code: 'role-owner',
      name: 'a table',
      plant: `alter table shop.orders owner to ${app}`,
      objects: [orders],
      ...mended,
    },
    {
      code: 'role-owner',
      name: 'a function',
      plant: `alter function shop.current_tenant() owner to ${app}`,
      objects: ['function shop.current_tenant()'],
      ...mended,
    },
    {
      code: 'role-owner',
      name: 'a view, a materialized view, a sequence and the schema',
      plant: `alter view shop.recent owner to ${app}; alter materialized view shop.totals owner to ${app}; alter sequence shop.jobs owner to ${app}; alter schema shop owner to ${app}`,
      objects: ['schema shop', 'sequence shop.jobs', 'view shop.recent', 'materialized view shop.totals'],
      ...mended,
    },
    {
      code: 'login-bypasses-rls',
      name: 'a login with BYPASSRLS',
      plant: `create role ${app}_login login bypassrls; grant ${app} to ${app}_login`,
      objects: ['role APP_login'],
      ...byHand,
    },
    {
      code: 'login-bypasses-rls',
      name: 'a login that may become a superuser',
      plant: `create role ${app}_login login; create role ${app}_root superuser; grant ${app}_root, ${app} to ${app}_login`,
      objects: ['role APP_login'],
      ...byHand,
    },
    {
      code: 'login-owns-tables',
      name: 'a login that owns a table',
      plant: `create role ${app}_login login; grant ${app} to ${app}_login; alter table shop.orders owner to ${app}_login`,
      objects: ['role APP_login'],
      ...byHand,
    },
    {
      code: 'default-setting',
      name: 'a tenant of a role',
      plant: `alter role ${app} set app.current_org_id = '1'`,
      objects: ['setting app.current_org_id of role APP'],
      ...mended,
    },
    {
      code: 'default-setting',
      name: 'a tenant of a role in this database, and of the database',
      plant: `do $$ begin execute format('alter role ${app} in database %1$I set app.current_org_id = 1; alter database %1$I set app.current_org_id = 1', current_database()); end $$`,
      objects: [
        'setting app.current_org_id of role APP in this database',
        'setting app.current_org_id of the database',
      ],
      ...mended,
    },
    {
      code: 'default-setting',
      name: 'another setting that a policy reads',
      plant: `create policy narrow on shop.orders as restrictive to ${app} using ((select current_setting('app.region', true)) = 'eu'); alter role ${app} set app.region = 'eu'`,
      objects: ['setting app.region of role APP'],
      ...mended,
    },
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
    {
      code: 'rls-disabled',
      name: 'switched off',
      plant: 'alter table shop.orders disable row level security',
      objects: [orders],
      ...mended,
    },
    {
      code: 'rls-disabled',
      name: 'a copy',
      plant: `create table shop.copied (like shop.orders including all); grant select on shop.copied to ${app}`,
      objects: ['table shop.copied'],
      ...mended,
    },
    {
      code: 'rls-not-forced',
      name: 'not forced',
      plant: 'alter table shop.orders no force row level security',
      objects: [orders],
      ...mended,
    },
    {
      code: 'partition-rls-disabled',
      name: 'a new partition',
      plant:
        'alter table shop.events_0 disable row level security; alter table shop.events_1 no force row level security',
      objects: ['table shop.events_0', 'table shop.events_1'],
      ...mended,
    },
    {
      code: 'policy-missing',
      name: 'no policy',
      plant: 'drop policy by_tenant on shop.orders',
      objects: [orders],
      ...mended,
    },
    {
      code: 'policy-missing',
      name: 'a policy that only narrows',
      plant: `drop policy by_tenant on shop.orders; create policy by_tenant on shop.orders as restrictive to ${app} using (${held})`,
      objects: [orders],
      ...mended,
    },
    {
      code: 'policy-always-true',
      name: 'a check',
      plant: policy(held, 'true'),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-always-true',
      name: 'a second policy',
      plant: `create policy open on shop.orders for select to ${app} using (true)`,
      objects: ['policy open on shop.orders'],
      ...mended,
    },
    {
      code: 'policy-always-true',
      name: 'for everybody, in other words',
      plant: 'create policy open on shop.orders using (1 = 1 and true)',
      objects: ['policy open on shop.orders'],
      ...mended,
    },
    {
      code: 'policy-ignores-tenant',
      name: 'a login',
      plant: policy("current_user <> 'nobody'"),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-ignores-tenant',
      name: 'the tenant compared with itself',
      plant: policy('org_id = org_id'),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-ignores-tenant',
      name: 'any tenant but this one',
      plant: policy('org_id <> (select shop.current_tenant())'),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-ignores-tenant',
      name: 'a sub-select without the row',
      plant: policy(
        `exists (select from shop.organizations as o where o.id = (select shop.current_tenant()))`,
      ),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-bypass',
      name: 'a flag',
      plant: policy(`${held} or (select current_setting('app.bypass', true)) = 'on'`),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-bypass',
      name: 'a case',
      plant: policy(
        `case when (select current_setting('app.bypass', true)) = 'on' then true else ${held} end`,
      ),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-check-differs',
      name: 'more for writing',
      plant: policy(held, `${held} and total > 0`),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-overlap',
      name: 'a second policy',
      plant: `create policy other on shop.orders for select to ${app} using (${held} and total > 0)`,
      objects: ['policy other on shop.orders'],
      ...byHand,
    },
    {
      code: 'policy-setting-cast',
      name: 'in a policy',
      plant: policy("org_id = (select current_setting('app.current_org_id', true)::uuid)"),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-setting-cast',
      name: 'around a sub-select',
      plant: policy("org_id = (select current_setting('app.current_org_id', true))::uuid"),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-setting-cast',
      name: 'in a function',
      plant: `create or replace function shop.current_tenant() returns uuid language sql stable as $$ select current_setting('app.current_org_id', true)::uuid $$`,
      objects: ['function shop.current_tenant()'],
      ...byHand,
    },
    {
      code: 'policy-per-row',
      name: 'a bare call',
      plant: policy('org_id = shop.current_tenant()'),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-per-row',
      name: 'a bare setting',
      plant: policy("org_id = nullif(current_setting('app.current_org_id', true), '')::uuid"),
      objects: [byTenant],
      ...mended,
    },
    {
      code: 'policy-per-row',
      name: 'a function of the row',
      plant: `create function shop.is_mine(id uuid) returns boolean language sql stable return id = shop.current_tenant(); ${policy('shop.is_mine(org_id)')}`,
      objects: [byTenant],
      ...byHand,
    },
    {
      code: 'privilege-truncate',
      name: 'TRUNCATE',
      plant: `grant truncate on shop.orders to ${app}`,
      objects: [orders],
      ...mended,
    },
    {
      code: 'privilege-truncate',
      name: 'TRUNCATE for everybody',
      plant: 'grant truncate on shop.orders to public',
      objects: [orders],
      ...mended,
    },
    {
      code: 'privilege-references',
      name: 'REFERENCES of a column',
      plant: `grant references (id) on shop.orders to ${app}`,
      objects: [orders],
      ...mended,
    },
    {
      code: 'privilege-trigger',
      name: 'TRIGGER through another role',
      plant: `create role ${app}_group; grant ${app}_group to ${app}; grant trigger on shop.orders to ${app}_group`,
      objects: [orders],
      ...mended,
    },
    {
      code: 'privilege-maintain',
      name: 'MAINTAIN',
      plant: '',
      objects: [orders],
      ...mended,
      edit: (catalog) => ({
        ...catalog,
        grants: [
          ...catalog.grants,
          ...catalog.relations
            .filter(({ sql }) => sql === 'shop.orders')
            .map(({ id }) => ({
              on: 'relation' as const,
              id,
              column: null,
              columnSql: null,
              grantee: app,
              sql: app,
              privilege: 'MAINTAIN',
            })),
        ],
      }),
    },
    {
      code: 'privilege-tenant-update',
      name: 'UPDATE on the table',
      plant: `grant update on shop.orders to ${app}`,
      objects: ['column shop.orders.org_id'],
      ...mended,
    },
    {
      code: 'privilege-tenant-update',
      name: 'UPDATE on the column',
      plant: `grant update (org_id) on shop.orders to ${app}`,
      objects: ['column shop.orders.org_id'],
      ...mended,
    },
    {
      code: 'privilege-partition',
      name: 'rights on partitions',
      plant: `grant select on shop.events_0 to ${app}; grant update (id) on shop.events_1 to public`,
      objects: ['table shop.events_0', 'table shop.events_1'],
      ...mended,
    },
    {
      code: 'privilege-sequence',
      name: 'a sequence',
      plant: `grant all on sequence shop.jobs to ${app}`,
      objects: ['sequence shop.jobs'],
      ...mended,
    },
    {
      code: 'privilege-sequence',
      name: 'a default that needs no more than USAGE',
      plant: `alter table shop.currencies add position int default nextval('shop.jobs'); grant update on sequence shop.jobs to ${app}`,
      objects: ['sequence shop.jobs'],
      ...mended,
    },
    {
      code: 'privilege-create',
      name: 'a schema',
      plant: `grant create on schema shop to ${app}`,
      objects: ['schema shop'],
      ...mended,
    },
    {
      code: 'privilege-create',
      name: 'the database',
      plant: temporaryRight('grant create', 'public'),
      objects: ['database'],
      ...mended,
    },
    {
      code: 'privilege-temporary',
      name: 'temporary tables',
      plant: temporaryRight('grant temporary', 'public'),
      objects: ['database'],
      ...mended,
    },
    {
      code: 'privilege-default',
      name: 'all on new tables',
      plant: `alter default privileges in schema shop grant all on tables to ${app}; alter default privileges grant truncate on tables to public`,
      objects: [
        'default privileges of OWNER for public',
        'default privileges of OWNER in schema shop for APP',
      ],
      ...mended,
    },
    {
      code: 'view-owner-rights',
      name: 'a view, and a view of it',
      plant:
        'alter view shop.recent set (security_invoker = false); alter view shop.latest reset (security_invoker)',
      objects: ['view shop.latest', 'view shop.recent'],
      ...mended,
    },
    {
      code: 'view-owner-rights',
      name: 'a view of a partition',
      plant: `create view shop.half as select * from shop.events_0; grant select (id) on shop.half to ${app}`,
      objects: ['view shop.half'],
      ...mended,
    },
    {
      code: 'materialized-view-readable',
      name: 'a materialized view',
      plant: `grant select on shop.totals to ${app}`,
      objects: ['materialized view shop.totals'],
      ...mended,
    },
    {
      code: 'foreign-table-readable',
      name: 'a foreign table',
      plant: `grant select, insert on shop.remote to ${app}`,
      objects: ['foreign table shop.remote'],
      ...mended,
    },
    {
      code: 'definer-search-path',
      name: 'a function',
      plant: 'alter function shop.search_customers(text) reset search_path',
      objects: ['function shop.search_customers(text)'],
      ...mended,
    },
    {
      code: 'definer-search-path',
      name: 'a trigger function, and a path with the caller in it',
      plant: 'alter function shop.note_change() set search_path = "$user", shop',
      objects: ['function shop.note_change()'],
      ...mended,
    },
    {
      code: 'definer-public',
      name: 'a function',
      plant: 'grant execute on function shop.search_customers(text) to public',
      objects: ['function shop.search_customers(text)'],
      ...mended,
    },
    {
      code: 'definer-public',
      name: 'a trigger function',
      plant: 'grant execute on function shop.note_change() to public',
      objects: ['function shop.note_change()'],
      ...mended,
    },
    {
      code: 'definer-without-tenant',
      name: 'of a superuser',
      plant: `create function shop.count_orders() returns bigint language sql stable security definer set search_path = '' as 'select count(*) from shop.orders'; revoke all on function shop.count_orders() from public; grant execute on function shop.count_orders() to ${app}`,
      objects: ['function shop.count_orders()'],
      ...byHand,
    },
    {
      code: 'definer-without-tenant',
      name: 'of a role with a policy of its own',
      plant: `create function shop.count_customers() returns bigint language sql stable security definer set search_path = '' as 'select count(*) from shop.customers'; revoke all on function shop.count_customers() from public; grant execute on function shop.count_customers() to ${app}; alter function shop.count_customers() owner to ${search}`,
      objects: ['function shop.count_customers()'],
      ...byHand,
    },
    {
      code: 'publication-unfiltered',
      name: 'a table',
      plant: 'create publication everything for table shop.orders, shop.events',
      objects: ['publication everything'],
      ...byHand,
    },
    {
      code: 'publication-unfiltered',
      name: 'all tables',
      plant: 'create publication everything for all tables',
      objects: ['publication everything'],
      ...byHand,
    },
    {
      code: 'server-version',
      name: 'an old server',
      plant: '',
      objects: ['server'],
      ...byHand,
      edit: (catalog) => ({ ...catalog, server: { ...catalog.server, version: 170_010 } }),
    },
    {
      code: 'pgvector-version',
      name: 'an old pgvector',
      plant: '',
      objects: ['extension vector'],
      ...byHand,
      edit: (catalog) => ({ ...catalog, server: { ...catalog.server, vector: '0.8.3' } }),
    },
  ]
}
