/** Reads what documents there are, from the chunks that they consist of. */
import { sql } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import type { Scope } from '../tenancy/scope.ts'

/** A document, summed up from its chunks. */
export interface DocumentSummary {
  readonly document_id: string
  readonly source_path: string | null
  readonly chunk_count: number
  /** How many of them have an embedding. */
  readonly embedded_count: number
  /** When one of them last really changed. */
  readonly updated_at: Date
}

/**
 * Reads the first documents after one, by id.
 *
 * From one document it goes to the next in the index, over the chunks between: `distinct` would read every chunk of the tenant.
 */
export async function listDocuments(
  { db, orgId }: Scope<DB>,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<DocumentSummary[]> {
  const isAfter = after === undefined ? sql`true` : sql`document_id > ${after}`
  const { rows } = await sql<DocumentSummary>`with recursive document as (
      (select document_id from ibex_core.rag_documents where org_id = ${orgId} and ${isAfter}
        order by document_id limit 1)
      union all
      select (select chunk.document_id from ibex_core.rag_documents as chunk
        where chunk.org_id = ${orgId} and chunk.document_id > document.document_id order by chunk.document_id limit 1)
      from document where document_id is not null
    )
    select document_id, chunks.*
    from (select document_id from document where document_id is not null limit ${limit}) as document
    cross join lateral (
      select min(source_path) as source_path, count(*)::int as chunk_count, count(embedding)::int as embedded_count,
        max(updated_at) as updated_at
      from ibex_core.rag_documents as chunk where chunk.org_id = ${orgId} and chunk.document_id = document.document_id
    ) as chunks
    order by document_id`.execute(db)
  return rows
}
