import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError, NotRunningError, UniqueViolationError } from '../../src/errors.ts'
import type { Agent, AgentExecution } from '../../types/database.d.ts'
import { insertAgent } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

const table = 'ibex_core.agent_executions'

let tenants: TwoTenants
let agent: Agent
let foreign: AgentExecution
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  // running, for a day, with the id that mine have too
  foreign = await tenants.theirs.agentExecutions.start({
    executionId: 'run-1',
    agentName: 'Theirs',
    prompt: 'Spy.',
  })
  await startedDaysAgo(foreign, 1)
  theirsUnchanged = await watchTheirs(tenants, table)
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
  await tenants.admin.deleteFrom(table).where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.agentExecutions.exists({ id: foreign.id })).toBe(false)
}

async function start(executionId = 'run-1'): Promise<AgentExecution> {
  return await tenants.mine.agentExecutions.start({ executionId, agentName: 'Ada', prompt: 'Add it up.' })
}

async function startedDaysAgo({ org_id, id }: AgentExecution, days: number): Promise<void> {
  // in hours: where clocks are changed for the summer a day may have 23 or 25
  const created_at = sql<Date>`clock_timestamp() - make_interval(hours => ${days * 24})`
  const { admin } = tenants
  await admin
    .updateTable(table)
    .set({ created_at })
    .where('org_id', '=', org_id)
    .where('id', '=', id)
    .execute()
}

test('starts a run with what is given, and defaults for the rest', async () => {
  const { agentExecutions } = tenants.mine
  const execution = await agentExecutions.start({
    executionId: 'run-1',
    agentId: agent.id,
    agentName: 'Ada',
    prompt: 'Add it up.',
    metadata: { trace: ['a'] },
  })
  expect(execution).toMatchObject({
    org_id: tenants.mine.orgId,
    execution_id: 'run-1',
    agent_id: agent.id,
    agent_name: 'Ada',
    prompt: 'Add it up.',
    status: 'running',
    result: null,
    error_message: null,
    tokens_used: null,
    duration_ms: null,
    metadata: { trace: ['a'] },
  })
  expect(await start('run-2')).toMatchObject({ agent_id: null, metadata: {} })
})

test('finds a run by the id of the service, and never that of another tenant', async () => {
  const { agentExecutions } = tenants.mine
  expect(await agentExecutions.findByExecutionId('run-1')).toBeUndefined()
  const execution = await start('run-1')
  expect(await agentExecutions.findByExecutionId('run-1')).toEqual(execution)
  expect(await agentExecutions.findByExecutionId('run-2')).toBeUndefined()
})

test('starts one run of an id, whatever other tenants have', async () => {
  const execution = await start('run-1')
  expect(await failure(async () => await start('run-1'))).toBeInstanceOf(UniqueViolationError)
  expect(await tenants.mine.agentExecutions.find()).toEqual([execution])
})

test('records success with result and tokens', async () => {
  const { agentExecutions } = tenants.mine
  await start()
  const result = { sum: 7, parts: [3, 4] }
  const ended = await agentExecutions.succeed('run-1', { result, tokensUsed: 120 })
  expect(ended).toMatchObject({ status: 'completed', result, tokens_used: 120, error_message: null })
  expect(ended?.duration_ms).toBeGreaterThanOrEqual(0)
  expect(await agentExecutions.findByExecutionId('run-1')).toEqual(ended)
})

test('records failure with its error and what there was before', async () => {
  const { agentExecutions } = tenants.mine
  await start()
  const ended = await agentExecutions.fail('run-1', {
    error: 'The model gave up.',
    tokensUsed: 0,
    result: ['half'],
  })
  expect(ended).toMatchObject({
    status: 'failed',
    error_message: 'The model gave up.',
    tokens_used: 0,
    result: ['half'],
  })
})

test('keeps what the end does not name', async () => {
  await start()
  await tenants.admin
    .updateTable(table)
    .set({ tokens_used: 5, result: { step: 1 } })
    .where('org_id', '=', tenants.mine.orgId)
    .execute()
  const ended = await tenants.mine.agentExecutions.succeed('run-1')
  expect(ended).toMatchObject({ tokens_used: 5, result: { step: 1 } })
})

test.each([
  ['an array', ['a', { b: null }]],
  ['a text', 'done "well"'],
  ['a number', 0.5],
  ['a boolean', false],
  ['an object', { a: { b: [] } }],
  ['nothing', {}],
])('gives back a result that is %s', async (_, result) => {
  await start()
  expect(await tenants.mine.agentExecutions.succeed('run-1', { result })).toMatchObject({ result })
})

test('measures the duration by the clock of the database, within one transaction too', async () => {
  await tenants.mine.transaction(async (trx) => {
    await sql`select pg_sleep(0.1)`.execute(trx.db)
    const begun = await trx.agentExecutions.start({ executionId: 'run-1', agentName: 'Ada', prompt: '' })
    const { rows } = await sql<{ began: Date }>`select now() as began`.execute(trx.db)
    // now() is when the transaction began
    expect(begun.created_at.getTime() - (rows[0]?.began.getTime() ?? 0)).toBeGreaterThanOrEqual(100)
    await sql`select pg_sleep(0.05)`.execute(trx.db)
    const ended = await trx.agentExecutions.succeed('run-1')
    expect(ended?.duration_ms).toBeGreaterThanOrEqual(50)
    expect(Number.isInteger(ended?.duration_ms)).toBe(true)
  })
})

test('measures runs of months, and of no time when the clock was set back', async () => {
  const { agentExecutions } = tenants.mine
  await startedDaysAgo(await start('long'), 60)
  await startedDaysAgo(await start('back'), -1)
  const long = await agentExecutions.succeed('long')
  // an integer of milliseconds would end at 24.8 days
  expect(long?.duration_ms).toBeGreaterThanOrEqual(60 * 86_400_000)
  expect(long?.duration_ms).toBeLessThan(61 * 86_400_000)
  expect(await agentExecutions.fail('back', { error: 'late' })).toMatchObject({ duration_ms: 0 })
})

test('ends a run once, and says of a second end that it is not running', async () => {
  const { agentExecutions } = tenants.mine
  await start()
  const ended = await agentExecutions.succeed('run-1', { result: { kept: true } })
  for (const again of [
    async () => await agentExecutions.succeed('run-1', { result: { kept: false } }),
    async () => await agentExecutions.fail('run-1', { error: 'too late' }),
  ]) {
    const error = await failure(again)
    expect(error).toBeInstanceOf(NotRunningError)
    expect(shown(error)).toEqual({
      name: 'NotRunningError',
      code: 'not_running',
      isRetryable: false,
      table,
      message: `the execution in "${table}" is not running: it has ended before, and stays as it is`,
    })
  }
  expect(await agentExecutions.findByExecutionId('run-1')).toEqual(ended)
})

test('ends nothing of another tenant, and says the same of it as of an unknown run', async () => {
  const { agentExecutions } = tenants.mine
  for (const executionId of ['run-1', randomUUID()]) {
    expect(await agentExecutions.succeed(executionId)).toBeUndefined()
    expect(await agentExecutions.fail(executionId, { error: 'x' })).toBeUndefined()
  }
})

test('fails the runs that do not end, and no others', async () => {
  const { agentExecutions } = tenants.mine
  await startedDaysAgo(await start('stale'), 30)
  await startedDaysAgo(await start('ended'), 3)
  await agentExecutions.succeed('ended')
  await start('young')
  expect(await agentExecutions.failStale({ runningSeconds: 3_600 })).toEqual(['stale'])
  const stale = await agentExecutions.findByExecutionId('stale')
  expect(stale).toMatchObject({ status: 'failed', error_message: 'did not end in time' })
  expect(stale?.duration_ms).toBeGreaterThanOrEqual(30 * 86_400_000)
  expect(await agentExecutions.findByExecutionId('ended')).toMatchObject({ status: 'completed' })
  expect(await agentExecutions.findByExecutionId('young')).toMatchObject({ status: 'running' })
  expect(await failure(async () => await agentExecutions.succeed('stale'))).toBeInstanceOf(NotRunningError)
  expect(await agentExecutions.failStale({ runningSeconds: 3_600 })).toEqual([])
})

test('fails at most as many as the limit says, oldest first', async () => {
  for (const days of [2, 5, 1, 4, 3]) await startedDaysAgo(await start(`day-${days}`), days)
  const { agentExecutions } = tenants.mine
  const stale = { runningSeconds: 60, limit: 2 }
  expect((await agentExecutions.failStale(stale)).toSorted()).toEqual(['day-4', 'day-5'])
  expect((await agentExecutions.failStale(stale)).toSorted()).toEqual(['day-2', 'day-3'])
  expect(await agentExecutions.failStale(stale)).toEqual(['day-1'])
})

test('keeps the run, and the name of its agent, when the agent is deleted', async () => {
  const { id } = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  const { agentExecutions, agents } = tenants.mine
  await agentExecutions.start({ executionId: 'run-1', agentId: id, agentName: 'Ada', prompt: '' })
  await agents.delete(id)
  expect(await agentExecutions.findByExecutionId('run-1')).toMatchObject({
    agent_id: null,
    agent_name: 'Ada',
    status: 'running',
  })
})

test('takes one statement for each operation', async () => {
  const { agentExecutions } = tenants.mine
  const before = tenants.statements.length
  await start('run-1')
  await agentExecutions.succeed('run-1')
  await start('run-2')
  await agentExecutions.fail('run-2', { error: 'x' })
  await failure(async () => await agentExecutions.succeed('run-2'))
  await agentExecutions.failStale({ runningSeconds: 60 })
  expect(tenants.statements.slice(before)).toHaveLength(6)
})

const circular: Record<string, unknown> = {}
circular['self'] = circular

const begin = { executionId: 'run-1', agentName: 'Ada', prompt: '' }

test.each<[string, string, (repository: TwoTenants['mine']['agentExecutions']) => Promise<unknown>]>([
  ['an empty execution id', 'executionId', async (e) => await e.start({ ...begin, executionId: '' })],
  [
    'an execution id of 101',
    'executionId',
    async (e) => await e.start({ ...begin, executionId: 'x'.repeat(101) }),
  ],
  [
    'an agent name of 101 emoji',
    'agentName',
    async (e) => await e.start({ ...begin, agentName: '🦌'.repeat(101) }),
  ],
  ['an agent id that is no uuid', 'agentId', async (e) => await e.start({ ...begin, agentId: 'ada' })],
  ['a prompt with a NUL', 'prompt', async (e) => await e.start({ ...begin, prompt: 'a\0b' })],
  ['a prompt with half a character', 'prompt', async (e) => await e.start({ ...begin, prompt: '\ud83e' })],
  ['no prompt', 'prompt', async (e) => await e.start({ ...begin, prompt: undefined as never })],
  ['no execution id to end', 'executionId', async (e) => await e.succeed(undefined as never)],
  ['tokens below 0', 'tokensUsed', async (e) => await e.succeed('run-1', { tokensUsed: -1 })],
  ['tokens beyond an integer', 'tokensUsed', async (e) => await e.succeed('run-1', { tokensUsed: 2 ** 31 })],
  [
    'tokens that are no whole number',
    'tokensUsed',
    async (e) => await e.succeed('run-1', { tokensUsed: 0.5 }),
  ],
  [
    'a result that holds itself',
    'result',
    async (e) => await e.succeed('run-1', { result: circular as never }),
  ],
  ['a result that is a function', 'result', async (e) => await e.succeed('run-1', { result: Date as never })],
  ['a failure without an error', 'error', async (e) => await e.fail('run-1', {} as never)],
  ['a sweep of NaN', 'runningSeconds', async (e) => await e.failStale({ runningSeconds: Number.NaN })],
  ['a sweep of -1', 'runningSeconds', async (e) => await e.failStale({ runningSeconds: -1 })],
  ['a sweep of 0 rows', 'limit', async (e) => await e.failStale({ runningSeconds: 1, limit: 0 })],
])('throws before any SQL when it is given %s', async (_, argument, call) => {
  const error = await refusal(tenants, async () => await call(tenants.mine.agentExecutions))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})

test('takes what is just allowed', async () => {
  const { agentExecutions } = tenants.mine
  const longest = '🦌'.repeat(100)
  await agentExecutions.start({ executionId: longest, agentName: longest, prompt: '' })
  expect(await agentExecutions.succeed(longest, { tokensUsed: 2 ** 31 - 1 })).toMatchObject({
    execution_id: longest,
    agent_name: longest,
    tokens_used: 2 ** 31 - 1,
  })
})
