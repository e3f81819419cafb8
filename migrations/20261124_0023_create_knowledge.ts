import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { jsonObject, sha256, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { createSearchFunction, dropSearchFunction } from '../src/migration/search-function.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'

const partitions = 16

/** Creates the documents of the knowledge base, in 16 partitions so that each tenant searches a small index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.rag_documents', {
    comment: 'A chunk of a document that agents look things up in.',
    partitions,
    columns: {
      document_id: textOfLength(1, 100, {
        comment: 'The document that the chunk is of, as the service calls it.',
      }),
      chunk_index: { type: 'integer', default: '0', comment: 'Counts from 0 per document.' },
      total_chunks: { type: 'integer', default: '1', comment: 'How many chunks the document has.' },
      source_path: textOfLength(1, 500, { optional: true, comment: 'Where the document comes from.' }),
      // a tsvector has room for 1 MB: a longer text would fail with an error about its words
      content: textOfLength(1, 100_000),
      content_hash: sha256({ comment: 'SHA-256 of the content in 64 hexadecimal digits.' }),
      embedding: { type: 'vector(1536)', optional: true, comment: 'Null until the chunk is embedded.' },
      embedding_model: { type: 'text', optional: true, comment: 'The model that made the embedding.' },
      search_vector: {
        type: 'tsvector',
        generated: "to_tsvector('pg_catalog.english', content)",
        comment: 'The words of the content, for text search.',
      },
      metadata: jsonObject(),
    },
    unique: [['document_id', 'chunk_index']],
    checks: [
      {
        columns: ['chunk_index', 'total_chunks'],
        condition: 'chunk_index >= 0 and chunk_index < total_chunks',
      },
    ],
  })
  await createTenantIndex(db, 'ibex_core.rag_documents', {
    columns: [{ name: 'embedding', expression: 'embedding vector_cosine_ops' }],
    using: 'hnsw',
  })
  await createTenantIndex(db, 'ibex_core.rag_documents', { columns: ['search_vector'], using: 'gin' })
  await createTenantIndex(db, 'ibex_core.rag_documents', {
    columns: ['created_at', 'id'],
    where: 'embedding is null',
  })
  await keepUpdatesFromIndexes(db)
  await createAnyWord(db)
  await createDocumentSearch(db)
}

/** Drops the search and the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await dropSearchFunction(db, 'ibex_core.search_rag_documents', 'ibex_core.rag_documents')
  await sql`drop function ibex_core.any_word(text)`.execute(db)
  await db.schema.dropTable('ibex_core.rag_documents').execute()
}

/**
 * Leaves room in each page, and keeps the words uncompressed.
 *
 * A chunk more changes `total_chunks` of the whole document. A row that finds no room in its page, or whose words are not
 * stored byte for byte as before (compressed ones are not), is put into every index again, the vector index included: that
 * costs milliseconds a row (measured for 300 chunks of 2,000 characters: 1.3 s, and 0.4 s without).
 */
async function keepUpdatesFromIndexes(db: Kysely<unknown>): Promise<void> {
  await sql`alter table ibex_core.rag_documents alter column search_vector set storage main`.execute(db)
  for (let number = 0; number < partitions; number += 1) {
    const partition = sql.table(`ibex_core.rag_documents_p${String(number).padStart(2, '0')}`)
    await sql`alter table ${partition} set (fillfactor = 50)`.execute(db)
  }
}

async function createAnyWord(db: Kysely<unknown>): Promise<void> {
  // a RETURN body is bound to pg_catalog here and now, so no search path can change what it calls
  await sql`create function ibex_core.any_word(query text) returns tsquery language sql immutable strict parallel safe
    return (select string_agg('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''', ' | ')::tsquery
      from unnest(to_tsvector('pg_catalog.english', query)))`.execute(db)
  await describeFunction(
    db,
    'ibex_core.any_word(text)',
    'The query for any of the words of a text; null when it has none but stop words.',
  )
  await sql`grant execute on function ibex_core.any_word(text) to ibex_search`.execute(db)
}

async function createDocumentSearch(db: Kysely<unknown>): Promise<void> {
  await createSearchFunction(db, 'ibex_core.search_rag_documents', {
    table: 'ibex_core.rag_documents',
    columns: ['org_id', 'id', 'document_id', 'search_vector'],
    parameters: 'query text, any_document text[], most integer',
    // ts_rank adds less for each repetition, and 16 divides by the logarithm of the number of different words. Measured on
    // conversations with questions about them, recall@10: .44, without 16 .24, ts_rank_cd at its best .30; of texts of 40 to
    // 1,200 characters the one looked for, mean reciprocal rank: .21, with 1 | 16, which prefers the shortest, .03
    query: `select chunk.id, ts_rank(chunk.search_vector, ibex_core.any_word(query), 16)
    from ibex_core.rag_documents as chunk
    where chunk.org_id = tenant and chunk.search_vector @@ ibex_core.any_word(query)
      and (any_document is null or chunk.document_id = any (any_document))
    order by 2 desc, 1 limit most`,
    comment: 'Finds the chunks of documents that hold any word of a text, best first.',
  })
}
