/** Row 14 of the ways it goes wrong: beside a large tenant, vector search gives a small one too few rows. */
import { type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChunkInput } from '../../src/knowledge/document-input.ts'
import type { TenantScope, TenantTransaction } from '../../src/tenant-scope.ts'
import { insertOrganization } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { cosine, direction, near } from './embeddings.ts'

const largeCount = 600
const smallCount = 30
const questions = Array.from({ length: 5 }, (_, index) => direction(`question ${index}`))

let tenants: TwoTenants
let small: TenantScope
let embeddings: ReadonlyMap<string, Float32Array>

beforeAll(async () => {
  tenants = await openTwoTenants()
  small = tenants.database.forTenant(await organizationInPartitionOf(tenants.theirs.orgId))
  // the large tenant's chunks lie around the questions, the small one's further away
  await tenants.theirs.documents.ingest({ documentId: 'large', chunks: chunks('large', largeCount, 0.5) })
  await small.documents.ingest({ documentId: 'small', chunks: chunks('small', smallCount, 1.5) })
  embeddings = new Map(
    (await small.documents.find()).flatMap(({ id, embedding }) =>
      embedding === null ? [] : [[id, embedding]],
    ),
  )
  await sql`analyze ibex_core.rag_documents`.execute(tenants.admin)
}, 120_000)

afterAll(async () => {
  await tenants.close()
})

function chunks(name: string, count: number, share: number): ChunkInput[] {
  return Array.from({ length: count }, (_, index) => ({
    content: `${name} ${index}`,
    embedding: near(questions[index % questions.length] ?? direction(index), `${name} ${index}`, share),
  }))
}

function isInPartition(orgId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`satisfies_hash_partition('ibex_core.rag_documents'::regclass, 16, n, ${orgId})`
}

/** An organization whose documents share the partition, and with it the indexes, of another's. */
async function organizationInPartitionOf(orgId: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`select candidate.id from generate_series(0, 15) n,
    (select gen_random_uuid() as id from generate_series(1, 500)) candidate
    where ${isInPartition(sql`${orgId}::uuid`)} and ${isInPartition(sql`candidate.id`)} limit 1`.execute(
    tenants.admin,
  )
  const { id } = await insertOrganization(tenants.admin, { id: rows[0]?.id })
  return id
}

/** The ids of the nearest by the definition. */
function nearest(question: Float32Array, limit: number): string[] {
  return [...embeddings]
    .toSorted(([, one], [, other]) => cosine(question, other) - cosine(question, one))
    .slice(0, limit)
    .map(([id]) => id)
}

/** Leaves the planner nothing but the vector index, as it would choose for a tenant of a middling size. */
async function forceVectorIndex(trx: TenantTransaction): Promise<void> {
  await sql`select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_sort', 'off', true)`.execute(trx.db)
}

test('fills the limit for a small tenant beside a large one, with the nearest', async () => {
  for (const question of questions) {
    const found = await small.documents.searchSimilar({ embedding: question, limit: 10 })
    expect(found.map(({ id }) => id)).toEqual(nearest(question, 10))
  }
  expect(await small.documents.searchSimilar({ embedding: direction('x'), limit: 100 })).toHaveLength(
    smallCount,
  )
})

test('fills it through the vector index too, which without its settings would starve', async () => {
  await small.transaction(async (trx) => {
    await forceVectorIndex(trx)
    const plain = trx.db
      .selectFrom('ibex_core.rag_documents')
      .select('id')
      .where('org_id', '=', small.orgId)
      .where('embedding', 'is not', null)
      .orderBy(sql`embedding <=> ${questions[0]}`)
      .limit(10)
    expect(JSON.stringify(await plain.explain('json'))).toMatch(/embedding_idx/)
    expect((await plain.execute()).length).toBeLessThan(10)

    let recalled = 0
    for (const question of questions) {
      const found = await trx.documents.searchSimilar({ embedding: question, limit: 10 })
      expect(found).toHaveLength(10)
      const similarities = found.map(({ similarity }) => similarity)
      expect(similarities).toEqual(similarities.toSorted((one, other) => other - one))
      const best = nearest(question, 10)
      recalled += found.filter(({ id }) => best.includes(id)).length
    }
    expect(recalled / (questions.length * 10)).toBeGreaterThan(0.7)
  })
})

test('shows the large tenant nothing of the small one', async () => {
  const found = await tenants.theirs.documents.searchSimilar({
    embedding: direction('x'),
    limit: largeCount + 1,
  })
  expect(found).toHaveLength(largeCount)
  expect(new Set(found.map(({ org_id }) => org_id))).toEqual(new Set([tenants.theirs.orgId]))
})
