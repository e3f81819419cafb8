/** What PostgreSQL does for a search of the canon beside a neighbour whose every item has the word. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import type { Project } from '../../types/database.d.ts'
import { insertProject } from '../support/factories.ts'
import { type PlanListener, type StatementPlan, listenToPlans } from '../support/plan-listener.ts'
import { serverUrl } from '../support/server-url.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

const itemCount = 4_000
const words = 'canon_items_org_id_search_vector_idx'

let tenants: TwoTenants
let project: Project

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  project = await insertProject(admin, { org_id: mine.orgId })
  const large = await insertProject(admin, { org_id: theirs.orgId })
  // mine: each four-hundredth item says "scarce", each four-thousandth "wall"; theirs: all say "wall"
  await sql`insert into ibex_core.canon_items (org_id, project_id, type, title, body, created_at)
    select ${mine.orgId}, ${project.id}, 'ADR', 'Decision ' || i, repeat('filler ', 30) || case when i % 400 = 0
      then 'scarce' else '' end || case when i = 4000 then ' wall' else '' end, now() - make_interval(mins => i)
    from generate_series(1, ${itemCount}::int) as i`.execute(admin)
  await sql`insert into ibex_core.canon_items (org_id, project_id, type, title, body, created_at)
    select ${theirs.orgId}, ${large.id}, 'ADR', 'Wall ' || i, repeat('filler ', 30) || 'wall', now()
    from generate_series(1, ${itemCount * 4}::int) as i`.execute(admin)
  await sql`vacuum analyze ibex_core.canon_items`.execute(admin)
}, 120_000)

afterAll(async () => {
  await tenants.close()
})

test('reads a rare word from the index of words as the search role, and could not as the app role', async () => {
  for (const [role, isUsed] of [
    ['ibex_search', true],
    ['ibex_app', false],
  ] as const) {
    const trx = await tenants.admin.startTransaction().execute()
    const { orgId } = tenants.mine
    await sql`select set_config('role', ${role}, true), set_config('app.current_org_id', ${orgId}, true)`.execute(
      trx,
    )
    const { rows } = await sql`explain (format json) select item.id from ibex_core.canon_items as item
      where item.org_id = ${sql.lit(orgId)} and item.project_id = ${sql.lit(project.id)}
      and item.search_vector @@ 'scarce'::tsquery order by created_at desc, id desc limit 50`.execute(trx)
    await trx.rollback().execute()
    expect({ role, isUsed: JSON.stringify(rows).includes(words) }).toEqual({ role, isUsed })
  }
})

test('finds what the neighbour has everywhere and the tenant once', async () => {
  const found = await tenants.mine.canonItems.search({ projectId: project.id, text: 'wall' })
  expect(found.map(({ title }) => title)).toEqual([`Decision ${itemCount}`])
})

test(
  'searches by indexes within the function, and reads few items',
  skipOnEmbedded('it has no auto_explain'),
  async () => {
    await using listener = await listenToPlans(tenants.admin, serverUrl(tenants.test))
    await using database = createDatabase({ url: listener.url, poolSize: 1 })
    const { canonItems } = database.forTenant(tenants.mine.orgId)
    for (let count = 0; count < 7; count++) {
      const [inner, outer] = await plansOf(listener, async () => {
        expect(await canonItems.search({ projectId: project.id, text: 'scarce' })).toHaveLength(10)
      })
      expect(inner).toMatchObject({ sequentialScans: [], indexes: expect.arrayContaining([words]) })
      // the planner knows that a search gives few ids, and looks each up
      expect(outer).toMatchObject({ sequentialScans: [], indexes: ['canon_items_org_id_id_pkey'] })
      const [newest] = await plansOf(listener, async () => {
        expect(await canonItems.search({ projectId: project.id, limit: 5 })).toHaveLength(5)
      })
      expect(newest).toMatchObject({ indexes: ['canon_items_org_id_project_id_created_at_id_idx'] })
    }
  },
)

/** The plans of the statements on canon items, innermost first. */
async function plansOf(
  listener: PlanListener,
  search: () => Promise<void>,
): Promise<readonly StatementPlan[]> {
  listener.take()
  await search()
  return listener.take().filter(({ query }) => query.includes('canon_items'))
}
