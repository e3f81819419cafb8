/** `npm run bench:cost --`: the command line around the benchmark of cost; see docs/performance.md. */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { formatCost, fullCost, quickCost, runCostBench } from './run-cost-bench.ts'

const usage = `npm run bench:cost -- [options]

  --url <url>    a superuser's server, on which scopes are weighed that were used
  --json <file>  write the figures to a file as well
  --quick        a short run that shows whether everything works; its times mean little
  --help         print this text

Measures what the package costs beside its queries: the type checker, the start of a process, and memory.`

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(usage)
else {
  const figures = await runCostBench(values.quick ? quickCost : fullCost, values.url)
  console.log(formatCost(figures))
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`)
}
