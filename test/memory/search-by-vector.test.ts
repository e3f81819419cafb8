import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { MemoryHit } from '../../src/memory/memory-hit.ts'
import type { MemorySearch } from '../../src/memory/search-input.ts'
import type { Agent, Memory } from '../../types/database.d.ts'
import { insertAgent, insertMemory } from '../support/factories.ts'
import { skipBehindPooler } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { cosine, direction, near } from './embeddings.ts'
import { planOfFrequent, plansUntilNow } from './plan-of-frequent.ts'

let tenants: TwoTenants
let ada: Agent
let bob: Agent
let stored: readonly Memory[]
const question = direction('where does Ana live?')
/** Nobody's. */
const agentId = '6b1e2f5c-0000-4000-8000-000000000001'

beforeAll(async () => {
  // one connection: what a search would leave behind in its session, the next statement would see
  tenants = await openTwoTenants({ poolSize: 1 })
  const { admin, mine, theirs } = tenants
  ada = await insertAgent(admin, { org_id: mine.orgId })
  bob = await insertAgent(admin, { org_id: mine.orgId })
  const agentIds = [ada.id, bob.id, null]
  await mine.memories.add(
    Array.from({ length: 60 }, (_, index) => memoryInput(index, agentIds[index % 3] ?? null)),
    { onNearDuplicate: 'ignore' },
  )
  // theirs are the nearest of all
  await theirs.memories.add(
    Array.from({ length: 20 }, (_, index) => ({
      ...memoryInput(index, null),
      embedding: near(question, `theirs ${index}`, 0.001),
    })),
    { onNearDuplicate: 'ignore' },
  )
  await insertHidden()
  stored = await mine.memories.find({ where: (eb) => eb('content', 'like', 'memory %') })
})

afterAll(async () => {
  await tenants.close()
})

const categories = ['factual', 'preference', 'episodic', 'identity'] as const

function memoryInput(index: number, agentId: string | null): MemoryInput {
  return {
    agentId,
    content: `memory ${index}`,
    embedding: near(question, index, 0.1 + ((index * 7) % 60) / 20),
    category: categories[index % 4] ?? 'factual',
    confidence: (index % 10) / 10,
    tags: [`mod-${index % 5}`, ...(index % 2 === 0 ? ['even'] : [])],
  }
}

/** Memories that equal the question and must never be found. */
async function insertHidden(): Promise<void> {
  const hidden = [
    { deleted_at: new Date() },
    { expires_at: new Date(Date.now() - 3_600_000) },
    ...(['archived', 'superseded', 'merged', 'pending_review', 'disputed'] as const).map((status) => ({
      status,
    })),
  ]
  for (const [index, values] of hidden.entries()) {
    const row = { org_id: tenants.mine.orgId, content: `hidden ${index}`, embedding: question, ...values }
    await insertMemory(tenants.admin, row)
  }
}

/** The contents nearest to the question by the definition, computed here. */
function expected(limit: number, matches: (memory: Memory) => boolean = () => true): string[] {
  return stored
    .filter(matches)
    .toSorted((one, other) => cosine(question, other.embedding) - cosine(question, one.embedding))
    .slice(0, limit)
    .map(({ content }) => content)
}

async function search(options: Omit<MemorySearch, 'embedding'> = {}): Promise<readonly MemoryHit[]> {
  const { hits } = await tenants.mine.memories.search({ embedding: question, record: false, ...options })
  return hits
}

const contents = (hits: readonly MemoryHit[]): string[] => hits.map(({ memory }) => memory.content)
const numberOf = ({ content }: Memory): number => Number(content.split(' ')[1])

test('finds the nearest, most similar first, with their cosine similarity', async () => {
  const found = await search()
  expect(stored).toHaveLength(60)
  expect(contents(found)).toEqual(expected(10))
  for (const [index, { memory, similarity, score, relevance, ...hit }] of found.entries()) {
    expect(memory.org_id).toBe(tenants.mine.orgId)
    expect(similarity).toBeCloseTo(cosine(question, memory.embedding), 5)
    expect({ score, relevance }).toEqual({ score: similarity, relevance: similarity })
    expect(hit).toEqual({ coverage: null, vectorRank: index + 1, textRank: null })
  }
})

test('gives whole memories', async () => {
  const [first] = await search({ limit: 1 })
  expect(first?.similarity).toBeGreaterThan(0.9)
  expect(first?.memory).toEqual(stored.find(({ id }) => id === first?.memory.id))
})

test('says 1 of the same direction, whatever its length, and -1 of the opposite', async () => {
  const [nearest] = await search({ limit: 1 })
  const embedding = nearest?.memory.embedding ?? question
  const scaled = async (factor: number): Promise<MemoryHit | undefined> => {
    const { hits } = await tenants.mine.memories.search({
      embedding: Array.from(embedding, (value) => value * factor),
      limit: 100,
    })
    return hits.find(({ memory }) => memory.id === nearest?.memory.id)
  }
  expect((await scaled(42))?.similarity).toBeCloseTo(1, 5)
  expect(await scaled(-0.5)).toMatchObject({ similarity: expect.closeTo(-1, 5), relevance: 0 })
})

test('finds as many as the limit says, and all there are when it is higher', async () => {
  expect(contents(await search({ limit: 3 }))).toEqual(expected(3))
  expect(contents(await search({ limit: 1_000 }))).toEqual(expected(60))
})

test("finds an agent's own memories and the shared ones", async () => {
  const found = await search({ agentId: ada.id, limit: 100 })
  expect(contents(found)).toEqual(expected(100, ({ agent_id }) => agent_id === ada.id || agent_id === null))
  expect(new Set(found.map(({ memory }) => memory.agent_id))).toEqual(new Set([ada.id, null]))
  const foreign = await insertAgent(tenants.admin, { org_id: tenants.theirs.orgId })
  const shared = await search({ agentId: foreign.id, limit: 100 })
  expect(contents(shared)).toEqual(expected(100, ({ agent_id }) => agent_id === null))
})

test('filters by one category, several and none', async () => {
  expect(contents(await search({ category: 'episodic' }))).toEqual(
    expected(10, ({ category }) => category === 'episodic'),
  )
  expect(contents(await search({ category: ['episodic', 'identity'], limit: 50 }))).toEqual(
    expected(50, ({ category }) => category === 'episodic' || category === 'identity'),
  )
  expect(await search({ category: [] })).toEqual([])
  expect(await search({ category: 'behavioral' })).toEqual([])
})

test('filters by the least confidence, which it includes', async () => {
  // 0.7 is no 4-byte float: compared as a longer one, the memories of exactly 0.7 would be lost
  const found = await search({ minConfidence: 0.7, limit: 100 })
  expect(contents(found)).toEqual(expected(100, (memory) => numberOf(memory) % 10 >= 7))
  expect(await search({ minConfidence: 1 })).toEqual([])
  expect(await search({ minConfidence: 0, limit: 100 })).toHaveLength(60)
})

test('filters by any of several tags, each memory once', async () => {
  expect(contents(await search({ tags: ['even'], limit: 100 }))).toEqual(
    expected(100, (memory) => numberOf(memory) % 2 === 0),
  )
  const found = await search({ tags: ['even', 'mod-0', 'none'], limit: 100 })
  expect(contents(found)).toEqual(
    expected(100, (memory) => numberOf(memory) % 2 === 0 || numberOf(memory) % 5 === 0),
  )
  expect(await search({ tags: ['none'] })).toEqual([])
  expect(await search({ tags: [] })).toEqual([])
})

test('holds all filters together', async () => {
  const found = await search({
    agentId: bob.id,
    category: ['factual', 'preference'],
    minConfidence: 0.3,
    tags: ['even'],
  })
  expect(contents(found)).toEqual(
    expected(
      10,
      (memory) =>
        memory.agent_id !== ada.id &&
        ['factual', 'preference'].includes(memory.category) &&
        numberOf(memory) % 10 >= 3 &&
        numberOf(memory) % 2 === 0,
    ),
  )
  expect(found.length).toBeGreaterThan(0)
})

test('leaves out what expired, was deleted or is not active', async () => {
  const found = contents(await search({ limit: 1_000 }))
  expect(found).toHaveLength(60)
  expect(found.filter((content) => content.startsWith('hidden'))).toEqual([])
})

test('finds a memory that expires later', async () => {
  const content = 'expires later'
  const row = { org_id: tenants.mine.orgId, content, embedding: question }
  const { id } = await insertMemory(tenants.admin, { ...row, expires_at: new Date(Date.now() + 3_600_000) })
  expect((await search({ limit: 1 }))[0]?.memory.id).toBe(id)
  await tenants.mine.memories.delete(id)
})

async function searchSettings(): Promise<unknown> {
  const { rows } = await sql`select current_setting('hnsw.ef_search', true) as ef_search,
    current_setting('hnsw.iterative_scan', true) as iterative_scan,
    current_setting('plan_cache_mode') as plan_cache_mode, current_setting('random_page_cost') as random_page_cost`.execute(
    tenants.mine.db,
  )
  return rows
}

test('leaves no setting behind for the next statement of the connection', async () => {
  const before = await searchSettings()
  await search()
  expect(await searchSettings()).toEqual(before)
  expect(before).toEqual([
    { ef_search: '40', iterative_scan: 'off', plan_cache_mode: 'auto', random_page_cost: '4' },
  ])
})

test('finds the same inside a transaction', async () => {
  const found = await tenants.mine.transaction(
    async (trx) => await trx.memories.search({ embedding: question }),
    { readOnly: true },
  )
  expect(contents(found.hits)).toEqual(expected(10))
})

describe('the plan', skipBehindPooler('statements are not prepared there'), () => {
  test.each<Omit<MemorySearch, 'embedding'>>([
    {},
    { agentId },
    { userId: agentId },
    { embeddingModel: 'x' },
    { text: 'memory' },
  ])('keeps the plan of a frequent search that counts what it searches, by %j', async (filters) => {
    const first = await search(filters)
    expect(await planOfFrequent(tenants.mine, async () => await search(filters))).toBe('kept')
    expect(await search(filters)).toEqual(first)
  })

  test.each<Omit<MemorySearch, 'embedding'>>([
    { category: 'factual' },
    { minConfidence: 0.5 },
    { status: ['active', 'archived'] },
    { agentId, userId: agentId },
    { tags: ['even'] },
    { text: 'memory', category: 'factual' },
    { text: 'memory', tags: ['even'] },
  ])('plans each time where other filters decide, by %j', async (filters) => {
    expect(await planOfFrequent(tenants.mine, async () => await search(filters))).toBe('own')
  })

  test('plans for itself inside a transaction, and leaves it the settings of its other statements', async () => {
    const settings = sql`select current_setting('enable_sort') as sort, current_setting('enable_seqscan') as scan`
    await tenants.mine.transaction(async (trx) => {
      const run = async (): Promise<unknown> => await trx.memories.search({ embedding: question, limit: 7 })
      expect(await planOfFrequent(trx, run)).toBe('own')
      expect((await settings.execute(trx.db)).rows).toEqual([{ sort: 'on', scan: 'on' }])
    })
  })

  test('plans a search that is new to the connection for itself, which is sooner done', async () => {
    const before = await plansUntilNow(tenants.mine)
    await search({ sessionId: agentId })
    expect(await plansUntilNow(tenants.mine)).toEqual({ kept: before.kept, own: before.own + 1 })
  })
})
