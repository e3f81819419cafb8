import type { Kysely } from 'kysely'
import { addTenantColumn } from '../src/migration/add-tenant-column.ts'
import { counter, oneOf, textOfLength } from '../src/migration/columns.ts'
import type { Column } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { dropTenantColumn } from '../src/migration/drop-tenant-column.ts'
import { addTenantForeignKey } from '../src/migration/references.ts'

/** Completes sessions: their project, their messages and what was attached to them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await addTenantColumn(db, 'ibex_core.sessions', 'project_id', {
    type: 'uuid',
    optional: true,
    comment: 'The project that it is about.',
  })
  await addTenantForeignKey(db, 'ibex_core.sessions', {
    columns: ['project_id'],
    table: 'ibex_core.projects',
    onDelete: 'set null',
  })
  await createMessages(db)
  await createTenantTable(db, 'ibex_core.attachments', {
    comment: 'A file that came with a message; the file itself lies elsewhere.',
    columns: {
      message_id: { type: 'uuid' },
      filename: textOfLength(1, 255, { comment: 'The name that it is stored under.' }),
      original_filename: textOfLength(1, 255, { comment: 'The name that the user gave it.' }),
      file_type: oneOf(['image', 'document', 'data']),
      mime_type: textOfLength(1, 100),
      file_size: { type: 'bigint', check: (size) => `${size} >= 0`, comment: 'Bytes.' },
      file_path: textOfLength(1, 500),
      uploaded_at: { type: 'timestamptz', default: 'now()' },
    },
    references: [{ columns: ['message_id'], table: 'ibex_core.messages', onDelete: 'cascade' }],
  })
}

/** Drops the tables and the column. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.attachments').execute()
  await db.schema.dropTable('ibex_core.messages').execute()
  await dropTenantColumn(db, 'ibex_core.sessions', 'project_id')
}

const jsonArray: Column = {
  type: 'jsonb',
  optional: true,
  check: (column) => `jsonb_typeof(${column}) = 'array'`,
}

async function createMessages(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.messages', {
    comment: 'What was said in a session, or a summary of it.',
    softDelete: true,
    columns: {
      session_id: { type: 'uuid' },
      seq: {
        type: 'integer',
        check: (seq) => `${seq} >= 1`,
        comment: 'Counts from 1 per session, without gaps.',
      },
      agent_id: { type: 'uuid', optional: true, comment: 'The agent that said it.' },
      role_id: { type: 'uuid', optional: true, comment: 'The persona that the agent had taken on.' },
      role: oneOf(['user', 'assistant', 'system', 'tool']),
      content: { type: 'text' },
      tool_calls: { ...jsonArray, comment: 'The tools that the assistant asked for.' },
      tool_results: { ...jsonArray, comment: 'What the tools answered.' },
      token_count: counter('integer', { comment: 'The tokens of the content, as the model counts them.' }),
      model: { type: 'text', optional: true },
      is_summary: { type: 'boolean', default: 'false', comment: 'It stands for the messages before it.' },
      is_ai_to_ai: { type: 'boolean', default: 'false', comment: 'One agent said it to another.' },
      feedback_rating: oneOf(['positive', 'negative'], { optional: true }),
      feedback_comment: { type: 'text', optional: true },
    },
    unique: [['session_id', 'seq']],
    references: [
      { columns: ['session_id'], table: 'ibex_core.sessions', onDelete: 'cascade', index: false },
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'set null' },
      { columns: ['role_id'], table: 'ibex_core.roles', onDelete: 'set null' },
    ],
  })
}
