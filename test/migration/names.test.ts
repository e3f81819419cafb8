import { expect, test } from 'vitest'
import { MigrationError } from '../../src/errors.ts'
import { columnSql } from '../../src/migration/columns.ts'
import { objectName, parseTableName, quoteIdentifier } from '../../src/migration/names.ts'

test('names constraints and indexes after table and columns', () => {
  const table = parseTableName('ibex_core.agents')
  expect(objectName(table, ['org_id', 'slug'], 'key')).toBe('agents_org_id_slug_key')
})

test('refuses a name that PostgreSQL would cut off', () => {
  const table = parseTableName('public.notes')
  expect(objectName(table, ['c'.repeat(53)], 'idx')).toHaveLength(63)
  expect(() => objectName(table, ['c'.repeat(54)], 'idx')).toThrow(MigrationError)
})

test.each(['notes', 'public.notes.x', 'public.', 'Public.notes', 'public.no"tes', 'public.1notes'])(
  'refuses the table name %s',
  (table) => {
    expect(() => parseTableName(table)).toThrow(MigrationError)
  },
)

test('refuses an identifier that would need quoting', () => {
  expect(() => quoteIdentifier('a"; drop table x')).toThrow(MigrationError)
})

test.each(['', 'Body', 'a b', 'body" text default now(), "more'])(
  'refuses a column whose name is not plain, before it becomes SQL: %s',
  (name) => {
    expect(() => columnSql(name, { type: 'text' })).toThrow(MigrationError)
  },
)
