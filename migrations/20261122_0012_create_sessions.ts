import type { Kysely } from 'kysely'
import { counter, jsonObject, oneOf } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates the conversations. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.sessions', {
    comment: 'A conversation with an agent.',
    softDelete: true,
    columns: {
      agent_id: { type: 'uuid' },
      user_id: { type: 'uuid', optional: true, comment: 'The user who owns the session.' },
      directive_version_id: {
        type: 'uuid',
        optional: true,
        comment: 'The instructions that the agent followed.',
      },
      external_id: {
        type: 'text',
        optional: true,
        comment: 'The id that the caller knows it by; unique per agent.',
      },
      title: { type: 'text', optional: true },
      status: oneOf(['active', 'idle', 'completed', 'abandoned', 'error'], { value: 'active' }),
      model: { type: 'text', optional: true },
      provider: { type: 'text', optional: true },
      turn_count: counter(),
      message_count: counter(),
      total_input_tokens: counter('bigint'),
      total_output_tokens: counter('bigint'),
      total_latency_ms: counter('bigint'),
      last_extracted_turn: counter('integer', {
        comment: 'Memories were extracted from the turns up to this one.',
      }),
      summary: { type: 'text', optional: true },
      metadata: jsonObject(),
      last_message_at: { type: 'timestamptz', optional: true },
      completed_at: { type: 'timestamptz', optional: true },
    },
    unique: [['agent_id', 'external_id']],
    references: [
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade', index: false },
      { columns: ['user_id'], table: 'ibex_core.users', onDelete: 'set null' },
      { columns: ['directive_version_id'], table: 'ibex_core.directive_versions', onDelete: 'set null' },
    ],
  })
  // an agent's sessions, newest first
  await createTenantIndex(db, 'ibex_core.sessions', { columns: ['agent_id', 'created_at desc'] })
  // the idle sweep
  await createTenantIndex(db, 'ibex_core.sessions', {
    columns: ['status', 'last_message_at'],
    where: 'deleted_at is null',
  })
  // the extraction queue
  await createTenantIndex(db, 'ibex_core.sessions', {
    columns: ['completed_at'],
    where: "status = 'completed' and last_extracted_turn < turn_count and deleted_at is null",
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.sessions').execute()
}
