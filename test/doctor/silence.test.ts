/** What looks like a defect and is none. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { SkipOptions } from '../support/skip.ts'
import { rules } from '../../src/doctor/rules.ts'
import { openClinic } from './clinic.ts'
import type { Clinic } from './clinic.ts'
import { fixtureRoles, healthySchema } from './healthy-schema.ts'

const roles = fixtureRoles()
const { app, system } = roles
const held = 'org_id = (select shop.current_tenant())'
let clinic: Clinic

beforeAll(async () => {
  clinic = await openClinic()
  await clinic.run(healthySchema(roles))
})

afterAll(async () => {
  await clinic.close()
})

test.each([
  [
    'a tenant column that only its domain says is not null',
    'create domain shop.tenant as uuid not null; create table shop.rooms (org_id shop.tenant, id uuid not null, unique (org_id, id)); alter table shop.rooms enable row level security, force row level security',
  ],
  [
    'a domain over such a domain',
    'create domain shop.inner_tenant as uuid not null; create domain shop.tenant as shop.inner_tenant; create table shop.rooms (org_id shop.tenant, id uuid not null, unique (org_id, id)); alter table shop.rooms enable row level security, force row level security',
  ],
  [
    'a policy that is true and that a restrictive one narrows',
    `create policy open on shop.plans for select to ${app} using (true); create policy closed on shop.plans as restrictive using (${held}) with check (${held})`,
  ],
  [
    'a policy that is true, for a role that is not a tenant’s',
    `create policy open on shop.orders to ${system} using (true)`,
  ],
  [
    'a membership policy with a sub-select of the row',
    `create table shop.members (org_id uuid not null, name text not null, primary key (org_id, name)); alter policy by_tenant on shop.orders using (exists (select from shop.members as m where m.org_id = orders.org_id and m.name = current_user)) with check (exists (select from shop.members as m where m.org_id = orders.org_id and m.name = current_user)); alter table shop.members enable row level security, force row level security`,
  ],
  [
    'a policy that calls an immutable function',
    `alter policy by_tenant on shop.orders using (${held} and lower('A') = 'a') with check (${held} and lower('A') = 'a')`,
  ],
  [
    'a setting that is compared as text',
    "alter policy by_tenant on shop.orders using (org_id::text = (select current_setting('app.current_org_id', true))) with check (org_id::text = (select current_setting('app.current_org_id', true)))",
  ],
  [
    'policies for different commands',
    `drop policy by_tenant on shop.orders; create policy r on shop.orders for select to ${app} using (${held}); create policy a on shop.orders for insert to ${app} with check (${held}); create policy w on shop.orders for update to ${app} using (${held}); create policy d on shop.orders for delete to ${app} using (${held})`,
  ],
  ['a key across tenants that no tenant can write', 'alter table shop.plans add name text unique'],
  [
    'a view with owner rights that no tenant may read',
    'create view shop.all_orders as select * from shop.orders',
  ],
  [
    'a view with owner rights of a shared table',
    `create view shop.money as select * from shop.currencies; grant select on shop.money to ${app}`,
  ],
  [
    'a SECURITY DEFINER function that no tenant may call',
    "create function shop.purge() returns void language sql security definer as 'delete from shop.orders'; revoke all on function shop.purge() from public",
  ],
  [
    'a body that was bound when it was created',
    `create function shop.mine() returns bigint language sql stable security definer return (select count(*) from shop.orders where org_id = shop.current_tenant()); revoke all on function shop.mine() from public; grant execute on function shop.mine() to ${app}`,
  ],
  [
    'a SECURITY DEFINER function that asks for the tenant by a name without schema',
    `create function shop.mine() returns bigint language sql stable security definer set search_path = pg_catalog, shop, pg_temp as 'select count(*) from shop.orders where org_id = current_tenant()'; revoke all on function shop.mine() from public; grant execute on function shop.mine() to ${app}`,
  ],
  [
    'a SECURITY DEFINER function of an owner whom the policies hold',
    `create function shop.mine() returns bigint language sql stable security definer set search_path = '' as 'select count(*) from shop.orders'; revoke all on function shop.mine() from public; grant execute on function shop.mine() to ${app}; alter function shop.mine() owner to ${roles.search}`,
  ],
  ['a table without any right', 'create table shop.migrations (name text primary key)'],
  ['a login that is only a member', `create role ${app}_login login noinherit; grant ${app} to ${app}_login`],
  ['a default of another setting', `alter role ${app} set statement_timeout = '5s'`],
  [
    'a trigger function that is switched off',
    'alter table shop.orders disable trigger note_change; alter function shop.note_change() reset search_path',
  ],
  [
    'an index for ordering',
    `create index on shop.orders (org_id, placed_at desc nulls last) include (total)`,
  ],
])('accepts %s', async (_, script) => {
  await clinic.undone(async () => {
    await clinic.run(script)
    const { findings } = await clinic.examine({ roles: [app] })
    expect(findings).toEqual([])
  })
})

test(
  'finds a NOT NULL that was never validated',
  skipOnServer('NOT NULL can be NOT VALID since PostgreSQL 18, which the embedded engine is'),
  async () => {
    await clinic.undone(async () => {
      await clinic.run(`alter table shop.bookings alter org_id drop not null,
        add constraint required not null org_id not valid`)
      const { findings } = await clinic.examine({ roles: [app] })
      expect(findings.map(({ code, object, fix }) => ({ code, object, fix }))).toEqual([
        {
          code: 'constraint-not-valid',
          object: 'constraint required on shop.bookings',
          fix: [
            'alter table shop.bookings no force row level security',
            'alter table shop.bookings validate constraint required',
            'alter table shop.bookings force row level security',
          ],
        },
      ])
    })
  },
)

test('leaves out the tables and functions of an extension, and its schema', async () => {
  await clinic.undone(async () => {
    await clinic.run(`create schema lib; create table lib.notes (org_id uuid); grant all on lib.notes to ${app};
      create function lib.leak() returns bigint language sql security definer as 'select count(*) from shop.orders'`)
    expect((await clinic.examine({ roles: [app] })).findings).not.toEqual([])

    // as create extension would note it
    await clinic.run(
      `insert into pg_depend select 'pg_class'::regclass, 'lib.notes'::regclass, 0, 'pg_extension'::regclass, oid, 0, 'e' from pg_extension limit 1`,
    )
    await clinic.run(
      `insert into pg_depend select 'pg_proc'::regclass, 'lib.leak()'::regprocedure, 0, 'pg_extension'::regclass, oid, 0, 'e' from pg_extension limit 1`,
    )
    expect((await clinic.examine({ roles: [app] })).findings).toEqual([])

    await clinic.run('create table lib.others (org_id uuid)')
    await clinic.run(
      `insert into pg_depend select 'pg_namespace'::regclass, 'lib'::regnamespace, 0, 'pg_extension'::regclass, oid, 0, 'e' from pg_extension limit 1`,
    )
    expect((await clinic.examine({ roles: [app] })).findings).toEqual([])
  })
})

test('examines the schemas that it is asked for, and no others', async () => {
  await clinic.undone(async () => {
    await clinic.run(`create schema other; create table other.notes (org_id uuid)`)
    expect((await clinic.examine({ roles: [app], schemas: ['shop'] })).findings).toEqual([])
    expect((await clinic.examine({ roles: [app], schemas: ['other'] })).findings).not.toEqual([])
  })
})

test('finds the tenant table that only a policy tells, whatever its column is called', async () => {
  await clinic.undone(async () => {
    await clinic.run(`create table shop.notes (workspace uuid, body text); alter table shop.notes enable row level security;
      create policy p on shop.notes to ${app} using (body <> '' and workspace = (select shop.current_tenant()))`)
    const { findings, examined } = await clinic.examine({ roles: [app] })
    expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual([
      'tenant-nullable column shop.notes.workspace',
      'tenant-index table shop.notes',
      'rls-not-forced table shop.notes',
    ])
    expect(examined.tenantTables).toBe(7)
  })
})

test('finds it through a function that calls another one', async () => {
  await clinic.undone(async () => {
    await clinic.run(`create function shop.tenant() returns uuid language sql stable as 'select shop.current_tenant()';
      create table shop.notes (workspace uuid not null primary key); alter table shop.notes enable row level security;
      create policy p on shop.notes to ${app} using (workspace = (select shop.tenant()))`)
    const { findings } = await clinic.examine({ roles: [app] })
    expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual([
      'rls-not-forced table shop.notes',
    ])
  })
})

test('finds the table of the tenants by the keys that refer to it', async () => {
  await clinic.undone(async () => {
    await clinic.run(
      'drop policy by_tenant on shop.organizations; drop policy for_system on shop.organizations',
    )
    await clinic.run('alter table shop.organizations disable row level security')
    const { findings } = await clinic.examine({ roles: [app] })
    expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual([
      'rls-disabled table shop.organizations',
    ])
  })
})

test('counts what it has examined', async () => {
  const { examined } = await clinic.examine({ roles: [app] })
  expect(examined).toEqual({ tenantTables: 6, partitions: 2, others: 6, rules: rules.length })
})

test('changes nothing: a transaction that is read-only is enough', async () => {
  await clinic.undone(async () => {
    await clinic.run('set transaction_read_only = on')
    const { rows } = await sql<{ value: string }>`show transaction_read_only`.execute(clinic.trx)
    expect(rows).toEqual([{ transaction_read_only: 'on' }])
    expect((await clinic.examine({ roles: [app] })).findings).toEqual([])
  })
})

function skipOnServer(reason: string): SkipOptions {
  return inject('access').backend === 'embedded'
    ? { skip: false, meta: {} }
    : { skip: true, meta: { skipReason: reason } }
}
