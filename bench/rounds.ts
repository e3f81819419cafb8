/** Measures contenders in turn, so that a busy machine slows all of them alike. */
import { isDeepStrictEqual } from 'node:util'
import type { Contender } from './contenders/contender.ts'
import type { ReadTarget } from './seed.ts'

/** Says how long and how wide to measure. */
export interface RoundPlan {
  readonly rounds: number
  /** How long each contender runs in each round, in milliseconds. */
  readonly sliceMs: number
  /** How many reads are under way at the same time. */
  readonly concurrency: number
  readonly signal: AbortSignal
}

/** Holds one contender's microseconds per read (elapsed time / reads done), one value a round. */
export interface Measurement {
  readonly contender: Contender
  readonly microseconds: readonly number[]
}

/**
 * Measures contenders in turn: every round runs each of them for one slice, in an order of its own.
 *
 * In a fixed order a contender inherits what its predecessor leaves behind (garbage, processor caches, where the
 * scheduler has put the server's process): two that differ by a microsecond came out 15 % apart.
 *
 * The first round warms up (connections, prepared statements, compiled code) and does not count.
 *
 * @throws when an answer is not the row that was asked for, and when the signal is aborted.
 */
export async function measureInTurn(
  contenders: readonly Contender[],
  targets: readonly ReadTarget[],
  plan: RoundPlan,
): Promise<Measurement[]> {
  const measurements = contenders.map((contender) => ({ contender, microseconds: [] as number[] }))
  for (let round = 0; round <= plan.rounds; round += 1) {
    for (const measurement of shuffle(measurements)) {
      plan.signal.throwIfAborted()
      const microseconds = await runSlice(measurement.contender, targets, plan)
      if (round > 0) measurement.microseconds.push(microseconds)
    }
  }
  return measurements
}

/** Returns the elements in random order, every order being equally likely (Fisher and Yates). */
export function shuffle<T>(elements: readonly T[]): T[] {
  const left = [...elements]
  return elements.flatMap(() => left.splice(Math.floor(Math.random() * left.length), 1))
}

interface Answer {
  readonly target: ReadTarget
  readonly row: unknown
}

async function runSlice(
  contender: Contender,
  targets: readonly ReadTarget[],
  plan: RoundPlan,
): Promise<number> {
  const answers: Answer[] = []
  const startedAt = performance.now()
  const deadline = startedAt + plan.sliceMs
  const reader = async (): Promise<void> => {
    do {
      const target = pick(targets)
      answers.push({ target, row: await contender.read(target) })
    } while (performance.now() < deadline)
  }
  await Promise.all(Array.from({ length: plan.concurrency }, reader))
  const elapsedMs = performance.now() - startedAt
  // Only now, with the clock stopped: comparing takes as long as a part of the read and would flatter the slower one.
  for (const answer of answers) assertRow(contender, answer)
  return (elapsedMs * 1000) / answers.length
}

function pick(targets: readonly ReadTarget[]): ReadTarget {
  const target = targets[Math.floor(Math.random() * targets.length)]
  if (target === undefined) throw new Error('nothing to read: seed some rows first')
  return target
}

function assertRow(contender: Contender, { target, row }: Answer): void {
  if (isDeepStrictEqual(row, target.row)) return
  throw new Error(`${contender.name} answered with another row than the one asked for: the run is void`)
}
