/** Finds chunks by vector and by words. */
import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkFilledText, checkWholeNumber } from '../tenancy/arguments.ts'
import { withSettings } from '../tenancy/query-settings.ts'
import type { Scope } from '../tenancy/scope.ts'
import { searchSettings, toEmbedding } from '../vector/similarity-search.ts'
import type { VectorInput } from '../vector/vector.ts'
import { chunkColumns } from './document-chunk.ts'
import type { DocumentChunk } from './document-chunk.ts'
import { checkDocumentId, checkModel, documentDimension } from './document-input.ts'

/** What both searches take. */
export interface ChunkSearch {
  /** Only these documents (default: all of the organization). */
  readonly documentIds?: readonly string[]
  /** Rows at most, 1 to 1,000 (default 10). */
  readonly limit?: number
}

/** A search by vector. */
export interface SimilarChunkSearch extends ChunkSearch {
  /** 1,536 finite numbers, of the model that embedded the chunks. */
  readonly embedding: VectorInput
  /** Only chunks that this model has embedded. */
  readonly embeddingModel?: string
  /** -1 to 1. */
  readonly minSimilarity?: number
}

/** A search by words. */
export interface ChunkTextSearch extends ChunkSearch {
  /** A question, or any text of up to 8,192 characters. */
  readonly text: string
}

/** A chunk and its cosine similarity to what was searched for: 1 = same direction, 0 = unrelated, -1 = opposite. */
export type SimilarChunk = DocumentChunk & { readonly similarity: number }

/** A chunk and how well its words fit; the ranks of two searches cannot be compared. */
export type RankedChunk = DocumentChunk & { readonly rank: number }

/** Finds the chunks nearest to a vector, most similar first. */
export async function searchSimilarChunks(
  { db, orgId }: Scope<DB>,
  search: SimilarChunkSearch,
): Promise<SimilarChunk[]> {
  const { documentIds, limit } = checkSearch(search)
  const model = checkModel(search.embeddingModel)
  const distance = sql<number>`embedding <=> ${toEmbedding(search.embedding, documentDimension)}`
  let nearest = db
    .selectFrom('ibex_core.rag_documents as chunk')
    .select(chunkColumns)
    .select(distance.as('distance'))
    .where('org_id', '=', orgId)
    .where('embedding', 'is not', null)
    .orderBy(distance)
    .limit(limit)
  if (documentIds !== null) nearest = nearest.where(sql<SqlBool>`document_id = any(${documentIds})`)
  if (model !== undefined) nearest = nearest.where('embedding_model', '=', model)
  // the index may return the rows slightly out of order
  let sorted = db.selectFrom(nearest.as('nearest')).selectAll().orderBy('distance').orderBy('id')
  // outside of the limit: within, it would make the index read on in vain for rows that are nearer than the nearest
  if (search.minSimilarity !== undefined)
    sorted = sorted.where('distance', '<=', 1 - checkSimilarity(search.minSimilarity))
  const { rows } = await db.executeQuery(withSettings(sorted.compile(), searchSettings(limit)))
  return rows.map(({ distance: cosineDistance, ...chunk }) =>
    Object.assign(chunk, { similarity: 1 - cosineDistance }),
  )
}

/** Finds the chunks that hold any word of a text, best first. */
export async function searchChunksByText(
  { db, orgId }: Scope<DB>,
  search: ChunkTextSearch,
): Promise<RankedChunk[]> {
  const { documentIds, limit } = checkSearch(search)
  const text = checkFilledText('text', search.text, 8_192)
  const found = sql<{
    id: string
    rank: number
  }>`ibex_core.search_rag_documents(${text}, ${documentIds}, ${limit})`
  return await db
    .selectFrom(found.as('found'))
    .innerJoin('ibex_core.rag_documents as chunk', 'chunk.id', 'found.id')
    .select(chunkColumns)
    .select('found.rank')
    .where('chunk.org_id', '=', orgId)
    .orderBy('found.rank', 'desc')
    .orderBy('chunk.id')
    .execute()
}

function checkSearch({ documentIds, limit = 10 }: ChunkSearch): {
  readonly documentIds: readonly string[] | null
  readonly limit: number
} {
  if (documentIds !== undefined && !Array.isArray(documentIds))
    throw new InvalidArgumentError('documentIds', 'must be an array of texts')
  return {
    documentIds: documentIds?.map((id, index) => checkDocumentId(`documentIds[${index}]`, id)) ?? null,
    limit: checkWholeNumber('limit', limit, 1, 1_000),
  }
}

function checkSimilarity(similarity: number): number {
  if (typeof similarity === 'number' && similarity >= -1 && similarity <= 1) return similarity
  throw new InvalidArgumentError('minSimilarity', 'must be -1 to 1')
}
