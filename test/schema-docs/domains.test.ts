import { expect, test } from 'vitest'
import { domains, groupByDomain } from '../../scripts/schema-docs/domains.ts'
import type { Domain } from '../../scripts/schema-docs/domains.ts'

const picture = { colour: '#000000', column: 0, flow: 'down' } as const
const map: readonly Domain[] = [
  { name: 'reading', about: 'Books.', tables: ['books', 'authors'], picture },
  { name: 'lending', about: 'Loans.', tables: ['loans'], picture },
]
const tables = ['authors', 'books', 'loans'].map((name) => ({ name }))

test('sorts tables into domains, in the order of the map', () => {
  const groups = groupByDomain(tables, map)
  expect(groups.map((group) => group.tables.map(({ name }) => name))).toEqual([
    ['books', 'authors'],
    ['loans'],
  ])
})

test('fails for a table in no domain, and says where to enter it', () => {
  expect(() => groupByDomain([...tables, { name: 'fines' }], map)).toThrow(
    'in no domain: fines; enter them in scripts/schema-docs/domains.ts',
  )
})

test('fails for a name of the map that no table has', () => {
  expect(() => groupByDomain(tables.slice(0, 2), map)).toThrow('not in the database: loans')
})

test('names each table in one domain only', () => {
  const names = domains.flatMap((domain) => domain.tables)
  expect(new Set(names).size).toBe(names.length)
})
