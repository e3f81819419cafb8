/** Defects of roles, logins and what they bring along. */
import { byHand, mended } from './defect.ts'
import type { Defect } from './defect.ts'
import type { FixtureRoles } from '../healthy-schema.ts'

const orders = 'table shop.orders'

/** Makes them for a fixture with these roles. */
export function rolesDefects({ app, system }: FixtureRoles): readonly Defect[] {
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
  ]
}
