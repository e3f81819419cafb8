/** Bar charts of the figures, as SVG that can be read on a light and on a dark page. */
import { formatTime, roleOf } from './report.ts'
import { findCell, operationEntries, settingsOf } from './result.ts'
import type { ComparisonResult, OperationKey, Setting } from './result.ts'

/** A chart under the name of its file. */
export interface Chart {
  readonly name: string
  readonly title: string
  readonly svg: string
}

/** Draws one chart for each group of operations that was measured. */
export function drawCharts(result: ComparisonResult): Chart[] {
  return groups.flatMap(({ name, title, operations, network, isOne }) => {
    const settings = settingsOf(result).filter(
      (setting) =>
        operations.includes(setting.operation) &&
        (network === undefined || setting.network === network) &&
        (setting.concurrency === 1) === isOne,
    )
    const [first] = settings
    if (first === undefined) return []
    const many = isOne ? 'one at a time' : `${first.concurrency} at a time`
    const full = `${title}, ${network === undefined ? '' : `${network}, `}${many}`
    return [
      {
        name,
        title: full,
        svg: drawChart(
          full,
          settings.map((setting) => toPanel(result, setting)),
        ),
      },
    ]
  })
}

interface Group {
  readonly name: string
  readonly title: string
  readonly operations: readonly OperationKey[]
  readonly network: Setting['network']
  readonly isOne: boolean
}

const single: readonly OperationKey[] = ['read', 'page', 'insert', 'update', 'unit']

const groups: readonly Group[] = [
  { name: 'single-loopback', title: 'Small work', operations: single, network: 'loopback', isOne: true },
  { name: 'single-far', title: 'Small work', operations: single, network: '2 ms away', isOne: true },
  { name: 'many-loopback', title: 'Small work', operations: single, network: 'loopback', isOne: false },
  { name: 'many-far', title: 'Small work', operations: single, network: '2 ms away', isOne: false },
  {
    name: 'bulk',
    title: 'Inserting many memories with vectors',
    operations: ['bulk-small', 'bulk-large'],
    network: 'loopback',
    isOne: true,
  },
  { name: 'search', title: 'Search', operations: ['nearest', 'text'], network: 'loopback', isOne: true },
]

/** The bars of one setting. */
export interface Panel {
  readonly title: string
  readonly bars: readonly Bar[]
}

/** One bar; the shortest is the best. */
export interface Bar {
  readonly label: string
  /** Microseconds. */
  readonly value: number
  readonly role: 'baseline' | 'ibex-db' | 'peer'
}

function toPanel(result: ComparisonResult, setting: Setting): Panel {
  const bars = result.peers.flatMap(({ key, name }) => {
    const cell = findCell(result, key, setting)
    return cell === undefined ? [] : [{ label: name, value: cell.microseconds.median, role: roleOf(key) }]
  })
  const entry = operationEntries(result.isQuick).find(({ key }) => key === setting.operation)
  return { title: entry?.title ?? setting.operation, bars: bars.toSorted((a, b) => a.value - b.value) }
}

const width = 760
const labelWidth = 170
const valueWidth = 80
const barHeight = 16
const step = 22
const panelGap = 20
const headHeight = 54
const titleHeight = 24

/** Draws panels below each other, each with a scale of its own that begins at 0. */
export function drawChart(title: string, panels: readonly Panel[]): string {
  let top = headHeight
  const parts = panels.map((panel) => {
    const part = drawPanel(panel, top)
    top += titleHeight + panel.bars.length * step + panelGap
    return part
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" viewBox="0 0 ${width} ${top}" role="img" aria-label="${escape(title)}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12">
<style>${styles}</style>
<rect class="page" width="${width}" height="${top}" rx="6"/>
<text class="text" x="16" y="24" font-size="15" font-weight="600">${escape(title)}</text>
<text class="faint" x="16" y="42">median time, shorter is better; each group has a scale of its own</text>
${parts.join('\n')}
</svg>
`
}

// plain attributes would not follow the reader's colours; the page is drawn too, for viewers that know no colour scheme
const styles = `
.page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e }
.peer { fill: #9aa4af } .baseline { fill: #c8a24a } .ibex-db { fill: #1a7f5a }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .text { fill: #e6edf3 } .faint { fill: #9198a1 }
.peer { fill: #5b6570 } .baseline { fill: #b8923a } .ibex-db { fill: #3fb884 }
}`

function drawPanel({ title, bars }: Panel, top: number): string {
  const longest = Math.max(...bars.map(({ value }) => value))
  const room = width - labelWidth - valueWidth - 16
  const lines = bars.map(({ label, value, role }, index) => {
    const y = top + titleHeight + index * step
    const length = Math.max(1, (value / longest) * room)
    const weight = role === 'ibex-db' ? ' font-weight="600"' : ''
    const end = labelWidth + length
    return [
      `<text class="text" x="${labelWidth - 8}" y="${y + 12}" text-anchor="end"${weight}>${escape(label)}</text>`,
      `<rect class="${role}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>`,
      `<text class="text" x="${(end + 6).toFixed(1)}" y="${y + 12}"${weight}>${formatTime(value)}</text>`,
    ].join('\n')
  })
  return [
    `<text class="text" x="16" y="${top + 14}" font-weight="600">${escape(title)}</text>`,
    ...lines,
  ].join('\n')
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
