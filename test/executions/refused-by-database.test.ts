/** What the database refuses: every check, key and reference of these tables, through their repositories. */
import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  CheckViolationError,
  DataExceptionError,
  DatabaseError,
  ForeignKeyViolationError,
  NotNullViolationError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { insertAgent, insertUser } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, ownersView, watchTheirs } from '../support/two-tenants.ts'

/** Stands in every value: no error may give it back. */
const canary = 'canary7f3'
const tables = [
  'ibex_core.agent_executions',
  'ibex_core.tool_executions',
  'ibex_core.llm_round_table_results',
  'ibex_core.audit_logs',
] as const

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>
let mineUnchanged: () => Promise<void>
let foreign: Readonly<Record<'agent_id' | 'user_id', string>>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, theirs } = tenants
  for (const { agentExecutions, toolExecutions, roundTableResults, auditLogs } of [tenants.mine, theirs]) {
    await agentExecutions.insert(good['agentExecutions'] as never)
    await toolExecutions.insert(good['toolExecutions'] as never)
    await roundTableResults.insert(good['roundTableResults'] as never)
    await auditLogs.insert(good['auditLogs'] as never)
  }
  foreign = {
    agent_id: (await insertAgent(admin, { org_id: theirs.orgId })).id,
    user_id: (await insertUser(admin, { org_id: theirs.orgId })).id,
  }
  theirsUnchanged = await watchTheirs(tenants, ...tables)
  mineUnchanged = await watchTheirs({ admin, theirs: tenants.mine }, ...tables)
})

afterEach(async () => {
  await mineUnchanged()
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

type Repository = 'agentExecutions' | 'toolExecutions' | 'roundTableResults' | 'auditLogs'
type Values = Readonly<Record<string, unknown>>

/** A row of each table that is accepted. */
const good: Readonly<Record<Repository, Values>> = {
  agentExecutions: { execution_id: canary, agent_name: canary, prompt: canary },
  toolExecutions: { correlation_id: canary, tool_name: canary },
  roundTableResults: {
    result_id: canary,
    prompt: canary,
    task_category: canary,
    winner_provider: canary,
    winner_response: canary,
    participants: '[]',
  },
  auditLogs: { action: canary },
}

/** The columns that tell a new row from the one that is there. */
const freshKey: Readonly<Partial<Record<Repository, string>>> = {
  agentExecutions: 'execution_id',
  roundTableResults: 'result_id',
}

/** Inserts as untyped code would, alone and among good ones. */
async function refusals(repository: Repository, values: Values): Promise<readonly Error[]> {
  const key = freshKey[repository]
  const row = (): Values => ({ ...good[repository], ...(key === undefined ? {} : { [key]: randomUUID() }) })
  const bad = { ...row(), ...values } as never
  const into = tenants.mine[repository]
  return [
    await failure(async () => await into.insert(bad)),
    await failure(async () => await into.insertMany([row() as never, bad, row() as never])),
  ]
}

function expectNoValue(error: Error): void {
  expect(error).toBeInstanceOf(DatabaseError)
  const text = inspect(error, { showHidden: true, depth: Infinity, maxStringLength: Infinity })
  for (const value of [canary, foreign.agent_id, foreign.user_id, tenants.mine.orgId])
    expect(text).not.toContain(value)
}

const long = (length: number): string => canary.padEnd(length, 'x')

const checks: readonly (readonly [Repository, string, Values])[] = [
  ['agentExecutions', 'agent_executions_execution_id_check', { execution_id: '' }],
  ['agentExecutions', 'agent_executions_execution_id_check', { execution_id: long(101) }],
  ['agentExecutions', 'agent_executions_agent_name_check', { agent_name: '' }],
  ['agentExecutions', 'agent_executions_agent_name_check', { agent_name: long(101) }],
  ['agentExecutions', 'agent_executions_status_check', { status: canary }],
  ['agentExecutions', 'agent_executions_tokens_used_check', { tokens_used: -1 }],
  ['agentExecutions', 'agent_executions_duration_ms_check', { duration_ms: -1 }],
  ['agentExecutions', 'agent_executions_duration_ms_check', { duration_ms: Number.NaN }],
  ['agentExecutions', 'agent_executions_duration_ms_check', { duration_ms: 'Infinity' }],
  ['agentExecutions', 'agent_executions_metadata_check', { metadata: [canary] }],
  ['toolExecutions', 'tool_executions_correlation_id_check', { correlation_id: '' }],
  ['toolExecutions', 'tool_executions_correlation_id_check', { correlation_id: long(101) }],
  ['toolExecutions', 'tool_executions_tool_name_check', { tool_name: '' }],
  ['toolExecutions', 'tool_executions_tool_name_check', { tool_name: long(101) }],
  ['toolExecutions', 'tool_executions_status_check', { status: canary }],
  ['toolExecutions', 'tool_executions_duration_ms_check', { duration_ms: -0.5 }],
  ['toolExecutions', 'tool_executions_inputs_check', { inputs: [canary] }],
  ['toolExecutions', 'tool_executions_metadata_check', { metadata: [canary] }],
  ['roundTableResults', 'llm_round_table_results_result_id_check', { result_id: '' }],
  ['roundTableResults', 'llm_round_table_results_result_id_check', { result_id: long(101) }],
  ['roundTableResults', 'llm_round_table_results_task_category_check', { task_category: '' }],
  ['roundTableResults', 'llm_round_table_results_task_category_check', { task_category: long(51) }],
  ['roundTableResults', 'llm_round_table_results_winner_provider_check', { winner_provider: '' }],
  ['roundTableResults', 'llm_round_table_results_winner_provider_check', { winner_provider: long(51) }],
  ['roundTableResults', 'llm_round_table_results_participants_check', { participants: { canary } }],
  ['roundTableResults', 'llm_round_table_results_metadata_check', { metadata: [canary] }],
  ['auditLogs', 'audit_logs_action_check', { action: '' }],
  ['auditLogs', 'audit_logs_action_check', { action: long(51) }],
  ['auditLogs', 'audit_logs_provider_check', { provider: '' }],
  ['auditLogs', 'audit_logs_provider_check', { provider: long(51) }],
  ['auditLogs', 'audit_logs_model_version_check', { model_version: '' }],
  ['auditLogs', 'audit_logs_model_version_check', { model_version: long(51) }],
  ['auditLogs', 'audit_logs_metadata_check', { metadata: [canary] }],
]

describe('a check', () => {
  test.each(checks)('of %s: %s', async (repository, constraint, values) => {
    for (const error of await refusals(repository, values)) {
      expect(error).toBeInstanceOf(CheckViolationError)
      expect(error).toMatchObject({ constraint })
      expectNoValue(error)
    }
  })

  test('is named above, every one that these tables have', async () => {
    const { rows } = await sql<{ name: string }>`select conname as name from pg_constraint
      where contype = 'c' and conrelid = any(${tables}::regclass[])`.execute(tenants.admin)
    const named = new Set(checks.map(([, constraint]) => constraint))
    expect(rows.map(({ name }) => name).toSorted()).toEqual([...named].toSorted())
  })
})

test.each<[Repository, string, Values]>([
  ['agentExecutions', 'agent_executions_org_id_execution_id_key', { execution_id: canary }],
  ['roundTableResults', 'llm_round_table_results_org_id_result_id_key', { result_id: canary }],
])('a key of %s that is there: %s', async (repository, constraint, values) => {
  for (const error of await refusals(repository, values)) {
    expect(error).toBeInstanceOf(UniqueViolationError)
    expect(error).toMatchObject({ constraint })
    expectNoValue(error)
  }
})

test.each<[Repository, string, 'agent_id' | 'user_id']>([
  ['agentExecutions', 'agent_executions_org_id_agent_id_fkey', 'agent_id'],
  ['toolExecutions', 'tool_executions_org_id_agent_id_fkey', 'agent_id'],
  ['toolExecutions', 'tool_executions_org_id_user_id_fkey', 'user_id'],
])(
  "a reference of %s, %s: another tenant's is as unknown as a random one",
  async (repository, constraint, column) => {
    const errors = [
      ...(await refusals(repository, { [column]: foreign[column] })),
      ...(await refusals(repository, { [column]: randomUUID() })),
    ]
    for (const error of errors) {
      expect(error).toBeInstanceOf(ForeignKeyViolationError)
      expect(error).toMatchObject({ constraint, message: errors[0]?.message })
      expectNoValue(error)
    }
  },
)

test.each<[Repository, string]>([
  ['agentExecutions', 'prompt'],
  ['toolExecutions', 'inputs'],
  ['roundTableResults', 'winner_response'],
  ['auditLogs', 'action'],
])('a required column of %s that is null: %s', async (repository, column) => {
  for (const error of await refusals(repository, { [column]: null })) {
    expect(error).toBeInstanceOf(NotNullViolationError)
    expect(error).toMatchObject({ columns: [column] })
    expectNoValue(error)
  }
})

test.each<[Repository, Values]>([
  ['agentExecutions', { result: canary }],
  ['agentExecutions', { tokens_used: 2 ** 31 }],
  ['toolExecutions', { output: canary }],
  ['roundTableResults', { participants: canary }],
  ['auditLogs', { project_id: canary }],
])('a value of %s that is not of its type: %j', async (repository, values) => {
  for (const error of await refusals(repository, values)) {
    expect(error).toBeInstanceOf(DataExceptionError)
    expectNoValue(error)
  }
})

test('nothing of a run that cannot end is written', async () => {
  const before = await ownersView(tenants.admin, tables[0], tenants.mine.orgId)
  // a NUL can be JSON, and no text of jsonb
  const error = await failure(
    async () => await tenants.mine.agentExecutions.succeed(canary, { result: `${canary}\0` }),
  )
  expect(error).toBeInstanceOf(DataExceptionError)
  expectNoValue(error)
  expect(await ownersView(tenants.admin, tables[0], tenants.mine.orgId)).toEqual(before)
})
