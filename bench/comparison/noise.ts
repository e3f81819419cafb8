/** Tells whether a machine was too busy for its figures to be believed. */
import { availableParallelism, loadavg } from 'node:os'
import { spreadOf } from '../harness/statistics.ts'
import { baselineKey } from './result.ts'
import type { Cell } from './result.ts'

/** The load of the last minute. */
export function currentLoad(): number {
  return loadavg()[0] ?? 0
}

/** Says why a run is noisy; empty when it is not. */
export function noiseOf(
  cells: readonly Cell[],
  loadBefore: number,
  cores = availableParallelism(),
): string[] {
  const reasons: string[] = []
  if (loadBefore > 1.5 * cores) {
    reasons.push(`the load was ${loadBefore.toFixed(1)} on ${cores} cores before the run began`)
  }
  const wide = cells.filter(
    ({ peer, microseconds }) => peer === baselineKey && spreadOf(microseconds) > widest,
  )
  if (wide.length > 0) {
    const most = Math.max(...wide.map(({ microseconds }) => spreadOf(microseconds)))
    const of = cells.filter(({ peer }) => peer === baselineKey).length
    reasons.push(
      `the quartiles of the baseline are up to ${most.toFixed(2)} of its median apart, and more than ${widest} in ${wide.length} of ${of} settings`,
    )
  }
  return reasons
}

const widest = 0.3
