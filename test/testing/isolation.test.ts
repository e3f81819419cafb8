import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TenantIsolationError } from '../../src/testing/assertion-errors.ts'
import { expectTenantIsolation } from '../../src/testing/expect-tenant-isolation.ts'
import type { IsolationReport } from '../../src/testing/isolation-report.ts'
import type { TestingOptions } from '../../src/testing/options.ts'
import { failure } from '../support/two-tenants.ts'
import { holes } from './holes.ts'
import { openShop } from './open-shop.ts'
import type { OpenShop } from './open-shop.ts'

let shop: OpenShop

beforeAll(async () => {
  shop = await openShop()
})

afterAll(async () => {
  await shop.close()
})

async function violationsOf(options: TestingOptions = {}): Promise<IsolationReport> {
  const error = await failure(
    async () => await expectTenantIsolation(shop.target, { ...shop.options, ...options }),
  )
  expect(error).toBeInstanceOf(TenantIsolationError)
  // what is thrown is of this class, and its report is what would have been returned
  return (error as TenantIsolationError<IsolationReport>).report
}

test('finds nothing in a schema that keeps tenants apart, and leaves nothing in it', async () => {
  await shop.plant()
  const report = await expectTenantIsolation(shop.target, shop.options)

  expect(report.violations).toEqual([])
  expect(report).toMatchObject({ tables: 7, partitions: 2, views: 2, functions: 3, sequences: 4 })
  const { rows } = await sql<{
    rows: string
  }>`select (select count(*) from shop.people) + (select count(*) from shop.tenants)
    + (select count(*) from shop.currencies) as rows`.execute(shop.admin)
  expect(rows).toEqual([{ rows: '0' }])
})

describe.each([...new Set(holes.map(({ round }) => round))])('in round %i', (round) => {
  const planted = holes.filter((hole) => hole.round === round)
  let violations: readonly string[] = []

  beforeAll(async () => {
    await shop.plant(planted.map(({ plant }) => plant).join(';\n'))
    const report = await violationsOf()
    violations = report.violations.map(({ object, probe }) => `${object.replace(shop.role, 'app')}: ${probe}`)
  })

  test.each(planted)('finds that $name', ({ object, probe }) => {
    expect(violations).toContain(`${object}: ${probe}`)
  })

  test('finds nothing where nothing is planted', () => {
    const isOfAll = planted.some(({ object }) => object === 'role app')
    const objects = isOfAll ? [] : violations.map((violation) => violation.replace(/: [a-z ]+$/u, ''))
    const expected = [...planted.map(({ object }) => object), ...planted.flatMap(({ also = [] }) => also)]
    expect(expected).toEqual(expect.arrayContaining([...new Set(objects)]))
  })
})
