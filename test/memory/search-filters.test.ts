/** Every filter finds the same as the definition, in each mode of search, and all of them hold together. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { MemorySearch } from '../../src/memory/search-input.ts'
import type { MemoryFilters } from '../../src/memory/search-filters.ts'
import type { Memory } from '../../types/database.d.ts'
import { insertAgent, insertSession, insertUser } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { direction, near } from './embeddings.ts'

const count = 120
const question = direction('question')
const agents: string[] = []
const users: string[] = []
const sessions: string[] = []

let tenants: TwoTenants
let stored: readonly (Memory & { readonly tags: readonly string[] })[]

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  for (let index = 0; index < 2; index++) {
    const agent = await insertAgent(admin, { org_id: mine.orgId })
    agents.push(agent.id)
    users.push((await insertUser(admin, { org_id: mine.orgId })).id)
    sessions.push((await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id })).id)
  }
  const inputs = Array.from({ length: count }, (_, index) => memoryInput(index))
  const added = await mine.memories.add(inputs, { onNearDuplicate: 'ignore' })
  for (const [index, { memory }] of added.entries()) {
    const { id } = memory
    const statuses = ['pending_review', 'disputed', 'archived'] as const
    const status = statuses[index % 10] ?? 'active'
    const tier = (['hot', 'warm', 'cold'] as const)[index % 3] ?? 'warm'
    await mine.memories.update(id, { status, tier })
    await admin
      .updateTable('ibex_core.memories')
      .set({ created_at: day(index) })
      .where('id', '=', id)
      .execute()
  }
  // theirs are the nearest, say the same, and have the same tags and metadata
  await theirs.memories.addMany(
    Array.from({ length: 20 }, (_, index) => ({
      ...memoryInput(index),
      agentId: null,
      userId: null,
      sessionId: null,
      embedding: near(question, `theirs ${index}`, 0.001),
    })),
  )
  const rows = await mine.memories.find()
  const tags = await Promise.all(rows.map(async ({ id }) => await mine.memories.tagsOf(id)))
  stored = rows.map((row, index) => Object.assign(row, { tags: tags[index] ?? [] }))
}, 60_000)

afterAll(async () => {
  await tenants.close()
})

const categories = ['factual', 'preference', 'episodic', 'identity'] as const
const sources = ['extracted', 'imported', 'feedback'] as const
const day = (index: number): Date => new Date(Date.UTC(2026, 0, 1 + (index % 60)))

function memoryInput(index: number): MemoryInput {
  return {
    agentId: [agents[0] ?? null, agents[1] ?? null, null][index % 3] ?? null,
    userId: users[index % 4] ?? null,
    sessionId: sessions[index % 5] ?? null,
    content: `word memory ${index}`,
    embedding: near(question, index, 0.1 + ((index * 7) % 60) / 20),
    category: categories[index % 4] ?? 'factual',
    source: sources[index % 3] ?? 'extracted',
    confidence: (index % 10) / 10,
    importance: 1 + (index % 10),
    subject: index % 7 === 0 ? 'Ana' : null,
    metadata: {
      topic: index % 6,
      nested: { even: index % 2 === 0 },
      ...(index === 50 ? { rare: true } : {}),
    },
    tags: [`mod-${index % 5}`, ...(index % 2 === 0 ? ['even'] : []), ...(index === 44 ? ['rare'] : [])],
  }
}

type Stored = (typeof stored)[number]

/** What a filter must find, said a second time. */
const filters: readonly (readonly [string, () => MemoryFilters, (memory: Stored) => boolean])[] = [
  [
    'an agent',
    () => ({ agentId: agents[0] ?? '' }),
    ({ agent_id }) => agent_id === agents[0] || agent_id === null,
  ],
  ['a user', () => ({ userId: users[1] ?? '' }), ({ user_id }) => user_id === users[1]],
  ['a session', () => ({ sessionId: sessions[0] ?? '' }), ({ session_id }) => session_id === sessions[0]],
  ['a category', () => ({ category: 'episodic' }), ({ category }) => category === 'episodic'],
  [
    'categories',
    () => ({ category: ['episodic', 'identity'] }),
    ({ category }) => /^(?:epi|iden)/.test(category),
  ],
  ['no category', () => ({ category: [] }), () => false],
  ['a source', () => ({ source: 'feedback' }), ({ source }) => source === 'feedback'],
  ['a tier', () => ({ tier: ['hot', 'cold'] }), ({ tier }) => tier !== 'warm'],
  [
    'any tag',
    () => ({ tags: ['mod-0', 'even'] }),
    ({ tags }) => tags.includes('mod-0') || tags.includes('even'),
  ],
  ['a tag of one memory', () => ({ tags: ['rare'] }), ({ tags }) => tags.includes('rare')],
  [
    'all tags',
    () => ({ allTags: ['mod-0', 'even'] }),
    ({ tags }) => tags.includes('mod-0') && tags.includes('even'),
  ],
  ['no tag', () => ({ tags: [] }), () => false],
  ['all of no tags', () => ({ allTags: [] }), () => true],
  // 0.7 is no 4-byte float: compared as a longer one, the memories of exactly 0.7 would be lost
  ['confidence', () => ({ minConfidence: 0.7 }), ({ confidence }) => confidence >= 0.7],
  ['importance', () => ({ minImportance: 8 }), ({ importance }) => importance >= 8],
  ['a time from', () => ({ createdFrom: day(30) }), ({ created_at }) => created_at >= day(30)],
  ['a time before', () => ({ createdBefore: day(30) }), ({ created_at }) => created_at < day(30)],
  ['a subject', () => ({ subject: 'Ana' }), ({ subject }) => subject === 'Ana'],
  ['metadata', () => ({ metadata: { topic: 3 } }), ({ metadata }) => metadata['topic'] === 3],
  [
    'nested metadata',
    () => ({ metadata: { nested: { even: true } } }),
    ({ metadata }) => JSON.stringify(metadata).includes('"even":true'),
  ],
  [
    'metadata of one memory',
    () => ({ metadata: { rare: true } }),
    ({ metadata }) => metadata['rare'] === true,
  ],
  ['no metadata', () => ({ metadata: {} }), () => true],
  [
    'all together',
    () => ({
      agentId: agents[0] ?? '',
      category: ['factual', 'episodic'],
      tags: ['even'],
      allTags: ['even'],
      minConfidence: 0.2,
      minImportance: 2,
      createdFrom: day(2),
      createdBefore: day(59),
      metadata: { nested: { even: true } },
    }),
    ({ agent_id, category, tags, confidence, created_at }) =>
      agent_id !== agents[1] &&
      /^(?:factual|episodic)$/.test(category) &&
      tags.includes('even') &&
      confidence >= 0.2 &&
      created_at >= day(2) &&
      created_at < day(59),
  ],
]

const modes: readonly (readonly [string, Partial<MemorySearch>])[] = [
  ['vector', { embedding: question }],
  ['vector, by the index', { embedding: question, exactBelow: 0 }],
  ['text', { text: 'a word' }],
  ['both', { embedding: question, text: 'a word' }],
  ['both, composite', { embedding: question, text: 'a word', ranking: 'composite', relevanceGate: 0 }],
]

async function found(search: MemorySearch): Promise<string[]> {
  const { hits, isComplete } = await tenants.mine.memories.search({ limit: 1_000, record: false, ...search })
  expect(isComplete).toBe(true)
  return hits.map(({ memory }) => memory.content).toSorted()
}

function expected(matches: (memory: Stored) => boolean): string[] {
  return stored
    .filter(matches)
    .map(({ content }) => content)
    .toSorted()
}

describe.each(modes)('a search by %s holds', (_, mode) => {
  test.each(filters)('%s', async (__, filter, matches) => {
    const contents = expected((memory) => memory.status === 'active' && matches(memory))
    expect(await found({ ...mode, ...filter() })).toEqual(contents)
  })

  test('a status, several, and those that are active by default', async () => {
    const status = ['pending_review', 'active'] as const
    expect(await found({ ...mode, status: 'pending_review' })).toEqual(
      expected((memory) => memory.status === 'pending_review'),
    )
    expect(await found({ ...mode, status: ['disputed', 'archived'], userId: users[1] ?? '' })).toEqual(
      expected((memory) => /^(?:disputed|archived)$/.test(memory.status) && memory.user_id === users[1]),
    )
    expect(await found({ ...mode, status })).toEqual(
      expected((memory) => /^(?:pending|active)/.test(memory.status)),
    )
    expect(await found({ ...mode })).toHaveLength(count * 0.7)
  })
})

test('orders by similarity whichever way the vectors are compared', async () => {
  const search = { embedding: question, limit: 20, record: false }
  const { hits: exact } = await tenants.mine.memories.search(search)
  const { hits: byIndex } = await tenants.mine.memories.search({ ...search, exactBelow: 0 })
  expect(exact).toHaveLength(20)
  expect(byIndex).toEqual(exact)
})
