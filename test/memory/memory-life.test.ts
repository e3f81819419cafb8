/** What becomes of memories that are there: superseded, merged, archived, restored, pinned. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  ErasedContentError,
  InvalidArgumentError,
  MemoryStatusError,
  RowNotFoundError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { MemoryRepository } from '../../src/memory/memory-repository.ts'
import type { Memory } from '../../types/database.d.ts'
import { insertAgent } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let memories: MemoryRepository
let theirs: Memory
let agentId: string
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  ;({ memories } = tenants.mine)
  agentId = (await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })).id
  theirs = (await tenants.theirs.memories.add(input('theirs', { agentId: null, tags: ['t'] }))).memory
  const other = (await tenants.theirs.memories.add(input('other', { agentId: null }))).memory
  await tenants.theirs.memoryRelationships.relate(theirs.id, other.id, 'contradicts')
  const watched = ['memories', 'memory_tags', 'memory_versions', 'memory_relationships']
  theirsUnchanged = await watchTheirs(tenants, ...watched.map((name) => `ibex_core.${name}`))
})

afterEach(async () => {
  await theirsUnchanged()
  const { orgId } = tenants.mine
  for (const table of ['ibex_core.memories', 'ibex_core.memory_tombstones'] as const)
    await tenants.admin.deleteFrom(table).where('org_id', '=', orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function input(content: string, values: Partial<MemoryInput> = {}): MemoryInput {
  return { agentId, content, embedding: direction(content), category: 'factual', ...values }
}

async function added(content: string, values: Partial<MemoryInput> = {}): Promise<Memory> {
  return (await memories.add(input(content, values))).memory
}

async function operationsOf(id: string): Promise<string[]> {
  return (await memories.history(id)).map(({ operation }) => operation)
}

async function edges(): Promise<string[]> {
  const rows = await tenants.mine.memoryRelationships.find()
  return rows.map((row) => `${row.source_id} ${row.relation_type} ${row.target_id}`).toSorted()
}

describe('supersede', () => {
  test('replaces a memory by one that is added', async () => {
    const old = await added('Ana lives in Rome.')
    const newer = await memories.supersede(old.id, input('Ana lives in Bonn.', { tags: ['home'] }))
    expect(newer).toMatchObject({ content: 'Ana lives in Bonn.', status: 'active' })
    expect(await memories.findByIdOrThrow(old.id)).toMatchObject({
      status: 'superseded',
      superseded_by: newer.id,
    })
    expect(await edges()).toEqual([`${newer.id} supersedes ${old.id}`])
    expect(await operationsOf(old.id)).toEqual(['create', 'supersede'])
    expect(await memories.tagsOf(newer.id)).toEqual(['home'])
    expect((await memories.supersessionChain(newer.id)).map(({ id }) => id)).toEqual([old.id, newer.id])
  })

  test('replaces a memory by one that is there, also where it is to be added again', async () => {
    const [one, two, newer] = [await added('one'), await added('two'), await added('three')]
    expect(await memories.supersede(one.id, newer.id.toUpperCase())).toEqual(newer)
    expect(await memories.supersede(two.id, input(' three '))).toEqual(newer)
    expect(await memories.count({ superseded_by: newer.id })).toBe(2)
  })

  test('refuses what is superseded already, and one that is not active', async () => {
    const [old, newer, third] = [await added('one'), await added('two'), await added('three')]
    await memories.supersede(old.id, newer.id)
    const again = await failure(async () => await memories.supersede(old.id, third.id))
    expect(again).toBeInstanceOf(MemoryStatusError)
    expect(again).toMatchObject({ status: 'superseded' })
    // nor in a circle
    expect(await failure(async () => await memories.supersede(newer.id, old.id))).toBeInstanceOf(
      MemoryStatusError,
    )
    expect(await memories.findByIdOrThrow(newer.id)).toEqual(newer)
  })

  test('refuses itself, by its id or its content, and adds nothing', async () => {
    const old = await added('one')
    for (const by of [old.id, input('one')]) {
      const error = await failure(async () => await memories.supersede(old.id, by))
      expect(error).toBeInstanceOf(InvalidArgumentError)
    }
    expect(await memories.findByIdOrThrow(old.id)).toEqual(old)
  })

  test('does not bring back what was erased', async () => {
    const old = await added('one')
    await tenants.mine.memoryTombstones.insert({ content_hash: contentHash('secret') })
    const error = await failure(async () => await memories.supersede(old.id, input('secret')))
    expect(error).toBeInstanceOf(ErasedContentError)
    expect(await memories.findByIdOrThrow(old.id)).toEqual(old)
  })
})

describe('merge', () => {
  test('lets a memory take in others with all that they have', async () => {
    const one = await added('one', {
      confidence: 0.9,
      importance: 2,
      tags: ['a'],
      metadata: { a: 1, both: 1 },
    })
    const two = await added('two', {
      confidence: 0.2,
      importance: 8,
      tags: ['b'],
      metadata: { b: 2, both: 2 },
    })
    const into = await added('three', { tags: ['c'], metadata: { both: 3 } })
    await tenants.mine.memoryRelationships.relate(one.id, two.id, 'contradicts')
    const merged = await memories.merge([one.id, two.id, one.id], into.id)
    expect(merged).toMatchObject({
      id: into.id,
      content: 'three',
      importance: 8,
      metadata: { a: 1, b: 2, both: 3 },
    })
    expect(merged.confidence).toBeCloseTo(0.9)
    expect(await memories.tagsOf(into.id)).toEqual(['a', 'b', 'c'])
    for (const { id } of [one, two]) {
      expect(await memories.findByIdOrThrow(id)).toMatchObject({ status: 'merged', merged_into: into.id })
      expect(await operationsOf(id)).toEqual(['create', 'merge'])
    }
    expect(await edges()).toEqual([])
  })

  test('adds what takes them in, or finds it among them', async () => {
    const [one, two] = [await added('one'), await added('two')]
    const summary = await memories.merge([one.id, two.id], input('one and two', { tags: ['sum'] }))
    expect(summary).toMatchObject({ content: 'one and two', status: 'active' })
    const [three, four] = [await added('three'), await added('four')]
    expect(await memories.merge([three.id, four.id], input('three'))).toMatchObject({
      id: three.id,
      status: 'active',
    })
    expect(await memories.findByIdOrThrow(four.id)).toMatchObject({ merged_into: three.id })
  })

  test('merges none when one cannot be merged', async () => {
    const [one, two, into] = [await added('one'), await added('two'), await added('three')]
    await memories.archive(two.id)
    const error = await failure(async () => await memories.merge([one.id, two.id], into.id))
    expect(error).toMatchObject({ name: 'MemoryStatusError', status: 'archived' })
    const missing = await failure(async () => await memories.merge([one.id, randomUUID()], input('new')))
    expect(missing).toBeInstanceOf(RowNotFoundError)
    expect(await memories.findByIdOrThrow(one.id)).toEqual(one)
    expect(await memories.count()).toBe(3)
  })
})

test('archives a memory once, whatever it was', async () => {
  const memory = await added('one')
  const archived = await memories.archive(memory.id)
  expect(archived).toEqual({ ...memory, status: 'archived', updated_at: archived.updated_at })
  expect(await memories.archive(memory.id)).toEqual(archived)
  expect(await operationsOf(memory.id)).toEqual(['create', 'archive'])
  expect((await memories.search({ embedding: direction('one') })).hits).toEqual([])
})

describe('restore', () => {
  test('brings back what is archived', async () => {
    const [old, newer] = [await added('one'), await added('two')]
    await memories.supersede(old.id, newer.id)
    await memories.archive(old.id)
    expect(await memories.restore(old.id)).toMatchObject({ status: 'active', superseded_by: null })
    expect(await operationsOf(old.id)).toEqual(['create', 'supersede', 'archive', 'restore'])
  })

  test('brings back what was soft-deleted, as it was', async () => {
    const memory = await added('one')
    await memories.archive(memory.id)
    await memories.softDelete(memory.id)
    expect(await memories.restore(memory.id)).toMatchObject({ status: 'archived', deleted_at: null })
  })

  test('refuses what has been learnt anew meanwhile', async () => {
    const memory = await added('one')
    await memories.archive(memory.id)
    await added('one')
    expect(await failure(async () => await memories.restore(memory.id))).toBeInstanceOf(UniqueViolationError)
  })

  test('has nothing to do with one that is neither', async () => {
    const [old, newer] = [await added('one'), await added('two')]
    await memories.supersede(old.id, newer.id)
    expect(await memories.restore(newer.id)).toBeUndefined()
    expect(await memories.restore(old.id)).toBeUndefined()
    expect(await memories.findByIdOrThrow(old.id)).toMatchObject({ status: 'superseded' })
  })
})

test('tells in the versions of a memory that was deleted what its status was, and that it is deleted', async () => {
  const { id } = await added('one')
  await memories.archive(id)
  await memories.softDelete(id)
  // plain Kysely may change the status of a deleted one
  await tenants.mine.db
    .updateTable('ibex_core.memories')
    .set({ status: 'active' })
    .where('id', '=', id)
    .execute()
  const versions = await memories.history(id)
  expect(versions.map(({ operation, is_deleted: isDeleted }) => `${operation} ${isDeleted}`)).toEqual([
    'create false',
    'archive false',
    'delete true',
    'restore true',
  ])
  const later = new Date('2999-01-01T00:00:00Z')
  expect(await memories.asOf(id, later)).toMatchObject({ status: 'active', isDeleted: true })
})

test('pins and unpins a memory', async () => {
  const memory = await added('one')
  expect(await memories.pin(memory.id)).toMatchObject({ id: memory.id, is_pinned: true })
  expect(await memories.pin(memory.id)).toMatchObject({ is_pinned: true })
  expect(await memories.unpin(memory.id)).toMatchObject({ is_pinned: false })
  expect(await operationsOf(memory.id)).toEqual(['create'])
})

/** Each way to change a memory, by its id. */
const changes: [string, (id: string) => Promise<unknown>][] = [
  ['supersede', async (id) => await memories.supersede(id, input('new'))],
  ['supersede by it', async (id) => await memories.supersede((await added('old')).id, id)],
  ['merge', async (id) => await memories.merge([id], input('new'))],
  ['merge into it', async (id) => await memories.merge([(await added('old')).id], id)],
  ['archive', async (id) => await memories.archive(id)],
  ['pin', async (id) => await memories.pin(id)],
  ['unpin', async (id) => await memories.unpin(id)],
  ['resolve', async (id) => await memories.resolveConflict(id, 'keep_new')],
]

describe('says the same of a memory of another tenant, a deleted one and one that does not exist:', () => {
  test.each(changes)('%s', async (_, change) => {
    const deleted = await added('deleted')
    await memories.softDelete(deleted.id)
    const errors = []
    for (const id of [theirs.id, deleted.id, randomUUID()])
      errors.push(await failure(async () => await change(id)))
    for (const error of errors) {
      expect(error).toBeInstanceOf(RowNotFoundError)
      expect(shown(error)).toEqual(shown(errors[0]))
    }
    expect(await memories.count({ content: 'new' })).toBe(0)
  })

  test('restore', async () => {
    expect(await memories.restore(theirs.id)).toBeUndefined()
    expect(await memories.restore(randomUUID())).toBeUndefined()
  })
})

describe('throws InvalidArgumentError before any SQL', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['supersede nobody', async () => await memories.supersede('x', randomUUID())],
    ['supersede by nobody', async () => await memories.supersede(randomUUID(), 'x')],
    ['supersede by a bad memory', async () => await memories.supersede(randomUUID(), input(' '))],
    ['merge nothing', async () => await memories.merge([], randomUUID())],
    [
      'merge 101',
      async () =>
        await memories.merge(
          Array.from({ length: 101 }, () => randomUUID()),
          randomUUID(),
        ),
    ],
    ['merge into itself', async () => await memories.merge([theirs.id], theirs.id.toUpperCase())],
    ['archive nobody', async () => await memories.archive('')],
    ['restore nobody', async () => await memories.restore('')],
    ['resolve nobody', async () => await memories.resolveConflict('', 'merge')],
    ['resolve somehow', async () => await memories.resolveConflict(randomUUID(), 'keep' as 'merge')],
    ['pin nobody', async () => await memories.pin('')],
  ])('%s', async (_, run) => {
    expect(await refusal(tenants, run)).toBeInstanceOf(InvalidArgumentError)
  })
})

describe('of many callers at once', skipOnEmbedded('one connection: writers take turns'), () => {
  test('one supersedes a memory, and the others are told', async () => {
    const old = await added('old')
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, async (_, index) => await memories.supersede(old.id, input(`new ${index}`))),
    )
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
    expect(errors.map(({ name }) => name)).toEqual(Array.from({ length: 9 }, () => 'MemoryStatusError'))
    expect(await memories.count({ status: 'active' })).toBe(1)
  })

  test('none waits in a circle: superseding, merging and adding the same memories', async () => {
    const [one, two] = [await added('one'), await added('two')]
    const runs = Array.from({ length: 12 }, (_, index) => async () => {
      if (index % 3 === 0) return await memories.merge([one.id], two.id)
      if (index % 3 === 1) return await memories.supersede(two.id, input('three'))
      return (await memories.add([input('three'), input('two'), input('one')]))[0]?.memory
    })
    const results = await Promise.allSettled(runs.map(async (run) => await run()))
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as Error] : [],
    )
    expect(new Set(reasons.map(({ name }) => name))).toEqual(new Set(['MemoryStatusError']))
    const active = await memories.find({ where: { status: 'active' } })
    expect(new Set(active.map(({ content }) => content)).size).toBe(active.length)
  })
})
