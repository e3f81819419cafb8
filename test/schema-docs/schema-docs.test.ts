import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { writeOrCompare } from '../../scripts/committed-files.ts'
import { generateSchemaDocs } from '../../scripts/schema-diagram.ts'
import { writeFiles } from '../../src/codegen/generated-file.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import { setup } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { createSmallSchema, smallDomains } from './small-schema.ts'

const options = { schema: 'shop', domains: smallDomains }
let database: TestDatabase
let db: Kysely<unknown>
let page: string
let picture: string

beforeAll(async () => {
  database = await setup()
  db = new Kysely({ dialect: migrationDialect({ target: database.target }) })
  await createSmallSchema(db)
  const [first, second] = await generateSchemaDocs(db, options)
  page = first?.text ?? ''
  picture = second?.text ?? ''
})

afterAll(async () => {
  await db.destroy()
  await database.close()
})

describe('the page', () => {
  test('tells of each column its type, whether it may be null, its default and what it is', () => {
    expect(linesOf('books')).toEqual(
      expect.arrayContaining([
        '| `title` | `text` |  |  |  |',
        '| `author_code` | `text` | yes |  |  |',
        '| `price` | `numeric(10,2)` |  | `0` |  |',
        "| `words` | `tsvector` |  |  | Generated `to_tsvector('english', title)`. |",
        '| `settings` | `jsonb` object |  |  | Default `\'{"lendable": true, "most_days": 30}\'`. |',
        '| `deleted_at` | `timestamptz` | yes |  | When the row was soft-deleted; null while it lives. |',
      ]),
    )
  })

  test('reads lists of values and conditions out of CHECKs, and shows comments as they are', () => {
    expect(linesOf('authors')).toEqual(
      expect.arrayContaining([
        String.raw`Who writes; \*stars\*, a | pipe.`,
        '| `code` | `text` |  |  | Check `char_length(code) between 1 and 8`. |',
        String.raw`| ${'`genre`'} | ${'`text`'} |  | ${"`'prose'`"} | a\|b and ${'\\`ticks\\`'} One of ${'`prose`, `verse`'}. |`,
      ]),
    )
  })

  test('tells keys, conditions over several columns, indexes and the number of partitions', () => {
    expect(itemsOf('books')).toEqual([
      '- Keys: primary `(org_id, id)`',
      '- Checks: `pages > 0 or price = 0`',
      '- Indexes:',
      '  - `(org_id, author_id, author_code) where author_id is not null and author_code is not null`',
      '  - `(org_id, title, created_at desc) where deleted_at is null`',
      '- Partitions: 4 hash partitions by org_id',
      '- Refers to:',
      '  - `author_id, author_code` → [authors](#authors) `id, code`, on delete set null (author_code)',
      '  - `org_id` → `ibex_core.organizations`, on delete cascade',
      '- Referred to by, on delete cascade: [loans](#loans) `book_id`',
    ])
    expect(page).not.toContain('books_p0')
  })

  test('tells both ends of a reference to itself', () => {
    expect(itemsOf('authors')).toEqual(
      expect.arrayContaining([
        '  - `mentor_id` → [authors](#authors), on delete set null',
        '- Referred to by, on delete set null: [authors](#authors) `mentor_id`',
        '- Referred to by, on delete set null (author_code): [books](#books) `author_id, author_code`',
      ]),
    )
  })

  test('draws each domain in Mermaid: tables, keys, and references without that to the tenant', () => {
    const blocks = Array.from(page.matchAll(/^```mermaid\n(.*?)\n```$/gms), ([, block]) => block)
    expect(blocks).toEqual([
      `erDiagram
  authors |o--o{ authors : "mentor_id"
  authors |o--o{ books : "author_id, author_code"
  authors {
    uuid id PK
    text code UK
    text genre
    uuid mentor_id FK, UK
  }
  books {
    uuid id PK
    uuid author_id FK
    text author_code FK
    text title
    int pages
    numeric price
    tsvector words
    jsonb settings
  }`,
      `erDiagram
  books ||--o| loans : "book_id"
  loans {
    uuid id PK
    uuid book_id FK, UK
  }`,
    ])
  })
})

describe('the picture', () => {
  test('draws every table, and a line for each reference but those to the tenant', () => {
    const titles = Array.from(picture.matchAll(/<title>([^<]*)<\/title>/g), ([, title]) => title)
    expect(titles).toEqual(expect.arrayContaining(['authors', 'books', 'loans']))
    const lines = titles.filter((title) => title?.includes('&gt;') && !title.includes('one of'))
    expect(lines).toEqual(['authors&#45;&gt;authors', 'authors&#45;&gt;books', 'books&#45;&gt;loans'])
  })

  test('has a name, a description and a background of its own', () => {
    expect(picture).toContain('role="img" aria-labelledby="title description"')
    expect(picture).toContain('<title id="title">The data model of shop</title>')
    expect(picture).toContain(
      '3 tables by domain. reading: authors (refers to authors), books (refers to authors).',
    )
    expect(picture).toContain('<polygon fill="#ffffff" stroke="none"')
  })
})

test('gives the same text again', async () => {
  const [first, second] = await generateSchemaDocs(db, options)
  expect(first?.text).toBe(page)
  expect(second?.text).toBe(picture)
})

test('gives the same text whatever search path the login has', async () => {
  await sql`select set_config('search_path', 'ibex_core', false)`.execute(db)
  onTestFinished(async () => {
    await sql`reset search_path`.execute(db)
  })
  const [first] = await generateSchemaDocs(db, options)
  expect(first?.text).toBe(page)
})

test('fails for a table in no domain', async () => {
  const [reading] = smallDomains
  await expect(
    generateSchemaDocs(db, { schema: 'shop', domains: reading === undefined ? [] : [reading] }),
  ).rejects.toThrow('in no domain: loans')
})

test('shows how a committed file differs from the database', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ibex-docs-'))
  onTestFinished(async () => {
    await rm(folder, { recursive: true })
    await sql`comment on table shop.loans is 'A book in the hands of a reader.'`.execute(db)
  })
  const inFolder = async () =>
    (await generateSchemaDocs(db, options)).map(({ path, text }) => ({
      path: join(folder, basename(path)),
      text,
    }))
  await writeFiles(await inFolder())
  const check = { check: true, command: 'npm run schema:diagram' }
  await writeOrCompare(await inFolder(), check)

  await sql`comment on table shop.loans is 'Who borrowed what.'`.execute(db)
  await expect(writeOrCompare(await inFolder(), check)).rejects.toThrow(
    /-A book in the hands of a reader\.\n\+Who borrowed what\.[^]*run npm run schema:diagram$/u,
  )
})

/** The lines of the page about one table. */
function linesOf(table: string): readonly string[] {
  const [, section = ''] = page.split(`\n### ${table}\n`)
  return section.replace(/\n##[^]*$/u, '').split('\n')
}

function itemsOf(table: string): readonly string[] {
  return linesOf(table).filter((line) => /^ *- /u.test(line))
}
