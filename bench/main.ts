/** `npm run bench`: the command line around the benchmark; see docs/performance.md. */
import { writeFile } from 'node:fs/promises'
import { formatMarkdown, formatSetting, formatSummary } from './comparison/report.ts'
import { fullPlan as fullComparison, quickPlan as quickComparison } from './comparison/run-comparison.ts'
import { runComparison } from './comparison/run-comparison.ts'
import { benchBulkAdd, formatBulkAdd, fullBulkAdd, quickBulkAdd } from './memory/bulk-add.ts'
import { formatMemoryFigures, fullPlan, quickPlan, runMemoryBench } from './memory/run-memory-bench.ts'
import { type BenchOptions, parseOptions, usage } from './options.ts'

const options = readOptions()
if (options?.memory === true) {
  await benchMemories(options)
} else if (options !== undefined) {
  await compare(options)
}

async function benchMemories({ url, isQuick, json }: BenchOptions): Promise<void> {
  const figures = await runMemoryBench({ url, ...(isQuick ? quickPlan : fullPlan) })
  console.log(formatMemoryFigures(figures))
  const bulkAdd = await benchBulkAdd(url, isQuick ? quickBulkAdd : fullBulkAdd)
  console.log(`\n${formatBulkAdd(bulkAdd)}`)
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ ...figures, bulkAdd }, null, 2)}\n`)
}

async function compare({ url, peers, isQuick, json, markdown }: BenchOptions): Promise<void> {
  const interruption = new AbortController()
  const interrupt = (signal: NodeJS.Signals): void =>
    interruption.abort(new Error(`interrupted by ${signal}`))
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    const plan = { url, peers, ...(isQuick ? quickComparison : fullComparison) }
    const result = await runComparison(plan, {
      signal: interruption.signal,
      onLeftOut: ({ key, reason }) => console.error(`left out: ${key}: ${reason}`),
      onCells: (cells) => console.log(`${formatSetting(cells, isQuick)}\n`),
    })
    console.log(formatSummary(result))
    if (json !== undefined) await writeFile(json, `${JSON.stringify(result, null, 2)}\n`)
    if (markdown !== undefined) await writeFile(markdown, formatMarkdown(result))
  } catch (error) {
    console.error(interruption.signal.aborted ? 'interrupted: what was started is taken away' : error)
    process.exitCode = 1
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

/** The options, or `undefined` when there is nothing to do but read how to call it. */
function readOptions(): BenchOptions | undefined {
  try {
    const read = parseOptions(process.argv.slice(2), process.env)
    if (read === undefined) console.log(usage)
    return read
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : 'bad arguments'}\n\n${usage}`)
    process.exitCode = 2
    return undefined
  }
}
