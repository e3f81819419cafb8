/** Row 14 of the ways it goes wrong: beside a large tenant, vector search gives a small one too few rows. */
import { type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AddResult } from '../../src/memory/add-result.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { MemorySearchResult } from '../../src/memory/memory-hit.ts'
import type { TenantScope, TenantTransaction } from '../../src/tenant-scope.ts'
import type { Vector } from '../../src/vector/vector.ts'
import { insertOrganization } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { cosine, direction, near } from './embeddings.ts'

const largeCount = 3_000
const smallCount = 30
const questions = Array.from({ length: 10 }, (_, index) => direction(`question ${index}`))

let tenants: TwoTenants
let small: TenantScope
let embeddings: ReadonlyMap<string, Float32Array>

beforeAll(async () => {
  tenants = await openTwoTenants()
  small = tenants.database.forTenant(await organizationInPartitionOf(tenants.theirs.orgId))
  // the large tenant's memories lie around the questions, the small one's further away
  await tenants.theirs.memories.add(memoryInputs('large', largeCount, 0.5))
  await small.memories.add(memoryInputs('small', smallCount, 1.5))
  embeddings = new Map((await small.memories.find()).map(({ id, embedding }) => [id, embedding]))
  await sql`analyze ibex_core.memories`.execute(tenants.admin)
}, 120_000)

afterAll(async () => {
  await tenants.close()
})

function memoryInputs(name: string, count: number, share: number): MemoryInput[] {
  return Array.from({ length: count }, (_, index) => ({
    agentId: null,
    content: `${name} ${index}`,
    embedding: near(questions[index % questions.length] ?? direction(index), `${name} ${index}`, share),
    category: 'factual',
  }))
}

function isInPartition(orgId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`satisfies_hash_partition('ibex_core.memories'::regclass, 16, n, ${orgId})`
}

/** An organization whose memories share the partition, and with it the vector index, of another's. */
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

const idsOf = ({ hits }: MemorySearchResult): string[] => hits.map(({ memory }) => memory.id)

/** Leaves the planner nothing but the vector index, as it would choose for a tenant of a middling size. */
async function forceVectorIndex(trx: TenantTransaction): Promise<void> {
  await sql`select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_sort', 'off', true)`.execute(trx.db)
}

test('fills the limit for a small tenant beside a large one, with the nearest', async () => {
  for (const question of questions) {
    const found = await small.memories.search({ embedding: question, limit: 10 })
    expect(found).toMatchObject({ strategy: 'exact', isComplete: true })
    expect(idsOf(found)).toEqual(nearest(question, 10))
  }
  const all = await small.memories.search({ embedding: direction('x'), limit: 100 })
  expect(all.hits).toHaveLength(smallCount)
})

test('fills it through the vector index too, which without its settings would starve', async () => {
  await small.transaction(async (trx) => {
    await forceVectorIndex(trx)
    const plain = trx.db
      .selectFrom('ibex_core.memories')
      .select('id')
      .where('org_id', '=', small.orgId)
      .orderBy(sql`embedding <=> ${questions[0]}`)
      .limit(10)
    const plan = await plain.explain('json')
    expect(JSON.stringify(plan)).toMatch(/embedding_idx/)
    const starved = await plain.execute()
    expect(starved.length).toBeLessThan(10)

    let recalled = 0
    for (const question of questions) {
      const found = await trx.memories.search({
        embedding: question,
        limit: 10,
        exactBelow: 0,
        exhaustive: false,
      })
      expect(found).toMatchObject({ strategy: 'ann', isComplete: true })
      expect(found.hits).toHaveLength(10)
      const best = nearest(question, 10)
      recalled += idsOf(found).filter((id) => best.includes(id)).length
    }
    // approximate, and one row in a hundred passes the filter: most of the nearest, where without it there were none
    expect(recalled / (questions.length * 10)).toBeGreaterThan(0.7)
  })
})

test('shows the large tenant nothing of the small one', async () => {
  const { hits } = await tenants.theirs.memories.search({ embedding: direction('x'), limit: 1_000 })
  expect(hits).toHaveLength(1_000)
  expect(new Set(hits.map(({ memory }) => memory.org_id))).toEqual(new Set([tenants.theirs.orgId]))
})

test('compares what a small tenant adds with its own memories, however near those of the large one are', async () => {
  const add = async (content: string, embedding: Vector<384>): Promise<AddResult> =>
    await small.memories.add({ agentId: null, content, embedding, category: 'factual' })
  const [question = direction(0)] = questions
  const foreign = near(question, 'large 0', 0.5)
  expect(await add('as the large one', near(foreign, 'x', 0.1))).toMatchObject({
    outcome: 'created',
    others: [],
  })
  const own = (await small.memories.find({ where: { content: 'small 7' } }))[0]
  const said = near(own?.embedding ?? question, 'y', 0.1)
  expect(await add('as my own', said)).toMatchObject({ outcome: 'merged', id: own?.id })
  // through the index too, as it is for an agent with more memories than are compared one by one
  const { rows } = await sql<{ id: string }>`select memory_id as id
    from ibex_core.nearest_memories(${small.orgId}, null, null, ${said}, null, 1, false)`.execute(small.db)
  expect(rows).toEqual([{ id: own?.id }])
})
