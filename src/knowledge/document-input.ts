/** A document as it is handed in, and what became of it after the checks. */
import { hash } from 'node:crypto'
import type { JsonObject } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkFilledText, checkObject, isPlainObject } from '../tenancy/arguments.ts'
import { toEmbedding } from '../vector/similarity-search.ts'
import type { Vector, VectorInput } from '../vector/vector.ts'

/** The dimension of `rag_documents.embedding`. */
export const documentDimension = 1_536

/** A document to ingest: what it is to consist of from now on. */
export interface DocumentInput {
  /** The document as the service calls it: 1 to 100 characters. */
  readonly documentId: string
  /** Where it comes from: 1 to 500 characters. */
  readonly sourcePath?: string | null
  /** What every chunk carries. */
  readonly metadata?: JsonObject
  /**
   * The model of the embeddings: vectors of two models cannot be compared. When it is given, an embedding of another model
   * is not kept.
   */
  readonly embeddingModel?: string
  /** At least one. */
  readonly chunks: readonly ChunkInput[]
}

/** A chunk of a document to ingest. */
export interface ChunkInput {
  /** 1 to 100,000 characters. */
  readonly content: string
  /** 1,536 finite numbers, not all zero. Without it the chunk gets what the document has of the same content, or none yet. */
  readonly embedding?: VectorInput | null
  /** Laid over the document's, key by key. */
  readonly metadata?: JsonObject
}

/** A document that passed every check. */
export interface CheckedDocument {
  readonly documentId: string
  readonly sourcePath: string | null
  readonly embeddingModel: string | undefined
  readonly chunks: readonly CheckedChunk[]
}

/** A chunk that passed every check. */
export interface CheckedChunk {
  readonly content: string
  readonly contentHash: string
  readonly embedding: Vector<typeof documentDimension> | null
  readonly metadata: JsonObject
}

/**
 * Checks a document.
 *
 * @throws {InvalidArgumentError} when it has no chunk, or a text or metadata is not what it must be.
 * @throws {InvalidVectorError} when an embedding has another dimension, is not finite, or is all zeros.
 */
export function checkDocument(input: DocumentInput): CheckedDocument {
  const { documentId, sourcePath = null, metadata = {}, embeddingModel, chunks } = input
  if (!Array.isArray(chunks) || chunks.length === 0)
    throw new InvalidArgumentError(
      'chunks',
      'must hold at least one: to remove a document, call deleteDocument',
    )
  const common = checkObject('metadata', metadata)
  return {
    documentId: checkDocumentId('documentId', documentId),
    sourcePath: sourcePath === null ? null : checkFilledText('sourcePath', sourcePath, 500),
    embeddingModel: checkModel(embeddingModel),
    chunks: input.chunks.map((chunk, index) => checkChunk(chunk, index, common)),
  }
}

/** @throws {InvalidArgumentError} when the id is blank or longer than 100 characters. */
export function checkDocumentId(name: string, documentId: unknown): string {
  return checkFilledText(name, documentId, 100)
}

/** @throws {InvalidArgumentError} when the content is blank or longer than 100,000 characters. */
export function checkContent(name: string, content: unknown): string {
  return checkFilledText(name, content, 100_000)
}

/** @throws {InvalidArgumentError} when the name of the model is given, and blank or longer than 255 characters. */
export function checkModel(embeddingModel: string | undefined): string | undefined {
  return embeddingModel === undefined ? undefined : checkFilledText('embeddingModel', embeddingModel, 255)
}

/** The SHA-256 of a chunk's content as it is, in 64 hexadecimal digits. */
export function chunkHash(content: string): string {
  return hash('sha256', content, 'hex')
}

function checkChunk(chunk: ChunkInput, index: number, common: JsonObject): CheckedChunk {
  if (!isPlainObject(chunk)) throw new InvalidArgumentError(`chunks[${index}]`, 'must be an object')
  const content = checkContent(`chunks[${index}].content`, chunk.content)
  const { embedding = null, metadata = {} } = chunk
  return {
    content,
    contentHash: chunkHash(content),
    embedding: embedding === null ? null : toEmbedding(embedding, documentDimension),
    metadata: { ...common, ...checkObject(`chunks[${index}].metadata`, metadata) },
  }
}
