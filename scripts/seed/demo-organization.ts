/** A bookshop with one of everything, for a person to look around in. */
import { createOrganization } from '../../src/index.ts'
import type { Database, TenantTransaction } from '../../src/index.ts'
import { insertDemoCommerce } from './demo-commerce.ts'
import { insertDemoErasure } from './demo-erasure.ts'
import { insertDemoPeople } from './demo-people.ts'
import { insertDemoWork } from './demo-work.ts'

/** The demo organization, and what can be known of it only when it is made. */
export interface DemoOrganization {
  readonly orgId: string
  /** The secret of its access token; undefined when the organization was there before. */
  readonly tokenSecret: string | undefined
}

const slug = 'harbour-books'

/**
 * Makes the demo organization, or leaves it as it is: its rows are inserted in one transaction, so that a run that broke off
 * has left none of them.
 */
export async function seedDemoOrganization(database: Database): Promise<DemoOrganization> {
  const { orgId, ownerId } = await findOrCreate(database)
  const tenant = database.forTenant(orgId, { actor: { type: 'system', id: 'seed' }, changeReason: 'demo' })
  return await tenant.transaction(async (trx) => {
    if (await trx.agents.exists()) return { orgId, tokenSecret: undefined }
    return { orgId, tokenSecret: await insertEverything(trx, ownerId) }
  })
}

async function findOrCreate(
  database: Database,
): Promise<{ readonly orgId: string; readonly ownerId: string }> {
  return await database.asSystem('seed the demo organization', async (system) => {
    const found = await system.db
      .selectFrom('ibex_core.users')
      .innerJoin('ibex_core.organizations', 'ibex_core.organizations.id', 'ibex_core.users.org_id')
      .select(['ibex_core.users.org_id as orgId', 'ibex_core.users.id as ownerId'])
      .where('ibex_core.organizations.slug', '=', slug)
      .where('ibex_core.users.role', '=', 'owner')
      .executeTakeFirst()
    if (found !== undefined) return found
    const { organization, owner } = await createOrganization(system, {
      name: 'Harbour Books',
      slug,
      tier: 'pro',
      billingEmail: 'office@harbour-books.example',
      owner: { email: 'mara@harbour-books.example', name: 'Mara Lindqvist', username: 'mara' },
    })
    return { orgId: organization.id, ownerId: owner.id }
  })
}

async function insertEverything(trx: TenantTransaction, ownerId: string): Promise<string> {
  const people = await insertDemoPeople(trx, ownerId)
  await insertDemoWork(trx, people)
  await insertDemoCommerce(trx, people.customerId)
  await insertDemoErasure(trx, people.customerId)
  return people.tokenSecret
}
