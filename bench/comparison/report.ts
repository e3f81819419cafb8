/** The figures as tables, for a terminal and for Markdown. */
import { alignColumns, markdownTable } from '../harness/table.ts'
import { spreadOf } from '../harness/statistics.ts'
import type { Summary } from '../harness/statistics.ts'
import { baselineKey, findCell, ibexKey, operationEntries, settingsOf } from './result.ts'
import type { Cell, ComparisonResult, Setting } from './result.ts'
import { describeSetting, judge, slowerSettings } from './wanted.ts'

/** Lays the cells of one setting out as a table for a terminal, fastest first. */
export function formatSetting(cells: readonly Cell[], isQuick: boolean): string {
  const [first] = cells
  if (first === undefined) return ''
  const heading = [
    describeSetting(first, isQuick),
    'time',
    'quartiles',
    'spread',
    'per s',
    'to baseline',
    'to ibex-db',
  ]
  const extras = extraColumns(cells)
  const rows = fastestFirst(cells).map((cell) => {
    const figures = [
      cell.peer,
      formatTime(cell.microseconds.median),
      `${formatTime(cell.microseconds.lowerQuartile)}-${formatTime(cell.microseconds.upperQuartile)}`,
      spreadOf(cell.microseconds).toFixed(2),
      perSecond(cell.microseconds),
      formatRatio(cell.toBaseline),
      formatRatio(cell.toIbex),
    ]
    return figures.concat(extras.map(({ of }) => of(cell)))
  })
  return alignColumns([[...heading, ...extras.map(({ title }) => title)], ...rows]).join('\n')
}

/** What is said at the end of a run: wishes, where a peer is faster, who was left out, and whether it was noisy. */
export function formatSummary(result: ComparisonResult): string {
  const wishes = judge(result).map(
    ({ text, seen, isMet }) => `  ${isMet ? 'met    ' : 'not met'}  ${text}: ${seen}`,
  )
  const slower = slowerLines(result).map((line) => `  ${line}`)
  return [
    'wanted:',
    ...wishes,
    '',
    slower.length === 0
      ? 'no peer is faster than ibex-db anywhere'
      : 'where a peer is faster than ibex-db, and by how much:',
    ...slower,
    '',
    ...result.leftOut.map(({ key, reason }) => `left out: ${key}: ${reason}`),
    ...noiseLines(result),
    machineLine(result),
  ].join('\n')
}

/** All tables as Markdown, for a file of their own or a section of the documentation. */
export function formatMarkdown(result: ComparisonResult): string {
  const settings = [
    { network: 'loopback', isOne: true },
    { network: 'loopback', isOne: false },
    { network: '2 ms away', isOne: true },
    { network: '2 ms away', isOne: false },
  ] as const
  const tables: string[] = []
  for (const { network, isOne } of settings) {
    const columns = settingsOf(result).filter(
      (setting) => setting.network === network && (setting.concurrency === 1) === isOne,
    )
    const [first] = columns
    if (first === undefined) continue
    const title = `### ${capital(network)}, ${first.concurrency} at a time`
    tables.push('', title, '', ...matrix(result, columns))
  }
  const wishes = judge(result).map(({ text, seen, isMet }) => [text, seen, isMet ? 'met' : '**not met**'])
  const slower = slowerLines(result).map((line) => `- ${line}.`)
  const left = result.leftOut.map(({ key, reason }) => `- ${key}: ${reason}`)
  return [
    machineLine(result),
    ...noiseLines(result).flatMap((line) => ['', `**${line}**`]),
    '',
    'Medians of the elapsed time by operations done; in brackets the time by that of ibex-db in the same round, above 1 where',
    'ibex-db is faster. The baseline is the same statement without tenancy, by a superuser; for many rows it is `copy`.',
    ...tables,
    ...countedSection(result),
    '',
    '### Wanted and seen',
    '',
    ...markdownTable([['wanted of ibex-db', 'seen', ''], ...wishes]),
    '',
    '### Where a peer is faster',
    '',
    ...(slower.length === 0 ? ['Nowhere by more than 5 %.'] : slower),
    ...(left.length === 0 ? [] : ['', '### Left out', '', ...left]),
    '',
  ].join('\n')
}

/** One row a contender, one column an operation. */
function matrix(result: ComparisonResult, settings: readonly Setting[]): string[] {
  const titles = new Map(operationEntries(result.isQuick).map(({ key, title }) => [key, title]))
  const rows = result.peers.map(({ key, name, version }) => [
    key === ibexKey ? `**${name}** ${version}` : `${name} ${version}`,
    ...settings.map((setting) => {
      const cell = findCell(result, key, setting)
      if (cell === undefined) return '-'
      const time = formatTime(cell.microseconds.median)
      return key === ibexKey || cell.toIbex === null ? time : `${time} (${formatRatio(cell.toIbex)})`
    }),
  ])
  return markdownTable([
    ['', ...settings.map(({ operation }) => titles.get(operation) ?? operation)],
    ...rows,
  ])
}

/** Round trips and recall, which do not depend on the machine. */
function countedSection(result: ComparisonResult): string[] {
  const counted = settingsOf(result).filter((setting) =>
    result.peers.some(({ key }) => (findCell(result, key, setting)?.roundTrips ?? null) !== null),
  )
  if (counted.length === 0) return []
  const titles = new Map(operationEntries(result.isQuick).map(({ key, title }) => [key, title]))
  const rows = result.peers.map(({ key, name }) => {
    const recalls = result.cells.flatMap((cell) => (cell.peer === key ? (cell.recall ?? []) : []))
    return [
      name,
      ...counted.map((setting) => String(findCell(result, key, setting)?.roundTrips ?? '-')),
      recalls.length === 0 ? '-' : Math.min(...recalls).toFixed(3),
    ]
  })
  const heading = ['', ...counted.map(({ operation }) => titles.get(operation) ?? operation), 'recall@10']
  return ['', '### Round trips and recall', '', ...markdownTable([heading, ...rows])]
}

interface ExtraColumn {
  readonly title: string
  readonly of: (cell: Cell) => string
}

function extraColumns(cells: readonly Cell[]): ExtraColumn[] {
  const columns: (ExtraColumn & { readonly isThere: (cell: Cell) => boolean })[] = [
    {
      title: 'round trips',
      of: ({ roundTrips }) => String(roundTrips ?? '-'),
      isThere: ({ roundTrips }) => roundTrips !== null,
    },
    {
      title: 'recall@10',
      of: ({ recall }) => recall?.toFixed(3) ?? '-',
      isThere: ({ recall }) => recall !== null,
    },
  ]
  return columns.filter(({ isThere }) => cells.some(isThere))
}

function slowerLines(result: ComparisonResult): string[] {
  const names = new Map(result.peers.map(({ key, name }) => [key, name]))
  return slowerSettings(result).map(({ setting, peers, reason }) => {
    const list = peers.map(({ key, factor }) => `${factor.toFixed(2)} of ${names.get(key) ?? key}`)
    return `${describeSetting(setting, result.isQuick)}: ibex-db takes ${list.join(', ')}: ${reason}`
  })
}

function noiseLines({ noise }: ComparisonResult): string[] {
  return noise.length === 0 ? [] : [`This run is noisy, do not quote its times: ${noise.join('; ')}.`]
}

function machineLine({
  serverVersion,
  nodeVersion,
  machine,
  load,
  rounds,
  isQuick,
}: ComparisonResult): string {
  const kind = isQuick ? 'A quick run, whose figures mean little: ' : ''
  return (
    `${kind}PostgreSQL ${serverVersion}, Node ${nodeVersion.slice(1)}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ` +
    `${rounds} rounds; load ${load.before.toFixed(1)} before and ${load.after.toFixed(1)} after. Every answer was checked.`
  )
}

function fastestFirst(cells: readonly Cell[]): Cell[] {
  return cells.toSorted((a, b) => a.microseconds.median - b.microseconds.median)
}

function formatRatio(ratio: Summary | null): string {
  return ratio === null ? '-' : ratio.median.toFixed(2)
}

function perSecond({ median }: Summary): string {
  const rate = 1_000_000 / median
  return rate < 10 ? rate.toFixed(2) : Math.round(rate).toLocaleString('en-US')
}

/** Three or four digits and a unit. */
export function formatTime(microseconds: number): string {
  if (microseconds < 1_000) return `${microseconds.toFixed(0)} µs`
  const milliseconds = microseconds / 1_000
  if (milliseconds < 1_000)
    return `${milliseconds.toFixed(milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0)} ms`
  return `${(milliseconds / 1_000).toFixed(2)} s`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Tells baseline and library from peers. */
export function roleOf(peer: string): 'baseline' | 'ibex-db' | 'peer' {
  if (peer === baselineKey) return 'baseline'
  return peer === ibexKey ? 'ibex-db' : 'peer'
}
