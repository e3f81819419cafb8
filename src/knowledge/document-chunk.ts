/** A chunk of a document as it is read. */
import type { RagDocument } from '../../types/database.d.ts'

/** A chunk without its embedding and its index of words: both are large, and what reads a chunk has no use for them. */
export type DocumentChunk = Omit<RagDocument, 'embedding' | 'search_vector'>

/** The columns of a {@link DocumentChunk}, of the table under the name `chunk`. */
export const chunkColumns: readonly `chunk.${keyof DocumentChunk}`[] = [
  'chunk.org_id',
  'chunk.id',
  'chunk.document_id',
  'chunk.chunk_index',
  'chunk.total_chunks',
  'chunk.source_path',
  'chunk.content',
  'chunk.content_hash',
  'chunk.embedding_model',
  'chunk.metadata',
  'chunk.created_at',
  'chunk.updated_at',
]
