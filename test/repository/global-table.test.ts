/** A catalogue that all tenants share: it has no tenant column. */
import { type ColumnType, type Generated, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InsufficientPrivilegeError } from '../../src/errors.ts'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import type { TableDefinition } from '../../src/repository/table-definition.ts'
import type { DB } from '../../types/database.d.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

interface Languages {
  code: string
  name: string
  rank: Generated<number>
  deleted_at: ColumnType<Date | null, Date | null | undefined>
}

interface CatalogueDB extends DB {
  'public.languages': Languages
}

const languages = {
  name: 'public.languages',
  columns: { code: 'text', name: 'text', rank: 'integer', deleted_at: 'timestamp with time zone' },
  primaryKey: ['code'],
  tenantColumn: null,
  softDeleteColumn: 'deleted_at',
  generatedColumns: [],
  nullableColumns: ['deleted_at'],
} as const satisfies TableDefinition

let tenants: TwoTenants<CatalogueDB>
let mine: BaseRepository<CatalogueDB, 'public.languages'>
let theirs: BaseRepository<CatalogueDB, 'public.languages'>

beforeAll(async () => {
  tenants = await openTwoTenants<CatalogueDB>()
  mine = new BaseRepository(tenants.mine, languages)
  theirs = new BaseRepository(tenants.theirs, languages)
  await sql`create table public.languages (
    code text primary key, name text not null, rank int not null default 0, deleted_at timestamptz)`.execute(
    tenants.admin,
  )
  await sql`grant select on public.languages to ibex_app`.execute(tenants.admin)
  await sql`insert into public.languages (code, name, deleted_at)
    values ('de', 'German', null), ('en', 'English', null), ('la', 'Latin', now())`.execute(tenants.admin)
})

afterAll(async () => {
  await tenants.close()
})

test('gives every tenant the same rows, without those that were soft-deleted', async () => {
  const rows = await mine.find({ orderBy: { name: 'asc' } })
  expect(rows.map(({ name }) => name)).toEqual(['English', 'German'])
  expect(await theirs.find({ orderBy: { name: 'asc' } })).toEqual(rows)
  expect(await mine.findById({ code: 'la' })).toBeUndefined()
  expect(await mine.findById({ code: 'la' }, { includeDeleted: true })).toMatchObject({ name: 'Latin' })
  expect(await mine.count()).toBe(2)
})

test('names no tenant in its statements', async () => {
  const before = tenants.statements.length
  const page = await mine.findPage({ limit: 1 })
  const next = await mine.findPage({ limit: 1, after: page.nextCursor })
  expect([...page.rows, ...next.rows].map(({ code }) => code)).toEqual(['de', 'en'])
  for (const statement of tenants.statements.slice(before)) expect(statement).not.toContain('org_id')
})

test('is not written by a tenant that has no right to', async () => {
  for (const write of [
    async () => await mine.insert({ code: 'fr', name: 'French' }),
    async () => await mine.insertMany([{ code: 'fr', name: 'French' }]),
    async () => await mine.upsert({ code: 'de', name: 'x' }, { conflict: ['code'] }),
    async () => await mine.update({ code: 'de' }, { name: 'x' }),
    async () => await mine.softDelete({ code: 'de' }),
    async () => await mine.delete({ code: 'de' }),
  ]) {
    expect(await failure(write)).toBeInstanceOf(InsufficientPrivilegeError)
  }
  const { rows } = await sql<{ name: string }>`select name from public.languages order by name`.execute(
    tenants.admin,
  )
  expect(rows.map(({ name }) => name)).toEqual(['English', 'German', 'Latin'])
})

test('is written without a tenant column where the right was granted', async () => {
  await sql`grant insert, update, delete on public.languages to ibex_app`.execute(tenants.admin)
  expect(await mine.insert({ code: 'fr', name: 'French' })).toMatchObject({ rank: 0 })
  expect(await mine.insertMany([{ code: 'es', name: 'Spanish', rank: 2 }])).toMatchObject([{ rank: 2 }])
  const updated = await theirs.upsert({ code: 'fr', name: 'Français' }, { conflict: ['code'] })
  expect(updated).toMatchObject({ code: 'fr', name: 'Français' })
  expect(await mine.update({ code: 'fr' }, { rank: 5 })).toMatchObject({ name: 'Français', rank: 5 })
  expect(await mine.softDelete({ code: 'fr' })).toMatchObject({ code: 'fr' })
  expect(await theirs.exists({ code: 'fr' })).toBe(false)
  expect(await mine.delete({ code: 'fr' })).toBe(true)
})
