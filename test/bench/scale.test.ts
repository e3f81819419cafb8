import { expect, test } from 'vitest'
import type { TenantSamples } from '../../bench/scale/measure-scale.ts'
import { fullPlan, planTenants, quickPlan, zipfSizes } from '../../bench/scale/scale-plan.ts'
import { logAxis } from '../../bench/scale/scale-plot.ts'
import { growthFigures } from '../../bench/scale/scale-result.ts'
import { mixedOrder, TenantRows } from '../../bench/scale/tenant-rows.ts'

test('divides a total by rank, and loses none of it', () => {
  const sizes = zipfSizes(1_000, 100_000)
  expect(sizes).toHaveLength(1_000)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100_000)
  expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
  expect((sizes[0] ?? 0) / (sizes[9] ?? 0)).toBeCloseTo(10, 1)
  expect(sizes.at(-1)).toBeGreaterThan(0)
})

test('refuses a total with less than one for each', () => {
  expect(() => zipfSizes(3, 2)).toThrow(RangeError)
  expect(() => zipfSizes(0, 2)).toThrow(RangeError)
})

test('plans the rows and tenants that a data set promises, the probes first', () => {
  for (const { dataSets, probes } of [fullPlan, quickPlan]) {
    for (const dataSet of dataSets) {
      const tenants = planTenants(dataSet, probes)
      expect(tenants).toHaveLength(dataSet.tenants)
      expect(tenants.reduce((sum, { rows }) => sum + rows, 0)).toBe(dataSet.rows)
      expect(tenants.slice(0, probes.length).map(({ rows }) => rows)).toEqual(probes)
    }
  }
})

test('makes the same memories of a tenant each time, and others of another tenant', () => {
  const [mine, again, theirs] = [0, 0, 1].map((number) => new TenantRows({ number, rows: 30 }))
  const first = mine?.next()
  expect(again?.next()).toEqual(first)
  expect(theirs?.next().embedding).not.toEqual(first?.embedding)
  expect(mine?.next().id).not.toEqual(first?.id)
})

test('asks the same questions however many memories were made', () => {
  const rows = new TenantRows({ number: 0, rows: 30 })
  const questions = rows.questions(2)
  rows.next()
  expect(rows.questions(2)).toEqual(questions)
})

test('mixes the tenants without losing a memory', () => {
  const order = mixedOrder([
    { number: 0, rows: 300 },
    { number: 1, rows: 700 },
  ])
  expect(order.filter((index) => index === 0)).toHaveLength(300)
  expect(order.filter((index) => index === 1)).toHaveLength(700)
  expect(order.slice(0, 300).some((index) => index === 1)).toBe(true)
})

test('compares more rows with as many tenants, and more tenants with as many rows', () => {
  const [nearest] = growthFigures([samples(0, 2), samples(1, 3), samples(2, 12)])
  expect(nearest).toMatchObject({ rows: 30, operation: 'nearest' })
  expect(nearest?.ofTenants.median).toBe(1.5)
  expect(nearest?.ofRows.median).toBe(4)
})

test('ends a logarithmic axis at round values around all that is drawn', () => {
  const { ticks, place } = logAxis([3, 40], 0, 100)
  expect(ticks).toEqual([2, 5, 10, 20, 50])
  expect(place(2)).toBe(0)
  expect(place(10)).toBeCloseTo(50, 5)
  expect(place(50)).toBeCloseTo(100, 5)
})

test('names only the powers of ten on a long logarithmic axis', () => {
  expect(logAxis([30, 127_000], 0, 100).ticks).toEqual([100, 1_000, 10_000, 100_000])
})

function samples(dataSet: number, time: number): TenantSamples {
  return {
    dataSet,
    rows: 30,
    isProbe: true,
    recall: [1],
    fewestHits: 10,
    exact: [1],
    times: { nearest: [time, time], text: [1, 1], read: [1, 1], page: [1, 1] },
  }
}
