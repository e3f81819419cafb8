import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CheckViolationError, ForeignKeyViolationError, InvalidArgumentError } from '../../src/errors.ts'
import type { CanonSearch } from '../../src/projects/canon-item-repository.ts'
import type { CanonItem, NewCanonItem, Project, Role } from '../../types/database.d.ts'
import { insertProject, insertRole } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let project: Project
let other: Project
let architect: Role
let writer: Role
let stored: readonly CanonItem[]
let foreign: { readonly project: Project; readonly role: Role; readonly item: CanonItem }
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  project = await insertProject(admin, { org_id: mine.orgId })
  other = await insertProject(admin, { org_id: mine.orgId })
  architect = await insertRole(admin, { org_id: mine.orgId })
  writer = await insertRole(admin, { org_id: mine.orgId })
  await insertTheirs(theirs.orgId)
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.canon_items')
  stored = await mine.canonItems.insertMany(items())
})

afterAll(async () => {
  await theirsUnchanged()
  await tenants.close()
})

/** The other tenant has the words of mine, and newer. */
async function insertTheirs(orgId: string): Promise<void> {
  const { admin, theirs } = tenants
  const role = await insertRole(admin, { org_id: orgId })
  const theirProject = await insertProject(admin, { org_id: orgId })
  const row = {
    project_id: theirProject.id,
    role_id: role.id,
    type: 'ADR',
    title: 'PostgreSQL',
    tags: ['data'],
  } as const
  const item = await theirs.canonItems.insert({ ...row, body: 'We decided on PostgreSQL: search, limits.' })
  foreign = { project: theirProject, role, item }
}

/** Oldest first: the first is ten minutes old, the last one. */
function items(): NewCanonItem[] {
  const rows: readonly Omit<NewCanonItem, 'project_id'>[] = [
    { type: 'ADR', title: 'Use PostgreSQL', body: 'We decided to keep one database.', role_id: architect.id },
    { type: 'ADR', title: 'No ORM', body: 'Kysely writes what we mean.', tags: ['data', 'code'] },
    {
      type: 'GLOSSARY',
      title: 'Tenant',
      body: 'An organization.',
      terms: 'customer workspace',
      tags: ['words'],
    },
    { type: 'CHANGELOG', title: '0.1.0', body: 'The first release, on PostgreSQL.', is_active: false },
    {
      type: 'BACKLOG',
      title: 'Search',
      body: 'Find the decisions of PostgreSQL.',
      role_id: writer.id,
      tags: ['data'],
    },
    { type: 'PMD', title: 'Limits', body: 'The release has limits; the limits release.' },
    {
      type: 'ADR',
      title: 'PostgreSQL again',
      body: 'Decided once more.',
      role_id: architect.id,
      tags: ['data'],
    },
  ]
  return [
    ...rows.map((row, index) => Object.assign(row, { project_id: project.id }, minutesAgo(10 - index))),
    { project_id: other.id, type: 'ADR', title: 'PostgreSQL elsewhere', body: 'Decided.', ...minutesAgo(0) },
  ]
}

function minutesAgo(minutes: number): { readonly created_at: Date } {
  return { created_at: new Date(Date.now() - minutes * 60_000) }
}

async function titles(search: Omit<CanonSearch, 'projectId'> = {}): Promise<string[]> {
  const found = await tenants.mine.canonItems.search({ projectId: project.id, ...search })
  return found.map(({ title }) => title)
}

describe.each([
  ['without a text', {}, () => true],
  ['with a text', { text: 'postgresql' }, ({ title, body }: CanonItem) => /postgresql/i.test(title + body)],
] as const)('%s', (_, text, matches) => {
  function expected(also: (item: CanonItem) => boolean): string[] {
    const found = stored.filter((item) => item.project_id === project.id && matches(item) && also(item))
    return found.map(({ title }) => title).toReversed()
  }

  test('finds the active items of the project, newest first', async () => {
    expect(await titles(text)).toEqual(expected(({ is_active }) => is_active))
    expect(await titles({ ...text, activeOnly: false })).toEqual(expected(() => true))
  })

  test("finds a role's own items and those of every role", async () => {
    const found = await titles({ ...text, roleId: architect.id, activeOnly: false })
    expect(found).toEqual(expected(({ role_id }) => role_id === architect.id || role_id === null))
    expect(found).not.toEqual(await titles({ ...text, activeOnly: false }))
    const foreignRole = await titles({ ...text, roleId: foreign.role.id, activeOnly: false })
    expect(foreignRole).toEqual(expected(({ role_id }) => role_id === null))
  })

  test('filters by types and by any of several tags', async () => {
    expect(await titles({ ...text, types: ['ADR', 'BACKLOG'] })).toEqual(
      expected(({ type }) => type === 'ADR' || type === 'BACKLOG'),
    )
    expect(await titles({ ...text, tags: ['data', 'words'] })).toEqual(
      expected(({ tags }) => tags.includes('data') || tags.includes('words')),
    )
    expect(await titles({ ...text, types: ['ADR'], tags: ['data'], roleId: architect.id })).toEqual(
      expected(({ type, tags, role_id }) => type === 'ADR' && tags.includes('data') && role_id !== writer.id),
    )
    expect(await titles({ ...text, types: [] })).toEqual([])
    expect(await titles({ ...text, tags: [] })).toEqual([])
  })

  test('finds as many as the limit says, the newest', async () => {
    const all = await titles({ ...text, activeOnly: false })
    expect(all.length).toBeGreaterThan(2)
    expect(await titles({ ...text, activeOnly: false, limit: 2 })).toEqual(all.slice(0, 2))
  })

  test('gives whole items', async () => {
    const [first] = await tenants.mine.canonItems.search({ projectId: project.id, ...text, limit: 1 })
    expect(first).toEqual(await tenants.mine.canonItems.findById(first?.id ?? ''))
  })

  test('finds nothing of a project of another tenant', async () => {
    const search = { projectId: foreign.project.id, ...text }
    expect(await tenants.mine.canonItems.search(search)).toEqual([])
    expect(await tenants.theirs.canonItems.search(search)).toEqual([foreign.item])
    expect(await tenants.theirs.canonItems.search({ projectId: project.id, ...text })).toEqual([])
  })
})

test.each([
  ['words of the title', 'orm', ['No ORM']],
  ['words of the body', 'mean kysely', ['No ORM']],
  ['terms', 'workspaces', ['Tenant']],
  ['words in another form', 'decide', ['PostgreSQL again', 'Use PostgreSQL']],
  ['all words, wherever they stand', 'customer organization', ['Tenant']],
  ['either of two', 'customer or kysely', ['Tenant', 'No ORM']],
  ['words in their order', '"limits release"', ['Limits']],
  ['words in another order', '"mean kysely"', []],
  ['all but one word', 'postgresql -search', ['PostgreSQL again', 'Use PostgreSQL']],
  ['whatever does not have a word', '-postgresql', ['Limits', 'Tenant', 'No ORM']],
  ['words that are not there', 'customer kysely', []],
  ['nothing but stop words', 'the of and', []],
  ['nothing but punctuation', '!!! & | ( :*', []],
  ['what looks like a query', "postgresql' & !search | (", ['Search']],
])('finds by %s', async (_, text, found) => {
  expect(await titles({ text })).toEqual(found)
})

test('finds an item by what it says now, and never by what it has said', async () => {
  const { canonItems } = tenants.mine
  const { id } = await canonItems.insert({
    project_id: project.id,
    type: 'PMD',
    title: 'Draft',
    body: 'About zebras.',
  })
  expect(await titles({ text: 'zebra' })).toEqual(['Draft'])
  await canonItems.update(id, { body: 'About giraffes.' })
  expect(await titles({ text: 'zebra' })).toEqual([])
  await tenants.mine.transaction(async (trx) => {
    await trx.canonItems.update(id, { terms: 'okapi' })
    const found = await trx.canonItems.search({ projectId: project.id, text: 'okapi giraffe' })
    expect(found.map((item) => item.id)).toEqual([id])
  })
  await canonItems.delete(id)
  expect(await titles({ text: 'giraffe' })).toEqual([])
})

test('orders items of the same time the same way each time, and in both ways', async () => {
  const row = {
    project_id: other.id,
    type: 'BACKLOG',
    title: 'Task',
    body: 'A task.',
    ...minutesAgo(60),
  } as const
  const inserted = await tenants.mine.canonItems.insertMany(Array.from({ length: 5 }, () => row))
  const search = { projectId: other.id, types: ['BACKLOG'] } as const
  const ids = inserted
    .map(({ id }) => id)
    .toSorted()
    .toReversed()
  expect((await tenants.mine.canonItems.search(search)).map(({ id }) => id)).toEqual(ids)
  expect((await tenants.mine.canonItems.search({ ...search, text: 'task' })).map(({ id }) => id)).toEqual(ids)
})

const call = (projectId: string) => sql<{
  id: string
}>`select id from ibex_core.search_canon_items('postgresql',
  ${projectId}, null, null, null, false, 100)`

describe('search_canon_items called in raw SQL', () => {
  test('finds the ids of the tenant, and none of another', async () => {
    const { mine, theirs } = tenants
    const ids = (await call(project.id).execute(mine.db)).rows.map(({ id }) => id)
    expect(ids).toHaveLength(4)
    expect((await call(foreign.project.id).execute(mine.db)).rows).toEqual([])
    expect((await call(project.id).execute(theirs.db)).rows).toEqual([])
    expect((await call(foreign.project.id).execute(theirs.db)).rows).toEqual([{ id: foreign.item.id }])
  })

  test('finds nothing without a tenant', async () => {
    const trx = await tenants.admin.startTransaction().execute()
    try {
      await sql`select set_config('role', 'ibex_app', true)`.execute(trx)
      for (const { id } of [project, foreign.project]) expect((await call(id).execute(trx)).rows).toEqual([])
    } finally {
      await trx.rollback().execute()
    }
  })
})

test.each<[string, object, string]>([
  ['a blank text', { text: ' \n' }, 'text'],
  ['a text of 8,193 characters', { text: 'x'.repeat(8_193) }, 'text'],
  ['a text with a NUL', { text: 'a\0b' }, 'text'],
  ['half a character', { text: '\uD83E' }, 'text'],
  ['a text that is a number', { text: 7 }, 'text'],
  ['no project', { projectId: undefined }, 'projectId'],
  ['a project that is no uuid', { projectId: 'atlas' }, 'projectId'],
  ['a role that is no uuid', { roleId: 'architect' }, 'roleId'],
  ['types that are no list', { types: 'ADR' }, 'types'],
  ['tags that are no list of texts', { tags: ['a', null] }, 'tags'],
  ['limit 0', { limit: 0 }, 'limit'],
  ['limit 1,001', { limit: 1_001 }, 'limit'],
  ['limit NaN', { limit: Number.NaN }, 'limit'],
])('throws before any SQL for %s', async (_, bad, argument) => {
  const search = { projectId: project.id, ...bad } as CanonSearch
  const error = await refusal(tenants, async () => await tenants.mine.canonItems.search(search))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})

test('takes what is just allowed', async () => {
  expect(await titles({ text: '🦌'.repeat(8_192), limit: 1_000 })).toEqual([])
  const row = {
    project_id: other.id,
    type: 'PMD',
    title: '🦌'.repeat(256),
    body: 'ä '.repeat(50_000),
  } as const
  const { id, title } = await tenants.mine.canonItems.insert({ ...row, terms: 'x '.repeat(5_000) })
  expect(title).toBe(row.title)
  await tenants.mine.canonItems.delete(id)
})

test.each([
  ['an empty title', { title: '' }, 'canon_items_title_check'],
  ['a title of 300 characters', { title: 'x'.repeat(300) }, 'canon_items_title_check'],
  ['a body of 100,001 characters', { body: 'x'.repeat(100_001) }, 'canon_items_body_check'],
  ['empty terms', { terms: '' }, 'canon_items_terms_check'],
  ['a type that does not exist', { type: 'POEM' as 'ADR' }, 'canon_items_type_check'],
])('refuses an item with %s, and writes nothing', async (_, bad, constraint) => {
  const { canonItems } = tenants.mine
  const count = await canonItems.count()
  const row = { project_id: project.id, type: 'ADR', title: 'Title', body: 'Body', ...bad } as const
  const error = await failure(async () => await canonItems.insert(row))
  expect(error).toBeInstanceOf(CheckViolationError)
  expect(error).toMatchObject({ table: 'canon_items', constraint })
  expect(JSON.stringify(shown(error))).not.toMatch(/xxx|POEM/)
  expect(await canonItems.count()).toBe(count)
})

test('refuses an item of a project or role that the tenant does not have', async () => {
  const row = { project_id: project.id, type: 'ADR', title: 'Title', body: 'Body' } as const
  for (const bad of [{ project_id: foreign.project.id }, { role_id: foreign.role.id }]) {
    const error = await failure(async () => await tenants.mine.canonItems.insert({ ...row, ...bad }))
    expect(error).toBeInstanceOf(ForeignKeyViolationError)
  }
})

test('keeps an item for every role when its role is deleted, and none when its project is', async () => {
  const { canonItems, roles, projects } = tenants.mine
  const role = await roles.insert({ name: 'Passing' })
  const passing = await projects.insert({ name: 'Passing', slug: 'passing' })
  const row = { project_id: passing.id, role_id: role.id, type: 'ADR', title: 'Title', body: 'Body' } as const
  const { id } = await canonItems.insert(row)
  await roles.delete(role.id)
  expect(await canonItems.findById(id)).toMatchObject({ org_id: tenants.mine.orgId, role_id: null })
  await projects.delete(passing.id)
  expect(await canonItems.findById(id)).toBeUndefined()
})
