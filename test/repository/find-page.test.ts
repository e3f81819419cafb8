import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InvalidArgumentError, InvalidColumnError, InvalidCursorError } from '../../src/errors.ts'
import type { PageOptions } from '../../src/repository/row-types.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { Agent, DB } from '../../types/database.d.ts'
import { type TwoTenants, openTwoTenants, refusal } from '../support/two-tenants.ts'

type Options = PageOptions<DB, 'ibex_core.agents'>

const total = 60
let tenants: TwoTenants
let everything: readonly Agent[]

beforeAll(async () => {
  tenants = await openTwoTenants()
  // each tenant has agents one microsecond apart, three of a name, six of a session count
  for (const { orgId } of [tenants.mine, tenants.theirs]) {
    await sql`insert into ibex_core.agents (org_id, name, slug, total_sessions, created_at)
      select ${orgId}, 'agent ' || n / 3, 'agent-' || n, n % 10, timestamptz '2024-01-01' + n * interval '1 microsecond'
      from generate_series(0, ${total - 1}::int) n`.execute(tenants.admin)
  }
  everything = await tenants.mine.agents.find()
})

afterAll(async () => {
  await tenants.close()
})

/** Reads page after page to the end. */
async function readAll(options: Options): Promise<Agent[]> {
  const rows: Agent[] = []
  let after: string | undefined
  do {
    const page = await tenants.mine.agents.findPage({ ...options, after })
    expect(page.rows.length).toBeGreaterThan(0)
    expect(page.rows.length).toBeLessThanOrEqual(options.limit ?? 50)
    rows.push(...page.rows)
    after = page.nextCursor
  } while (after !== undefined)
  return rows
}

const idsOf = (rows: readonly Agent[]): string[] => rows.map(({ id }) => id)

describe('reads every row of the tenant once, in order,', () => {
  const orders: [string, Options['orderBy']][] = [
    ['by primary key', undefined],
    ['by timestamps that differ in microseconds', { created_at: 'asc' }],
    ['by such timestamps, latest first', { created_at: 'desc' }],
    ['with ties', { total_sessions: 'asc' }],
    ['with ties, highest first', { name: 'desc', total_sessions: 'desc' }],
    ['in mixed directions', { total_sessions: 'desc', name: 'asc' }],
    ['in mixed directions down to the key', { total_sessions: 'asc', created_at: 'desc', id: 'asc' }],
    ['by a boolean, an array and a number', { status: 'asc', tags: 'desc', total_tokens_used: 'asc' }],
  ]
  test.each(orders)('%s', async (_, orderBy) => {
    const terms = Object.entries(orderBy ?? {})
    const last = terms.at(-1)?.[1] ?? 'asc'
    // the owner's plain query is the reference; the rest of the key follows the last direction
    const list = [...terms, ['id', last]].map(([column, direction]) => `"${column}" ${direction}`).join(', ')
    const { rows } = await sql<Agent>`select id from ibex_core.agents where org_id = ${tenants.mine.orgId}
      order by ${sql.raw(list)}`.execute(tenants.admin)
    for (const limit of [1, 7, 60, 61]) {
      const read = await readAll({ limit, ...(orderBy === undefined ? {} : { orderBy }) })
      expect(idsOf(read)).toEqual(idsOf(rows))
    }
  })
})

test('gives rows without anything of the cursor in them', async () => {
  const { rows } = await tenants.mine.agents.findPage({ orderBy: { created_at: 'asc' }, limit: 1 })
  expect(rows).toEqual([everything.find(({ slug }) => slug === 'agent-0')])
})

test('reads 50 rows when no limit is given, and says when there are no more', async () => {
  const { agents } = tenants.mine
  expect(everything).toHaveLength(total)
  const first = await agents.findPage()
  expect(first.rows).toHaveLength(50)
  const second = await agents.findPage({ after: first.nextCursor })
  expect(second.rows).toHaveLength(10)
  expect(second.nextCursor).toBeUndefined()
  expect(await agents.findPage({ where: { name: [] } })).toEqual({ rows: [], nextCursor: undefined })
})

test('pages within a filter by columns, by a list and by an expression', async () => {
  const wanted = everything.filter(({ total_sessions }) => total_sessions < 3)
  const filters: Options['where'][] = [{ total_sessions: [0, 1, 2] }, (eb) => eb('total_sessions', '<', 3)]
  for (const where of filters) {
    const read = await readAll({ limit: 4, orderBy: { created_at: 'asc' }, ...(where && { where }) })
    expect(idsOf(read).toSorted()).toEqual(idsOf(wanted).toSorted())
  }
})

test('neither repeats nor skips a row while others come and go between the pages', async () => {
  const { agents } = tenants.mine
  const seen: string[] = []
  let after: string | undefined
  do {
    const page = await agents.findPage({ orderBy: { created_at: 'asc' }, limit: 10, after })
    seen.push(...idsOf([...page.rows]))
    after = page.nextCursor
    // one before all, one after all, and the one that the cursor stands on is gone
    const slug = `new-${randomUUID()}`
    await agents.insertMany([
      { name: 'new', slug, created_at: '2020-01-01T00:00:00Z' },
      { name: 'new', slug: `${slug}-2`, created_at: `2030-01-01T00:00:${String(seen.length % 60)}Z` },
    ])
    await agents.softDelete(seen.at(-1) ?? '')
  } while (after !== undefined && seen.length < 200)
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen).toEqual(expect.arrayContaining(idsOf(everything)))
  await tenants.admin.deleteFrom('ibex_core.agents').where('name', '=', 'new').execute()
  await tenants.admin.updateTable('ibex_core.agents').set({ deleted_at: null }).execute()
})

/** The cursor after a first page of five. */
async function cursorOf(options: Options, scope: TenantScope = tenants.mine): Promise<string> {
  const { nextCursor } = await scope.agents.findPage({ ...options, limit: 5 })
  if (nextCursor === undefined) throw new Error('there is one page only')
  return nextCursor
}

/** The error of reading on after a cursor. */
async function refusalAfter(after: unknown, options: Options): Promise<Error> {
  const page = { ...options, limit: 5, after: after as string }
  return await refusal(tenants, async () => await tenants.mine.agents.findPage(page))
}

describe('refuses before any SQL a cursor', () => {
  const orderBy = { created_at: 'asc' } as const
  const where = { status: 'draft' } as const

  test('of another tenant', async () => {
    expect(
      await refusalAfter(await cursorOf({ orderBy, where }, tenants.theirs), { orderBy, where }),
    ).toBeInstanceOf(InvalidCursorError)
  })

  test('of another filter, order, direction or treatment of soft-deleted rows', async () => {
    const cursor = await cursorOf({ orderBy, where })
    expect(await refusalAfter(cursor, { orderBy })).toBeInstanceOf(InvalidCursorError)
    expect(await refusalAfter(cursor, { orderBy, where: { status: 'active' } })).toBeInstanceOf(
      InvalidCursorError,
    )
    expect(await refusalAfter(cursor, { orderBy, where: { status: ['draft'] } })).toBeInstanceOf(
      InvalidCursorError,
    )
    expect(await refusalAfter(cursor, { orderBy: { created_at: 'desc' }, where })).toBeInstanceOf(
      InvalidCursorError,
    )
    expect(await refusalAfter(cursor, { orderBy: { updated_at: 'asc' }, where })).toBeInstanceOf(
      InvalidCursorError,
    )
    expect(await refusalAfter(cursor, { orderBy: { created_at: 'asc', name: 'asc' }, where })).toBeInstanceOf(
      InvalidCursorError,
    )
    expect(await refusalAfter(cursor, { orderBy, where, includeDeleted: true })).toBeInstanceOf(
      InvalidCursorError,
    )
  })

  test('of another table', async () => {
    const cursor = await cursorOf({})
    const read = async (): Promise<unknown> => await tenants.mine.users.findPage({ after: cursor })
    expect(await refusal(tenants, read)).toBeInstanceOf(InvalidCursorError)
  })

  test('that was altered', async () => {
    const cursor = await cursorOf({ orderBy })
    const text = Buffer.from(cursor, 'base64url').toString()
    const later = text.replace('2024-01-01', '1999-01-01')
    expect(later).not.toBe(text)
    expect(await refusalAfter(Buffer.from(later).toString('base64url'), { orderBy })).toBeInstanceOf(
      InvalidCursorError,
    )
    expect(await refusalAfter(cursor.slice(0, -2), { orderBy })).toBeInstanceOf(InvalidCursorError)
    expect(await refusalAfter(cursor.slice(2), { orderBy })).toBeInstanceOf(InvalidCursorError)
    expect(await refusalAfter(`${cursor}AAAA`, { orderBy })).toBeInstanceOf(InvalidCursorError)
  })

  test.each([
    ['empty', ''],
    ['garbage', 'garbage'],
    ['JSON', '["2024-01-01"]'],
    ['a megabyte long', 'A'.repeat(1_000_000)],
    ['null', null],
    ['a number', 7],
    ['an object', { offset: 3 }],
  ])('that is %s', async (_, after) => {
    expect(await refusalAfter(after, { orderBy })).toBeInstanceOf(InvalidCursorError)
  })
})

test('goes on with another limit', async () => {
  const { agents } = tenants.mine
  const first = await agents.findPage({ orderBy: { created_at: 'asc' }, limit: 5 })
  const rest = await agents.findPage({ orderBy: { created_at: 'asc' }, limit: 500, after: first.nextCursor })
  expect(rest.rows).toHaveLength(total - 5)
})

test.each([0, -1, 1.5, Number.NaN, 10_001, '5'])(
  'throws before any SQL when the limit is %s',
  async (limit) => {
    const read = async (): Promise<unknown> => await tenants.mine.agents.findPage({ limit: limit as number })
    expect(await refusal(tenants, read)).toBeInstanceOf(InvalidArgumentError)
  },
)

test('throws before any SQL when the order is by a column that can be null', async () => {
  const orderBy = { last_active_at: 'desc' } as unknown as NonNullable<Options['orderBy']>
  const error = await refusal(tenants, async () => await tenants.mine.agents.findPage({ orderBy }))
  expect(error).toBeInstanceOf(InvalidColumnError)
  expect(error.message).toMatch(/can be null: a page must be ordered by columns that cannot$/)
})
