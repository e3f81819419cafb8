import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  ForeignKeyViolationError,
  InvalidArgumentError,
  InvalidColumnError,
  TenantMismatchError,
  UniqueViolationError,
  UnknownOrganizationError,
} from '../../src/errors.ts'
import type { Agent, AgentPatch } from '../../types/database.d.ts'
import { nextMoment } from '../support/next-moment.ts'
import { insertAgent, insertUser } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let foreign: Agent
let theirsUnchanged: () => Promise<void>
let ada: Agent
let count = 0

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await insertAgent(tenants.admin, { org_id: tenants.theirs.orgId, slug: 'shared', name: 'Theirs' })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.agents')
})

beforeEach(async () => {
  count += 1
  ada = await tenants.mine.agents.insert({ name: 'Ada', slug: `ada-${count}`, config: { tone: 'dry' } })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
  await tenants.admin.deleteFrom('ibex_core.agents').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.agents.exists({ id: foreign.id }, { includeDeleted: true })).toBe(false)
}

/** The row as the owner sees it. */
async function stored(id: string): Promise<Agent | undefined> {
  return await tenants.admin
    .selectFrom('ibex_core.agents')
    .selectAll()
    .where('org_id', '=', tenants.mine.orgId)
    .where('id', '=', id)
    .executeTakeFirst()
}

test('inserts a row for the tenant, with defaults filled in and undefined left out', async () => {
  const bob = await tenants.mine.agents.insert({ name: 'Bob', slug: 'bob', tags: ['x'], tagline: null })
  expect(bob).toMatchObject({ org_id: tenants.mine.orgId, status: 'draft', tags: ['x'], deleted_at: null })
  expect(bob.model_config).toMatchObject({ max_output_tokens: 4096 })
  expect(await stored(bob.id)).toEqual(bob)
})

test('lets two tenants have the same unique key, and one tenant only once', async () => {
  await tenants.mine.agents.insert({ name: 'Mine', slug: 'shared' })
  const error = await failure(async () => await tenants.mine.agents.insert({ name: 'Again', slug: 'shared' }))
  expect(error).toBeInstanceOf(UniqueViolationError)
})

test('throws TenantMismatchError before any SQL when a row names another tenant', async () => {
  const row = { name: 'x', slug: 'x', org_id: tenants.theirs.orgId }
  const { agents } = tenants.mine
  expect(await refusal(tenants, async () => await agents.insert(row))).toBeInstanceOf(TenantMismatchError)
  const upsert = async (): Promise<unknown> => await agents.upsert(row, { conflict: ['slug'] })
  expect(await refusal(tenants, upsert)).toBeInstanceOf(TenantMismatchError)
})

test('says the same of a reference to a row of another tenant as of one that does not exist', async () => {
  const user = await insertUser(tenants.admin, { org_id: tenants.theirs.orgId })
  const errors: Error[] = []
  for (const id of [user.id, randomUUID()]) {
    const row = { name: 'x', slug: 'x', created_by: id }
    errors.push(await failure(async () => await tenants.mine.agents.insert(row)))
    errors.push(await failure(async () => await tenants.mine.agents.update(ada.id, { created_by: id })))
  }
  expect(errors[0]).toBeInstanceOf(ForeignKeyViolationError)
  for (const error of errors) {
    expect(shown(error)).toEqual(shown(errors[0]))
  }
})

test('throws UnknownOrganizationError when the tenant does not exist', async () => {
  const nobody = tenants.database.forTenant(randomUUID())
  const error = await failure(async () => await nobody.agents.insert({ name: 'x', slug: 'x' }))
  expect(error).toBeInstanceOf(UnknownOrganizationError)
})

test('updates what the patch names and nothing else', async () => {
  // a Date does not tell apart what is written in one millisecond
  await nextMoment()
  const updated = await tenants.mine.agents.update(ada.id, { tagline: 'quick', tags: ['a', '"b", {c}'] })
  expect(updated).toEqual({
    ...ada,
    tagline: 'quick',
    tags: ['a', '"b", {c}'],
    updated_at: updated?.updated_at,
  })
  expect(updated?.updated_at.getTime()).toBeGreaterThan(ada.updated_at.getTime())
  expect(await stored(ada.id)).toEqual(updated)
})

test.each([
  ['empty', {}],
  ['all undefined', { name: undefined, tagline: undefined }],
] as [string, object][])('reads and writes nothing when the patch is %s', async (_, patch) => {
  const before = tenants.statements.length
  expect(await tenants.mine.agents.update(ada.id, patch)).toEqual(ada)
  expect(tenants.statements.slice(before)).toEqual([expect.stringMatching(/^select /)])
  expect(await stored(ada.id)).toEqual(ada)
})

test('leaves a column alone whose key in the patch is undefined', async () => {
  const patch = { name: undefined, tagline: 'quick' } as unknown as AgentPatch
  expect(await tenants.mine.agents.update(ada.id, patch)).toMatchObject({ name: 'Ada', tagline: 'quick' })
})

test.each(['nmae', 'constructor', 'id', 'org_id'])(
  'throws InvalidColumnError before any SQL when a patch names %s',
  async (column) => {
    const patch = { name: 'new', [column]: randomUUID() } as AgentPatch
    const update = async (): Promise<unknown> => await tenants.mine.agents.update(ada.id, patch)
    expect(await refusal(tenants, update)).toBeInstanceOf(InvalidColumnError)
    expect(await stored(ada.id)).toEqual(ada)
  },
)

test('throws before any SQL when a patch names a generated column, or is none', async () => {
  const { memories } = tenants.mine
  const generated = { search_vector: 'x' } as object
  const error = await refusal(tenants, async () => await memories.update(randomUUID(), generated))
  expect(error).toBeInstanceOf(InvalidColumnError)
  for (const patch of [null, undefined, 'name', ['name']]) {
    const update = async (): Promise<unknown> => await tenants.mine.agents.update(ada.id, patch as object)
    expect(await refusal(tenants, update)).toBeInstanceOf(InvalidArgumentError)
  }
})

test('updates, deletes and brings back nothing of another tenant', async () => {
  const { agents } = tenants.mine
  expect(await agents.update(foreign.id, { name: 'Stolen' })).toBeUndefined()
  expect(await agents.update(foreign.id, {})).toBeUndefined()
  expect(await agents.softDelete(foreign.id)).toBeUndefined()
  expect(await agents.restore(foreign.id)).toBeUndefined()
  expect(await agents.delete(foreign.id)).toBe(false)
})

test('soft-deletes once, and restores once', async () => {
  const { agents } = tenants.mine
  const deleted = await agents.softDelete(ada.id)
  expect(deleted?.deleted_at).toBeInstanceOf(Date)
  expect(await agents.softDelete(ada.id)).toBeUndefined()
  expect(await stored(ada.id)).toEqual(deleted)
  const restored = await agents.restore(ada.id)
  expect(restored).toMatchObject({ id: ada.id, deleted_at: null })
  expect(await agents.restore(ada.id)).toBeUndefined()
  expect(await agents.findById(ada.id)).toEqual(restored)
})

test('updates a soft-deleted row only when asked for', async () => {
  const { agents } = tenants.mine
  const deleted = await agents.softDelete(ada.id)
  expect(await agents.update(ada.id, { name: 'x' })).toBeUndefined()
  expect(await agents.update(ada.id, {})).toBeUndefined()
  expect(await stored(ada.id)).toEqual(deleted)
  expect(await agents.update(ada.id, {}, { includeDeleted: true })).toEqual(deleted)
  expect(await agents.update(ada.id, { name: 'x' }, { includeDeleted: true })).toMatchObject({ name: 'x' })
})

test('refuses to restore a row whose key was taken meanwhile', async () => {
  const { agents } = tenants.mine
  const deleted = await agents.softDelete(ada.id)
  await agents.insert({ name: 'Next', slug: ada.slug })
  expect(await failure(async () => await agents.restore(ada.id))).toBeInstanceOf(UniqueViolationError)
  expect(await stored(ada.id)).toEqual(deleted)
})

test('deletes for good, soft-deleted or not', async () => {
  const { agents } = tenants.mine
  const bob = await agents.insert({ name: 'Bob', slug: 'bob' })
  await agents.softDelete(bob.id)
  expect(await agents.delete(bob.id)).toBe(true)
  expect(await agents.delete(ada.id)).toBe(true)
  expect(await agents.delete(ada.id)).toBe(false)
  expect(await stored(ada.id)).toBeUndefined()
})

test('throws before any SQL when a table without deleted_at is soft-deleted', async () => {
  const tokens = tenants.mine.tokens as unknown as typeof tenants.mine.agents
  for (const act of [async () => await tokens.softDelete(ada.id), async () => await tokens.restore(ada.id)]) {
    const error = await refusal(tenants, act)
    expect(error).toBeInstanceOf(InvalidColumnError)
    expect(error.message).toBe('column "deleted_at" of "ibex_core.tokens" does not exist: use delete')
  }
})
