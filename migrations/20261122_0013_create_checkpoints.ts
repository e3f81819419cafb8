import type { Kysely } from 'kysely'
import { counter, jsonObject, sha256 } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'

/** Creates the checkpoints of sessions. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.checkpoints', {
    comment: 'What happened in a turn of a session, and what a resume needs. Append-only.',
    appendOnly: true,
    columns: {
      session_id: { type: 'uuid' },
      agent_id: { type: 'uuid' },
      turn_index: { type: 'integer', check: (turn) => `${turn} >= 0`, comment: 'Counts from 0 per session.' },
      request_id: { type: 'text', optional: true },
      messages_hash: sha256({ optional: true, comment: 'SHA-256 of the messages that were sent.' }),
      completion_hash: sha256({ optional: true, comment: 'SHA-256 of the answer.' }),
      input_tokens: counter(),
      output_tokens: counter(),
      model: { type: 'text', optional: true },
      provider: { type: 'text', optional: true },
      latency_ms: { type: 'integer', optional: true, check: (latency) => `${latency} >= 0` },
      provider_request_id: { type: 'text', optional: true },
      is_streaming: { type: 'boolean', default: 'false' },
      is_complete: { type: 'boolean', default: 'true', comment: 'False when the answer broke off.' },
      state: jsonObject({}, { comment: 'What a resume from this turn needs.' }),
    },
    unique: [['session_id', 'turn_index']],
    references: [
      { columns: ['session_id'], table: 'ibex_core.sessions', onDelete: 'cascade', index: false },
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade' },
    ],
  })
}

/** Drops the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.checkpoints').execute()
}
