import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ForeignKeyViolationError, InvalidArgumentError } from '../../src/errors.ts'
import { insertMemory } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  refusal,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let foreignId: string
let theirsUnchanged: () => Promise<void>
let id: string

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreignId = (await insertMemory(tenants.admin, { org_id: tenants.theirs.orgId })).id
  await tenants.theirs.memories.addTags(foreignId, ['a', 'b'])
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memory_tags')
})

beforeEach(async () => {
  id = (await insertMemory(tenants.admin, { org_id: tenants.mine.orgId })).id
})

afterAll(async () => {
  await tenants.close()
})

test('adds tags, keeps those that are there, and lists them in alphabetical order', async () => {
  const { memories } = tenants.mine
  expect(await memories.tagsOf(id)).toEqual([])
  await memories.addTags(id, ['b', 'a', 'b'])
  await memories.addTags(id, ['c', 'a'])
  await memories.addTags(id, [])
  expect(await memories.tagsOf(id)).toEqual(['a', 'b', 'c'])
})

test('takes tags away and tells how many there were', async () => {
  const { memories } = tenants.mine
  await memories.addTags(id, ['a', 'b', 'c'])
  expect(await memories.removeTags(id, ['a', 'c', 'none', 'a'])).toBe(2)
  expect(await memories.removeTags(id, ['a'])).toBe(0)
  expect(await memories.removeTags(id, [])).toBe(0)
  expect(await memories.tagsOf(id)).toEqual(['b'])
})

test('keeps awkward tags as they are', async () => {
  const tags = ['"', ',', '\\', '{}', 'NULL', 'Zoë', '🦌'.repeat(64)]
  await tenants.mine.memories.addTags(id, tags)
  expect((await tenants.mine.memories.tagsOf(id)).toSorted()).toEqual(tags.toSorted())
  expect(await tenants.mine.memories.removeTags(id, tags)).toBe(tags.length)
})

test('neither lists, nor adds, nor takes away tags of another tenant', async () => {
  const { memories } = tenants.mine
  expect(await memories.tagsOf(foreignId)).toEqual([])
  expect(await memories.removeTags(foreignId, ['a', 'b'])).toBe(0)
  const errors = [
    await failure(async () => await memories.addTags(foreignId, ['x'])),
    await failure(async () => await memories.addTags(randomUUID(), ['x'])),
  ]
  expect(errors[0]).toBeInstanceOf(ForeignKeyViolationError)
  expect(errors[0]?.message).toBe(errors[1]?.message)
  await theirsUnchanged()
})

test('refuses a tag that is empty or too long before any SQL', async () => {
  const { memories } = tenants.mine
  for (const tag of ['', 'x'.repeat(65), 7 as unknown as string]) {
    expect(await refusal(tenants, async () => await memories.addTags(id, ['fine', tag]))).toBeInstanceOf(
      InvalidArgumentError,
    )
    expect(await refusal(tenants, async () => await memories.removeTags(id, [tag]))).toBeInstanceOf(
      InvalidArgumentError,
    )
  }
  expect(await memories.tagsOf(id)).toEqual([])
})

test('goes with the memory', async () => {
  const { memories } = tenants.mine
  await memories.addTags(id, ['a'])
  expect(await memories.delete(id)).toBe(true)
  const rows = await ownersView(tenants.admin, 'ibex_core.memory_tags', tenants.mine.orgId)
  expect(rows.filter((row) => (row as { memory_id: string }).memory_id === id)).toEqual([])
})
