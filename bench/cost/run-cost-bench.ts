/** The benchmark of what the package costs beside the queries: the type checker, the start of a process, memory. */
import { alignColumns } from '../harness/table.ts'
import type { Summary } from '../harness/statistics.ts'
import { buildPackage } from './built-package.ts'
import { measureScopes } from './scope-cost.ts'
import type { ScopeCost } from './scope-cost.ts'
import { measureStart } from './start-cost.ts'
import type { StartCost } from './start-cost.ts'
import { measureTypes } from './type-cost.ts'
import type { TypeCost } from './type-cost.ts'

/** How much to measure. */
export interface CostPlan {
  readonly typeRounds: number
  readonly startRounds: number
  readonly scopes: number
  readonly repeats: number
}

/** The figures of one run. */
export interface CostFigures {
  readonly nodeVersion: string
  readonly types: readonly TypeCost[]
  readonly start: readonly StartCost[]
  readonly scopes: readonly ScopeCost[]
}

export const fullCost: CostPlan = { typeRounds: 15, startRounds: 41, scopes: 100_000, repeats: 5 }
export const quickCost: CostPlan = { typeRounds: 1, startRounds: 3, scopes: 5_000, repeats: 2 }

/** Measures one after the other; with a superuser's URL, scopes that were used, too. */
export async function runCostBench(
  { typeRounds, startRounds, scopes, repeats }: CostPlan,
  url: string | undefined,
): Promise<CostFigures> {
  using built = await buildPackage()
  return {
    nodeVersion: process.versions.node,
    types: measureTypes(built.folder, typeRounds),
    start: measureStart(built.folder, startRounds),
    scopes: await measureScopes({ scopes, repeats, url }),
  }
}

/** Lays the figures out as three tables, with what is wanted below them. */
export function formatCost({ nodeVersion, types, start, scopes }: CostFigures): string {
  return [
    'type checker; the same service, every table, one thread',
    ...alignColumns([
      ['', 'instantiations', 'types', 'symbols', 'files', 'check ms', 'total ms', 'MB'],
      ...types.map((cost) => [
        cost.program,
        ...[cost.instantiations, cost.types, cost.symbols, cost.files].map(thousands),
        spread(cost.checkMs),
        spread(cost.totalMs),
        String(cost.memory),
      ]),
    ]),
    `  wanted: at most 2.00 times the instantiations of Kysely; ${instantiationRatio(types).toFixed(2)}`,
    '',
    `import in a fresh process, Node ${nodeVersion}`,
    ...alignColumns([
      ['', 'ms', 'processor ms', 'modules'],
      ...start.map(({ packages, milliseconds, processorMs, modules }) => [
        packages.join(' and ') || 'nothing',
        spread(milliseconds),
        spread(processorMs),
        thousands(Object.values(modules).reduce((sum, count) => sum + count, 0)),
      ]),
    ]),
    '  wanted of ibex-db: less than 100 ms',
    '',
    'heap of each of many that are kept',
    ...alignColumns([
      ['', 'bytes'],
      ...scopes.map(({ what, bytes }) => [what, thousands(Math.round(bytes.median))]),
    ]),
  ].join('\n')
}

/** The instantiations of the service on ibex-db, divided by those on plain Kysely. */
function instantiationRatio(types: readonly TypeCost[]): number {
  const of = (wanted: TypeCost['program']): number =>
    types.find(({ program }) => program === wanted)?.instantiations ?? Number.NaN
  return of('ibex-db') / of('Kysely')
}

function spread({ median, lowerQuartile, upperQuartile }: Summary): string {
  return `${median.toFixed(1)} (${lowerQuartile.toFixed(1)}-${upperQuartile.toFixed(1)})`
}

function thousands(value: number): string {
  return value.toLocaleString('en-US')
}
