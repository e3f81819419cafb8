/** No query of a repository reads a tenant table from one end to the other. */
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import type { DB } from '../../types/database.d.ts'
import { insertOrganization } from '../support/factories.ts'
import { type PlanListener, listenToPlans } from '../support/plan-listener.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { serverUrl } from '../support/server-url.ts'
import { fillTenants, readIds } from './large-fixture.ts'
import type { FixtureIds } from './own-calls.ts'
import { everyCall } from './repository-calls.ts'

describe('as the app role, with a large and a small tenant', skipOnEmbedded('it has no auto_explain'), () => {
  let database: TestDatabase
  let listener: PlanListener
  let explained: Database
  let ids: Readonly<Record<'large' | 'small', FixtureIds>>

  beforeAll(async () => {
    database = await setup()
    const large = { orgId: (await insertOrganization(database.admin)).id, rows: 20_000 }
    const neighbour = await idInPartitionOf(database.admin, large.orgId)
    const small = { orgId: (await insertOrganization(database.admin, { id: neighbour })).id, rows: 40 }
    // among two organizations an index would not pay
    for (let index = 0; index < 2_000; index++) await insertOrganization(database.admin)
    await fillTenants(database.admin, [large, small])
    listener = await listenToPlans(database.admin, serverUrl(database))
    // a named statement may get a plan that was made for the other tenant
    explained = createDatabase({ url: listener.url, poolSize: 1, prepare: false })
    ids = { large: readIds(large), small: readIds(small) }
  }, 120_000)

  afterAll(async () => {
    await explained.close()
    await listener[Symbol.asyncDispose]()
    await database.close()
  })

  /** Runs what a call does, takes it back, and returns what was read to the end. */
  async function scansOf(
    tenant: 'large' | 'small',
    call: (trx: TenantTransaction, ids: FixtureIds) => Promise<unknown>,
  ): Promise<{ readonly statements: number; readonly scans: readonly string[] }> {
    listener.take()
    await explained
      .forTenant(ids[tenant].orgId)
      .transaction(async (trx) => {
        await call(trx, ids[tenant])
        throw new Undone('rolled back on purpose')
      })
      .catch((error: unknown) => {
        if (!(error instanceof Undone)) throw error
      })
    const plans = listener.take()
    const scans = plans.flatMap(({ query, sequentialScans }) =>
      sequentialScans.filter((table) => table.startsWith('ibex_core.')).map((table) => `${table}: ${query}`),
    )
    return { statements: plans.length, scans }
  }

  test.each(everyCall)('$name reads no tenant table to its end', async ({ call, isSelective }) => {
    // what is a large part of a tenant is rightly read without an index where that tenant has most of the table
    for (const tenant of isSelective ? (['small', 'large'] as const) : (['small'] as const)) {
      const { statements, scans } = await scansOf(tenant, call)
      expect({ tenant, scans }).toEqual({ tenant, scans: [] })
      expect(statements).toBeGreaterThan(0)
    }
  })

  test('keeps one plan of a search by vector, which is right for both', async () => {
    await using named = createDatabase({ url: listener.url, poolSize: 1 })
    const embedding = Array.from({ length: 384 }, (_, index) => Math.sin(index))
    const found = { large: 'ann', small: 'exact' } as const
    const search = { embedding, exactBelow: 100, exhaustive: false, record: false }
    for (let count = 0; count < 30; count++) await named.forTenant(ids.small.orgId).memories.search(search)
    for (const tenant of ['small', 'large', 'small'] as const) {
      listener.take()
      const { strategy } = await named.forTenant(ids[tenant].orgId).memories.search(search)
      expect(strategy).toBe(found[tenant])
      const plan = listener.take().find(({ query }) => query.includes('"is ann"'))
      expect(plan?.sequentialScans.filter((table) => table.includes('.memories'))).toEqual([])
      expect(plan?.indexes).toContainEqual(expect.stringMatching(/^memories_p\d+_embedding_idx$/))
    }
  })

  test('notices a query that has no index', async () => {
    const { scans } = await scansOf(
      'large',
      async (trx) => await trx.messages.find({ where: { content: 'Hello' } }),
    )
    expect(scans).toEqual([expect.stringMatching(/^ibex_core\.messages: select \*/)])
  })
})

/** A new id in the same partition: alone in one, a small tenant's rows are rightly read without an index. */
async function idInPartitionOf(admin: Kysely<DB>, orgId: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    with partition as (
      select remainder from generate_series(0, 15) as remainder
      where satisfies_hash_partition('ibex_core.memories'::regclass, 16, remainder, ${orgId}::uuid)
    )
    select id from partition, (select gen_random_uuid() as id from generate_series(1, 1000)) as candidates
    where satisfies_hash_partition('ibex_core.memories'::regclass, 16, remainder, id) limit 1`.execute(admin)
  const [found] = rows
  if (found === undefined) throw new Error('no candidate falls into the partition')
  return found.id
}

class Undone extends Error {}
