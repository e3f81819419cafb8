import type { Kysely } from 'kysely'
import { jsonObject, oneOf, score, sha256, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates the memories, in 16 partitions so that each tenant searches a small index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memories', {
    comment: 'Something that an agent remembers.',
    softDelete: true,
    partitions: 16,
    columns: {
      agent_id: {
        type: 'uuid',
        optional: true,
        comment: 'Null for what all agents of the organization share.',
      },
      user_id: { type: 'uuid', optional: true, comment: 'The user whom it is about.' },
      session_id: { type: 'uuid', optional: true, comment: 'The session that it comes from.' },
      content: textOfLength(1, 8192),
      content_hash: sha256({ comment: 'SHA-256 of the normalised content in 64 hexadecimal digits.' }),
      embedding: { type: 'vector(384)' },
      embedding_model: {
        type: 'text',
        optional: true,
        comment: 'The model that made the embedding; null when the caller did not say.',
      },
      category: oneOf(['factual', 'preference', 'behavioral', 'episodic', 'procedural', 'identity']),
      source: oneOf(
        ['extracted', 'user_provided', 'imported', 'inferred', 'feedback', 'consolidated', 'system'],
        { value: 'extracted' },
      ),
      status: oneOf(['active', 'superseded', 'merged', 'archived', 'pending_review', 'disputed'], {
        value: 'active',
      }),
      tier: oneOf(['hot', 'warm', 'cold'], { value: 'warm' }),
      importance: {
        type: 'smallint',
        default: '5',
        check: (importance) => `${importance} between 1 and 10`,
        comment: '1 to 10.',
      },
      is_pinned: { type: 'boolean', default: 'false', comment: 'Always part of the context.' },
      subject: { type: 'text', optional: true, comment: 'Who or what it is about.' },
      confidence: score({ default: '0.8', comment: 'How sure its source was, 0 to 1.' }),
      superseded_by: { type: 'uuid', optional: true, comment: 'The memory that replaced it.' },
      merged_into: { type: 'uuid', optional: true, comment: 'The memory that took it in.' },
      source_message_ids: { type: 'uuid[]', default: "'{}'" },
      search_vector: {
        type: 'tsvector',
        generated: "to_tsvector('pg_catalog.english', content)",
        comment: 'The words of the content, for text search.',
      },
      expires_at: { type: 'timestamptz', optional: true },
      metadata: jsonObject(),
    },
    checks: [
      {
        columns: ['status', 'superseded_by'],
        condition: "not (status = 'active' and superseded_by is not null)",
      },
    ],
    references: [
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade', index: false },
      { columns: ['user_id'], table: 'ibex_core.users', onDelete: 'set null' },
      { columns: ['session_id'], table: 'ibex_core.sessions', onDelete: 'set null' },
      { columns: ['superseded_by'], table: 'ibex_core.memories', onDelete: 'set null' },
      { columns: ['merged_into'], table: 'ibex_core.memories', onDelete: 'set null' },
    ],
  })
  await createTenantIndex(db, 'ibex_core.memories', {
    columns: ['agent_id', 'content_hash'],
    where: "status = 'active' and deleted_at is null",
    unique: true,
    nullsNotDistinct: true,
  })
  await createTenantIndex(db, 'ibex_core.memories', { columns: ['agent_id', 'created_at desc'] })
  await createTenantIndex(db, 'ibex_core.memories', {
    columns: [{ name: 'embedding', expression: 'embedding vector_cosine_ops' }],
    using: 'hnsw',
  })
  await createTenantIndex(db, 'ibex_core.memories', { columns: ['search_vector'], using: 'gin' })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.memories').execute()
}
