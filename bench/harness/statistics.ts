/** Medians, quartiles and paired ratios of timings. */

/** Describes many timings of one thing: the median, and the quartiles around it. */
export interface Summary {
  readonly median: number
  readonly lowerQuartile: number
  readonly upperQuartile: number
}

/**
 * Summarises timings by median and quartiles: one slow round (a checkpoint, a neighbour) moves neither.
 *
 * @throws {RangeError} when there is no value.
 */
export function summarise(values: readonly number[]): Summary {
  return {
    median: quantile(values, 0.5),
    lowerQuartile: quantile(values, 0.25),
    upperQuartile: quantile(values, 0.75),
  }
}

/**
 * Computes a quantile with linear interpolation between the two nearest values (Hyndman and Fan, type 7).
 *
 * @throws {RangeError} when there is no value.
 */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(position)]
  const above = sorted[Math.ceil(position)]
  if (below === undefined || above === undefined) throw new RangeError('a quantile needs at least one value')
  return below + (above - below) * (position - Math.floor(position))
}

/**
 * Divides timings by those of the baseline, round by round.
 *
 * Both sides of a ratio were taken within the same second: a machine that slows down during the run changes both.
 *
 * @throws {RangeError} when the rounds do not pair up.
 */
export function pairedRatios(values: readonly number[], baseline: readonly number[]): number[] {
  if (values.length !== baseline.length)
    throw new RangeError('paired ratios need as many rounds as the baseline')
  return values.map((value, round) => value / (baseline[round] ?? Number.NaN))
}

/** How far a summary is spread: the distance of the quartiles by the median, 0 when nothing varied. */
export function spreadOf({ median, lowerQuartile, upperQuartile }: Summary): number {
  return median === 0 ? 0 : (upperQuartile - lowerQuartile) / median
}
