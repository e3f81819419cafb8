/** What was erased is not learnt again, by whatever way it comes. */
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ErasedContentError, InsufficientPrivilegeError } from '../../src/errors.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import { insertMemory } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, shown, watchTheirs } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>
const secret = 'Ana is ill.'

beforeAll(async () => {
  tenants = await openTwoTenants()
  // theirs remember what I erased, and erased what I remember
  await tenants.theirs.memories.add(input(secret))
  await tenants.theirs.memoryTombstones.insert({ content_hash: contentHash('Ana is well.') })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.memory_tombstones')
  await tenants.mine.memoryTombstones.insert({ content_hash: contentHash(secret), reason: 'asked for' })
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function input(content: string): MemoryInput {
  return { agentId: null, content, embedding: direction(content), category: 'factual' }
}

test.each(['merge', 'supersede', 'report', 'ignore'] as const)(
  'refuses to add it, however it is spaced, and adds what comes with it (%s)',
  async (onNearDuplicate) => {
    const { memories } = tenants.mine
    const result = await memories.add(input(`  Ana\tis ill. `), { onNearDuplicate })
    expect(result).toEqual({ outcome: 'erased', id: null, others: [] })
    expect(() => result.memory).toThrow(ErasedContentError)
    const contents = ['Ana is well.', secret, 'Ana is fine.']
    const results = await memories.add(contents.map(input), { onNearDuplicate })
    expect(results.map(({ outcome }) => outcome)).toEqual(['created', 'erased', 'created'])
    const many = await memories.addMany(contents.map(input), { onNearDuplicate })
    expect(many.outcomes).toMatchObject({ created: 0, duplicate: 2, erased: 1 })
    expect((await memories.find()).map(({ content }) => content).toSorted()).toEqual([
      'Ana is fine.',
      'Ana is well.',
    ])
  },
)

test('refuses it with a typed error where plain Kysely inserts it or changes a memory into it', async () => {
  const { admin, mine } = tenants
  const { id } = (await mine.memories.add(input('Ana is fine.'))).memory
  const values = { content: secret, content_hash: contentHash(secret) }
  for (const write of [
    async () => await mine.memories.insert({ ...values, category: 'factual', embedding: direction(secret) }),
    async () => await mine.memories.update(id, values),
    async () => await mine.db.updateTable('ibex_core.memories').set(values).where('id', '=', id).execute(),
  ]) {
    const error = await failure(write)
    expect(error).toBeInstanceOf(ErasedContentError)
    expect(error).toMatchObject({ constraint: 'memories_content_hash_erased_check', table: 'memories' })
    expect(JSON.stringify(shown(error))).not.toContain(values.content_hash)
  }
  await expect(insertMemory(admin, { org_id: mine.orgId, content: secret })).rejects.toThrow(
    'shall not be learnt again',
  )
  expect(await mine.memories.update(id, { importance: 9 })).toMatchObject({ importance: 9 })
})

describe('lets a tombstone', () => {
  test('be set by the tenant and never changed or lifted', async () => {
    const { memoryTombstones: tombstones } = tenants.mine
    const [tombstone] = await tombstones.find()
    expect(tombstone).toMatchObject({ content_hash: contentHash(secret), reason: 'asked for' })
    const id = tombstone?.id ?? ''
    for (const change of [
      async () => await tombstones.update(id, { reason: 'none' }),
      async () => await tombstones.delete(id),
    ])
      expect(await failure(change)).toBeInstanceOf(InsufficientPrivilegeError)
    expect(await tombstones.find()).toEqual([tombstone])
  })

  test('be lifted by the system role, which cannot change it either', async () => {
    const { database, mine } = tenants
    const { id } = await mine.memoryTombstones.insert({ content_hash: contentHash('Ana is away.') })
    const error = await failure(
      async () =>
        await database.asSystem('a test', async ({ db }) => {
          await sql`update ibex_core.memory_tombstones set reason = 'x' where id = ${id}`.execute(db)
        }),
    )
    expect(error).toBeInstanceOf(InsufficientPrivilegeError)
    await database.asSystem('she came back', async ({ db }) => {
      await db.deleteFrom('ibex_core.memory_tombstones').where('id', '=', id).execute()
    })
    expect(await mine.memories.add(input('Ana is away.'))).toMatchObject({ outcome: 'created' })
  })
})

test('hides the tombstones of another tenant', async () => {
  const hash = contentHash('Ana is well.')
  expect(await tenants.mine.memoryTombstones.find({ where: { content_hash: hash } })).toEqual([])
  expect(await tenants.mine.memories.add(input('Ana is well.'))).toMatchObject({ outcome: 'created' })
})
