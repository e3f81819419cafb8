import { afterAll, beforeAll, expect, test } from 'vitest'
import { ForeignKeyViolationError, InvalidArgumentError } from '../../src/errors.ts'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import type { DB, Memory, MemoryTagPatch } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { insertMemory } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let tags: BaseRepository<DB, 'ibex_core.memory_tags'>
let memory: Memory
let foreign: Memory
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin } = tenants
  tags = new BaseRepository(tenants.mine, tables['ibex_core.memory_tags'])
  memory = await insertMemory(admin, { org_id: tenants.mine.orgId })
  foreign = await insertMemory(admin, { org_id: tenants.theirs.orgId })
  await tenants.theirs.memories.addTags(foreign.id, ['a', 'b'])
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memory_tags')
})

afterAll(async () => {
  await tenants.close()
})

test('reads, updates and deletes by all columns of the key, and only the row of this tenant', async () => {
  const rows = await tags.insertMany(['a', 'b', 'c'].map((tag) => ({ memory_id: memory.id, tag })))
  expect(rows.map(({ tag }) => tag)).toEqual(['a', 'b', 'c'])
  const key = { memory_id: memory.id, tag: 'b' }
  expect(await tags.findById(key)).toEqual(rows[1])
  expect(await tags.update(key, {})).toEqual(rows[1])
  expect(await tags.update(key, { created_at: '2020-01-01T00:00:00Z' })).toMatchObject(key)
  expect(await tags.delete(key)).toBe(true)
  expect(await tags.findById(key)).toBeUndefined()
  expect(await tags.count({ memory_id: memory.id })).toBe(2)

  const foreignKey = { memory_id: foreign.id, tag: 'b' }
  expect(await tags.findById(foreignKey)).toBeUndefined()
  expect(await tags.update(foreignKey, { created_at: new Date() })).toBeUndefined()
  expect(await tags.delete(foreignKey)).toBe(false)
  await theirsUnchanged()
})

test('pages through the key', async () => {
  const page = await tags.findPage({ orderBy: { tag: 'desc' }, limit: 1 })
  const next = await tags.findPage({ orderBy: { tag: 'desc' }, limit: 1, after: page.nextCursor })
  expect([...page.rows, ...next.rows].map(({ tag }) => tag)).toEqual(['c', 'a'])
  expect(next.nextCursor).toBeUndefined()
})

test('tags no memory of another tenant', async () => {
  const error = await failure(async () => await tags.insert({ memory_id: foreign.id, tag: 'mine' }))
  expect(error).toBeInstanceOf(ForeignKeyViolationError)
  await theirsUnchanged()
})

test.each([
  ['a bare value', 'a'],
  ['a part of the key', { tag: 'a' }],
  ['an empty object', {}],
  ['null', null],
  ['a part that is undefined', { memory_id: undefined, tag: 'a' }],
  ['a part that is no uuid', { memory_id: 'none', tag: 'a' }],
])('throws before any SQL when the key is %s', async (_, key) => {
  for (const act of [
    async () => await tags.findById(key as object),
    async () => await tags.delete(key as object),
    async () => await tags.update(key as object, { created_at: new Date() }),
  ]) {
    expect(await refusal(tenants, act)).toBeInstanceOf(InvalidArgumentError)
  }
})

test('never changes a column of the key', async () => {
  const patch = { tag: 'new' } as unknown as MemoryTagPatch
  const key = { memory_id: memory.id, tag: 'a' }
  expect((await refusal(tenants, async () => await tags.update(key, patch))).name).toBe('InvalidColumnError')
})

test('takes the one column of a key beside the tenant as an object', async () => {
  const usage = await tenants.mine.memoryUsage.insert({ memory_id: memory.id })
  expect(await tenants.mine.memoryUsage.findByIdOrThrow({ memory_id: memory.id })).toEqual(usage)
  expect(await tenants.theirs.memoryUsage.findById({ memory_id: memory.id })).toBeUndefined()
})
