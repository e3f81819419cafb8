/** Defects of rights. */
import { mended } from './defect.ts'
import type { Defect } from './defect.ts'
import { temporaryRight } from '../healthy-schema.ts'
import type { FixtureRoles } from '../healthy-schema.ts'

const orders = 'table shop.orders'

/** Makes them for a fixture with these roles. */
export function rightsDefects({ app }: FixtureRoles): readonly Defect[] {
  return [
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
  ]
}
