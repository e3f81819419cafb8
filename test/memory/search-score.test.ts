import { afterAll, beforeAll, expect, test } from 'vitest'
import { RerankError } from '../../src/errors.ts'
import type { MemoryHit } from '../../src/memory/memory-hit.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { MemorySearch } from '../../src/memory/search-input.ts'
import type { Agent } from '../../types/database.d.ts'
import { insertAgent } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'
import { cosine, direction, near } from './embeddings.ts'

const question = direction('question')
const days = 86_400_000

let tenants: TwoTenants
let agent: Agent
const ids = new Map<string, string>()

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  const weights = { relevance: 0, recency: 1, usefulness: 0, confidence: 0, frequency: 0 }
  agent = await insertAgent(admin, { org_id: mine.orgId })
  await mine.agents.configure(agent.id, { memory_config: { retrieval_weights: weights } })
  await theirs.memories.add({ ...input('theirs', 0.001), confidence: 1 })
  const added = [
    input('nearest and old', 0.2),
    input('near and young', 0.6),
    input('near, used and useful', 0.6, { confidence: 0.5 }),
    // at right angles to the question, and everything else that a memory can be
    { ...input('fresh and irrelevant', 0), embedding: direction('else'), confidence: 1 },
  ]
  for (const each of added) ids.set(each.content, (await mine.memories.add(each)).memory.id)
  await age('nearest and old', 100)
  await age('near and young', 1)
  await age('near, used and useful', 20)
  for (const content of ['near, used and useful', 'fresh and irrelevant'])
    await mine.memoryUsage.insert({ memory_id: idOf(content), retrieval_count: 25, usefulness_score: 0.9 })
})

afterAll(async () => {
  await tenants.close()
})

function input(content: string, share: number, values: Partial<MemoryInput> = {}): MemoryInput {
  const embedding = near(question, content, share)
  return { agentId: null, content, embedding, category: 'factual', confidence: 0.8, ...values }
}

function idOf(content: string): string {
  return ids.get(content) ?? ''
}

async function age(content: string, age: number): Promise<void> {
  await tenants.admin
    .updateTable('ibex_core.memories')
    .set({ created_at: new Date(Date.now() - age * days) })
    .where('id', '=', idOf(content))
    .execute()
}

async function search(options: Partial<MemorySearch> = {}): Promise<readonly MemoryHit[]> {
  const { hits } = await tenants.mine.memories.search({ embedding: question, record: false, ...options })
  return hits
}

const contents = (hits: readonly MemoryHit[]): string[] => hits.map(({ memory }) => memory.content)

/** What a place among two lists gives to the fused score. */
function share(place: number | null): number {
  return place === null ? 0 : 61 / 2 / (60 + place)
}

/** The contract, said a second time. */
function score(hit: MemoryHit, age: number, usefulness: number, retrievals: number): number {
  return (
    0.4 * Math.max(0, cosine(question, hit.memory.embedding)) +
    0.25 * Math.exp(-0.05 * age) +
    0.2 * usefulness +
    0.1 * hit.memory.confidence +
    0.05 * Math.min(retrievals / 50, 1)
  )
}

test('scores what is relevant by the contract, and tells the share of each signal', async () => {
  const hits = await search({ ranking: 'composite', explain: true })
  expect(contents(hits)).toEqual(['near and young', 'near, used and useful', 'nearest and old'])
  const expected = [
    [1, 0.5, 0],
    [20, 0.9, 25],
    [100, 0.5, 0],
  ] as const
  for (const [index, hit] of hits.entries()) {
    const [age, usefulness, retrievals] = expected[index] ?? [0, 0, 0]
    expect(hit.score).toBeCloseTo(score(hit, age, usefulness, retrievals), 4)
    const shares = Object.values(hit.shares ?? {})
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(hit.score, 10)
    expect(hit.shares?.usefulness).toBeCloseTo(0.2 * usefulness, 5)
    expect(hit.memory).not.toHaveProperty('recency')
  }
  expect(contents(await search({ limit: 1 }))).toEqual(['nearest and old'])
})

test('lets no fresh memory win that is not relevant, whatever the weights', async () => {
  const weights = { recency: 1, usefulness: 1, confidence: 1, frequency: 1 }
  expect(contents(await search({ weights }))).not.toContain('fresh and irrelevant')
  // the gate is what keeps it out: without, it is the best of all
  expect(contents(await search({ weights, relevanceGate: 0 }))[0]).toBe('fresh and irrelevant')
})

test('leaves out what is less relevant than asked for, in both rankings', async () => {
  const nearest = (await search({ limit: 1 }))[0]?.relevance ?? 0
  for (const ranking of ['relevance', 'composite'] as const)
    expect(contents(await search({ ranking, minRelevance: nearest - 0.001 }))).toEqual(['nearest and old'])
})

test("takes the agent's weights, unless others are given", async () => {
  const composite = { ranking: 'composite', agentId: agent.id, explain: true } as const
  const hits = await search(composite)
  expect(contents(hits)).toEqual(['near and young', 'near, used and useful', 'nearest and old'])
  expect(hits[0]?.score).toBeCloseTo(Math.exp(-0.05), 4)
  const given = await search({ ...composite, weights: { relevance: 2 } })
  expect(contents(given)[0]).toBe('nearest and old')
  expect(given[0]?.score).toBeCloseTo(given[0]?.relevance ?? 0, 10)
})

test('takes the default weights for weights of an agent that are no numbers', async () => {
  const { admin, mine } = tenants
  const broken = await insertAgent(admin, {
    org_id: mine.orgId,
    memory_config: JSON.parse('{"retrieval_weights":{"relevance":"much","recency":-1,"usefulness":null}}'),
  })
  for (const agentId of [broken.id, '00000000-0000-4000-8000-000000000000']) {
    const hits = await search({ ranking: 'composite', agentId })
    expect(hits[0]?.score).toBeCloseTo((await search({ ranking: 'composite' }))[0]?.score ?? 0, 5)
  }
})

test('fuses the places of both ways, and holds relevance within 0 and 1', async () => {
  const hits = await search({ text: 'used and useful', explain: true, limit: 4 })
  expect(contents(hits)[0]).toBe('near, used and useful')
  for (const hit of hits) {
    expect(hit.score).toBeCloseTo(share(hit.vectorRank) + share(hit.textRank), 10)
    expect(hit.shares).toEqual({ vector: share(hit.vectorRank), text: share(hit.textRank) })
    expect(hit.relevance).toBeCloseTo(
      1 - (1 - Math.max(0, hit.similarity ?? 0)) * (1 - (hit.coverage ?? 0)),
      5,
    )
  }
})

test('tells the similarity of what only its words have found', async () => {
  const { hits } = await tenants.mine.memories.search({
    embedding: direction('far'),
    text: 'irrelevant',
    record: false,
    limit: 1_000,
  })
  const found = hits.find(({ memory }) => memory.content === 'fresh and irrelevant')
  expect(found?.similarity).toBeCloseTo(cosine(direction('far'), direction('else')), 5)
})

test('compares vectors of one model alone', async () => {
  const { memories, orgId } = tenants.mine
  const other = { ...input('of another model', 0), embedding: question, embeddingModel: 'other' }
  const { memory } = await memories.add(other)
  expect(contents(await search({}))).not.toContain(other.content)
  expect(contents(await search({ embeddingModel: 'other' }))).toEqual([other.content])
  const [byWords] = await search({ text: 'another model', limit: 1 })
  expect(byWords).toMatchObject({ memory: { content: other.content }, similarity: null, vectorRank: null })
  // the organization's own model is taken where none is named, beside what has none
  await tenants.admin
    .updateTable('ibex_core.organizations')
    .set({ embedding_model: 'other' })
    .where('id', '=', orgId)
    .execute()
  expect(contents(await search({ limit: 2 }))).toEqual([other.content, 'nearest and old'])
  await memories.delete(memory.id)
})

test('lets a reranker order the candidates, and gives it whole hits', async () => {
  const hits = await search({
    limit: 2,
    rerank: async ({ text, embedding }, candidates) => {
      expect({ text, embedding }).toEqual({ text: undefined, embedding: question })
      expect(candidates).toHaveLength(4)
      return await Promise.resolve(candidates.map(({ memory }) => memory.content.length))
    },
  })
  expect(hits.map(({ memory, score: given }) => [memory.content, given])).toEqual([
    ['near, used and useful', 21],
    ['fresh and irrelevant', 20],
  ])
})

test('says that the reranker has failed when it throws or returns no number for each', async () => {
  const cause = new Error('the model is away')
  const failed = await failure(async () => await search({ rerank: async () => await Promise.reject(cause) }))
  expect(failed).toBeInstanceOf(RerankError)
  expect(failed.cause).toBe(cause)
  for (const scores of [[], [1], [1, 2, 3, Number.NaN], [1, 2, 3, '4'], 'best', undefined]) {
    const rerank = async (): Promise<number[]> => await Promise.resolve(scores as number[])
    expect(await failure(async () => await search({ rerank }))).toBeInstanceOf(RerankError)
  }
  const never = async (): Promise<number[]> => await Promise.reject(cause)
  expect(await search({ rerank: never, category: [] })).toEqual([])
})

test('spreads the hits over what they say when it is asked to', async () => {
  const { memories } = tenants.mine
  const twins = ['one', 'two', 'three'].map((name) =>
    input(`twin ${name}`, 0, { embedding: near(question, 'twin', 0.3) }),
  )
  const added = await memories.add(twins, { onNearDuplicate: 'ignore' })
  const plain = contents(await search({ limit: 3 }))
  const spread = contents(await search({ limit: 3, mmrLambda: 0.5 }))
  expect(plain.filter((content) => content.startsWith('twin'))).toHaveLength(2)
  expect(spread.filter((content) => content.startsWith('twin')).length).toBeLessThan(2)
  expect(spread[0]).toBe('nearest and old')
  expect(contents(await search({ limit: 3, mmrLambda: 1 }))).toEqual(plain)
  for (const { memory } of added) await memories.delete(memory.id)
})
