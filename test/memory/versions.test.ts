import { afterAll, beforeAll, expect, test } from 'vitest'
import { InsufficientPrivilegeError } from '../../src/errors.ts'
import type { MemoryVersion } from '../../types/database.d.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterAll(async () => {
  await tenants.close()
})

const memory = (content: string) => ({
  agentId: null,
  content,
  embedding: direction(content),
  category: 'factual' as const,
})

async function versionsOf(memoryId: string): Promise<MemoryVersion[]> {
  return await tenants.mine.memoryVersions.find({
    where: { memory_id: memoryId },
    orderBy: { version_num: 'asc' },
  })
}

test('keeps who changed a memory and why, in the scope, in a transaction and for the system', async () => {
  const { database, mine } = tenants
  const scope = database.forTenant(mine.orgId, {
    actor: { type: 'extraction', id: 'job-7' },
    changeReason: 'session ended',
  })
  const { id } = (await scope.memories.add(memory('Ana lives in Rome'))).memory
  await scope.transaction(async (trx) => await trx.memories.update(id, { importance: 9 }), {
    actor: { type: 'user', id: 'ana' },
    changeReason: 'she said so',
  })
  await mine.memories.update(id, { status: 'archived' })
  await database.asSystem('nightly sweep', async ({ db }) => {
    await db.updateTable('ibex_core.memories').set({ deleted_at: new Date() }).where('id', '=', id).execute()
  })
  expect(await versionsOf(id)).toMatchObject([
    {
      version_num: 1,
      operation: 'create',
      changed_by_type: 'extraction',
      changed_by: 'job-7',
      change_reason: 'session ended',
    },
    {
      version_num: 2,
      operation: 'update',
      changed_by_type: 'user',
      changed_by: 'ana',
      change_reason: 'she said so',
    },
    {
      version_num: 3,
      operation: 'archive',
      changed_by_type: 'system',
      changed_by: null,
      change_reason: null,
    },
    {
      version_num: 4,
      operation: 'delete',
      changed_by_type: 'system',
      changed_by: null,
      change_reason: 'nightly sweep',
    },
  ])
})

test('keeps the memory as it was after each change', async () => {
  const { memories } = tenants.mine
  const { id } = (await memories.add(memory('Ben lives in Rome'))).memory
  await memories.update(id, {
    content: 'Ben lives in Bonn',
    confidence: 0.5,
    metadata: { a: 1 },
    tier: 'hot',
  })
  await memories.softDelete(id)
  await memories.restore(id)
  expect(await versionsOf(id)).toMatchObject([
    { operation: 'create', content: 'Ben lives in Rome', confidence: 0.8, metadata: {}, tier: 'warm' },
    { operation: 'update', content: 'Ben lives in Bonn', confidence: 0.5, metadata: { a: 1 }, tier: 'hot' },
    { operation: 'delete', content: 'Ben lives in Bonn' },
    { operation: 'restore', content: 'Ben lives in Bonn' },
  ])
})

test('writes a version of every memory that addMany creates, and none of a duplicate', async () => {
  const scope = tenants.database.forTenant(tenants.mine.orgId, { actor: { type: 'extraction' } })
  const results = await scope.memories.add(['one', 'two', 'one'].map(memory))
  const versions = await scope.memoryVersions.find({
    where: { memory_id: results.map(({ id }) => id ?? '') },
  })
  expect(versions.map(({ operation, changed_by_type }) => `${changed_by_type} ${operation}`)).toEqual([
    'extraction create',
    'extraction create',
  ])
})

test('writes none when nothing is changed, or nothing that has a history', async () => {
  const { memories } = tenants.mine
  const { id, content } = (await memories.add(memory('unchanged'))).memory
  await memories.update(id, {})
  await memories.update(id, { content })
  await memories.update(id, { is_pinned: true })
  expect(await versionsOf(id)).toHaveLength(1)
})

test('shows and changes no version of another tenant, and none of its own', async () => {
  const { mine, theirs } = tenants
  const { id } = (await theirs.memories.add(memory('theirs'))).memory
  const [version] = await theirs.memoryVersions.find({ where: { memory_id: id } })
  expect(version).toMatchObject({ operation: 'create', content: 'theirs' })
  expect(await versionsOf(id)).toEqual([])
  expect(await mine.memoryVersions.findById(version?.id ?? '')).toBeUndefined()
  for (const scope of [mine, theirs]) {
    for (const change of [
      async () => await scope.memoryVersions.update(version?.id ?? '', { content: 'forged' }),
      async () => await scope.memoryVersions.delete(version?.id ?? ''),
    ]) {
      expect(await failure(change)).toBeInstanceOf(InsufficientPrivilegeError)
    }
  }
  expect(await theirs.memoryVersions.find({ where: { memory_id: id } })).toEqual([version])
})
