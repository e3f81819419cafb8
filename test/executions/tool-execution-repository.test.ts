import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError, NotRunningError } from '../../src/errors.ts'
import type { ToolExecution } from '../../types/database.d.ts'
import { insertAgent, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

const table = 'ibex_core.tool_executions'

let tenants: TwoTenants
let foreign: ToolExecution
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await tenants.theirs.toolExecutions.start({ correlationId: 'request-1', toolName: 'search' })
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
  expect(await tenants.mine.toolExecutions.exists({ id: foreign.id })).toBe(false)
}

async function start(toolName = 'search'): Promise<ToolExecution> {
  return await tenants.mine.toolExecutions.start({ correlationId: 'request-1', toolName })
}

async function startedDaysAgo({ org_id, id }: ToolExecution, days: number): Promise<void> {
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

test('starts a call with what is given, and defaults for the rest', async () => {
  const { admin, mine } = tenants
  const org = { org_id: mine.orgId }
  const [agent, user] = [await insertAgent(admin, org), await insertUser(admin, org)]
  const call = await mine.toolExecutions.start({
    correlationId: 'request-1',
    toolName: 'search',
    agentId: agent.id,
    userId: user.id,
    inputs: { words: ['ibex'] },
    metadata: { attempt: 1 },
  })
  expect(call).toMatchObject({
    org_id: mine.orgId,
    correlation_id: 'request-1',
    tool_name: 'search',
    agent_id: agent.id,
    user_id: user.id,
    inputs: { words: ['ibex'] },
    output: null,
    status: 'running',
    duration_ms: null,
    error_message: null,
    metadata: { attempt: 1 },
  })
  expect(await start()).toMatchObject({ agent_id: null, user_id: null, inputs: {}, metadata: {} })
})

test.each([
  ['an array', [1, 'two']],
  ['a text', 'plain'],
  ['an object', { hits: 3 }],
  ['zero', 0],
])('records success with an output that is %s', async (_, output) => {
  const { id } = await start()
  const ended = await tenants.mine.toolExecutions.succeed(id, { output })
  expect(ended).toMatchObject({ id, status: 'completed', output, error_message: null })
  expect(ended?.duration_ms).toBeGreaterThanOrEqual(0)
  expect(await tenants.mine.toolExecutions.findById(id)).toEqual(ended)
})

test('records success without an output, and failure with its error', async () => {
  const { toolExecutions } = tenants.mine
  const [good, bad] = [await start(), await start()]
  expect(await toolExecutions.succeed(good.id)).toMatchObject({ status: 'completed', output: null })
  expect(await toolExecutions.fail(bad.id, { error: 'timed out', output: { partial: true } })).toMatchObject({
    status: 'failed',
    error_message: 'timed out',
    output: { partial: true },
  })
})

test('measures the duration by the clock of the database, within one transaction and over months', async () => {
  await tenants.mine.transaction(async (trx) => {
    const { id } = await trx.toolExecutions.start({ correlationId: 'request-1', toolName: 'search' })
    await sql`select pg_sleep(0.05)`.execute(trx.db)
    const ended = await trx.toolExecutions.succeed(id)
    expect(ended?.duration_ms).toBeGreaterThanOrEqual(50)
  })
  const long = await start()
  await startedDaysAgo(long, 60)
  const ended = await tenants.mine.toolExecutions.fail(long.id, { error: 'x' })
  expect(ended?.duration_ms).toBeGreaterThanOrEqual(60 * 86_400_000)
})

test('ends a call once, and says of a second end that it is not running', async () => {
  const { toolExecutions } = tenants.mine
  const { id } = await start()
  const ended = await toolExecutions.fail(id, { error: 'first' })
  for (const again of [
    async () => await toolExecutions.fail(id, { error: 'second' }),
    async () => await toolExecutions.succeed(id, { output: 1 }),
  ]) {
    const error = await failure(again)
    expect(error).toBeInstanceOf(NotRunningError)
    expect(error).toMatchObject({ table })
    expect(error.message).not.toContain(id)
  }
  expect(await toolExecutions.findById(id)).toEqual(ended)
})

test('ends nothing of another tenant, and says the same of it as of an unknown call', async () => {
  const { toolExecutions } = tenants.mine
  for (const id of [foreign.id, randomUUID()]) {
    expect(await toolExecutions.succeed(id)).toBeUndefined()
    expect(await toolExecutions.fail(id, { error: 'x' })).toBeUndefined()
  }
})

test('reads the calls of a request in the order of time', async () => {
  const { toolExecutions } = tenants.mine
  const [first, second, third] = [await start('search'), await start('read'), await start('write')]
  await startedDaysAgo(first, 1)
  await startedDaysAgo(second, 3)
  await startedDaysAgo(third, 2)
  await toolExecutions.start({ correlationId: 'request-2', toolName: 'other' })
  const calls = await toolExecutions.byCorrelationId('request-1')
  expect(calls.map(({ tool_name }) => tool_name)).toEqual(['read', 'write', 'search'])
  expect(await toolExecutions.byCorrelationId('request-3')).toEqual([])
})

test(
  'keeps the order of the calls of one transaction',
  skipOnEmbedded('its clock counts milliseconds'),
  async () => {
    const names = ['search', 'read', 'write', 'search', 'answer']
    await tenants.mine.transaction(async (trx) => {
      for (const toolName of names) await trx.toolExecutions.start({ correlationId: 'request-1', toolName })
    })
    const calls = await tenants.mine.toolExecutions.byCorrelationId('request-1')
    expect(calls.map(({ tool_name }) => tool_name)).toEqual(names)
  },
)

test('fails the calls that do not end, oldest first and at most as many as the limit says', async () => {
  const { toolExecutions } = tenants.mine
  const ids: string[] = []
  for (const days of [3, 2, 1]) {
    const call = await start()
    await startedDaysAgo(call, days)
    ids.push(call.id)
  }
  const young = await start()
  const ended = await start()
  await startedDaysAgo(ended, 5)
  await toolExecutions.succeed(ended.id)
  const sweep = async (): Promise<string[]> =>
    await toolExecutions.failStale({ runningSeconds: 60, limit: 2 })
  expect((await sweep()).toSorted()).toEqual(ids.slice(0, 2).toSorted())
  expect(await sweep()).toEqual(ids.slice(2))
  expect(await sweep()).toEqual([])
  expect(await toolExecutions.count({ status: 'failed', error_message: 'did not end in time' })).toBe(3)
  expect(await toolExecutions.findById(young.id)).toMatchObject({ status: 'running' })
})

test('keeps the call when its agent and user are deleted', async () => {
  const { admin, mine } = tenants
  const org = { org_id: mine.orgId }
  const [agent, user] = [await insertAgent(admin, org), await insertUser(admin, org)]
  const by = { agentId: agent.id, userId: user.id }
  const { id } = await mine.toolExecutions.start({ correlationId: 'request-1', toolName: 'search', ...by })
  await mine.agents.delete(agent.id)
  await mine.users.delete(user.id)
  expect(await mine.toolExecutions.findById(id)).toMatchObject({ agent_id: null, user_id: null })
})

const begin = { correlationId: 'request-1', toolName: 'search' }
const id = randomUUID()
const [from, to] = [new Date('2026-01-02'), new Date('2026-01-01')]

test.each<[string, string, (repository: TwoTenants['mine']['toolExecutions']) => Promise<unknown>]>([
  ['an empty correlation id', 'correlationId', async (t) => await t.start({ ...begin, correlationId: '' })],
  ['a tool name of 101', 'toolName', async (t) => await t.start({ ...begin, toolName: 'x'.repeat(101) })],
  ['an agent id that is no uuid', 'agentId', async (t) => await t.start({ ...begin, agentId: 'ada' })],
  ['a user id that is no uuid', 'userId', async (t) => await t.start({ ...begin, userId: 'ana' })],
  ['an id that is no uuid', 'id', async (t) => await t.succeed('1')],
  ['no id', 'id', async (t) => await t.fail(undefined as never, { error: 'x' })],
  ['an output without JSON', 'output', async (t) => await t.succeed(id, { output: 1n as never })],
  ['an error that is no text', 'error', async (t) => await t.fail(id, { error: new Error('x') as never })],
  ['an error with a NUL', 'error', async (t) => await t.fail(id, { error: 'a\0b' })],
  ['a sweep of Infinity', 'runningSeconds', async (t) => await t.failStale({ runningSeconds: Infinity })],
  ['statistics without an end', 'to', async (t) => await t.statistics({ from } as never)],
  ['statistics from an invalid date', 'from', async (t) => await t.statistics({ from: new Date('x'), to })],
  ['statistics that end before they begin', 'to', async (t) => await t.statistics({ from, to })],
])('throws before any SQL when it is given %s', async (_, argument, call) => {
  const error = await refusal(tenants, async () => await call(tenants.mine.toolExecutions))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})
