import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { failure, openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'
import { insertAgent } from '../support/factories.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants({ poolSize: 1 })
  for (let count = 0; count < 5; count++) {
    await insertAgent(bundle.admin, { org_id: bundle.mine.orgId })
    await insertAgent(bundle.admin, { org_id: bundle.theirs.orgId })
  }
})

afterAll(async () => {
  await bundle.close()
})

function numbers(
  { db }: Pick<TenantScope, 'db'>,
  count: number,
  chunkSize: number,
): AsyncIterable<{ n: number }> {
  const series = sql<{ n: number }>`generate_series(1, ${count}::int)`.as<'n'>('n')
  return db.selectFrom(series).selectAll().stream(chunkSize)
}

test.each([1, 2, 5, 100])('yields the rows of the tenant, and only them, %i at a time', async (chunkSize) => {
  const seen: string[] = []
  for await (const row of bundle.mine.db.selectFrom('ibex_core.agents').select('org_id').stream(chunkSize)) {
    seen.push(row.org_id)
  }
  expect(seen).toEqual(Array.from({ length: 5 }, () => bundle.mine.orgId))
})

test('reads a large result in order without holding it', async () => {
  let sum = 0
  let last = 0
  for await (const { n } of numbers(bundle.mine, 20_000, 1_000)) {
    expect(n).toBe(last + 1)
    last = n
    sum += n
  }
  expect(sum).toBe(200_010_000)
})

test('gives the connection back when the loop is left', async () => {
  for (let count = 0; count < 5; count++) {
    for await (const { n } of numbers(bundle.mine, 1_000, 10)) if (n === 15) break
  }
  expect(await bundle.mine.agents.find()).toHaveLength(5)
})

test('gives the connection back when the loop throws', async () => {
  const error = await failure(async () => {
    for await (const _ of numbers(bundle.mine, 1_000, 10)) throw new Error('in the loop')
  })
  expect(error.message).toBe('in the loop')
  expect(await bundle.theirs.agents.find()).toHaveLength(5)
})

test('throws what the statement throws, at its first row or later', async () => {
  const first = sql<{ n: number }>`(select 1 / 0 as n)`.as<'s'>('s')
  const later = sql<{ n: number }>`(select 10 / (50 - n) as n from generate_series(1, 100) n)`.as<'s'>('s')
  for (const source of [first, later]) {
    const error = await failure(async () => {
      for await (const _ of bundle.mine.db.selectFrom(source).selectAll().stream(10)) await Promise.resolve()
    })
    expect(error).toHaveProperty('sqlState', '22012')
    expect(await bundle.mine.agents.find()).toHaveLength(5)
  }
})

test('streams inside a transaction between its other statements', async () => {
  const seen = await bundle.mine.transaction(async (trx) => {
    const found: number[] = []
    for (let round = 0; round < 3; round++) {
      for await (const { n } of numbers(trx, 100, 2)) {
        if (n === 5) break
        found.push(n)
      }
      expect(await trx.agents.find()).toHaveLength(5)
    }
    return found
  })
  expect(seen).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4])
})

test('streams what a writing statement returns, and keeps what it wrote when the loop is left', async () => {
  const update = bundle.mine.db
    .updateTable('ibex_core.agents')
    .set({ tagline: 'streamed' })
    .returning('org_id')
  for await (const row of update.stream(2)) {
    expect(row.org_id).toBe(bundle.mine.orgId)
    break
  }
  const changed = await bundle.admin
    .selectFrom('ibex_core.agents')
    .select('org_id')
    .where('tagline', '=', 'streamed')
    .execute()
  expect(changed).toHaveLength(5)
  expect(new Set(changed.map((row) => row.org_id))).toEqual(new Set([bundle.mine.orgId]))
})

test.each([0, -1, 1.5, Number.NaN])('refuses chunks of %d rows', async (chunkSize) => {
  const error = await failure(async () => {
    for await (const _ of numbers(bundle.mine, 3, chunkSize)) await Promise.resolve()
  })
  expect(error).toBeInstanceOf(InvalidArgumentError)
})
