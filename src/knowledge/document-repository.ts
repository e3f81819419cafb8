/** The documents that agents look things up in. */
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Page } from '../repository/row-types.ts'
import { checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { chunkColumns } from './document-chunk.ts'
import type { DocumentChunk } from './document-chunk.ts'
import { checkContent, checkDocument, checkDocumentId, checkModel, chunkHash } from './document-input.ts'
import type { DocumentInput } from './document-input.ts'
import { deleteStored, ingestDocument, lockDocument } from './ingest-document.ts'
import { listDocuments } from './list-documents.ts'
import type { DocumentSummary } from './list-documents.ts'
import type { IngestResult } from './plan-ingest.ts'
import { searchChunksByText, searchSimilarChunks } from './search-chunks.ts'
import type { ChunkTextSearch, RankedChunk, SimilarChunk, SimilarChunkSearch } from './search-chunks.ts'
import { checkEmbeddings, setEmbeddings } from './set-embeddings.ts'
import type { ChunkEmbedding } from './set-embeddings.ts'

/** The model of embeddings. */
export interface EmbeddingModelOption {
  /** Its name: 1 to 255 characters. */
  readonly embeddingModel?: string
}

/** What page of the documents to read. */
export interface DocumentListOptions {
  /** Documents of a page, 1 to 10,000 (default 50). */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly after?: string
}

/** Ingests, embeds, finds and deletes documents; a row is a chunk of one. */
export class DocumentRepository extends BaseRepository<DB, 'ibex_core.rag_documents'> {
  protected override readonly isPartitioned = true

  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.rag_documents'])
  }

  /**
   * Makes a document consist of these chunks, all or nothing, and tells what that has changed.
   *
   * What is there already is not written again: a chunk with the same content at the same place keeps its row and its
   * embedding, and a content that has moved takes its embedding along. Only what {@link chunksToEmbed} names needs one:
   *
   * ```ts
   * const chunks: ChunkInput[] = contents.map((content) => ({ content }))
   * for (const index of await tenant.documents.chunksToEmbed('handbook', contents, { embeddingModel }))
   *   chunks[index] = { content: contents[index], embedding: await embed(contents[index]) }
   * await tenant.documents.ingest({ documentId: 'handbook', embeddingModel, chunks })
   * ```
   *
   * A chunk without an embedding is found by its words at once, and by vector once {@link setEmbeddings} has given it one. Of
   * two who ingest the same document at once the second waits for the first, and its document stays. An id stands for a
   * content: a place that gets another content gets another id.
   *
   * @throws {InvalidArgumentError} when there is no chunk, a text is blank or too long, or metadata is no object.
   * @throws {InvalidVectorError} when an embedding is not 1,536 finite numbers, or all zeros.
   */
  async ingest(input: DocumentInput): Promise<IngestResult> {
    const document = checkDocument(input)
    return await this.scope.atomically(async (scope) => {
      await lockDocument(scope, document.documentId)
      return await ingestDocument(scope, document)
    })
  }

  /**
   * Tells which of these contents need an embedding before an ingest: the indexes of those that the document does not have
   * with one, of this model where one is given.
   *
   * @throws {InvalidArgumentError} when a text is blank or too long.
   */
  async chunksToEmbed(
    documentId: string,
    contents: readonly string[],
    { embeddingModel }: EmbeddingModelOption = {},
  ): Promise<number[]> {
    if (!Array.isArray(contents)) throw new InvalidArgumentError('contents', 'must be an array of texts')
    const hashes = contents.map((content, index) => chunkHash(checkContent(`contents[${index}]`, content)))
    const model = checkModel(embeddingModel)
    let query = this.selectQuery()
      .select('content_hash')
      .where('document_id', '=', checkDocumentId('documentId', documentId))
      .where('embedding', 'is not', null)
    if (model !== undefined) query = query.where('embedding_model', '=', model)
    const embedded = new Set((await query.execute()).map((row) => row.content_hash))
    return hashes.flatMap((contentHash, index) => (embedded.has(contentHash) ? [] : [index]))
  }

  /**
   * Finds the chunks nearest to a vector, most similar first.
   *
   * The HNSW index of the tenant's partition is read on until enough rows pass the filters (iterative scan), so a small
   * tenant beside a large one still gets `limit` rows.
   *
   * ```sql
   * select …, embedding <=> $1 as "distance" from "ibex_core"."rag_documents" as "chunk"
   * where "org_id" = $2 and "embedding" is not null and … order by embedding <=> $1 limit $3
   * ```
   *
   * @throws {InvalidArgumentError} when the limit, the similarity or the id of a document is not what it should be.
   * @throws {InvalidVectorError} when the embedding is not 1,536 finite numbers, or all zeros.
   */
  async searchSimilar(search: SimilarChunkSearch): Promise<SimilarChunk[]> {
    return await searchSimilarChunks(this.scope, search)
  }

  /**
   * Finds the chunks that hold any word of a text, in any form, best first.
   *
   * Several of its words count for more than one of them many times, and a chunk does not win by its length. A text of
   * nothing but stop words (`what is it?`) finds none. Every chunk with one of the words is looked at to find the best: of
   * words that 20,000 chunks hold, that takes some 0.2 s.
   *
   * ```sql
   * select …, "found"."rank" from ibex_core.search_rag_documents($1, $2, $3) as "found"
   * inner join "ibex_core"."rag_documents" as "chunk" on "chunk"."id" = "found"."id" where "chunk"."org_id" = $4 …
   * ```
   *
   * @throws {InvalidArgumentError} when the text is blank or longer than 8,192 characters, or the limit or the id of a
   *   document is not what it should be.
   */
  async searchText(search: ChunkTextSearch): Promise<RankedChunk[]> {
    return await searchChunksByText(this.scope, search)
  }

  /**
   * Reads one page of the tenant's documents, by id; pass `nextCursor` as `after` for the next one.
   *
   * @throws {InvalidArgumentError} when the limit is not a whole number of 1 to 10,000, or `after` no id of a document.
   */
  async list({ limit = 50, after }: DocumentListOptions = {}): Promise<Page<DocumentSummary>> {
    checkWholeNumber('limit', limit, 1, 10_000)
    const from = after === undefined ? undefined : checkDocumentId('after', after)
    const documents = await listDocuments(this.scope, { limit: limit + 1, after: from })
    const rows = documents.slice(0, limit)
    return { rows, nextCursor: documents.length > limit ? rows.at(-1)?.document_id : undefined }
  }

  /** Reads the chunks of a document in their order: none when the tenant has no such document. */
  async chunks(documentId: string): Promise<DocumentChunk[]> {
    return await this.scope.db
      .selectFrom('ibex_core.rag_documents as chunk')
      .select(chunkColumns)
      .where('org_id', '=', this.scope.orgId)
      .where('document_id', '=', checkDocumentId('documentId', documentId))
      .orderBy('chunk_index')
      .execute()
  }

  /** Deletes a document for good and tells how many chunks it had: 0 when the tenant has no such document. */
  async deleteDocument(documentId: string): Promise<number> {
    const id = checkDocumentId('documentId', documentId)
    return await this.scope.atomically(async (scope) => {
      await lockDocument(scope, id)
      return await deleteStored(scope, id)
    })
  }

  /**
   * Reads the chunks that have no embedding yet, oldest first: a queue that {@link setEmbeddings} empties.
   *
   * Two who read it at the same moment get the same chunks.
   *
   * @throws {InvalidArgumentError} when the limit is not a whole number of 1 to 10,000.
   */
  async unembedded({ limit = 100 }: { readonly limit?: number } = {}): Promise<DocumentChunk[]> {
    return await this.scope.db
      .selectFrom('ibex_core.rag_documents as chunk')
      .select(chunkColumns)
      .where('org_id', '=', this.scope.orgId)
      .where('embedding', 'is', null)
      .orderBy('created_at')
      .orderBy('id')
      .limit(checkWholeNumber('limit', limit, 1, 10_000))
      .execute()
  }

  /**
   * Sets the embeddings of chunks, all or none, and tells how many of the chunks there still were.
   *
   * A chunk that was deleted meanwhile, or whose place has got another content, is passed over: its id is gone.
   *
   * @throws {InvalidArgumentError} when an id is no uuid, or comes twice.
   * @throws {InvalidVectorError} when an embedding is not 1,536 finite numbers, or all zeros.
   */
  async setEmbeddings(
    embeddings: readonly ChunkEmbedding[],
    { embeddingModel }: EmbeddingModelOption = {},
  ): Promise<number> {
    const checked = checkEmbeddings(embeddings)
    const model = checkModel(embeddingModel) ?? null
    if (checked.length === 0) return 0
    return await this.scope.atomically(async (scope) => await setEmbeddings(scope, checked, model))
  }
}
