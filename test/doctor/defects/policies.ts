/** Defects of row-level security and policies. */
import { byHand, mended } from './defect.ts'
import type { Defect } from './defect.ts'
import type { FixtureRoles } from '../healthy-schema.ts'

const policy = (using: string, check = using): string =>
  `alter policy by_tenant on shop.orders using (${using}) with check (${check})`
const held = 'org_id = (select shop.current_tenant())'
const byTenant = 'policy by_tenant on shop.orders'
const orders = 'table shop.orders'

/** Makes them for a fixture with these roles. */
export function policiesDefects({ app }: FixtureRoles): readonly Defect[] {
  return [
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
      name: 'a policy of this name for another role',
      plant:
        'drop policy by_tenant on shop.orders; alter policy for_system on shop.orders rename to tenant_isolation',
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
      name: 'a call in a call',
      plant: `create function shop.parse(text) returns uuid language sql stable return nullif($1, '')::uuid; ${policy("org_id = shop.parse(current_setting('app.current_org_id', true))")}`,
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
  ]
}
