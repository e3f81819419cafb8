import { sql } from 'kysely'
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
  await createAuditLogs(db)
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
  // an integer overflows after 24 days, and a bigint arrives as a text, which nobody can compare with a limit
  type: 'double precision',
  optional: true,
  // NaN and Infinity are greater than every number
  check: (duration) => `${duration} >= 0 and ${duration} < 'Infinity'`,
  comment: 'Whole milliseconds, measured by the database; null while it runs.',
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
  await stampByClock(db, 'llm_round_table_results')
  // the results of a category, newest first
  await createTenantIndex(db, 'ibex_core.llm_round_table_results', {
    columns: ['task_category', 'created_at desc'],
  })
  // those that one model has won, and the count of wins, which needs nothing but this index
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
  await stampByClock(db, 'agent_executions')
  // newest first
  await createTenantIndex(db, 'ibex_core.agent_executions', { columns: ['created_at desc'] })
  await indexRunning(db, 'agent_executions')
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
  await stampByClock(db, 'tool_executions')
  await createTenantIndex(db, 'ibex_core.tool_executions', { columns: ['correlation_id', 'created_at'] })
  // the statistics of a range of days
  await createTenantIndex(db, 'ibex_core.tool_executions', { columns: ['created_at', 'tool_name'] })
  await indexRunning(db, 'tool_executions')
}

async function createAuditLogs(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.audit_logs', {
    comment: 'Who did what. Append-only, and without foreign keys: it outlives what it names.',
    appendOnly: true,
    columns: {
      project_id: { type: 'uuid', optional: true },
      role_id: { type: 'uuid', optional: true },
      session_id: { type: 'uuid', optional: true },
      actor: {
        type: 'text',
        optional: true,
        default: "nullif(current_setting('app.actor_id', true), '')",
        comment: 'Who did it; the setting app.actor_id when nobody is named.',
      },
      provider: textOfLength(1, 50, { optional: true }),
      action: textOfLength(1, 50),
      query: { type: 'text', optional: true },
      model_version: textOfLength(1, 50, { optional: true }),
      metadata: jsonObject(),
    },
  })
  await stampByClock(db, 'audit_logs')
  // pages by time, and those of one actor or one project; with the id the order is total
  for (const columns of [[], ['actor'], ['project_id']]) {
    await createTenantIndex(db, 'ibex_core.audit_logs', {
      columns: [...columns, 'created_at', 'id'],
      ...(columns[0] === undefined ? {} : { where: `${columns[0]} is not null` }),
    })
  }
}

/** Lets times be those of the clock: `now()` is when the transaction began, so what one transaction writes has no order and no duration. */
async function stampByClock(db: Kysely<unknown>, table: string): Promise<void> {
  const columns = table === 'audit_logs' ? ['created_at'] : ['created_at', 'updated_at']
  for (const column of columns) {
    await sql`alter table ${sql.table(`ibex_core.${table}`)} alter column ${sql.ref(column)} set default clock_timestamp()`.execute(
      db,
    )
  }
}

/** Indexes what runs, oldest first, for the sweep of what does not end: few rows, however many have ended. */
async function indexRunning(db: Kysely<unknown>, table: string): Promise<void> {
  await createTenantIndex(db, `ibex_core.${table}`, {
    columns: ['created_at'],
    where: "status = 'running'",
    name: `${table}_org_id_running_idx`,
  })
}
