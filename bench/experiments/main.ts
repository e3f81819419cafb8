/** `npm run bench:experiments --`: runs the experiments of docs/performance.md again. */
import { parseArgs } from 'node:util'
import { formatComparison } from './harness.ts'
import type { Experiment } from './harness.ts'
import { batches } from './batches.ts'
import { bulkInsert } from './bulk-insert.ts'
import { columnStorage } from './column-storage.ts'
import { fillFactor } from './fill-factors.ts'
import { halfVectors } from './half-vectors.ts'
import { rowStatements } from './row-statements.ts'
import { searchPlans, wordPlans } from './search-plans.ts'
import { singlePlans } from './single-plans.ts'
import { sortedRows } from './sorted-rows.ts'
import { uuidKeys } from './uuid-keys.ts'
import { wordIndex } from './word-index.ts'

const experiments: readonly Experiment[] = [
  searchPlans,
  wordPlans,
  wordIndex,
  singlePlans,
  rowStatements,
  batches,
  bulkInsert,
  halfVectors,
  uuidKeys,
  fillFactor,
  columnStorage,
  sortedRows,
]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    url: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const chosen = experiments.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0) {
  console.error(`--only must be one of ${experiments.map(({ name }) => name).join(', ')}`)
  process.exitCode = 2
}
const interruption = new AbortController()
process.once('SIGINT', () => interruption.abort(new Error('interrupted')))
const url = values.url ?? (process.env['TEST_DATABASE_URL'] || undefined)
for (const experiment of chosen) {
  console.log(`\n## ${experiment.name}`)
  const comparisons = await experiment.run({ url, isQuick: values.quick, signal: interruption.signal })
  for (const comparison of comparisons) console.log(`\n${formatComparison(comparison)}`)
}
