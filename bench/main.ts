/** `npm run bench`: the command line around the benchmark; see docs/performance.md. */
import { writeFile } from 'node:fs/promises'
import { benchBulkAdd, formatBulkAdd, fullBulkAdd, quickBulkAdd } from './memory/bulk-add.ts'
import { formatMemoryFigures, fullPlan, quickPlan, runMemoryBench } from './memory/run-memory-bench.ts'
import { type BenchOptions, parseOptions, usage } from './options.ts'
import { formatTable } from './report.ts'
import { runBench } from './run-bench.ts'

const options = readOptions()
if (options?.memory === true) {
  const figures = await runMemoryBench({ url: options.url, ...(options.isQuick ? quickPlan : fullPlan) })
  console.log(formatMemoryFigures(figures))
  const bulkAdd = await benchBulkAdd(options.url, options.isQuick ? quickBulkAdd : fullBulkAdd)
  console.log(`\n${formatBulkAdd(bulkAdd)}`)
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ ...figures, bulkAdd }, null, 2)}\n`)
} else if (options !== undefined) {
  const interruption = new AbortController()
  process.once('SIGINT', () => interruption.abort(new Error('interrupted')))
  console.log(
    `one tenant-scoped read by id: ${options.rounds} rounds, each contender ${options.sliceMs} ms in turn`,
  )
  const result = await runBench(options, interruption.signal, (setting, figures) => {
    console.log(`\n${formatTable(setting, figures)}`)
  })
  console.log(
    `\nPostgreSQL ${result.serverVersion}, Node ${result.nodeVersion}; every answer was the right row`,
  )
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`)
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
