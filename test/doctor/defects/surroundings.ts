/** Defects of views, functions and the server. */
import { byHand, mended } from './defect.ts'
import type { Defect } from './defect.ts'
import type { FixtureRoles } from '../healthy-schema.ts'

/** Makes them for a fixture with these roles. */
export function surroundingsDefects({ app, search }: FixtureRoles): readonly Defect[] {
  return [
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
      code: 'definer-without-tenant',
      name: 'that writes the setting and does not read it',
      plant: `create function shop.enter(org text) returns bigint language sql security definer set search_path = '' as $$ select set_config('app.current_org_id', org, true); select count(*) from shop.orders $$; revoke all on function shop.enter(text) from public; grant execute on function shop.enter(text) to ${app}`,
      objects: ['function shop.enter(text)'],
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
