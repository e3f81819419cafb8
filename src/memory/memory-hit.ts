/** What a search of memories finds. */
import type { Memory } from '../../types/database.d.ts'
import type { Signal } from './search-score.ts'

/** How a search found its hits: `exact` compared every vector of its scope, `ann` asked the index of vectors. */
export type SearchStrategy = 'exact' | 'ann' | 'text' | 'hybrid-exact' | 'hybrid-ann'

/** A memory that was found. */
export interface MemoryHit {
  readonly memory: Memory
  /**
   * What the hits are ordered by. With `composite` the composite score, 0 to 1. Else the similarity of a search by vector; the
   * rank of the words of a search by text, which is comparable within one search only; the fused score of both, 0 to 1.
   */
  readonly score: number
  /** 0 to 1: the similarity, the coverage, or of both 1 - (1 - similarity) · (1 - coverage). */
  readonly relevance: number
  /** Cosine similarity to the embedding, -1 to 1; null without one, and for a memory of another model. */
  readonly similarity: number | null
  /** The share of the text's words, by their weights, that the memory holds, 0 to 1; null where words found nothing. */
  readonly coverage: number | null
  /** Its place among the nearest, from 1; null when it is not among them. */
  readonly vectorRank: number | null
  /** Its place among those with the words, from 1; null when it is not among them. */
  readonly textRank: number | null
  /** With `explain`: what each signal (or each way, `vector` and `text`) has given to the score; they add up to it. */
  readonly shares?: Readonly<Partial<Record<Signal | 'vector' | 'text', number>>>
}

/** What a search found. */
export interface MemorySearchResult {
  /** Best first. */
  readonly hits: readonly MemoryHit[]
  readonly strategy: SearchStrategy
  /** False when there may be memories that belong among the hits: the index gave up, or frequent words were passed over. */
  readonly isComplete: boolean
}
