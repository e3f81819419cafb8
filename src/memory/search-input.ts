/** A search of memories as it is asked for, and as it is run. */
import type { MemoryLanguage } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkFilledText, checkObject, checkOptionNames, checkWholeNumber } from '../tenancy/arguments.ts'
import { toEmbedding } from '../vector/similarity-search.ts'
import type { Vector, VectorInput } from '../vector/vector.ts'
import { inRange, memoryDimension } from './memory-input.ts'
import { checkValue, languages } from './memory-values.ts'
import type { Reranker } from './rerank.ts'
import { checkFilters, filterNames } from './search-filters.ts'
import type { CheckedFilters, MemoryFilters } from './search-filters.ts'
import { checkWeights } from './search-score.ts'
import type { SearchWeights } from './search-score.ts'

/** What to look for: a text, an embedding, or both. */
export interface MemorySearch extends MemoryFilters {
  /** A question, or any text of up to 8,192 characters; of its different words the first 32 count. */
  readonly text?: string
  /** By whose rules the words of the text take their basic form (default `english`): that of the memories. */
  readonly language?: MemoryLanguage
  /** 384 finite numbers, not all zero. */
  readonly embedding?: VectorInput
  /**
   * The model that made the embedding: only memories that the same one has embedded are compared. Left out: those of the
   * organization's current model, and those of which it is not known.
   */
  readonly embeddingModel?: string
  /** Hits at most, 1 to 1,000 (default 10). */
  readonly limit?: number
  /** `relevance` (default), or `composite`: the score of {@link SearchWeights}, which weights that are given ask for too. */
  readonly ranking?: 'relevance' | 'composite'
  /** Default: those of the agent's `memory_config` when an agent is given, else 0.40, 0.25, 0.20, 0.10 and 0.05. */
  readonly weights?: SearchWeights
  /** With `composite`: the share of the best hit's relevance that a memory needs to be scored at all, 0 to 1 (default 0.6). */
  readonly relevanceGate?: number
  /** The least relevance of a hit, 0 to 1 (default 0). */
  readonly minRelevance?: number
  /** Up to so many memories, the vectors of all are compared; of more, the index finds the nearest (default 5,000). */
  readonly exactBelow?: number
  /** When the index finds too few for the limit, compare all vectors (default true): slow in a tenant of a million. */
  readonly exhaustive?: boolean
  /** Spreads the hits over what they say (maximal marginal relevance): 1 is relevance alone, 0 variety alone. */
  readonly mmrLambda?: number
  /** Orders the candidates anew. */
  readonly rerank?: Reranker
  /** Counts the hits as retrieved, some seconds later (default true). */
  readonly record?: boolean
  /** Tells of each hit what its score is made of. */
  readonly explain?: boolean
}

/** A search that passed every check. */
export interface CheckedSearch {
  readonly filters: CheckedFilters
  readonly text: string | null
  readonly language: MemoryLanguage
  readonly embedding: Vector<typeof memoryDimension> | null
  readonly embeddingModel: string | null
  readonly limit: number
  readonly isComposite: boolean
  readonly weights: SearchWeights | null
  readonly relevanceGate: number
  readonly minRelevance: number
  readonly exactBelow: number
  readonly exhaustive: boolean
  readonly mmrLambda: number | null
  readonly rerank: Reranker | null
  readonly record: boolean
  readonly explain: boolean
}

const optionNames: ReadonlySet<string> = new Set<keyof MemorySearch>([
  ...filterNames,
  'text',
  'language',
  'embedding',
  'embeddingModel',
  'limit',
  'ranking',
  'weights',
  'relevanceGate',
  'minRelevance',
  'exactBelow',
  'exhaustive',
  'mmrLambda',
  'rerank',
  'record',
  'explain',
])

/**
 * Checks a search.
 *
 * @throws {InvalidArgumentError} when neither a text nor an embedding is given, or an option does not exist or is not what it
 *   should be.
 * @throws {InvalidVectorError} when the embedding has another dimension, is not finite, or is all zeros.
 */
export function checkSearch(search: MemorySearch): CheckedSearch {
  checkOptionNames('option', checkObject('search', search), optionNames)
  const { text, embedding, language = 'english', mmrLambda, ranking, weights } = search
  if (text === undefined && embedding === undefined)
    throw new InvalidArgumentError('search', 'needs a text, an embedding, or both')
  return {
    filters: checkFilters(search),
    text: text === undefined ? null : checkFilledText('text', text, 8_192),
    language: checkValue('language', language, languages),
    embedding: embedding === undefined ? null : toEmbedding(embedding, memoryDimension),
    embeddingModel: checkModel(search),
    limit: checkWholeNumber('limit', search.limit ?? 10, 1, 1_000),
    isComposite: checkRanking(ranking, weights),
    weights: weights === undefined ? null : checkWeights(weights),
    relevanceGate: inRange('relevanceGate', search.relevanceGate ?? 0.6, 0, 1),
    minRelevance: inRange('minRelevance', search.minRelevance ?? 0, 0, 1),
    exactBelow: checkWholeNumber('exactBelow', search.exactBelow ?? 5_000, 0, 1_000_000),
    exhaustive: checkFlag('exhaustive', search.exhaustive ?? true),
    mmrLambda: mmrLambda === undefined ? null : inRange('mmrLambda', mmrLambda, 0, 1),
    rerank: checkReranker(search.rerank),
    record: checkFlag('record', search.record ?? true),
    explain: checkFlag('explain', search.explain ?? false),
  }
}

function checkModel({ embedding, embeddingModel }: MemorySearch): string | null {
  if (embeddingModel === undefined) return null
  if (embedding === undefined)
    throw new InvalidArgumentError('embeddingModel', 'needs the embedding that the model made')
  return checkFilledText('embeddingModel', embeddingModel, 255)
}

function checkRanking(ranking: unknown, weights: unknown): boolean {
  if (ranking === undefined) return weights !== undefined
  if (ranking === 'composite') return true
  if (ranking !== 'relevance') throw new InvalidArgumentError('ranking', 'must be relevance or composite')
  if (weights === undefined) return false
  throw new InvalidArgumentError('weights', 'need the ranking composite')
}

function checkReranker(rerank: unknown): Reranker | null {
  if (rerank === undefined) return null
  // what it takes and returns shows when it is called
  if (typeof rerank === 'function') return rerank as Reranker
  throw new InvalidArgumentError('rerank', 'must be a function')
}

function checkFlag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new InvalidArgumentError(name, 'must be true or false')
}
