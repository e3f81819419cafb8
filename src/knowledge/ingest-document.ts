/** Writes a document over what is stored of it, touching as few rows of the vector index as can be. */
import { sql } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { bulkInsertQuery, groupRows } from '../repository/bulk-insert.ts'
import { rowToInsert } from '../repository/column-values.ts'
import type { Scope } from '../tenancy/scope.ts'
import type { CheckedDocument } from './document-input.ts'
import { planIngest } from './plan-ingest.ts'
import type { IngestPlan, IngestResult, StoredChunk } from './plan-ingest.ts'

const table = tables['ibex_core.rag_documents']

/** Rows of a statement that carries embeddings: each is some 30 kB of text. */
export const rowsPerStatement = 500

/**
 * Waits until nobody else ingests or deletes the document, and keeps others waiting until the transaction ends.
 *
 * Locks on rows would not hold back the second who ingests a document that has none yet. What the first has committed is
 * seen by the statements after this one, not by this one.
 */
export async function lockDocument(scope: Scope<DB>, documentId: string): Promise<void> {
  const key = scope.scopeKey('document', documentId)
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(scope.db)
}

/** Makes the stored document the one that is given. Needs a transaction, and the lock on the document. */
export async function ingestDocument(scope: Scope<DB>, document: CheckedDocument): Promise<IngestResult> {
  const stored = await readStored(scope, document.documentId)
  const plan = planIngest(document, stored)
  // first, because the places that are read from may be overwritten by the other statements
  await copyEmbeddings(scope, document, plan)
  await writeChunks(scope, document, plan)
  await describeChunks(scope, document, plan)
  if (plan.counts.deleted > 0) await deleteFrom(scope, document)
  if (stored.some((chunk) => chunk.total_chunks !== document.chunks.length)) await recount(scope, document)
  return plan.counts
}

/** Deletes the stored document and tells how many chunks it had. Needs a transaction, and the lock on the document. */
export async function deleteStored({ db, orgId }: Scope<DB>, documentId: string): Promise<number> {
  // array(…) is evaluated first: it locks the rows in the order in which all lock them
  const { numAffectedRows = 0n } =
    await sql`delete from ibex_core.rag_documents where org_id = ${orgId} and id = any (array(
    select id from ibex_core.rag_documents where org_id = ${orgId} and document_id = ${documentId}
    order by chunk_index for update))`.execute(db)
  return Number(numAffectedRows)
}

/** Locks the rows too, in the order in which all lock them: embeddings may be set at the same moment. */
async function readStored({ db, orgId }: Scope<DB>, documentId: string): Promise<StoredChunk[]> {
  return await db
    .selectFrom('ibex_core.rag_documents')
    .select([
      'id',
      'chunk_index',
      'total_chunks',
      'source_path',
      'content_hash',
      'embedding_model',
      'metadata',
    ])
    .select(sql<boolean>`embedding is not null`.as('is_embedded'))
    .where('org_id', '=', orgId)
    .where('document_id', '=', documentId)
    .orderBy('chunk_index')
    .forUpdate()
    .execute()
}

/** An id stands for a content: with another content a place gets another id, and whoever embeds the old one misses it. */
const overwrite = sql`on conflict (org_id, document_id, chunk_index) do update set
  id = case when rag_documents.content_hash = excluded.content_hash then rag_documents.id else excluded.id end,
  created_at = case when rag_documents.content_hash = excluded.content_hash then rag_documents.created_at else excluded.created_at end,
  total_chunks = excluded.total_chunks, source_path = excluded.source_path, content = excluded.content,
  content_hash = excluded.content_hash, embedding = excluded.embedding, embedding_model = excluded.embedding_model,
  metadata = excluded.metadata`

async function copyEmbeddings(
  { db, orgId }: Scope<DB>,
  document: CheckedDocument,
  { copied }: IngestPlan,
): Promise<void> {
  if (copied.length === 0) return
  await sql`insert into ibex_core.rag_documents (org_id, document_id, chunk_index, total_chunks, source_path,
      content, content_hash, embedding, embedding_model, metadata)
    select source.org_id, source.document_id, place.chunk_index, ${document.chunks.length}::int, ${document.sourcePath}::text,
      source.content, source.content_hash, source.embedding, source.embedding_model, place.metadata
    from unnest(${copied.map(({ index }) => index)}::int[], ${copied.map(({ sourceId }) => sourceId)}::uuid[],
      ${copied.map(({ metadata }) => metadata)}::jsonb[]) as place (chunk_index, source_id, metadata)
    join ibex_core.rag_documents as source on source.org_id = ${orgId} and source.id = place.source_id
    order by place.chunk_index ${overwrite}`.execute(db)
}

async function writeChunks(
  { db, orgId }: Scope<DB>,
  document: CheckedDocument,
  { written }: IngestPlan,
): Promise<void> {
  const { documentId, sourcePath, embeddingModel, chunks } = document
  const rows = written.map(({ index, content, contentHash, embedding, metadata }) =>
    rowToInsert(
      table,
      {
        document_id: documentId,
        chunk_index: index,
        total_chunks: chunks.length,
        source_path: sourcePath,
        content,
        content_hash: contentHash,
        embedding,
        embedding_model: embedding === null ? null : (embeddingModel ?? null),
        metadata,
      },
      orgId,
    ),
  )
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    for (const group of groupRows(rows.slice(start, start + rowsPerStatement)))
      await bulkInsertQuery(table, group, { suffix: overwrite, returning: sql`id` }).execute(db)
  }
}

async function describeChunks(
  { db, orgId }: Scope<DB>,
  document: CheckedDocument,
  { described }: IngestPlan,
): Promise<void> {
  if (described.length === 0) return
  await sql`update ibex_core.rag_documents as chunk
    set total_chunks = ${document.chunks.length}, source_path = ${document.sourcePath}, metadata = place.metadata
    from unnest(${described.map(({ index }) => index)}::int[], ${described.map(({ metadata }) => metadata)}::jsonb[])
      as place (chunk_index, metadata)
    where chunk.org_id = ${orgId} and chunk.document_id = ${document.documentId}
      and chunk.chunk_index = place.chunk_index`.execute(db)
}

async function deleteFrom({ db, orgId }: Scope<DB>, { documentId, chunks }: CheckedDocument): Promise<void> {
  await db
    .deleteFrom('ibex_core.rag_documents')
    .where('org_id', '=', orgId)
    .where('document_id', '=', documentId)
    .where('chunk_index', '>=', chunks.length)
    .execute()
}

async function recount({ db, orgId }: Scope<DB>, { documentId, chunks }: CheckedDocument): Promise<void> {
  await db
    .updateTable('ibex_core.rag_documents')
    .set({ total_chunks: chunks.length })
    .where('org_id', '=', orgId)
    .where('document_id', '=', documentId)
    .where('total_chunks', '<>', chunks.length)
    .execute()
}
