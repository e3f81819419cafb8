/** What becomes of memories that are near others: merged, superseded, reported, in conflict. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { AddOptions } from '../../src/memory/add-options.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { Agent, Memory } from '../../types/database.d.ts'
import { insertAgent } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants, ownersView, watchTheirs } from '../support/two-tenants.ts'
import { cosine, direction, near } from './embeddings.ts'

let tenants: TwoTenants
let agent: Agent
let theirsUnchanged: () => Promise<void>

const center = direction('home')
/** Cosine 0.995 to the center, 0.98 to each other. */
const same = (seed: string) => near(center, seed, 0.1)
/** Cosine 0.89 to the center. */
const contrary = (seed: string) => near(center, seed, 0.5)

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  await tenants.theirs.memories.add([
    {
      agentId: null,
      content: 'Ana lives in Rome.',
      embedding: center,
      category: 'factual',
      tags: ['theirs'],
    },
    { agentId: null, content: 'Ana lives in Bonn.', embedding: contrary('bonn'), category: 'factual' },
  ])
  await tenants.theirs.embeddingModels.set({ name: 'm', dimension: 384, duplicateThreshold: 0.1 })
  theirsUnchanged = await watchTheirs(
    tenants,
    ...['memories', 'memory_tags', 'memory_versions', 'memory_relationships', 'embedding_models'].map(
      (name) => `ibex_core.${name}`,
    ),
  )
})

afterEach(async () => {
  await theirsUnchanged()
  const { orgId } = tenants.mine
  for (const table of ['ibex_core.memories', 'ibex_core.embedding_models'] as const)
    await tenants.admin.deleteFrom(table).where('org_id', '=', orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function input(content: string, values: Partial<MemoryInput> = {}): MemoryInput {
  return { agentId: agent.id, content, embedding: center, category: 'factual', ...values }
}

function other(values: Partial<MemoryInput> = {}): MemoryInput {
  return input('Roma.', { embedding: same('roma'), ...values })
}

async function added(): Promise<Memory> {
  return (await tenants.mine.memories.add(input('Ana lives in Rome.'))).memory
}

async function edges(): Promise<object[]> {
  const rows = await tenants.mine.memoryRelationships.find()
  return rows.map(({ source_id: from, target_id: to, relation_type: type }) => ({ from, to, type }))
}

test('merges what says the same into the memory that is there, and keeps what was said', async () => {
  const { memories } = tenants.mine
  const ids = [randomUUID(), randomUUID(), randomUUID()] as const
  const { memory: first } = await memories.add(
    input('Ana lives in Rome.', {
      confidence: 0.9,
      importance: 3,
      tags: ['a', 'b'],
      sourceMessageIds: [ids[0], ids[1]],
      metadata: { kept: 1, both: 'old' },
    }),
  )
  const embedding = same('other')
  const result = await memories.add(
    input('Ana’s home is Rome.', {
      embedding,
      confidence: 0.5,
      importance: 7,
      isPinned: true,
      subject: 'Ana',
      tags: ['b', 'c'],
      sourceMessageIds: [ids[1], ids[2]],
      metadata: { added: 2, both: 'new' },
    }),
  )
  expect(result).toMatchObject({
    outcome: 'merged',
    id: first.id,
    memory: {
      id: first.id,
      content: first.content,
      status: 'active',
      embedding: center,
      importance: 7,
      is_pinned: true,
      subject: 'Ana',
      source_message_ids: ids,
      metadata: { kept: 1, both: 'old', added: 2 },
    },
  })
  expect(result.memory.confidence).toBeCloseTo(0.9)
  expect(await memories.findByIdOrThrow(first.id)).toEqual(result.memory)
  expect(await memories.tagsOf(first.id)).toEqual(['a', 'b', 'c'])
  const [said] = result.others
  expect(said?.similarity).toBeCloseTo(cosine(center, embedding), 4)
  expect(await memories.findByIdOrThrow(said?.id ?? '')).toMatchObject({
    content: 'Ana’s home is Rome.',
    status: 'merged',
    merged_into: first.id,
  })
  const chain = await memories.supersessionChain(first.id)
  expect(chain.map(({ id }) => id)).toEqual([said?.id, first.id])
  expect((await memories.history(first.id)).map(({ operation }) => operation)).toEqual(['create', 'update'])
})

test('keeps what was merged once, however often it is said', async () => {
  const { memories } = tenants.mine
  const first = await added()
  const results = []
  for (let count = 0; count < 3; count++)
    results.push(await memories.add(input('Ana’s home is Rome.', { embedding: same('other') })))
  expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['merged']))
  expect(new Set(results.map(({ others }) => others[0]?.id)).size).toBe(1)
  expect(await memories.count()).toBe(2)
  // nothing changed, so nothing was written
  expect(await memories.findByIdOrThrow(first.id)).toEqual(first)
})

test('ends with neither a deadline that one of the two does not have, nor the earlier one', async () => {
  const { memories } = tenants.mine
  const [soon, late] = [new Date('2999-01-01T00:00:00Z'), new Date('2999-02-01T00:00:00Z')]
  for (const [one, other, expected] of [
    [soon, late, late],
    [late, soon, late],
    [null, soon, null],
    [soon, null, null],
  ] as const) {
    const agentId = (await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })).id
    await memories.add(input('Rome.', { agentId, expiresAt: one }))
    const { outcome, memory } = await memories.add(
      input('Roma.', { agentId, embedding: same('roma'), expiresAt: other }),
    )
    expect({ outcome, end: memory.expires_at }).toEqual({ outcome: 'merged', end: expected })
  }
})

test('supersedes what said the same before, where the newer statement counts', async () => {
  const { memories } = tenants.mine
  const [one, two] = await memories.add([input('Rome.'), input('Roma.', { embedding: same('roma') })], {
    onNearDuplicate: 'ignore',
  })
  const result = await memories.add(input('Since May: Rome.', { embedding: same('may') }), {
    onNearDuplicate: 'supersede',
  })
  expect(result).toMatchObject({ outcome: 'superseded', memory: { status: 'active', id: result.id } })
  expect(new Set(result.others.map(({ id }) => id))).toEqual(new Set([one?.id, two?.id]))
  for (const { id } of result.others) {
    expect(await memories.findByIdOrThrow(id)).toMatchObject({
      status: 'superseded',
      superseded_by: result.id,
    })
    expect(await edges()).toContainEqual({ from: result.id, to: id, type: 'supersedes' })
    expect((await memories.history(id)).map(({ operation }) => operation)).toEqual(['create', 'supersede'])
  }
})

test('creates what says the same and names what is near, where that is to be reported', async () => {
  const first = await added()
  const result = await tenants.mine.memories.add(input('Roma.', { embedding: same('roma') }), {
    onNearDuplicate: 'report',
  })
  expect(result).toMatchObject({
    outcome: 'created',
    others: [{ id: first.id }],
    memory: { status: 'active' },
  })
  expect(await edges()).toEqual([])
})

describe('what is less near', () => {
  test.each([undefined, 'merge', 'supersede', 'report'] as const)(
    'waits for a review when it is of the same category (%s)',
    async (onNearDuplicate) => {
      const first = await added()
      const options: AddOptions = onNearDuplicate === undefined ? {} : { onNearDuplicate }
      const other = input('Ana lives in Bonn.', { embedding: contrary('bonn'), tags: ['x'] })
      const result = await tenants.mine.memories.add(other, options)
      expect(result).toMatchObject({
        outcome: 'pending_review',
        others: [{ id: first.id }],
        memory: { id: result.id, status: 'pending_review', content: 'Ana lives in Bonn.' },
      })
      expect(result.others[0]?.similarity).toBeCloseTo(cosine(center, contrary('bonn')), 4)
      expect(await edges()).toEqual([{ from: result.id, to: first.id, type: 'contradicts' }])
      expect(await tenants.mine.memories.tagsOf(result.id ?? '')).toEqual(['x'])
      // said again, it is the same conflict
      const again = await tenants.mine.memories.add({ ...other, content: 'Ana  lives in Bonn.' }, options)
      expect(again).toMatchObject({ outcome: 'duplicate', id: result.id })
      expect(await tenants.mine.memories.count()).toBe(2)
    },
  )

  test('is created when it is of another category, or conflicts are ignored', async () => {
    await added()
    const { memories } = tenants.mine
    const embedding = contrary('bonn')
    const other = await memories.add(input('Ana likes Bonn.', { embedding, category: 'preference' }))
    const ignored = await memories.add(input('Ana lives in Bonn.', { embedding }), {
      onNearDuplicate: 'ignore',
    })
    for (const result of [other, ignored])
      expect(result).toMatchObject({ outcome: 'created', others: [], memory: { status: 'active' } })
  })

  test('contradicts each that is near enough, and none that is not', async () => {
    const { memories } = tenants.mine
    const given = [
      input('Rome.'),
      input('Far.', { embedding: direction('far') }),
      input('Roma.', { embedding: same('r') }),
    ]
    const before = await memories.add(given, { onNearDuplicate: 'ignore' })
    const { outcome, others } = await memories.add(input('Bonn.', { embedding: contrary('bonn') }))
    expect(outcome).toBe('pending_review')
    expect(new Set(others.map(({ id }) => id))).toEqual(new Set([before[0]?.id, before[2]?.id]))
  })
})

describe('is compared with active memories of its own agent and model only:', () => {
  test('not with what was deleted, archived, superseded, or waits for a review', async () => {
    const { memories } = tenants.mine
    await memories.softDelete((await added()).id)
    for (const status of ['archived', 'superseded', 'merged', 'pending_review', 'disputed'] as const)
      await memories.update((await added()).id, { status })
    expect(await memories.add(other())).toMatchObject({ outcome: 'created', others: [] })
  })

  test('not with those of another agent, or that all share', async () => {
    const { memories } = tenants.mine
    const agentId = (await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })).id
    await memories.add([input('Rome.', { agentId }), input('Rome.', { agentId: null })])
    expect(await memories.add(other())).toMatchObject({ outcome: 'created' })
    expect(await memories.add(other({ agentId: null }))).toMatchObject({ outcome: 'merged' })
  })

  test('not with those of another model, nor of none', async () => {
    const { memories } = tenants.mine
    await memories.add(input('Rome.', { embeddingModel: 'm' }))
    expect(await memories.add(other())).toMatchObject({ outcome: 'created' })
    const { outcome } = await memories.add(other({ content: 'Roma!', embeddingModel: 'n' }))
    expect(outcome).toBe('created')
    const merged = await memories.add(other({ content: 'Roma…', embeddingModel: 'm' }))
    expect(merged).toMatchObject({ outcome: 'merged', memory: { content: 'Rome.' } })
  })
})

test('compares the memories of an array with those before them', async () => {
  const { memories } = tenants.mine
  const results = await memories.add([
    input('Rome.'),
    input('Roma.', { embedding: same('roma') }),
    input(' Rome. '),
    input('Far.', { embedding: direction('far') }),
    input('Bonn.', { embedding: contrary('bonn') }),
    input('Roma.', { embedding: same('roma') }),
  ])
  expect(results.map(({ outcome }) => outcome)).toEqual([
    'created',
    'merged',
    'duplicate',
    'created',
    'pending_review',
    'merged',
  ])
  const [first] = results
  expect(results.map(({ id }) => id === first?.id)).toEqual([true, true, true, false, false, true])
  expect(results[4]?.others[0]?.id).toBe(first?.id)
  expect(await memories.count()).toBe(4)
})

test('takes the newest of an array for what counts, where the newer supersedes', async () => {
  const { memories } = tenants.mine
  const contents = ['one', 'two', 'three']
  const results = await memories.add(
    contents.map((content) => input(content, { embedding: same(content) })),
    { onNearDuplicate: 'supersede' },
  )
  expect(results.map(({ outcome }) => outcome)).toEqual(['created', 'superseded', 'superseded'])
  const chain = await memories.supersessionChain(results[0]?.id ?? '')
  expect(chain.map(({ content, status }) => `${content} ${status}`)).toEqual([
    'one superseded',
    'two superseded',
    'three active',
  ])
})

describe('takes for near what', () => {
  const embedding = contrary('bonn')

  test('the thresholds of the call say', async () => {
    const { memories } = tenants.mine
    await added()
    const bonn = input('Bonn.', { embedding })
    expect((await memories.add(bonn, { thresholds: { duplicate: 0.8 } })).outcome).toBe('merged')
    const strict = { thresholds: { duplicate: 0.999, conflict: 0.99 } }
    expect((await memories.add(input('Roma.', { embedding: same('r') }), strict)).outcome).toBe(
      'pending_review',
    )
    expect((await memories.add(bonn, { thresholds: { conflict: 0.9 } })).outcome).toBe('created')
  })

  test('the thresholds of the model say, for this tenant alone', async () => {
    const { embeddingModels, memories } = tenants.mine
    const bonn = (content: string) => input(content, { embedding, embeddingModel: 'm' })
    await memories.add(input('Rome.', { embeddingModel: 'm' }))
    expect((await memories.add(bonn('Bonn.'))).outcome).toBe('pending_review')
    await embeddingModels.set({
      name: 'm',
      dimension: 384,
      duplicateThreshold: 0.95,
      conflictThreshold: 0.95,
    })
    expect((await memories.add(bonn('Bonn!'))).outcome).toBe('created')
    await embeddingModels.set({ name: 'm', dimension: 384, duplicateThreshold: 0.8 })
    expect((await memories.add(bonn('Bonn?'))).outcome).toBe('merged')
  })
})

test('notices what is near in one round trip', async () => {
  await added()
  const before = tenants.statements.length
  await tenants.mine.memories.add(input('Roma.', { embedding: same('roma') }))
  await tenants.mine.memories.add([input('A.'), input('B.', { embedding: same('b') })])
  await tenants.mine.memories.addMany([input('C.'), input('D.')])
  expect(tenants.statements.slice(before)).toHaveLength(3)
})

test('stores the same for the owner as it tells the caller', async () => {
  await added()
  await tenants.mine.memories.add(input('Roma.', { embedding: same('roma') }))
  const rows = await ownersView(tenants.admin, 'ibex_core.memories', tenants.mine.orgId)
  expect(rows).toHaveLength(2)
})
