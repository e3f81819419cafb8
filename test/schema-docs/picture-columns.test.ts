import { expect, test } from 'vitest'
import { chooseColumns } from '../../scripts/schema-docs/picture-columns.ts'
import type { SchemaColumn, SchemaTable } from '../../scripts/schema-docs/read-schema.ts'

const table: SchemaTable = {
  name: 'books',
  comment: null,
  primaryKey: ['org_id', 'id'],
  tenantColumn: 'org_id',
  columns: [
    column('org_id', { expression: 'current_org_id()' }),
    column('id', { expression: 'gen_random_uuid()' }),
    column('note', { isNullable: true }),
    column('pages', { expression: '0' }),
    column('title'),
    column('kind', { values: ['prose', 'verse'] }),
    column('shelf', { isNullable: true }),
    column('place', { isNullable: true }),
    column('author_id', { isNullable: true }),
    column('created_at', { expression: 'now()' }),
  ],
  checks: [],
  indexes: [
    { columns: ['org_id', 'id'], definition: '', isPrimary: true, isUnique: true },
    { columns: ['org_id', 'shelf', 'place'], definition: '', isPrimary: false, isUnique: true },
  ],
  partitioning: undefined,
  refersTo: [
    {
      table: 'books',
      columns: ['author_id'],
      target: 'authors',
      targetColumns: ['id'],
      action: 'on delete set null',
      isTenant: false,
      isOptional: true,
      isUnique: false,
    },
  ],
  referredToBy: [],
}

test.each([
  [4, ['id', 'shelf', 'place', 'author_id'], 4],
  [5, ['id', 'kind', 'shelf', 'place', 'author_id'], 3],
  [6, ['id', 'title', 'kind', 'shelf', 'place', 'author_id'], 2],
  // one more takes the room of the line that would tell of it
  [7, ['id', 'note', 'pages', 'title', 'kind', 'shelf', 'place', 'author_id'], 0],
])(
  'shows of a long table %i columns: keys and references, value lists, what an insert must say',
  (most, names, rest) => {
    const chosen = chooseColumns(table, most)
    expect(chosen.columns.map(({ name }) => name)).toEqual(names)
    expect(chosen.rest).toBe(rest)
  },
)

test('marks keys and references', () => {
  const marks = chooseColumns(table, 20).columns.map(({ name, isPrimary, isForeign, isUnique }) => [
    name,
    [isPrimary, isForeign, isUnique].map(Number).join(''),
  ])
  expect(Object.fromEntries(marks)).toMatchObject({ id: '100', author_id: '010', shelf: '000', title: '000' })
})

function column(name: string, more: Partial<SchemaColumn> = {}): SchemaColumn {
  return {
    name,
    type: 'text',
    comment: null,
    isGenerated: false,
    isNullable: false,
    jsonType: undefined,
    values: undefined,
    expression: undefined,
    checks: [],
    ...more,
  }
}
