/** Search time by tenant size as an SVG line plot with logarithmic axes, for a light and for a dark page. */
import type { ScaleResult } from './scale-result.ts'

/** A line of the plot: milliseconds by number of rows. */
interface Line {
  readonly label: string
  readonly style: string
  readonly points: readonly (readonly [rows: number, milliseconds: number])[]
}

const width = 760
const height = 420
const frame = { left: 64, right: 20, top: 112, bottom: 48 }

/** Draws the medians of all data sets, and of comparing all vectors in the last one. */
export function drawScale({ dataSets, sizes }: ScaleResult): string {
  const last = dataSets.length - 1
  const bySize = sizes.toSorted((a, b) => a.rows - b.rows)
  const lines: Line[] = [
    ...dataSets.map(({ label }, index) => ({
      label,
      style: `set-${index}`,
      points: bySize
        .filter(({ dataSet }) => dataSet === index)
        .map(({ rows, latency }) => [rows, latency.nearest.median] as const),
    })),
    {
      label: 'all vectors compared',
      style: 'exact',
      points: bySize
        .filter(({ dataSet }) => dataSet === last)
        .map(({ rows, exact }) => [rows, exact] as const),
    },
  ]
  return drawLines('Ten nearest memories, by the size of the tenant', lines)
}

function drawLines(title: string, lines: readonly Line[]): string {
  const across = logAxis(
    lines.flatMap(({ points }) => points.map(([rows]) => rows)),
    frame.left,
    width - frame.right,
  )
  const up = logAxis(
    lines.flatMap(({ points }) => points.map(([, time]) => time)),
    height - frame.bottom,
    frame.top,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12">
<style>${styles}</style>
<rect class="page" width="${width}" height="${height}" rx="6"/>
<text class="text" x="16" y="24" font-size="15" font-weight="600">${title}</text>
<text class="faint" x="16" y="42">median in milliseconds, lower is better; both scales are logarithmic</text>
${lines.map(drawKey).join('\n')}
${across.ticks.map((rows) => drawColumn(rows, across.place(rows))).join('\n')}
${up.ticks.map((time) => drawRow(time, up.place(time))).join('\n')}
<text class="faint" x="${(frame.left + width - frame.right) / 2}" y="${height - 10}" text-anchor="middle">memories of the tenant</text>
${lines.map((line) => drawLine(line, across, up)).join('\n')}
</svg>
`
}

// drawn page and classes: attributes alone would not follow the reader's colours
const styles = `
.page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e } .grid { stroke: #d8dee4 }
.line { fill: none; stroke-width: 2 } .exact { stroke-dasharray: 5 4 }
.set-0 { stroke: #c8a24a } .set-1 { stroke: #3b73b9 } .set-2 { stroke: #1a7f5a } .exact { stroke: #9aa4af }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #2a313a }
.set-0 { stroke: #d9b45c } .set-1 { stroke: #6aa5ee } .set-2 { stroke: #3fb884 } .exact { stroke: #6e7883 }
}`

/** A logarithmic axis: where a value lies, and the values that are worth a line. */
export interface LogAxis {
  readonly ticks: readonly number[]
  readonly place: (value: number) => number
}

/** Makes an axis that goes from the place `from` to the place `to` and ends at 1, 2 or 5 times a power of ten. */
export function logAxis(values: readonly number[], from: number, to: number): LogAxis {
  const least = Math.min(...values)
  const most = Math.max(...values)
  const ticks = steps(Math.floor(Math.log10(least)), Math.ceil(Math.log10(most)))
  const first = ticks.findLast((tick) => tick <= least) ?? least
  const last = ticks.find((tick) => tick >= most) ?? most
  const span = Math.log10(last / first) || 1
  const used = ticks.filter((tick) => tick >= first && tick <= last)
  const decades = used.filter((tick) => Number.isInteger(Math.log10(tick)))
  return {
    // with many decades only the powers of ten
    ticks: decades.length > 3 ? decades : used,
    place: (value) => from + (Math.log10(value / first) / span) * (to - from),
  }
}

function steps(from: number, to: number): number[] {
  const powers = Array.from({ length: to - from + 1 }, (_, index) => from + index)
  return powers.flatMap((power) => [1, 2, 5].map((factor) => Number(`${factor}e${power}`)))
}

function drawKey({ label, style }: Line, index: number): string {
  const x = 16 + (index % 2) * 260
  const y = 66 + Math.floor(index / 2) * 20
  return `<line class="line ${style}" x1="${x}" x2="${x + 22}" y1="${y}" y2="${y}"/>
<text class="text" x="${x + 30}" y="${y + 4}">${label}</text>`
}

function drawColumn(rows: number, x: number): string {
  return `<line class="grid" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${frame.top}" y2="${height - frame.bottom}"/>
<text class="faint" x="${x.toFixed(1)}" y="${height - frame.bottom + 18}" text-anchor="middle">${rows.toLocaleString('en-US')}</text>`
}

function drawRow(time: number, y: number): string {
  return `<line class="grid" x1="${frame.left}" x2="${width - frame.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/>
<text class="faint" x="${frame.left - 8}" y="${(y + 4).toFixed(1)}" text-anchor="end">${time}</text>`
}

function drawLine({ style, points }: Line, across: LogAxis, up: LogAxis): string {
  const places = points.map(([rows, time]) => `${across.place(rows).toFixed(1)},${up.place(time).toFixed(1)}`)
  return `<polyline class="line ${style}" points="${places.join(' ')}"/>`
}
