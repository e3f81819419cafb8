/** Gives chunks their embeddings after they were ingested. */
import { sql } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkUuid } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { toEmbedding } from '../vector/similarity-search.ts'
import type { Vector, VectorInput } from '../vector/vector.ts'
import { documentDimension } from './document-input.ts'
import { rowsPerStatement } from './ingest-document.ts'

/** The embedding of a chunk. */
export interface ChunkEmbedding {
  readonly id: string
  /** 1,536 finite numbers, not all zero. */
  readonly embedding: VectorInput
}

/** A chunk's id and its checked embedding. */
type CheckedEmbedding = readonly [id: string, embedding: Vector<typeof documentDimension>]

/**
 * Checks the embeddings.
 *
 * @throws {InvalidArgumentError} when an id is no uuid, or comes twice.
 * @throws {InvalidVectorError} when an embedding has another dimension, is not finite, or is all zeros.
 */
export function checkEmbeddings(embeddings: readonly ChunkEmbedding[]): readonly CheckedEmbedding[] {
  const checked = new Map<string, CheckedEmbedding[1]>()
  for (const [index, { id, embedding }] of embeddings.entries()) {
    const key = checkUuid(`embeddings[${index}].id`, id).toLowerCase()
    if (checked.has(key)) throw new InvalidArgumentError(`embeddings[${index}].id`, 'names a chunk again')
    checked.set(key, toEmbedding(embedding, documentDimension))
  }
  return [...checked]
}

/** Sets the embeddings and tells how many chunks there were. Needs a transaction. */
export async function setEmbeddings(
  { db, orgId }: Scope<DB>,
  embeddings: readonly CheckedEmbedding[],
  model: string | null,
): Promise<number> {
  let count = 0n
  for (let start = 0; start < embeddings.length; start += rowsPerStatement) {
    const batch = embeddings.slice(start, start + rowsPerStatement)
    const ids = batch.map(([id]) => id)
    // array(…) is evaluated first: it locks the rows in the order in which an ingest does, so that neither waits for the other
    const { numAffectedRows = 0n } = await sql`update ibex_core.rag_documents as chunk
      set embedding = given.embedding, embedding_model = ${model}
      from unnest(${ids}::uuid[], ${batch.map(([, embedding]) => embedding)}::vector(1536)[]) as given (id, embedding)
      where chunk.org_id = ${orgId} and chunk.id = given.id and chunk.id = any (array(
        select id from ibex_core.rag_documents where org_id = ${orgId} and id = any (${ids})
        order by document_id, chunk_index for update))`.execute(db)
    count += numAffectedRows
  }
  return Number(count)
}
