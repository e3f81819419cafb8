/** Maximal marginal relevance: a choice that does not say the same thing again and again. */

/** What can be chosen. */
export interface MmrCandidate {
  /** 0 to 1. */
  readonly relevance: number
  readonly embedding: Float32Array
}

/**
 * Chooses up to `limit` candidates, each the best of those left by
 * lambda · relevance - (1 - lambda) · the highest cosine similarity to one chosen (Carbonell and Goldstein 1998).
 *
 * ```ts
 * const spread = maximalMarginalRelevance(hits, { lambda: 0.7, limit: 10 })
 * ```
 *
 * Candidates that are equally good are chosen in the order given. It takes limit · candidates comparisons of vectors.
 */
export function maximalMarginalRelevance<T extends MmrCandidate>(
  candidates: readonly T[],
  { lambda, limit }: { readonly lambda: number; readonly limit: number },
): T[] {
  const left = candidates.map((candidate) => ({
    candidate,
    direction: toUnit(candidate.embedding),
    nearest: -1,
  }))
  const chosen: T[] = []
  while (chosen.length < limit && left.length > 0) {
    const value = ({ candidate, nearest }: (typeof left)[number]): number =>
      lambda * candidate.relevance - (chosen.length === 0 ? 0 : (1 - lambda) * nearest)
    let best = 0
    for (const [index, entry] of left.entries()) {
      const bestEntry = left[best]
      if (bestEntry !== undefined && value(entry) > value(bestEntry)) best = index
    }
    const [next] = left.splice(best, 1)
    if (next === undefined) break
    chosen.push(next.candidate)
    for (const entry of left) entry.nearest = Math.max(entry.nearest, dot(entry.direction, next.direction))
  }
  return chosen
}

function toUnit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector))
  return vector.map((value) => value / length)
}

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0
  for (let index = 0; index < one.length; index++) sum += (one[index] ?? 0) * (other[index] ?? 0)
  return sum
}
