/** The command line of the benchmark of scale; see docs/scaling.md. */
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SingleBar } from 'cli-progress'
import { runScript } from '../../scripts/command-line.ts'
import { startContainer } from '../../test/support/container.ts'
import { ResourceLedger } from '../../test/support/resource-ledger.ts'
import { withClient } from '../../test/support/with-client.ts'
import { loadDataSet } from './load-data-set.ts'
import { measureScale } from './measure-scale.ts'
import { fullPlan, quickPlan } from './scale-plan.ts'
import type { ScalePlan } from './scale-plan.ts'
import { drawScale } from './scale-plot.ts'
import { formatScale, formatScaleMarkdown } from './scale-report.ts'
import { toResult } from './scale-result.ts'
import type { ScaleResult } from './scale-result.ts'

const usage = `npm run bench:scale -- [options]

  --url <url>    a superuser's URL of the server to measure (default: TEST_DATABASE_URL, else a container is started)
  --json <file>  write the figures to a file as well
  --docs         write the tables and the plot to docs/scaling/
  --keep         leave the databases there; a run that was interrupted goes on where it has stopped
  --measure      measure what --keep has left, without loading
  --quick        14,000 rows: shows whether everything works; its figures mean little
  --help         print this text

Loads 1,200,000 memories into three databases, which takes some 20 minutes and 12 GB.`

const options = {
  url: { type: 'string' },
  json: { type: 'string' },
  docs: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  measure: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
} as const

await runScript(usage, options, async ({ url, json, docs, keep, measure, quick }) => {
  const plan = quick ? quickPlan : fullPlan
  const ledger = new ResourceLedger()
  try {
    const serverUrl = url ?? (process.env['TEST_DATABASE_URL'] || (await startContainer(ledger)))
    if (!keep && !measure)
      for (const { name } of plan.dataSets) ledger.add({ kind: 'databases', url: serverUrl, prefix: name })
    if (!measure) await load(serverUrl, plan)
    const samples = await measureScale(serverUrl, plan, progressBar())
    const result = await toResult(serverUrl, plan, samples)
    console.log(formatScale(result))
    if (json !== undefined) await writeFile(json, `${JSON.stringify(result, null, 2)}\n`)
    if (docs) await writeDocs(result)
    // slow is not wrong, but missing rows are
    if (result.sizes.some(({ rows, fewestHits }) => fewestHits < Math.min(10, rows))) process.exitCode = 1
  } finally {
    await ledger.close()
  }
})

async function load(serverUrl: string, { dataSets, probes }: ScalePlan): Promise<void> {
  for (const dataSet of dataSets) {
    console.error(`loading ${dataSet.label}`)
    await loadDataSet(serverUrl, dataSet, { probes, progress: progressBar() })
  }
  // so that no measurement pays for what loading has left to write
  await withClient(serverUrl, async (client) => await client.query('checkpoint'))
}

function progressBar(): {
  start(phase: string, total: number): void
  update(done: number): void
  stop(): void
} {
  const bar = new SingleBar({
    format: '{phase} {bar} {value}/{total}, {eta_formatted} left',
    noTTYOutput: true,
  })
  return {
    start: (phase, total) => bar.start(total, 0, { phase }),
    update: (done) => bar.update(done),
    stop: () => bar.stop(),
  }
}

async function writeDocs(result: ScaleResult): Promise<void> {
  const folder = fileURLToPath(new URL('../../docs/', import.meta.url))
  await mkdir(`${folder}scaling`, { recursive: true })
  await writeFile(`${folder}scaling/search-by-tenant-size.svg`, drawScale(result))
  await writeFile(`${folder}scaling/figures.md`, formatScaleMarkdown(result))
}
