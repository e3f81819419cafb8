/** A schema of three tables with everything that the page and the picture must tell, made with the helpers of migrations. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Domain } from '../../scripts/schema-docs/domains.ts'
import { jsonObject, oneOf, textOfLength } from '../../src/migration/columns.ts'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../../src/migration/indexes.ts'

const picture = { colour: '#2f5d8a', column: 0, flow: 'right' } as const

/** Where the tables belong. */
export const smallDomains: readonly Domain[] = [
  { name: 'reading', about: 'Books, and who writes them.', tables: ['authors', 'books'], picture },
  { name: 'lending', about: 'Who has which book.', tables: ['loans'], picture: { ...picture, column: 1 } },
]

/** Creates the schema `shop`. */
export async function createSmallSchema(db: Kysely<unknown>): Promise<void> {
  await sql`create schema shop`.execute(db)
  await createTenantTable(db, 'shop.authors', {
    comment: 'Who writes; *stars*, a | pipe.',
    columns: {
      code: textOfLength(1, 8),
      genre: oneOf(['prose', 'verse'], { value: 'prose', comment: 'a|b and `ticks`' }),
      mentor_id: { type: 'uuid', optional: true },
    },
    unique: [['code'], ['id', 'code']],
    references: [{ columns: ['mentor_id'], table: 'shop.authors', onDelete: 'set null' }],
  })
  // no key: outside its condition two authors have the same mentor
  await createTenantIndex(db, 'shop.authors', {
    columns: ['mentor_id'],
    unique: true,
    where: "genre = 'verse'",
  })
  await createTenantTable(db, 'shop.books', {
    comment: 'A book.',
    partitions: 4,
    softDelete: true,
    columns: {
      author_id: { type: 'uuid' },
      author_code: { type: 'text', optional: true },
      title: { type: 'text' },
      pages: { type: 'integer', optional: true },
      price: { type: 'numeric(10,2)', default: '0' },
      words: { type: 'tsvector', generated: "to_tsvector('english', title)" },
      settings: jsonObject({ lendable: true, most_days: 30 }),
    },
    checks: [{ columns: ['pages', 'price'], condition: 'pages > 0 or price = 0' }],
    references: [
      {
        columns: ['author_id', 'author_code'],
        table: 'shop.authors',
        targetColumns: ['id', 'code'],
        onDelete: 'set null',
        setNull: ['author_code'],
      },
    ],
  })
  await createTenantIndex(db, 'shop.books', {
    columns: ['title', 'created_at desc'],
    where: 'deleted_at is null',
  })
  await createTenantTable(db, 'shop.loans', {
    comment: 'A book in the hands of a reader.',
    appendOnly: true,
    columns: { book_id: { type: 'uuid' } },
    unique: [['book_id']],
    references: [{ columns: ['book_id'], table: 'shop.books', onDelete: 'cascade', index: false }],
  })
}
