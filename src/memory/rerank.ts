/** The hook by which a service orders candidates with a model of its own. */
import { RerankError } from '../errors.ts'
import type { VectorInput } from '../vector/vector.ts'
import type { MemoryHit } from './memory-hit.ts'

/** What was searched for. */
export interface RerankQuery {
  readonly text?: string
  readonly embedding?: VectorInput
}

/**
 * Scores the candidates of a search, best first when it gets them: one finite number each, in their order, higher is better.
 *
 * ```ts
 * const rerank: Reranker = async ({ text }, hits) => await crossEncoder.score(text, hits.map(({ memory }) => memory.content))
 * ```
 */
export type Reranker = (query: RerankQuery, hits: readonly MemoryHit[]) => Promise<readonly number[]>

/**
 * Orders hits by the scores of a reranker, which become theirs; equal ones stay in their order.
 *
 * @throws {RerankError} when the reranker throws, or returns no number for each.
 */
export async function rerankHits(
  rerank: Reranker,
  query: RerankQuery,
  hits: readonly MemoryHit[],
): Promise<MemoryHit[]> {
  if (hits.length === 0) return []
  let scores: unknown
  try {
    scores = await rerank(query, hits)
  } catch (error) {
    throw new RerankError('the reranker has failed: search without it, or again', { cause: error })
  }
  if (!Array.isArray(scores) || scores.length !== hits.length || !scores.every(Number.isFinite))
    throw new RerankError(`the reranker must return ${hits.length} finite numbers, one for each hit`)
  return hits
    .map((hit, index): MemoryHit => ({ ...hit, score: Number(scores[index]) }))
    .toSorted((one, other) => other.score - one.score)
}
