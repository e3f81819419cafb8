import type { Kysely } from 'kysely'
import { jsonObject, oneOf, textOfLength } from '../src/migration/columns.ts'
import type { Column } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'

/** Creates what agents and tools did, and the audit log. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createRoundTable(db)
  await createAgentExecutions(db)
  await createToolExecutions(db)
  await createTenantTable(db, 'ibex_core.audit_logs', {
    comment: 'Who did what. Append-only, and without foreign keys: it outlives what it names.',
    appendOnly: true,
    columns: {
      project_id: { type: 'uuid', optional: true },
      role_id: { type: 'uuid', optional: true },
      session_id: { type: 'uuid', optional: true },
      actor: { type: 'text', optional: true, comment: 'Who did it.' },
      provider: textOfLength(1, 50, { optional: true }),
      action: textOfLength(1, 50),
      query: { type: 'text', optional: true },
      model_version: textOfLength(1, 50, { optional: true }),
      metadata: jsonObject(),
    },
  })
  await createTenantIndex(db, 'ibex_core.audit_logs', { columns: ['created_at desc'] })
}

/** Drops the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('ibex_core.audit_logs').execute()
  await db.schema.dropTable('ibex_core.tool_executions').execute()
  await db.schema.dropTable('ibex_core.agent_executions').execute()
  await db.schema.dropTable('ibex_core.llm_round_table_results').execute()
}

const status: Column = oneOf(['running', 'completed', 'failed'], { value: 'running' })

const durationMs: Column = {
  type: 'integer',
  optional: true,
  check: (duration) => `${duration} >= 0`,
  comment: 'Milliseconds, measured by the database; null while it runs.',
}

async function createRoundTable(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.llm_round_table_results', {
    comment: 'Which of several language models answered a prompt best.',
    columns: {
      result_id: textOfLength(1, 100, { comment: 'As the service calls it; unique in the organization.' }),
      prompt: { type: 'text' },
      task_category: textOfLength(1, 50, { comment: 'Reasoning, creative, qa and the like.' }),
      winner_provider: textOfLength(1, 50),
      winner_response: { type: 'text' },
      participants: {
        type: 'jsonb',
        default: "'[]'",
        check: (column) => `jsonb_typeof(${column}) = 'array'`,
        comment: 'Everybody who took part, with scores.',
      },
      metadata: jsonObject(),
    },
    unique: [['result_id']],
  })
  await createTenantIndex(db, 'ibex_core.llm_round_table_results', {
    columns: ['task_category', 'winner_provider', 'created_at desc'],
    name: 'llm_round_table_results_org_id_task_category_winner_idx',
  })
}

async function createAgentExecutions(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.agent_executions', {
    comment: 'One run of an agent.',
    columns: {
      execution_id: textOfLength(1, 100, { comment: 'As the service calls it; unique in the organization.' }),
      agent_id: { type: 'uuid', optional: true },
      agent_name: textOfLength(1, 100, { comment: 'The name at that time: it outlives the agent.' }),
      prompt: { type: 'text' },
      status,
      result: { type: 'jsonb', optional: true },
      error_message: { type: 'text', optional: true },
      tokens_used: { type: 'integer', optional: true, check: (tokens) => `${tokens} >= 0` },
      duration_ms: durationMs,
      metadata: jsonObject(),
    },
    unique: [['execution_id']],
    references: [{ columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'set null' }],
  })
}

async function createToolExecutions(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.tool_executions', {
    comment: 'One call of a tool.',
    columns: {
      correlation_id: textOfLength(1, 100, { comment: 'What all calls of one request share.' }),
      tool_name: textOfLength(1, 100),
      agent_id: { type: 'uuid', optional: true },
      user_id: { type: 'uuid', optional: true },
      inputs: jsonObject(),
      output: { type: 'jsonb', optional: true },
      status,
      duration_ms: durationMs,
      error_message: { type: 'text', optional: true },
      metadata: jsonObject(),
    },
    references: [
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'set null' },
      { columns: ['user_id'], table: 'ibex_core.users', onDelete: 'set null' },
    ],
  })
  await createTenantIndex(db, 'ibex_core.tool_executions', { columns: ['correlation_id', 'created_at'] })
  await createTenantIndex(db, 'ibex_core.tool_executions', { columns: ['created_at', 'tool_name'] })
}
