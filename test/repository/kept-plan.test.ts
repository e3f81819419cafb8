import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { insertAgent, insertMemory } from '../support/factories.ts'
import { skipBehindPooler } from '../support/skip.ts'
import { openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 1 })
})

afterAll(async () => {
  await tenants.close()
})

/** How often the session has run a statement on a plan that was kept, and on one of its own. */
async function plansOf({ db }: Pick<TenantScope, 'db'>, table: string): Promise<readonly [number, number]> {
  const { rows } = await sql<{ kept: number; own: number }>`
    select generic_plans::int as kept, custom_plans::int as own from pg_prepared_statements
    where statement like ${`select * from "ibex_core"."${table}" where%"id" = %`}`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('no such statement was prepared')
  return [row.kept, row.own]
}

const unprepared = skipBehindPooler('statements are not prepared there')

test.each(['memories', 'documents'] as const)(
  'keeps the plan of a frequent read by id where a table lies in partitions: %s',
  unprepared,
  async (name) => {
    const table = name === 'documents' ? 'rag_documents' : name
    const { mine, theirs } = tenants
    const id = '6b1e2f44-0d0a-4b41-9a55-0d6f1f0c7a10'
    for (let count = 0; count < 30; count++) await mine[name].findById(id)
    const [kept, own] = await plansOf(mine, table)
    for (let count = 0; count < 10; count++) await theirs[name].findById(id)
    expect(await plansOf(mine, table)).toEqual([kept + 10, own])
    // those of a transaction are planned with the settings of its other statements
    await mine.transaction(async (trx) => {
      await trx[name].findById(id)
      const { rows } = await sql`show plan_cache_mode`.execute(trx.db)
      expect(rows).toEqual([{ plan_cache_mode: 'auto' }])
    })
  },
)

test('finds the row of each tenant with the plan that is kept', async () => {
  for (const scope of [tenants.mine, tenants.theirs]) {
    const { id } = await insertMemory(tenants.admin, { org_id: scope.orgId, content: 'Remembered' })
    for (let count = 0; count < 20; count++) {
      expect(await scope.memories.findById(id)).toMatchObject({ org_id: scope.orgId })
      const other = scope === tenants.mine ? tenants.theirs : tenants.mine
      expect(await other.memories.findById(id)).toBeUndefined()
    }
  }
})

test('leaves a table without partitions to the server, which keeps its plan itself', unprepared, async () => {
  const { id } = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  for (let count = 0; count < 30; count++) await tenants.mine.agents.findById(id)
  const [kept, own] = await plansOf(tenants.mine, 'agents')
  expect([kept > 20, own]).toEqual([true, 5])
})
