/** What the benchmark of scale loads and measures: data sets of different sizes that hold the same tenants to look at. */

/** One database: so many memories of so many tenants. */
export interface DataSet {
  /** The name of its database. */
  readonly name: string
  readonly label: string
  readonly rows: number
  readonly tenants: number
}

/** How much to load, and how often to measure. */
export interface ScalePlan {
  /** The first is the base, the second has more tenants, and the third more rows than the second. */
  readonly dataSets: readonly DataSet[]
  /** The sizes of the tenants that every data set holds with the very same memories. */
  readonly probes: readonly number[]
  readonly rounds: number
  /** The `exactBelow` of the searches; undefined leaves the library's. */
  readonly exactBelow: number | undefined
}

/** One tenant of a data set: the first ones are the probes, the others share the remaining rows. */
export interface PlannedTenant {
  readonly number: number
  readonly rows: number
}

export const fullPlan: ScalePlan = {
  dataSets: [dataSet('', 100_000, 10), dataSet('', 100_000, 1_000), dataSet('', 1_000_000, 1_000)],
  probes: [30, 30, 300, 300, 3_000, 3_000, 20_000, 20_000],
  rounds: 100,
  exactBelow: undefined,
}

// a lower threshold, so that the index has its turn although every tenant is small
export const quickPlan: ScalePlan = {
  dataSets: [dataSet('quick_', 2_000, 6), dataSet('quick_', 2_000, 60), dataSet('quick_', 10_000, 60)],
  probes: [30, 100, 300, 1_000],
  rounds: 10,
  exactBelow: 500,
}

function dataSet(prefix: string, rows: number, tenants: number): DataSet {
  return {
    name: `ibex_scale_${prefix}${rows}_${tenants}`,
    label: `${rows.toLocaleString('en-US')} rows, ${tenants.toLocaleString('en-US')} tenants`,
    rows,
    tenants,
  }
}

/**
 * Lists the tenants of a data set: the probes, then the others by Zipf's law.
 *
 * @throws {RangeError} when the probes leave less than one row for each of the others.
 */
export function planTenants({ rows, tenants }: DataSet, probes: readonly number[]): PlannedTenant[] {
  const left = rows - probes.reduce((sum, size) => sum + size, 0)
  return [...probes, ...zipfSizes(tenants - probes.length, left)].map((size, number) => ({
    number,
    rows: size,
  }))
}

/**
 * Divides a total by Zipf's law: the n-th gets 1/n of what the first gets, and each at least one. Largest first.
 *
 * @throws {RangeError} when there is less than one for each.
 */
export function zipfSizes(count: number, total: number): number[] {
  if (count < 1 || total < count) throw new RangeError('a total must be divided into at least one for each')
  let weight = 0
  for (let rank = 1; rank <= count; rank++) weight += 1 / rank
  const sizes = Array.from(
    { length: count },
    (_, index) => 1 + Math.floor((total - count) / (weight * (index + 1))),
  )
  let left = total - sizes.reduce((sum, size) => sum + size, 0)
  for (let index = 0; left > 0; index = (index + 1) % count, left--) sizes[index] = (sizes[index] ?? 0) + 1
  return sizes
}

/** What loading took: seconds by phase. */
export type LoadTimes = Readonly<Record<string, number>>

/** The memory and the workers that the indexes are built with. */
export const buildSettings = { maintenance_work_mem: '2GB', max_parallel_maintenance_workers: '1' }
