/** What the benchmark says: figures, and a table of them. */
import { pairedRatios, summarise } from './statistics.ts'
import type { Summary } from './statistics.ts'
import type { Measurement } from './rounds.ts'

/** Names the conditions that a group of measurements was taken under. */
export interface Setting {
  readonly network: string
  readonly concurrency: number
  /** The highest ratio to the baseline that is wanted of the library, where the project names one. */
  readonly wantedRatio: number
}

/** Holds the figures of one contender under one setting. */
export interface Figure {
  readonly network: string
  readonly concurrency: number
  readonly contender: string
  readonly label: string
  readonly microsecondsPerRead: Summary
  /** The contender's time divided by the baseline's of the same round. */
  readonly ratioToBare: Summary
}

/** Turns the measurements of one setting into figures; the first contender is the baseline of the ratios. */
export function toFigures({ network, concurrency }: Setting, measurements: readonly Measurement[]): Figure[] {
  const baseline = measurements[0]?.microseconds ?? []
  return measurements.map(({ contender, microseconds }) => ({
    network,
    concurrency,
    contender: contender.name,
    label: contender.label,
    microsecondsPerRead: summarise(microseconds),
    ratioToBare: summarise(pairedRatios(microseconds, baseline)),
  }))
}

/** Lays the figures of one setting out as a table, with what is wanted of the library below it. */
export function formatTable(setting: Setting, figures: readonly Figure[]): string {
  const heading = [
    `${setting.network}, ${setting.concurrency} at a time`,
    'µs per read',
    'quartiles',
    'reads/s',
    'ratio',
    'quartiles',
  ]
  const rows = figures.map((figure) => [
    figure.label,
    figure.microsecondsPerRead.median.toFixed(1),
    range(figure.microsecondsPerRead, 1),
    Math.round(1_000_000 / figure.microsecondsPerRead.median).toLocaleString('en-US'),
    figure.ratioToBare.median.toFixed(2),
    range(figure.ratioToBare, 2),
  ])
  const wanted = `  wanted of ibex-db: a ratio of at most ${setting.wantedRatio.toFixed(2)}`
  return [...alignColumns([heading, ...rows]), wanted].join('\n')
}

function range({ lowerQuartile, upperQuartile }: Summary, digits: number): string {
  return `${lowerQuartile.toFixed(digits)}-${upperQuartile.toFixed(digits)}`
}

/** Lays rows out in columns: the first is text and reads from the left, all others are figures and end at the right. */
export function alignColumns(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  return lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  )
}
