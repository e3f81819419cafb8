import { inspect } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeEach, beforeAll, expect, test } from 'vitest'
import type { QueryEvent } from '../../src/database/options.ts'
import { failure, openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'

let bundle: TwoTenants
const events: QueryEvent[] = []

beforeAll(async () => {
  bundle = await openTwoTenants({ onQuery: (event) => void events.push(event) })
})

beforeEach(() => {
  events.length = 0
})

afterAll(async () => {
  await bundle.close()
})

test('tells the SQL, the role, the rows and the milliseconds of every statement', async () => {
  await bundle.mine.transaction(async (trx) => {
    await sql`select generate_series(1, 3)`.execute(trx.db)
    await sql`select pg_sleep(0.02)`.execute(trx.db)
  })
  expect(events.map(({ sql: text, role, rowCount }) => [text, role, rowCount])).toEqual([
    ['select generate_series(1, 3)', 'ibex_app', 3],
    ['select pg_sleep(0.02)', 'ibex_app', 1],
    ['commit', 'ibex_app', 0],
  ])
  expect(events[1]?.duration).toBeGreaterThan(15)
  expect(events[0]).not.toHaveProperty('error')
})

test('never tells a value: neither a parameter nor the tenant, in success and in failure', async () => {
  await bundle.mine.agents.insert({ name: 'canary-name', slug: 'canary-slug' })
  await failure(async () => await bundle.mine.agents.insert({ name: 'canary-name', slug: 'canary-slug' }))
  await failure(async () => await sql`select ${'canary-text'}::int`.execute(bundle.mine.db))
  expect(events).toHaveLength(3)
  expect(events.slice(1).every(({ error }) => error instanceof Error)).toBe(true)
  for (const event of events) {
    if (event.error instanceof Error) event.error.stack = ''
    const told = inspect(event, { depth: 20, showHidden: true })
    expect(told).not.toContain('canary')
    expect(told).not.toContain(bundle.mine.orgId)
  }
})
