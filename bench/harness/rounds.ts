/** Several contenders measured in turn, so that a busy machine slows all of them alike. */

/** How long and how often contenders are measured. */
export interface RoundPlan {
  /** Rounds that count. */
  readonly rounds: number
  /** Whether one more round goes before them that does not count: connections, prepared statements, compiled code. */
  readonly warmUp: boolean
  readonly signal: AbortSignal
}

/**
 * Measures contenders in turn: every round runs each of them for one slice, in an order of its own.
 *
 * In a fixed order a contender inherits what its predecessor leaves behind (garbage, processor caches, where the
 * scheduler has put the server's process): two that differ by a microsecond came out 15 % apart.
 *
 * Returns what `slice` has returned for each contender, one value a round, in the order of the contenders.
 *
 * @throws what a slice throws, and the signal's reason when it is aborted.
 */
export async function measureInTurn<C, T>(
  contenders: readonly C[],
  slice: (contender: C) => Promise<T>,
  { rounds, warmUp, signal }: RoundPlan,
): Promise<T[][]> {
  const measured = contenders.map((contender) => ({ contender, slices: [] as T[] }))
  for (let round = warmUp ? 0 : 1; round <= rounds; round += 1) {
    for (const { contender, slices } of shuffle(measured)) {
      signal.throwIfAborted()
      const found = await slice(contender)
      if (round > 0) slices.push(found)
    }
  }
  return measured.map(({ slices }) => slices)
}

/** Returns the elements in random order, every order being equally likely (Fisher and Yates). */
export function shuffle<T>(elements: readonly T[]): T[] {
  const left = [...elements]
  return elements.flatMap(() => left.splice(Math.floor(Math.random() * left.length), 1))
}

/** What was asked, and what came back. */
export interface Answer<I, O> {
  readonly input: I
  readonly output: O
}

/** What one slice has found. */
export interface Slice<I, O> {
  /** Elapsed time by answers: with several at a time it is shorter than one of them takes. */
  readonly microseconds: number
  readonly answers: readonly Answer<I, O>[]
}

/** What is done in a slice, and for how long. */
export interface SliceWork<I, O> {
  /** Makes an input; the first ones are made before the clock starts. */
  readonly next: () => I
  readonly run: (input: I) => Promise<O>
  readonly concurrency: number
  /** Nobody begins another one after so many milliseconds: with 0, each does one. */
  readonly sliceMs: number
}

/** Runs as many at a time as it is told until the time is over, and stops the clock when the last one has its answer. */
export async function runSlice<I, O>({
  next,
  run,
  concurrency,
  sliceMs,
}: SliceWork<I, O>): Promise<Slice<I, O>> {
  const firsts = Array.from({ length: concurrency }, next)
  const answers: Answer<I, O>[] = []
  const startedAt = performance.now()
  const deadline = startedAt + sliceMs
  const worker = async (first: I): Promise<void> => {
    let input = first
    for (;;) {
      answers.push({ input, output: await run(input) })
      if (performance.now() >= deadline) return
      input = next()
    }
  }
  await Promise.all(firsts.map(worker))
  const elapsedMs = performance.now() - startedAt
  return { microseconds: (elapsedMs * 1_000) / answers.length, answers }
}
