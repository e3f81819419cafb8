/** How a user puts a table of their own behind a repository: read it from the top. */
import { stripTypeScriptTypes } from 'node:module'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateTypes } from '../../src/codegen/generate-types.ts'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import type { DefinitionOf } from '../../src/repository/table-definition.ts'
import type { Scope } from '../../src/tenancy/scope.ts'
import { type Notes, type NotesDB, createNotes, notes } from './notes.ts'
import { type TwoTenants, openTwoTenants, ownersView } from '../support/two-tenants.ts'

/** The repository: everything that `BaseRepository` has, and a query of its own. */
class NoteRepository extends BaseRepository<NotesDB, 'public.notes'> {
  constructor(scope: Scope<NotesDB>, definition: DefinitionOf<'public.notes'> = notes) {
    super(scope, definition)
  }

  /** The titles with a tag; tenant and soft deletion are in the query already. */
  async titlesWithTag(tag: string): Promise<string[]> {
    const rows = await this.selectQuery()
      .select('title')
      .where((eb) => eb(eb.val(tag), '=', eb.fn.any('tags')))
      .orderBy('title')
      .execute()
    return rows.map(({ title }) => title)
  }

  /** Publishes every draft and tells how many there were. */
  async publishAll(): Promise<number> {
    const result = await this.updateQuery()
      .set({ status: 'published' })
      .where('status', '=', 'draft')
      .executeTakeFirst()
    return Number(result.numUpdatedRows)
  }

  /** Throws away the drafts for good and tells how many there were. */
  async purgeDrafts(): Promise<number> {
    const result = await this.deleteQuery().where('status', '=', 'draft').executeTakeFirst()
    return Number(result.numDeletedRows)
  }
}

let tenants: TwoTenants<NotesDB>
let mine: NoteRepository
let theirs: NoteRepository

beforeAll(async () => {
  tenants = await openTwoTenants<NotesDB>()
  await createNotes(tenants.admin)
  mine = new NoteRepository(tenants.mine)
  theirs = new NoteRepository(tenants.theirs)
})

afterAll(async () => {
  await tenants.close()
})

/** What each tenant has as the owner sees it, reduced to what these tests change. */
async function stored(): Promise<Record<'mine' | 'theirs', string[]>> {
  const titles = async (orgId: string): Promise<string[]> => {
    const rows = await ownersView(tenants.admin, 'public.notes', orgId)
    return (rows as { title: string; status: string }[])
      .map((row) => `${row.title}: ${row.status}`)
      .toSorted()
  }
  return { mine: await titles(tenants.mine.orgId), theirs: await titles(tenants.theirs.orgId) }
}

test('serves a table that this package does not know, for two tenants with the same keys', async () => {
  await theirs.insertMany([{ title: 'Plan', tags: ['secret'] }, { title: 'Draft' }])
  const [plan] = await mine.insertMany([{ title: 'Plan', tags: ['secret', 'new'] }, { title: 'Shopping' }])

  expect(plan).toMatchObject({ org_id: tenants.mine.orgId, title: 'Plan', status: 'draft', deleted_at: null })
  expect(await mine.count()).toBe(2)
  expect(await mine.findByIdOrThrow(plan?.id ?? '')).toEqual(plan)
  expect(await theirs.findById(plan?.id ?? '')).toBeUndefined()
})

test('gives queries of its own that see the tenant only', async () => {
  expect(await mine.titlesWithTag('secret')).toEqual(['Plan'])
  expect(await mine.titlesWithTag('new')).toEqual(['Plan'])
  expect(await theirs.titlesWithTag('new')).toEqual([])
})

test('gives queries of its own that leave out what was soft-deleted', async () => {
  const shopping = await mine.findOne({ title: 'Shopping' })
  await mine.softDelete(shopping?.id ?? '')
  await mine.publishAll()
  expect(await stored()).toEqual({
    mine: ['Plan: published', 'Shopping: draft'],
    theirs: ['Draft: draft', 'Plan: draft'],
  })
  expect(await mine.purgeDrafts()).toBe(0)
  await mine.restore(shopping?.id ?? '')
  expect(await mine.purgeDrafts()).toBe(1)
  expect(await stored()).toEqual({ mine: ['Plan: published'], theirs: ['Draft: draft', 'Plan: draft'] })
})

test('works inside a transaction of the tenant beside its own repositories', async () => {
  const written = tenants.mine.transaction(async (trx) => {
    const agent = await trx.agents.insert({ name: 'Ada', slug: 'ada' })
    await new NoteRepository(trx).insert({ title: 'Undone', agent_id: agent.id })
    throw new Error('changed my mind')
  })
  await expect(written).rejects.toThrow('changed my mind')
  expect(await mine.exists({ title: 'Undone' })).toBe(false)
  expect(await tenants.mine.agents.count()).toBe(0)
})

test('takes the definition and the types that are generated from the live table', async () => {
  const { types, tables } = await generateTypes(tenants.admin, { schemas: ['public'] })
  const module = encodeURIComponent(stripTypeScriptTypes(tables))
  // what was generated is a module that exports `tables`
  const generated = (await import(/* @vite-ignore */ `data:text/javascript,${module}`)) as {
    tables: { 'public.notes': typeof notes }
  }

  expect(generated.tables['public.notes']).toEqual(notes)
  for (const column of Object.keys(notes.columns) as (keyof Notes)[]) expect(types).toContain(`  ${column}: `)
  expect(types).toContain('"draft" | "published"')
  const repository = new NoteRepository(tenants.mine, generated.tables['public.notes'])
  expect(await repository.titlesWithTag('secret')).toEqual(['Plan'])
})
