/** What the benchmark of scale says, as tables for the terminal and for Markdown. */
import { buildSettings } from './scale-plan.ts'
import { operations } from './measure-scale.ts'
import type { Operation } from './measure-scale.ts'
import type { Summary } from '../harness/statistics.ts'
import { wantedGrowth, wantedRecall } from './scale-result.ts'
import type { LoadedDataSet, ScaleResult } from './scale-result.ts'

type Table = readonly (readonly string[])[]

const names: Readonly<Record<Operation, string>> = {
  nearest: 'ten nearest',
  text: 'text search',
  read: 'read by id',
  page: 'page of 20',
}

/** Lays everything out in columns. */
export function formatScale(result: ScaleResult): string {
  return [describe(result), ...tablesOf(result).map(alignTable), ...verdicts(result)].join('\n\n')
}

/** The tables as Markdown, with the machine above them. */
export function formatScaleMarkdown(result: ScaleResult): string {
  const [loading, search, growth] = tablesOf(result).map(markdownTable)
  return `${[heading, describe(result), loading, search, growth, ...verdicts(result)].join('\n\n')}\n`
}

const heading =
  '# One million memories: the figures\n\nWritten by `npm run bench:scale -- --docs`; what they say is in [scaling](../scaling.md).'

/** What is wanted, and what of it was not reached. */
function verdicts(result: ScaleResult): string[] {
  const misses = [...incomplete(result), ...grown(result)]
  const { rows, tenants } = factors(result.dataSets)
  return [
    `Wanted: recall@10 of ${wantedRecall}, ten hits always, and a search less than ${wantedGrowth.ofRows} times as long with ${rows} times the rows and less than ${wantedGrowth.ofTenants} with ${tenants} times the tenants.`,
    misses.length === 0 ? 'All of it was reached.' : misses.map((miss) => `- Missed: ${miss}`).join('\n'),
  ]
}

function incomplete({ sizes, dataSets }: ScaleResult): string[] {
  return sizes
    .filter(({ recall, fewestHits, rows }) => recall < wantedRecall || fewestHits < Math.min(10, rows))
    .map(
      ({ dataSet, rows, recall, fewestHits }) =>
        `tenant of ${count(rows)}, ${dataSets[dataSet]?.label ?? ''}: recall ${recall.toFixed(3)}, fewest hits ${fewestHits}`,
    )
}

function grown({ growth }: ScaleResult): string[] {
  const found = growth.filter(({ operation }) => operation === 'nearest')
  const ofRows = found.filter((figure) => figure.ofRows.median >= wantedGrowth.ofRows)
  const ofTenants = found.filter((figure) => figure.ofTenants.median >= wantedGrowth.ofTenants)
  return [
    ...ofRows.map((figure) => `tenant of ${count(figure.rows)}, more rows: ${ratio(figure.ofRows)}`),
    ...ofTenants.map((figure) => `tenant of ${count(figure.rows)}, more tenants: ${ratio(figure.ofTenants)}`),
  ]
}

function describe({ serverVersion, serverSettings, processors, memoryGiB, rounds }: ScaleResult): string {
  const version = serverVersion.replace(/ .*/, '')
  return `PostgreSQL ${version} with ${list(serverSettings)}, and ${list(buildSettings)} for the indexes; the client on the same machine, ${processors} processors and ${memoryGiB} GiB; ${rounds} rounds.`
}

function list(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

function tablesOf(result: ScaleResult): Table[] {
  return [loadingTable(result), searchTable(result), growthTable(result)]
}

function loadingTable({ dataSets }: ScaleResult): Table {
  const phases = ['copy', 'versions', 'graphs', 'other indexes', 'vacuum analyze']
  const line = (name: string, cell: (dataSet: LoadedDataSet) => string): string[] =>
    [name].concat(dataSets.map(cell))
  return [
    line('', ({ label }) => label),
    ...phases.map((phase) => line(phase, ({ seconds }) => `${(seconds[phase] ?? 0).toFixed(1)} s`)),
    line('all of it', ({ seconds }) => `${sum(Object.values(seconds)).toFixed(1)} s`),
    line('memories', ({ bytes }) => megabytes(bytes.table)),
    line('their graphs', ({ bytes }) => megabytes(bytes.graphs)),
    line('their other indexes', ({ bytes }) => megabytes(bytes.otherIndexes)),
    line('database', ({ bytes }) => megabytes(bytes.database)),
  ]
}

function searchTable({ dataSets, sizes }: ScaleResult): Table {
  const ordered = sizes.toSorted((a, b) => a.rows - b.rows || a.dataSet - b.dataSet)
  return [
    [
      'tenant',
      'data set',
      'recall@10',
      'fewest',
      'exact ms',
      ...operations.map((operation) => `${names[operation]} ms (p95)`),
    ],
    ...ordered.map(({ rows, isProbe, dataSet, recall, fewestHits, exact, latency }) =>
      [
        `${count(rows)}${isProbe ? '' : ' (largest)'}`,
        dataSets[dataSet]?.label ?? '',
        recall.toFixed(3),
        String(fewestHits),
        exact.toFixed(2),
      ].concat(operations.map((operation) => medianAndTail(latency[operation]))),
    ),
  ]
}

/** How many times the rows and the tenants of a data set are those of the one before it. */
function factors([few, many, large]: readonly LoadedDataSet[]): {
  readonly rows: number
  readonly tenants: number
} {
  return {
    rows: (large?.rows ?? 0) / (many?.rows ?? 1),
    tenants: (many?.tenants ?? 0) / (few?.tenants ?? 1),
  }
}

function medianAndTail({ median, p95 }: { readonly median: number; readonly p95: number }): string {
  return `${median.toFixed(2)} (${p95.toFixed(2)})`
}

function growthTable({ growth, dataSets }: ScaleResult): Table {
  const { rows, tenants } = factors(dataSets)
  return [
    ['tenant', 'operation', `${rows} x rows`, `${tenants} x tenants`],
    ...growth.map(({ rows: size, operation, ofRows, ofTenants }) => [
      count(size),
      names[operation],
      ratio(ofRows),
      ratio(ofTenants),
    ]),
  ]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function megabytes(bytes: number): string {
  return `${count(Math.round(bytes / 1e6))} MB`
}

function ratio({ median, lowerQuartile, upperQuartile }: Summary): string {
  return `${median.toFixed(2)} (${lowerQuartile.toFixed(2)}-${upperQuartile.toFixed(2)})`
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function alignTable(table: Table): string {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  )
  return table
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n')
}

function markdownTable([heading = [], ...rows]: Table): string {
  return [heading, heading.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
