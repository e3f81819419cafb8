import type { Kysely } from 'kysely'
import { jsonObject, sha256, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates the documents of the knowledge base, in 16 partitions so that each tenant searches a small index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.rag_documents', {
    comment: 'A chunk of a document that agents look things up in.',
    partitions: 16,
    columns: {
      document_id: textOfLength(1, 100, {
        comment: 'The document that the chunk is of, as the service calls it.',
      }),
      chunk_index: { type: 'integer', default: '0', comment: 'Counts from 0 per document.' },
      total_chunks: { type: 'integer', default: '1', comment: 'How many chunks the document has.' },
      source_path: textOfLength(1, 500, { optional: true, comment: 'Where the document comes from.' }),
      content: { type: 'text', check: (content) => `${content} <> ''` },
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
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.rag_documents').execute()
}
