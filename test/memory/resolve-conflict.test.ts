/** How conflicts between memories are resolved. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { InvalidArgumentError, MemoryStatusError, UniqueViolationError } from '../../src/errors.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { MemoryRepository } from '../../src/memory/memory-repository.ts'
import type { ConflictResolution } from '../../src/memory/resolve-conflict.ts'
import type { Memory } from '../../types/database.d.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { direction, near } from './embeddings.ts'

let tenants: TwoTenants
let memories: MemoryRepository
let theirsUnchanged: () => Promise<void>

const center = direction('home')
const input = (content: string, share: number, values: Partial<MemoryInput> = {}): MemoryInput => ({
  agentId: null,
  content,
  embedding: near(center, content, share),
  category: 'factual',
  ...values,
})

beforeAll(async () => {
  tenants = await openTwoTenants()
  ;({ memories } = tenants.mine)
  await tenants.theirs.memories.add([input('Rome', 0), input('Bonn', 0.5)])
  const watched = ['memories', 'memory_versions', 'memory_relationships']
  theirsUnchanged = await watchTheirs(tenants, ...watched.map((name) => `ibex_core.${name}`))
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

interface Conflict {
  readonly pending: Memory
  /** The nearest, and another one. */
  readonly others: readonly [Memory, Memory]
}

async function conflict(): Promise<Conflict> {
  const [one, two] = await memories.add([input('Rome', 0), input('Roma', 0.2)], { onNearDuplicate: 'ignore' })
  const { outcome, memory, others } = await memories.add(input('Bonn', 0.5, { importance: 9 }))
  expect(outcome).toBe('pending_review')
  expect(others.map(({ id }) => id)).toEqual([one?.id, two?.id])
  if (one === undefined || two === undefined) throw new Error('nothing was added')
  return { pending: memory, others: [one.memory, two.memory] }
}

async function edgesFrom(id: string): Promise<string[]> {
  const rows = await tenants.mine.memoryRelationships.find({ where: { source_id: id } })
  return rows.map((row) => `${row.relation_type} ${row.target_id}`).toSorted()
}

test('keeps the new one, which supersedes what it contradicts', async () => {
  const { pending, others } = await conflict()
  const kept = await memories.resolveConflict(pending.id.toUpperCase(), 'keep_new')
  expect(kept).toMatchObject({ id: pending.id, status: 'active' })
  for (const { id } of others)
    expect(await memories.findByIdOrThrow(id)).toMatchObject({ status: 'superseded', superseded_by: kept.id })
  expect(await edgesFrom(pending.id)).toEqual(others.map(({ id }) => `supersedes ${id}`).toSorted())
})

test('keeps the old ones, and archives the new one with what it contradicts', async () => {
  const { pending, others } = await conflict()
  expect(await memories.resolveConflict(pending.id, 'keep_old')).toMatchObject({ status: 'archived' })
  for (const other of others) expect(await memories.findByIdOrThrow(other.id)).toEqual(other)
  expect(await edgesFrom(pending.id)).toEqual(others.map(({ id }) => `contradicts ${id}`).toSorted())
})

test('keeps both, which then are related', async () => {
  const { pending, others } = await conflict()
  expect(await memories.resolveConflict(pending.id, 'keep_both')).toMatchObject({ status: 'active' })
  for (const other of others) expect(await memories.findByIdOrThrow(other.id)).toEqual(other)
  expect(await edgesFrom(pending.id)).toEqual(others.map(({ id }) => `related_to ${id}`).toSorted())
})

test('merges the new one into the nearest', async () => {
  const { pending, others } = await conflict()
  const holder = await memories.resolveConflict(pending.id, 'merge')
  expect(holder).toMatchObject({ id: others[0].id, importance: 9 })
  expect(await memories.findByIdOrThrow(pending.id)).toMatchObject({
    status: 'merged',
    merged_into: holder.id,
  })
  expect(await edgesFrom(pending.id)).toEqual([`contradicts ${others[1].id}`])
})

describe('leaves alone what is no longer active, and', () => {
  test.each<[ConflictResolution, string]>([
    ['keep_new', 'active'],
    ['keep_old', 'archived'],
    ['keep_both', 'active'],
  ])('resolves with %s', async (resolution, status) => {
    const { pending, others } = await conflict()
    await memories.archive(others[0].id)
    await memories.softDelete(others[1].id)
    expect(await memories.resolveConflict(pending.id, resolution)).toMatchObject({ status })
    expect(await memories.findByIdOrThrow(others[0].id)).toMatchObject({ status: 'archived' })
  })

  test('has nothing to merge with', async () => {
    const { pending, others } = await conflict()
    for (const { id } of others) await memories.archive(id)
    const error = await failure(async () => await memories.resolveConflict(pending.id, 'merge'))
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(await memories.findByIdOrThrow(pending.id)).toEqual(pending)
  })
})

test('refuses a memory that is in no conflict, and one that has been learnt otherwise', async () => {
  const { pending, others } = await conflict()
  const active = await failure(async () => await memories.resolveConflict(others[0].id, 'keep_new'))
  expect(active).toMatchObject({ name: 'MemoryStatusError', status: 'active' })
  await memories.add(input('Bonn', 0.5), { onNearDuplicate: 'ignore' })
  const error = await failure(async () => await memories.resolveConflict(pending.id, 'keep_both'))
  expect(error).toBeInstanceOf(UniqueViolationError)
  expect(await memories.findByIdOrThrow(pending.id)).toEqual(pending)
})

test(
  'lets one of many resolve a conflict, and tells the others',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    const { pending } = await conflict()
    const ways = ['keep_new', 'keep_old', 'keep_both', 'merge'] as const
    const results = await Promise.allSettled(
      [...ways, ...ways].map(async (way) => await memories.resolveConflict(pending.id, way)),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    )
    for (const reason of reasons) expect(reason).toBeInstanceOf(MemoryStatusError)
  },
)
