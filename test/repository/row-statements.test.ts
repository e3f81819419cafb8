import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertStatement, updateStatement } from '../../src/repository/row-statements.ts'
import type { RowTarget } from '../../src/repository/row-statements.ts'
import { tables } from '../../types/tables.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants
let target: RowTarget
const key = ['6b1e2f5c-0000-4000-8000-000000000001']

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 1 })
  const { db, orgId } = tenants.mine
  // inside a repository a table is one whose columns are plain text
  target = { db: db as unknown as RowTarget['db'], table: tables['ibex_core.agents'], orgId }
})

afterAll(async () => {
  await tenants.close()
})

test('writes each row with its own values, in any order of the columns', async () => {
  const { agents } = tenants.mine
  const one = await agents.insert({ name: 'One', slug: 'one', tagline: 'first' })
  const two = await agents.insert({ name: 'Two', slug: 'two', tagline: 'second' })
  const three = await agents.insert({ tagline: 'third', slug: 'three', name: 'Three' })
  const four = await agents.insert({ slug: 'four', name: 'Four' })
  expect([one, two, three, four].map(({ name, slug, tagline }) => [name, slug, tagline])).toEqual([
    ['One', 'one', 'first'],
    ['Two', 'two', 'second'],
    ['Three', 'three', 'third'],
    ['Four', 'four', null],
  ])
  expect(await agents.update(one.id, { name: 'I', tagline: 'a' })).toMatchObject({ id: one.id, name: 'I' })
  expect(await agents.update(two.id, { name: 'II', tagline: null })).toMatchObject({ id: two.id, name: 'II' })
  expect(await tenants.theirs.agents.update(two.id, { name: 'theirs', tagline: null })).toBeUndefined()
  expect((await agents.findById(one.id))?.tagline).toBe('a')
  expect((await agents.findById(two.id))?.tagline).toBeNull()
})

test('tells updates of living, deleted and of all rows apart', async () => {
  const { agents } = tenants.mine
  const { id } = await agents.insert({ name: 'Gone', slug: 'gone' })
  expect(await agents.update(id, { name: 'Going' })).toMatchObject({ name: 'Going' })
  await agents.softDelete(id)
  expect(await agents.update(id, { name: 'Lost' })).toBeUndefined()
  expect(await agents.update(id, { name: 'Found' }, { includeDeleted: true })).toMatchObject({
    name: 'Found',
  })
  expect(await agents.restore(id)).toMatchObject({ name: 'Found', deleted_at: null })
})

test('compiles a set of columns once, and keeps no value of a row', () => {
  const values = { name: 'secret', slug: 'secret', org_id: 'secret' }
  const inserts = [insertStatement(target, values), insertStatement(target, { ...values, name: 'other' })]
  const row = { key, which: 'living' } as const
  const updates = [
    updateStatement(target, values, row),
    updateStatement(target, { ...values, name: 'other' }, row),
  ]
  for (const [first, second] of [inserts, updates]) {
    expect(second?.query).toBe(first?.query)
    expect(second?.parameters[0]).toBe('other')
    expect(JSON.stringify(first?.query)).not.toMatch(/secret|6b1e2f5c/)
    expect(JSON.stringify(first?.query)).not.toContain(target.orgId)
  }
})

test('takes an expression for a part of the statement', () => {
  const row = { key, which: 'any' } as const
  const given = updateStatement(target, { deleted_at: null }, row)
  const now = updateStatement(target, { deleted_at: sql`now()` }, row)
  expect(given.parameters).toEqual([null, target.orgId, ...key])
  expect(now.sql).toContain('"deleted_at" = now()')
  expect(now.parameters).toEqual([target.orgId, ...key])
})
