/** What PostgreSQL does for a search by words beside a neighbour in the same partition whose every chunk has the word. */
import { type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { insertOrganization } from '../support/factories.ts'
import { listenToPlans } from '../support/plan-listener.ts'
import { serverUrl } from '../support/server-url.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

const chunkCount = 4_000

let tenants: TwoTenants
let mine: TenantScope

beforeAll(async () => {
  tenants = await openTwoTenants()
  mine = tenants.database.forTenant(await organizationInPartitionOf(tenants.theirs.orgId))
  // of mine each four-hundredth says "scarce", and one "wall"; theirs all say "wall"
  await ingest(mine, (index) => (index === 7 ? 'wall' : index % 400 === 0 ? 'scarce' : 'x'))
  await ingest(tenants.theirs, () => 'wall')
  await sql`vacuum analyze ibex_core.rag_documents`.execute(tenants.admin)
}, 120_000)

afterAll(async () => {
  await tenants.close()
})

async function ingest({ documents }: TenantScope, word: (index: number) => string): Promise<void> {
  const chunks = Array.from({ length: chunkCount }, (_, index) => ({
    content: `Chunk ${index} ${word(index)} ${'filler '.repeat(30)}`,
  }))
  await documents.ingest({ documentId: 'words', chunks })
}

function isInPartition(orgId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`satisfies_hash_partition('ibex_core.rag_documents'::regclass, 16, n, ${orgId})`
}

async function organizationInPartitionOf(orgId: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`select candidate.id from generate_series(0, 15) n,
    (select gen_random_uuid() as id from generate_series(1, 500)) candidate
    where ${isInPartition(sql`${orgId}::uuid`)} and ${isInPartition(sql`candidate.id`)} limit 1`.execute(
    tenants.admin,
  )
  const { id } = await insertOrganization(tenants.admin, { id: rows[0]?.id })
  return id
}

test('finds what the neighbour has everywhere and the tenant once', async () => {
  const found = await mine.documents.searchText({ text: 'Where is the wall?' })
  expect(found.map(({ org_id, chunk_index }) => [org_id, chunk_index])).toEqual([[mine.orgId, 7]])
})

test('reads a rare word from the index of words as the search role, and could not as the app role', async () => {
  for (const [role, isAllowed] of [
    ['ibex_search', true],
    ['ibex_app', false],
  ] as const) {
    const trx = await tenants.admin.startTransaction().execute()
    await sql`select set_config('role', ${role}, true), set_config('app.current_org_id', ${mine.orgId}, true)`.execute(
      trx,
    )
    const { rows } = await sql`explain (format json) select id from ibex_core.rag_documents
      where org_id = ${sql.lit(mine.orgId)} and search_vector @@ 'scarce'::tsquery`.execute(trx)
    await trx.rollback().execute()
    const conditions = JSON.stringify(rows).match(/"Index Cond":"(?:[^"\\]|\\.)*"/g) ?? []
    expect(conditions).not.toEqual([])
    const isUsed = conditions.some((condition) => condition.includes('search_vector @@'))
    expect({ role, isUsed }).toEqual({ role, isUsed: isAllowed })
  }
})

test(
  'searches by indexes of one partition within the function',
  skipOnEmbedded('it has no auto_explain'),
  async () => {
    await using listener = await listenToPlans(tenants.admin, serverUrl(tenants.test))
    await using database = createDatabase({ url: listener.url, poolSize: 1 })
    const { documents } = database.forTenant(mine.orgId)
    for (let count = 0; count < 7; count++) {
      listener.take()
      expect(await documents.searchText({ text: 'scarce?', limit: 5 })).toHaveLength(5)
      const [inner, outer] = listener.take().filter(({ query }) => query.includes('rag_documents'))
      expect(inner?.sequentialScans).toEqual([])
      expect(inner?.indexes).toContainEqual(
        expect.stringMatching(/^rag_documents_p\d\d_org_id_search_vector_idx$/),
      )
      expect(new Set(inner?.indexes.map((name) => name.slice(0, 'rag_documents_p00'.length))).size).toBe(1)
      // the planner knows that a search gives few ids, and looks each up
      expect(outer).toMatchObject({
        sequentialScans: [],
        indexes: [expect.stringMatching(/^rag_documents_p\d\d_pkey$/)],
      })
    }
  },
)
