/** Decides what becomes of each chunk of a document that is ingested over what is stored of it. */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../types/database.d.ts'
import type { CheckedChunk, CheckedDocument } from './document-input.ts'

/** What a decision needs to know of a stored chunk. */
export interface StoredChunk {
  readonly id: string
  readonly chunk_index: number
  readonly total_chunks: number
  readonly source_path: string | null
  readonly content_hash: string
  readonly is_embedded: boolean
  readonly embedding_model: string | null
  readonly metadata: JsonObject
}

/** A chunk and its place in the document. */
export interface PlacedChunk extends CheckedChunk {
  readonly index: number
}

/** What to write. */
export interface IngestPlan {
  /** Places whose content the document has with a usable embedding: to be copied before anything is overwritten. */
  readonly copied: readonly (PlacedChunk & { readonly sourceId: string })[]
  /** Places that get what was handed in. */
  readonly written: readonly PlacedChunk[]
  /** Places that keep content and embedding, and get another path or other metadata. */
  readonly described: readonly PlacedChunk[]
  readonly counts: IngestResult
}

/** How many chunks an ingest has put where none was, has changed, has left as they were, and has removed. */
export interface IngestResult {
  readonly inserted: number
  readonly updated: number
  readonly unchanged: number
  readonly deleted: number
}

/**
 * Compares a document with what is stored of it, by the hash of each content.
 *
 * A place with the same content keeps its embedding; a content that has moved to another place takes it along.
 */
export function planIngest(document: CheckedDocument, stored: readonly StoredChunk[]): IngestPlan {
  const { chunks, embeddingModel, sourcePath } = document
  const byIndex = new Map(stored.map((chunk) => [chunk.chunk_index, chunk]))
  const sources = new Map(
    stored
      .filter(({ is_embedded, embedding_model }) => is_embedded && fits(embedding_model, embeddingModel))
      .map(({ content_hash, id }) => [content_hash, id]),
  )
  const copied: (PlacedChunk & { readonly sourceId: string })[] = []
  const written: PlacedChunk[] = []
  const described: PlacedChunk[] = []
  for (const [index, chunk] of chunks.entries()) {
    const place = byIndex.get(index)
    const sourceId = chunk.embedding === null ? sources.get(chunk.contentHash) : undefined
    if (place !== undefined && keeps(place, chunk, { embeddingModel, sourceId })) {
      if (!isDescribed(place, sourcePath, chunk)) described.push({ ...chunk, index })
    } else if (sourceId === undefined) written.push({ ...chunk, index })
    else copied.push({ ...chunk, index, sourceId })
  }
  const changed = [...copied, ...written, ...described]
  return { copied, written, described, counts: countChanges(chunks.length, changed, byIndex) }
}

function countChanges(
  length: number,
  changed: readonly PlacedChunk[],
  stored: ReadonlyMap<number, StoredChunk>,
): IngestResult {
  const inserted = changed.filter(({ index }) => !stored.has(index)).length
  return {
    inserted,
    updated: changed.length - inserted,
    unchanged: length - changed.length,
    deleted: [...stored.keys()].filter((index) => index >= length).length,
  }
}

/** Without a model to hold it against, any embedding of the same content will do. */
function fits(model: string | null, wanted: string | undefined): boolean {
  return wanted === undefined || model === wanted
}

/** Tells whether a place keeps its content and its embedding, or that it has none. */
function keeps(
  place: StoredChunk,
  chunk: CheckedChunk,
  {
    embeddingModel,
    sourceId,
  }: { readonly embeddingModel: string | undefined; readonly sourceId: string | undefined },
): boolean {
  if (place.content_hash !== chunk.contentHash) return false
  if (!place.is_embedded) return chunk.embedding === null && sourceId === undefined
  // an embedding that comes without its model is no other than one that came without
  return chunk.embedding === null
    ? fits(place.embedding_model, embeddingModel)
    : place.embedding_model === (embeddingModel ?? null)
}

function isDescribed(place: StoredChunk, sourcePath: string | null, { metadata }: CheckedChunk): boolean {
  // as JSON, for undefined and dates are not what comes back
  const given: unknown = JSON.parse(JSON.stringify(metadata))
  return place.source_path === sourcePath && isDeepStrictEqual(place.metadata, given)
}
