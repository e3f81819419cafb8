/** Two ways to do the same thing, measured in turn, so that a busy machine slows both alike. */
import { pairedRatios, quantile } from '../harness/statistics.ts'

/** Milliseconds of both, and their ratio. */
export interface PairFigure {
  readonly name: string
  /** Medians. */
  readonly ours: number
  readonly baseline: number
  /** One of each round. */
  readonly ratio: readonly number[]
  /** The highest median ratio that the project wants. */
  readonly wanted: number
}

/** How many rows were found, and in how many milliseconds. */
export interface Timed {
  readonly result: number
  readonly elapsed: number
}

/** The rows, or with them the milliseconds of what counts, where preparing does not. */
type Answer = number | Timed

/** Two ways, each of which answers with the number of its rows. */
export interface Pair {
  readonly rounds: number
  readonly ours: (round: number) => Promise<Answer>
  readonly baseline: (round: number) => Promise<Answer>
}

const warmUp = 3

/**
 * Measures a pair; every second round begins with the other one.
 *
 * @throws when one finds rows and the other none: they did not do the same.
 */
export async function measurePair(
  name: string,
  wanted: number,
  { rounds, ours, baseline }: Pair,
): Promise<PairFigure> {
  const times = { ours: [] as number[], baseline: [] as number[] }
  for (let round = -warmUp; round < rounds; round++) {
    const at = Math.abs(round)
    const first = at % 2 === 0 ? await time(ours, at) : undefined
    const second = await time(baseline, at)
    const own = first ?? (await time(ours, at))
    if (own.result > 0 !== second.result > 0) throw new Error(`${name}: one of the two found nothing`)
    if (round < 0) continue
    times.ours.push(own.elapsed)
    times.baseline.push(second.elapsed)
  }
  const ratio = pairedRatios(times.ours, times.baseline)
  return { name, wanted, ratio, ours: quantile(times.ours, 0.5), baseline: quantile(times.baseline, 0.5) }
}

async function time(run: (round: number) => Promise<Answer>, round: number): Promise<Timed> {
  const started = performance.now()
  const answer = await run(round)
  return typeof answer === 'number' ? { result: answer, elapsed: performance.now() - started } : answer
}
