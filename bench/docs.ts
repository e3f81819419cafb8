/** `npm run bench:docs -- <figures.json>`: renders docs/performance.md and its charts from the figures of a run. */
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawCharts } from './comparison/chart.ts'
import { imagesOf, replaceSection } from './comparison/documentation.ts'
import { formatMarkdown } from './comparison/report.ts'
import type { ComparisonResult } from './comparison/result.ts'

const docs = join(import.meta.dirname, '../docs')
const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: npm run bench:docs -- <figures.json>, as npm run bench -- --json wrote them')
  process.exitCode = 2
} else {
  await render(file)
}

async function render(file: string): Promise<void> {
  // written by `--json`, which is the only thing that this is for
  const result = JSON.parse(await readFile(file, 'utf8')) as ComparisonResult
  const charts = drawCharts(result)
  const page = join(docs, 'performance.md')
  const section = `${imagesOf(charts, 'performance')}\n\n${formatMarkdown(result)}`
  await writeFile(page, replaceSection(await readFile(page, 'utf8'), section))
  // a chart that is no longer drawn does not stay
  await rm(join(docs, 'performance'), { recursive: true, force: true })
  await mkdir(join(docs, 'performance'))
  for (const { name, svg } of charts) await writeFile(join(docs, 'performance', `${name}.svg`), svg)
  // lines up the columns as `npm run check` wants them
  spawnSync(join(docs, '../node_modules/.bin/oxfmt'), [page], { stdio: 'inherit' })
  console.log(`rendered docs/performance.md and ${charts.length} charts`)
}
