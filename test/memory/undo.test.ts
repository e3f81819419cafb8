import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  InvalidArgumentError,
  InvalidVectorError,
  RowNotFoundError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { UndoOptions } from '../../src/memory/undo-memory.ts'
import { insertMemory } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { cosine, direction } from './embeddings.ts'

let tenants: TwoTenants
let foreignId: string
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreignId = (await insertMemory(tenants.admin, { org_id: tenants.theirs.orgId })).id
  await tenants.theirs.memories.update(foreignId, { importance: 9 })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.memory_versions')
})

afterAll(async () => {
  await tenants.close()
})

async function insertMine(content: string): Promise<string> {
  const { memory } = await tenants.mine.memories.add({
    agentId: null,
    content,
    embedding: direction(content),
    embeddingModel: 'first-model',
    category: 'factual',
    metadata: { place: content },
  })
  return memory.id
}

test('takes a memory back to a version as a new version, with actor and reason', async () => {
  const { database, mine } = tenants
  const id = await insertMine('Ana lives in  Rome')
  const changes = {
    content: 'Ana lives in Bonn',
    content_hash: contentHash('Ana lives in Bonn'),
    embedding: direction('Ana lives in Bonn'),
    embedding_model: 'second-model',
    category: 'preference',
    status: 'archived',
    tier: 'hot',
    importance: 9,
    confidence: 0.5,
    metadata: { place: 'Bonn' },
  } as const
  await mine.memories.update(id, changes)
  const scope = database.forTenant(mine.orgId, {
    actor: { type: 'user', id: 'ana' },
    changeReason: 'a slip',
  })
  const embedding = direction('Ana lives in  Rome')
  const undone = await scope.memories.undo(id, { to: 1, embedding, embeddingModel: 'third-model' })
  expect(undone).toMatchObject({
    content: 'Ana lives in  Rome',
    content_hash: contentHash('Ana lives in Rome'),
    embedding_model: 'third-model',
    category: 'factual',
    status: 'active',
    tier: 'warm',
    importance: 5,
    confidence: 0.8,
    metadata: { place: 'Ana lives in  Rome' },
  })
  expect(cosine(undone.embedding, embedding)).toBeCloseTo(1, 5)
  expect(await mine.memories.findById(id)).toEqual(undone)
  const history = await mine.memories.history(id)
  expect(history.map(({ operation }) => operation)).toEqual(['create', 'archive', 'restore'])
  const who = { changed_by_type: 'user', changed_by: 'ana', change_reason: 'a slip' }
  expect(history[2]).toMatchObject({ content: 'Ana lives in  Rome', importance: 5, ...who })
  await theirsUnchanged()
})

test('keeps the embedding and its model when the content is the same', async () => {
  const { memories } = tenants.mine
  const id = await insertMine('Ben lives in Rome')
  const before = await memories.findByIdOrThrow(id)
  await memories.update(id, { importance: 9 })
  const { updated_at: _, ...undone } = await memories.undo(id, { to: 1 })
  expect(before).toMatchObject(undone)
  expect(await memories.history(id)).toHaveLength(3)
})

test('writes no version when the memory is as the version says', async () => {
  const id = await insertMine('Cleo lives in Rome')
  await tenants.mine.memories.undo(id, { to: 1 })
  expect(await tenants.mine.memories.history(id)).toHaveLength(1)
})

test('frees a memory that becomes active again from what replaced it or took it in', async () => {
  const { memories } = tenants.mine
  const [id, other] = [await insertMine('Dora lives in Rome'), await insertMine('Dora lives in Bonn')]
  await memories.update(id, { status: 'superseded', superseded_by: other, merged_into: other })
  await memories.update(id, { status: 'archived' })
  const superseded = { status: 'superseded', superseded_by: other, merged_into: other }
  expect(await memories.undo(id, { to: 2 })).toMatchObject(superseded)
  const active = { status: 'active', superseded_by: null, merged_into: null }
  expect(await memories.undo(id, { to: 1 })).toMatchObject(active)
})

test('refuses another content without its embedding, and changes nothing', async () => {
  const { memories } = tenants.mine
  const id = await insertMine('Eve lives in Rome')
  await memories.update(id, { content: 'Eve lives in Bonn', content_hash: contentHash('Eve lives in Bonn') })
  const before = await memories.findById(id)
  const error = await failure(async () => await memories.undo(id, { to: 1 }))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument: 'embedding' })
  expect(error.message).not.toContain('Eve')
  expect(await memories.findById(id)).toEqual(before)
})

test('refuses a content that another active memory of the agent has by now', async () => {
  const { memories } = tenants.mine
  const id = await insertMine('Fay lives in Rome')
  await memories.update(id, { status: 'archived' })
  await insertMine('Fay lives in Rome')
  const before = await memories.findById(id)
  const error = await failure(async () => await memories.undo(id, { to: 1 }))
  expect(error).toBeInstanceOf(UniqueViolationError)
  expect(error.message).not.toContain('Fay')
  expect(await memories.findById(id)).toEqual(before)
  expect(await memories.history(id)).toHaveLength(2)
})

test('tells a missing version from a missing memory, and a soft-deleted or foreign one from neither', async () => {
  const { memories } = tenants.mine
  const [id, deleted] = [await insertMine('Gil lives in Rome'), await insertMine('Gil lives in Bonn')]
  await memories.softDelete(deleted)
  const missing = async (memoryId: string, to: number): Promise<unknown> =>
    await failure(async () => await memories.undo(memoryId, { to }))
  expect(await missing(id, 2)).toEqual(new RowNotFoundError('ibex_core.memory_versions'))
  for (const memoryId of [deleted, randomUUID(), foreignId])
    expect(await missing(memoryId, 1)).toEqual(new RowNotFoundError('ibex_core.memories'))
  await theirsUnchanged()
})

describe('with others at the same time', skipOnEmbedded('one connection: nobody else changes it'), () => {
  test('compares the content with that of a change that it waited for', async () => {
    const { admin, database, mine } = tenants
    const id = await insertMine('Hal lives in Rome')
    await mine.memories.update(id, { importance: 9 })
    const other = database.forTenant(mine.orgId)
    let waiting: Promise<Error> | undefined
    await mine.transaction(async (trx) => {
      const content = 'Hal lives in Bonn'
      await trx.memories.update(id, { content, content_hash: contentHash(content) })
      waiting = runOutsideTransaction(
        async () => await failure(async () => await other.memories.undo(id, { to: 1 })),
      )
      await untilBlocked(admin)
    })
    expect(await waiting).toMatchObject({ argument: 'embedding' })
    expect(await mine.memories.findById(id)).toMatchObject({ content: 'Hal lives in Bonn', importance: 9 })
  })

  test('numbers the versions of twenty undos without a gap', async () => {
    const { memories } = tenants.mine
    const id = await insertMine('Ida lives in Rome')
    await memories.update(id, { importance: 9 })
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => await memories.undo(id, { to: 1 + (index % 2) })),
    )
    const history = await memories.history(id)
    expect(history.map((version) => version.version_num)).toEqual(history.map((_, index) => index + 1))
    expect(history.at(-1)?.importance).toBe((await memories.findById(id))?.importance)
  })
})

test.each<[string, string, unknown]>([
  ['to', '0', { to: 0 }],
  ['to', 'a fraction', { to: 1.5 }],
  ['to', 'NaN', { to: Number.NaN }],
  ['to', 'a text', { to: '1' }],
  ['to', 'more than an integer', { to: 2_147_483_648 }],
  ['to', 'nothing', {}],
  ['embeddingModel', 'a model without an embedding', { to: 1, embeddingModel: 'a' }],
  ['option "embeding"', 'an option that does not exist', { to: 1, embeding: [] }],
])('refuses the %s before any SQL: %s', async (argument, _, options) => {
  const run = async (): Promise<unknown> =>
    await tenants.mine.memories.undo(randomUUID(), options as UndoOptions)
  const error = await refusal(tenants, run)
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})

test('refuses an id that is no uuid and an embedding that has no direction before any SQL', async () => {
  const { memories } = tenants.mine
  const embedding = new Float32Array(384)
  const errors = [
    await refusal(tenants, async () => await memories.undo('7', { to: 1 })),
    await refusal(tenants, async () => await memories.undo(randomUUID(), { to: 1, embedding })),
  ]
  expect(errors[0]).toMatchObject({ argument: 'id' })
  expect(errors[1]).toBeInstanceOf(InvalidVectorError)
})
