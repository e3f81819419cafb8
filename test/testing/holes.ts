/** Holes in the schema of the shop: what is planted, and which probe of which object must find it. */
import type { Violation } from '../../src/testing/run-probes.ts'

/** A hole. */
export interface Hole {
  /** Holes that do not hide one another are planted at once: each round costs a run of all probes. */
  readonly round: number
  readonly name: string
  /** SQL; `app` stands for the role. */
  readonly plant: string
  readonly object: string
  /** What has the same hole because of it. */
  readonly also?: readonly string[]
  readonly probe: Violation['probe']
}

/** At least one for each kind of probe. */
export const holes: readonly Hole[] = [
  {
    round: 2,
    name: 'row-level security is off',
    plant: 'alter table shop.notes disable row level security',
    object: 'table shop.notes',
    also: ['view shop.recent'],
    probe: 'read',
  },
  {
    round: 1,
    name: 'a second policy widens the first',
    plant: 'create policy wide on shop.people for select to app using (true)',
    object: 'table shop.people',
    probe: 'read',
  },
  {
    round: 1,
    name: 'the policy is gone',
    plant: 'drop policy by_tenant on shop.lines',
    object: 'table shop.lines',
    probe: 'own rows',
  },
  {
    round: 1,
    name: 'new rows are not checked',
    plant: 'alter policy by_tenant on shop.notes with check (true)',
    object: 'table shop.notes',
    probe: 'insert',
  },
  {
    round: 4,
    name: 'rows may be moved to another tenant',
    plant: 'revoke insert on shop.notes from app; alter policy by_tenant on shop.notes with check (true)',
    object: 'table shop.notes',
    probe: 'update',
  },
  {
    round: 2,
    name: 'every row may be updated',
    plant: 'create policy wide on shop.people for update to app using (true) with check (true)',
    object: 'table shop.people',
    probe: 'update',
  },
  {
    round: 2,
    name: 'every row may be deleted',
    plant: 'create policy wide on shop.lines for delete to app using (true)',
    object: 'table shop.lines',
    probe: 'delete',
  },
  {
    round: 3,
    name: 'a key of all tenants answers ON CONFLICT',
    plant: 'create unique index on shop.people (nick)',
    object: 'table shop.people',
    probe: 'upsert',
  },
  {
    round: 4,
    name: 'a key holds across tenants',
    plant: 'create unique index on shop.people (lower(email))',
    object: 'table shop.people',
    probe: 'unique key',
  },
  {
    round: 3,
    name: 'an exclusion constraint holds across tenants',
    plant: 'alter table shop.lines add exclude using btree (seat with =)',
    object: 'table shop.lines',
    probe: 'unique key',
  },
  {
    round: 3,
    name: 'a foreign key goes without the tenant',
    plant: `create unique index orders_id on shop.orders (id); alter table shop.notes add foreign key (order_id) references shop.orders (id);
      alter table shop.notes drop constraint notes_tenant_id_order_id_fkey`,
    object: 'table shop.notes',
    also: ['table shop.orders'],
    probe: 'foreign key',
  },
  {
    round: 5,
    name: 'the role may TRUNCATE',
    plant: 'grant truncate on shop.people to app',
    object: 'table shop.people',
    probe: 'truncate',
  },
  {
    round: 4,
    name: 'COPY asks no policy',
    plant: 'alter table shop.lines disable row level security',
    object: 'table shop.lines',
    probe: 'copy',
  },
  {
    round: 5,
    name: 'the role owns a table',
    plant: 'grant create on schema shop to app; alter table shop.notes owner to app',
    object: 'table shop.notes',
    probe: 'owner',
  },
  {
    round: 6,
    name: 'the role bypasses policies',
    plant: 'alter role app bypassrls',
    object: 'role app',
    probe: 'role',
  },
  {
    round: 1,
    name: 'a partition can be read',
    plant:
      'grant select on shop.events_click to app; alter table shop.events_click disable row level security',
    object: 'table shop.events_click',
    probe: 'partition',
  },
  {
    round: 1,
    name: 'a shared table can be written',
    plant: 'grant update on shop.currencies to app',
    object: 'table shop.currencies',
    probe: 'shared table',
  },
  {
    round: 1,
    name: 'a view has the rights of its owner',
    plant: 'alter view shop.recent reset (security_invoker)',
    object: 'view shop.recent',
    probe: 'view',
  },
  {
    round: 1,
    name: 'a view counts the rows of all',
    plant: 'alter view shop.counted reset (security_invoker)',
    object: 'view shop.counted',
    probe: 'view',
  },
  {
    round: 1,
    name: 'a materialized view can be read',
    plant: 'grant select on shop.totals to app',
    object: 'materialized view shop.totals',
    probe: 'view',
  },
  {
    round: 1,
    name: 'a definer function believes its argument',
    plant: 'alter function shop.order_count(bigint) security definer',
    object: 'function shop.order_count(bigint)',
    probe: 'function',
  },
  {
    round: 1,
    name: 'a definer function searches the rows of all',
    plant: `create or replace function shop.search(query text) returns setof uuid language plpgsql stable security definer set search_path = '' as $$
      begin return query select id from shop.people where words @@ plainto_tsquery('english', query); end $$`,
    object: 'function shop.search(text)',
    probe: 'function',
  },
  {
    round: 1,
    name: 'a definer function changes the rows of all',
    plant: `create function shop.forget(person uuid) returns void language sql security definer set search_path = ''
      begin atomic update shop.people set address = null where id = person; end`,
    object: 'function shop.forget(uuid)',
    probe: 'function',
  },
  {
    round: 1,
    name: 'a sequence can be read',
    plant: 'grant select on sequence shop.jobs to app',
    object: 'sequence shop.jobs',
    probe: 'sequence',
  },
  {
    round: 1,
    name: 'currval() tells',
    plant: 'grant usage on sequence shop.jobs to app',
    object: 'sequence shop.jobs',
    probe: 'sequence',
  },
  {
    round: 1,
    name: 'a child table shows all',
    plant: 'alter policy by_tenant on shop.stamps using (true)',
    object: 'table shop.stamps',
    probe: 'read',
  },
]
