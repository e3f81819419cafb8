/** What all experiments share: ways to do the same thing, measured in turn, and tables of what they took. */
import type pg from 'pg'
import { withClient } from '../../test/support/with-client.ts'
import { shuffle } from '../harness/rounds.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { pairedRatios, summarise } from '../harness/statistics.ts'
import type { Summary } from '../harness/statistics.ts'

/** How an experiment is run. */
export interface ExperimentOptions {
  /** A superuser's URL; without it a container is started. */
  readonly url: string | undefined
  /** Few rows and rounds: shows that everything works. */
  readonly isQuick: boolean
  readonly signal: AbortSignal
}

/** One experiment: makes a database of its own, measures, and drops it. */
export interface Experiment {
  readonly name: string
  run(options: ExperimentOptions): Promise<readonly Comparison[]>
}

/** Runs what needs no more than an empty database and a connection to it. */
export async function onScratchClient(
  options: ExperimentOptions,
  measure: (client: pg.Client, options: ExperimentOptions) => Promise<readonly Comparison[]>,
): Promise<readonly Comparison[]> {
  await using scratch = await createScratchDatabase(options.url)
  return await withClient(scratch.url, async (client) => await measure(client, options))
}

/** One way to do it. */
export interface Variant {
  readonly name: string
  /** Prepares what does not count, before each round. */
  readonly prepare?: (round: number) => Promise<void>
  /** Returns the milliseconds of what counts when it is not all. */
  readonly run: (round: number) => Promise<number | void>
}

/** What the variants of one thing took: the first is the baseline. */
export interface Comparison {
  readonly title: string
  /** Of the medians: `ms`, `µs`, `MB` … */
  readonly unit: string
  readonly figures: readonly Figure[]
}

/** What one variant took. */
export interface Figure {
  readonly name: string
  readonly median: number
  /** To the baseline, round by round. */
  readonly ratio: Summary
}

/** How often, and how a round's time is told. */
export interface CompareOptions {
  readonly rounds: number
  readonly signal: AbortSignal
  /** Rounds before them that do not count (default 1). */
  readonly warmUp?: number
  /** Operations of one run: the time is divided by them (default 1). */
  readonly per?: number
  /** `µs` multiplies the milliseconds (default `ms`). */
  readonly unit?: 'ms' | 'µs'
}

/** Runs the variants in turn, in a new random order every round, so that a busy machine slows all of them alike. */
export async function compare(
  title: string,
  variants: readonly Variant[],
  { rounds, signal, warmUp = 1, per = 1, unit = 'ms' }: CompareOptions,
): Promise<Comparison> {
  const measured = variants.map((variant) => ({ variant, times: [] as number[] }))
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const { variant, times } of shuffle(measured)) {
      signal.throwIfAborted()
      await variant.prepare?.(round + warmUp)
      const startedAt = performance.now()
      const own = await variant.run(round + warmUp)
      const elapsed = own ?? performance.now() - startedAt
      if (round >= 0) times.push((elapsed * (unit === 'µs' ? 1_000 : 1)) / per)
    }
  }
  return comparisonOf(
    title,
    unit,
    measured.map(({ variant, times }) => [variant.name, times]),
  )
}

/** Of values that are there already, such as sizes: one a round, or one at all. */
export function comparisonOf(
  title: string,
  unit: string,
  measured: readonly (readonly [name: string, values: readonly number[]])[],
): Comparison {
  const baseline = measured[0]?.[1] ?? []
  const figures = measured.map(([name, values]) => ({
    name,
    median: summarise(values).median,
    ratio: summarise(pairedRatios(values, baseline)),
  }))
  return { title, unit, figures }
}

/** A Markdown table. */
export function formatComparison({ title, unit, figures }: Comparison): string {
  const rows = figures.map(({ name, median, ratio }) => `| ${name} | ${round(median)} | ${ratioOf(ratio)} |`)
  return [`### ${title}`, '', `| variant | ${unit} | ratio |`, '| --- | --- | --- |', ...rows].join('\n')
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 10 ? 1 : 2)
}

/** Without quartiles where they tell nothing, and without a ratio where the baseline is 0. */
function ratioOf({ median, lowerQuartile, upperQuartile }: Summary): string {
  if (!Number.isFinite(median)) return '-'
  if (lowerQuartile === upperQuartile) return median.toFixed(2)
  return `${median.toFixed(2)} (${lowerQuartile.toFixed(2)}-${upperQuartile.toFixed(2)})`
}
