/** Types that the caller names for JSON columns, whose shape the database cannot say. */
import { Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateTypes } from '../../src/codegen/generate-types.ts'
import type { GenerateTypesOptions } from '../../src/codegen/generate-types.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { compile } from './compile.ts'

type JsonTypes = NonNullable<GenerateTypesOptions['jsonTypes']>

const schema = `
create schema shop;
create table shop.pages (
  id int primary key,
  layout jsonb not null default '{}' check (jsonb_typeof(layout) = 'object'),
  draft jsonb check (jsonb_typeof(draft) = 'object'),
  blocks jsonb not null check (jsonb_typeof(blocks) = 'array'),
  anything jsonb not null,
  many jsonb[] not null,
  title text
);
create table shop.layouts (id int primary key);
create view shop.latest as select layout from shop.pages;`

const shapes = `
export interface Layout { readonly columns: 1 | 2; readonly title?: string | undefined }
export interface Block { readonly text: string }
export type Blocks = readonly Block[]`

const jsonTypes: JsonTypes = {
  'shop.pages.layout': { name: 'Layout', from: './shapes.ts' },
  'shop.pages.draft': { name: 'Layout', from: './shapes.ts' },
  'shop.latest.layout': { name: 'Layout', from: './shapes.ts' },
  'shop.pages.blocks': { name: 'Blocks', from: './shapes.ts' },
  'shop.pages.anything': { name: 'Anything', from: './anything.ts' },
  'shop.pages.many': { name: 'Block', from: './shapes.ts' },
}

const expectations = `
import type { JsonText, NewPage, Page, PagePatch, Latest, ShopLayout as LayoutRow } from './database.ts'
import type { Anything } from './anything.ts'
import type { Block, Blocks, Layout } from './shapes.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<T extends true>(): T | undefined { return undefined }

same<Equal<Page['layout'], Layout>>()
same<Equal<Page['draft'], Layout | null>>()
same<Equal<Page['blocks'], Blocks>>()
same<Equal<Page['anything'], Anything>>()
same<Equal<Page['many'], Block[]>>()
same<Equal<Latest['layout'], Layout | null>>()
// the table called layouts has given way: its row type is another name
same<Equal<LayoutRow, { id: number }>>()

const page: NewPage = { id: 1, blocks: '[]' as JsonText, anything: { a: 1 }, many: [{ text: 'a' }] }
const change: PagePatch = { layout: { columns: 2 }, draft: null, anything: '"text"' as JsonText }
// @ts-expect-error another shape
const shape: PagePatch = { layout: { columns: 3 } }
// @ts-expect-error a key that the type does not have
const key: PagePatch = { layout: { columns: 1, colour: 'red' } }
// @ts-expect-error pg would write a bare array as a PostgreSQL array
const bareList: PagePatch = { blocks: [{ text: 'a' }] }
// @ts-expect-error likewise where the type may be a text
const bareText: PagePatch = { anything: 'text' }
// @ts-expect-error or a list
const bareAny: PagePatch = { anything: [1] }
export { bareAny, bareList, bareText, change, key, page, shape }
`

describe('generateTypes with types for JSON columns', () => {
  let database: TestDatabase
  let db: Kysely<unknown>

  beforeAll(async () => {
    database = await emptyDatabase()
    db = new Kysely({ dialect: migrationDialect({ target: database.target }) })
    await sql.raw(schema).execute(db)
  })

  afterAll(async () => {
    await db.destroy()
    await database.close()
  })

  it('writes them into the tables, with one import a module', async () => {
    const { types } = await generateTypes(db, { jsonTypes })
    expect(types.match(/^import .*$/gmu)).toEqual([
      'import type { ColumnType, Insertable, Selectable, Updateable } from "kysely";',
      'import type { Layout, Blocks, Block } from "./shapes.ts";',
      'import type { Anything } from "./anything.ts";',
    ])
    expect(types).toContain('  layout: Generated<Layout>;')
  })

  it('compiles, and the types are what is read and may be written', async () => {
    const { types } = await generateTypes(db, { jsonTypes })
    const files = {
      'database.ts': types,
      'shapes.ts': shapes,
      'anything.ts': 'export type Anything = { readonly a: number } | readonly number[] | string',
      'expectations.ts': expectations,
    }
    expect(await compile(files)).toBe('')
  })

  it('changes nothing of the manifest', async () => {
    const { tables } = await generateTypes(db)
    expect((await generateTypes(db, { jsonTypes })).tables).toBe(tables)
  })

  it.each<[string, JsonTypes, string]>([
    [
      'a column that does not exist',
      { 'shop.pages.layuot': { name: 'Layout', from: './shapes.ts' } },
      'jsonTypes "shop.pages.layuot" names a column that the generated tables do not have',
    ],
    [
      'a table without its schema',
      { 'pages.layout': { name: 'Layout', from: './shapes.ts' } },
      'jsonTypes "pages.layout" names a column that the generated tables do not have',
    ],
    [
      'a column that holds no JSON',
      { 'shop.pages.title': { name: 'Title', from: './shapes.ts' } },
      'jsonTypes "shop.pages.title" names a column that holds no JSON',
    ],
    [
      'what is no name',
      { 'shop.pages.layout': { name: 'Layout | null', from: './shapes.ts' } },
      'jsonTypes "shop.pages.layout" must be the name of a type and the module that it is from',
    ],
    [
      'no module',
      { 'shop.pages.layout': { name: 'Layout', from: '' } },
      'jsonTypes "shop.pages.layout" must be the name of a type and the module that it is from',
    ],
    [
      'a name that the file uses itself',
      { 'shop.pages.layout': { name: 'JsonObject', from: './shapes.ts' } },
      'jsonTypes "shop.pages.layout" names a type "JsonObject", which the file has for something else',
    ],
    [
      'two types of one name',
      {
        'shop.pages.layout': { name: 'Layout', from: './shapes.ts' },
        'shop.pages.draft': { name: 'Layout', from: './other.ts' },
      },
      'jsonTypes "shop.pages.draft" names a second type "Layout" of another module',
    ],
  ])('refuses %s', async (_, wrong, message) => {
    const error = await generateTypes(db, { jsonTypes: wrong }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ message })
  })
})
