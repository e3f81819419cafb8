import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError, InvalidColumnError, UniqueViolationError } from '../../src/errors.ts'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import { tables } from '../../types/tables.ts'
import { insertAgent, insertMemory } from '../support/factories.ts'
import { type NotesDB, createNotes, notes } from './notes.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  refusal,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants<NotesDB>
let mine: BaseRepository<NotesDB, 'public.notes'>
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants<NotesDB>()
  const { admin, theirs, test: database } = tenants
  await createNotes(admin)
  mine = new BaseRepository(tenants.mine, notes)
  await new BaseRepository<NotesDB, 'public.notes'>(theirs, notes).insert({ title: 'Plan', tags: ['theirs'] })
  await insertAgent(database.admin, { org_id: theirs.orgId, slug: 'ada', name: 'Theirs' })
  theirsUnchanged = await watchTheirs(tenants, 'public.notes', 'ibex_core.agents')
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('public.notes').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

const byTitle = { conflict: ['title'] } as const

test('inserts, then updates the row with the same full key', async () => {
  const created = await mine.upsert({ title: 'Plan', status: 'published' }, byTitle)
  expect(created).toMatchObject({ org_id: tenants.mine.orgId, title: 'Plan', tags: [], status: 'published' })
  const updated = await mine.upsert({ title: 'Plan', tags: ['a'] }, byTitle)
  expect(updated).toMatchObject({ id: created.id, tags: ['a'], status: 'published' })
  expect(await ownersView(tenants.admin, 'public.notes', tenants.mine.orgId)).toHaveLength(1)
})

test('inserts, then updates the living row with the same partial key', async () => {
  const { agents } = tenants.mine
  const options = { conflict: ['slug'] } as const
  const created = await agents.upsert({ name: 'Ada', slug: 'ada' }, options)
  const updated = await agents.upsert({ name: 'Ada II', slug: 'ada' }, options)
  expect(updated).toMatchObject({ id: created.id, name: 'Ada II', org_id: tenants.mine.orgId })

  await agents.softDelete(created.id)
  const next = await agents.upsert({ name: 'Ada III', slug: 'ada' }, options)
  expect(next.id).not.toBe(created.id)
  expect(await agents.findById(created.id, { includeDeleted: true })).toMatchObject({ name: 'Ada II' })
})

test('overwrites only the columns that it is told to', async () => {
  const created = await mine.upsert({ title: 'Plan', status: 'published', tags: ['a'] }, byTitle)
  const row = { title: 'Plan', status: 'draft', tags: ['b'] } as const
  const updated = await mine.upsert({ ...row, tags: [...row.tags] }, { ...byTitle, update: ['tags'] })
  expect(updated).toMatchObject({ id: created.id, status: 'published', tags: ['b'] })
})

test.each([
  ['nothing but its key', { title: 'Plan' }, {}],
  ['columns of which none is overwritten', { title: 'Plan', tags: ['b'] }, { update: [] }],
])('returns the row unchanged when it gives %s', async (_, row, options) => {
  const created = await mine.upsert({ title: 'Plan', tags: ['a'] }, byTitle)
  expect(await mine.upsert(row, { ...byTitle, ...options })).toEqual(created)
})

test('keeps the id of the row that is there, whatever id is given', async () => {
  const created = await mine.upsert({ title: 'Plan' }, byTitle)
  const id = crypto.randomUUID()
  expect(await mine.upsert({ id, title: 'Plan', tags: ['a'] }, byTitle)).toMatchObject({ id: created.id })
  expect(await mine.findById(id)).toBeUndefined()
})

test('neither changes nor brings back a soft-deleted row with a full key', async () => {
  const created = await mine.upsert({ title: 'Plan', tags: ['a'] }, byTitle)
  const deleted = await mine.softDelete(created.id)
  const error = await failure(async () => await mine.upsert({ title: 'Plan', tags: ['b'] }, byTitle))
  expect(error).toBeInstanceOf(UniqueViolationError)
  expect(error.message).toMatch(/^a soft-deleted row in "public.notes" has the same key/)
  expect(await mine.findById(created.id, { includeDeleted: true })).toEqual(deleted)
})

test('throws when the row collides with another key than the one named', async () => {
  const { id } = await mine.insert({ title: 'Plan' })
  await mine.insert({ title: 'Other' })
  const error = await failure(async () => await mine.upsert({ id, title: 'Third' }, byTitle))
  expect(error).toBeInstanceOf(UniqueViolationError)
  expect(await mine.count()).toBe(2)
})

test.each([
  ['names no key', { conflict: [] }, InvalidArgumentError],
  ['names a key column that does not exist', { conflict: ['titel'] }, InvalidColumnError],
  ['overwrites a column that does not exist', { conflict: ['title'], update: ['titel'] }, InvalidColumnError],
  [
    'overwrites a column that the row does not give',
    { conflict: ['title'], update: ['tags'] },
    InvalidArgumentError,
  ],
  ['overwrites the tenant', { conflict: ['title'], update: ['org_id'] }, InvalidColumnError],
])('throws before any SQL when it %s', async (_, options, ErrorClass) => {
  const upsert = async (): Promise<unknown> =>
    await mine.upsert({ title: 'Plan' }, options as unknown as typeof byTitle)
  expect(await refusal(tenants, upsert)).toBeInstanceOf(ErrorClass)
})

test('works on a table without soft deletion whose key has several columns', async () => {
  const { admin, test: database } = tenants
  const memory = await insertMemory(database.admin, { org_id: tenants.mine.orgId })
  const theirMemory = await insertMemory(database.admin, { org_id: tenants.theirs.orgId })
  const theirs = await tenants.theirs.memoryUsage.insert({ memory_id: theirMemory.id, retrieval_count: 7 })
  const before = await ownersView(admin, 'ibex_core.memory_usage', tenants.theirs.orgId)

  const usage = new BaseRepository<NotesDB, 'ibex_core.memory_usage'>(
    tenants.mine,
    tables['ibex_core.memory_usage'],
  )
  const options = { conflict: ['memory_id'] } as const
  await usage.upsert({ memory_id: memory.id, retrieval_count: 1 }, options)
  const updated = await usage.upsert({ memory_id: memory.id, retrieval_count: 2 }, options)
  expect(updated).toMatchObject({ retrieval_count: 2, org_id: tenants.mine.orgId })
  await failure(async () => await usage.upsert({ memory_id: theirs.memory_id, retrieval_count: 0 }, options))
  expect(await ownersView(admin, 'ibex_core.memory_usage', tenants.theirs.orgId)).toEqual(before)
})
