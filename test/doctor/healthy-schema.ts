/** A schema of nobody in particular in which the doctor finds nothing, as one SQL script. */
import { randomBytes } from 'node:crypto'

/** The roles of a fixture; they belong to the whole cluster, so each test file has names of its own. */
export interface FixtureRoles {
  readonly app: string
  readonly system: string
  readonly search: string
}

/** Makes names that no other run has. */
export function fixtureRoles(): FixtureRoles {
  const suffix = randomBytes(4).toString('hex')
  return {
    app: `doctor_app_${suffix}`,
    system: `doctor_system_${suffix}`,
    search: `doctor_search_${suffix}`,
  }
}

/** The statement that takes the right to create temporary tables from PUBLIC, or gives it back. */
export function temporaryRight(
  statement: 'revoke temporary' | 'grant temporary' | 'grant create',
  role: string,
): string {
  const direction = statement.startsWith('revoke') ? 'from' : 'to'
  return `do $$ begin execute format('${statement} on database %I ${direction} ${role}', current_database()); end $$`
}

/** One of everything that rules look at, all of it in order. */
export function healthySchema({ app, system, search }: FixtureRoles): string {
  const isolate = (table: string, column = 'org_id'): string => `
alter table shop.${table} enable row level security;
alter table shop.${table} force row level security;
create policy by_tenant on shop.${table} to ${app}
  using (${column} = (select shop.current_tenant())) with check (${column} = (select shop.current_tenant()));
create policy for_system on shop.${table} to ${system} using (true) with check (true);`
  return `
create role ${app};
create role ${system};
create role ${search};
${temporaryRight('revoke temporary', 'public')};
create schema shop;
grant usage on schema shop to ${app}, ${system}, ${search};

create function shop.current_tenant() returns uuid language sql stable
  return nullif(current_setting('app.current_org_id', true), '')::uuid;

create table shop.organizations (id uuid primary key, name text not null, slug text not null unique);
${isolate('organizations', 'id')}
grant select, update (name) on shop.organizations to ${app};

create table shop.currencies (code text primary key);
grant select on shop.currencies to ${app};
grant select, insert, update, delete on shop.currencies to ${system};

create table shop.plans (org_id uuid not null references shop.organizations, id uuid primary key);
create index on shop.plans (org_id);
${isolate('plans')}
grant select on shop.plans to ${app};

create table shop.customers (
  org_id uuid not null references shop.organizations on delete cascade,
  id uuid not null,
  email text not null,
  phone text,
  note text not null,
  words tsvector generated always as (to_tsvector('english', note)) stored,
  primary key (org_id, id),
  unique (org_id, email)
);
create index customers_words_idx on shop.customers using gin (words);
${isolate('customers')}
create policy for_search on shop.customers for select to ${search} using (true);
grant select, insert, delete, update (email, phone, note) on shop.customers to ${app};
grant select (org_id, id, words) on shop.customers to ${search};

create table shop.orders (
  org_id uuid not null references shop.organizations on delete cascade,
  id uuid not null,
  customer_id uuid not null,
  referrer_id uuid,
  plan_id uuid,
  currency text references shop.currencies,
  total numeric(10, 2) not null,
  tags text[] not null default '{}',
  placed_at timestamptz not null default now(),
  primary key (org_id, id),
  foreign key (org_id, customer_id) references shop.customers on delete cascade,
  foreign key (org_id, referrer_id) references shop.customers on delete set null (referrer_id),
  check (total >= 0)
);
create index orders_placed_at_idx on shop.orders (org_id, placed_at desc);
${isolate('orders')}
grant select, insert, delete,
  update (customer_id, referrer_id, plan_id, currency, total, tags) on shop.orders to ${app};

create table shop.bookings (
  org_id uuid not null,
  room int not null,
  slot int not null,
  exclude using btree (room with =, slot with =, org_id with =)
);
create index bookings_org_id_idx on shop.bookings (org_id);
${isolate('bookings')}
grant select, insert on shop.bookings to ${app};

create table shop.events (org_id uuid not null, id uuid not null, primary key (org_id, id)) partition by hash (org_id);
create table shop.events_0 partition of shop.events for values with (modulus 2, remainder 0);
create table shop.events_1 partition of shop.events for values with (modulus 2, remainder 1);
alter table shop.events_0 enable row level security;
alter table shop.events_0 force row level security;
alter table shop.events_1 enable row level security;
alter table shop.events_1 force row level security;
${isolate('events')}
grant select, insert on shop.events to ${app};

create view shop.recent with (security_invoker = true) as select * from shop.orders;
create view shop.latest with (security_invoker = true) as select * from shop.recent;
grant select on shop.recent, shop.latest to ${app};
create materialized view shop.totals as select org_id, sum(total) from shop.orders group by org_id;

create foreign data wrapper nowhere;
create server nowhere foreign data wrapper nowhere;
create foreign table shop.remote (org_id uuid, body text) server nowhere;

create sequence shop.jobs;

create function shop.search_customers(query text) returns table (id uuid) language plpgsql stable security definer
  set search_path = '' as $$
begin
  return query select c.id from shop.customers as c
    where c.org_id = shop.current_tenant() and c.words @@ websearch_to_tsquery('english', query);
end $$;
revoke all on function shop.search_customers(text) from public;
grant execute on function shop.search_customers(text) to ${app};
alter function shop.search_customers(text) owner to ${search};

create function shop.note_change() returns trigger language plpgsql security definer set search_path = ''
  as $$ begin return null; end $$;
revoke all on function shop.note_change() from public;
create trigger note_change after update on shop.orders for each row execute function shop.note_change();

create publication shop_feed for table shop.orders where (org_id = '00000000-0000-0000-0000-000000000000'), shop.currencies;
`
}
