import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DemoOrganization, seedDemoOrganization } from '../../scripts/seed/demo-organization.ts'
import { type SeededModels, seedModelCatalogue } from '../../scripts/seed/model-catalogue.ts'
import { createOrganization } from '../../src/identity/create-organization.ts'
import { type TwoTenants, openTwoTenants, ownersView } from '../support/two-tenants.ts'

let tenants: TwoTenants
let seeded: SeededModels
let demo: DemoOrganization

beforeAll(async () => {
  tenants = await openTwoTenants()
  seeded = await seedModelCatalogue(tenants.database)
  demo = await seedDemoOrganization(tenants.database)
})

afterAll(async () => {
  await tenants.close()
})

async function tenantTables(): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select attrelid::regclass::text as name from pg_attribute join pg_class on pg_class.oid = attrelid
    where attname = 'org_id' and relkind in ('r', 'p') and not relispartition
      and relnamespace = 'ibex_core'::regnamespace order by 1`.execute(tenants.admin)
  return rows.map(({ name }) => name)
}

async function everything(orgId: string): Promise<unknown> {
  const rows: Record<string, unknown[]> = {}
  for (const table of await tenantTables()) rows[table] = await ownersView(tenants.admin, table, orgId)
  return rows
}

test('seeds the models that every organization may use', async () => {
  const { llmProviders, llmModels } = tenants.mine
  expect(seeded).toEqual({ providers: await llmProviders.count(), models: await llmModels.count() })
  expect(seeded.providers).toBeGreaterThan(1)
})

test('seeds one of everything: no tenant table is without a row', async () => {
  const tables = await tenantTables()
  const empty: string[] = []
  for (const table of tables)
    if ((await ownersView(tenants.admin, table, demo.orgId)).length === 0) empty.push(table)
  expect(tables.length).toBeGreaterThan(30)
  expect(empty).toEqual([])
})

test('seeds what a person would look for first', async () => {
  const shop = tenants.database.forTenant(demo.orgId)
  const verified = await tenants.database.verifyToken(demo.tokenSecret ?? '', { permissions: 1n })
  expect(verified).toMatchObject({ outcome: 'valid', orgId: demo.orgId })
  const [agent] = await shop.agents.find()
  expect(await shop.agents.effectiveSkills(agent?.id ?? '')).toEqual([
    'check-stock',
    'recommend-books',
    'search-catalogue',
  ])
  expect(await shop.orders.findByNumber('HB-1001')).toMatchObject({ total_price: '39.30' })
  expect(await shop.points.reconcile()).toEqual([])
  const [passage] = await shop.documents.searchText({ text: 'Can I return a book?' })
  expect(passage?.content).toContain('30 days')
})

test('changes nothing when it is run again', async () => {
  const before = await everything(demo.orgId)
  expect(await seedModelCatalogue(tenants.database)).toEqual({ providers: 0, models: 0 })
  expect(await seedDemoOrganization(tenants.database)).toEqual({
    orgId: demo.orgId,
    tokenSecret: undefined,
  })
  expect(await everything(demo.orgId)).toEqual(before)
})

test('finishes what a run that broke off has begun', async () => {
  const { admin, database } = tenants
  await admin.deleteFrom('ibex_core.organizations').where('id', '=', demo.orgId).execute()
  const { organization } = await database.asSystem('begin the demo organization', async (system) => {
    const owner = { email: 'mara@harbour-books.example' }
    return await createOrganization(system, { name: 'Harbour Books', slug: 'harbour-books', owner })
  })
  const finished = await seedDemoOrganization(database)
  expect(finished).toEqual({ orgId: organization.id, tokenSecret: expect.any(String) })
})
