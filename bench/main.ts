import { writeFile } from 'node:fs/promises'
import { parseOptions, usage } from './options.ts'
import { formatTable } from './report.ts'
import { runBench } from './run-bench.ts'

// The benchmark of `npm run bench`; see docs/performance.md.

const options = parseOptions(process.argv.slice(2), process.env)
if (options === undefined) {
  console.log(usage)
} else {
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
