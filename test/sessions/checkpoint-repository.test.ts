import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  CheckViolationError,
  InsufficientPrivilegeError,
  InvalidArgumentError,
  RowNotFoundError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { Agent, Session } from '../../types/database.d.ts'
import { insertAgent, insertSession } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let agent: Agent
let session: Session
let foreign: Session
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  foreign = await insertSession(tenants.admin, { org_id: tenants.theirs.orgId })
  await tenants.theirs.checkpoints.append({ sessionId: foreign.id, state: { secret: true } })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.checkpoints', 'ibex_core.sessions')
})

beforeEach(async () => {
  session = await tenants.mine.sessions.start({ agentId: agent.id })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.checkpoints.exists({ session_id: foreign.id })).toBe(false)
}

test('appends turns with consecutive numbers and everything that is given', async () => {
  const { checkpoints } = tenants.mine
  const hash = 'a'.repeat(64)
  const given = {
    sessionId: session.id,
    requestId: 'r',
    messagesHash: hash,
    completionHash: hash,
    inputTokens: 10,
    outputTokens: 20,
    model: 'm',
    provider: 'p',
    latencyMs: 30,
    providerRequestId: 'pr',
    isStreaming: true,
    isComplete: false,
    state: { step: [1, { two: null }] },
  }
  const first = await checkpoints.append({ sessionId: session.id })
  const second = await checkpoints.append(given)
  expect(first).toMatchObject({ turn_index: 0, latency_ms: null, is_complete: true, state: {} })
  expect(second).toMatchObject({
    org_id: tenants.mine.orgId,
    session_id: session.id,
    agent_id: agent.id,
    turn_index: 1,
    request_id: 'r',
    messages_hash: hash,
    completion_hash: hash,
    input_tokens: 10,
    output_tokens: 20,
    model: 'm',
    provider: 'p',
    latency_ms: 30,
    provider_request_id: 'pr',
    is_streaming: true,
    is_complete: false,
    state: given.state,
  })
})

test("adds each turn to the session's counters", async () => {
  const { checkpoints, sessions } = tenants.mine
  await checkpoints.append({ sessionId: session.id, inputTokens: 10, outputTokens: 1, latencyMs: 100 })
  await checkpoints.append({ sessionId: session.id, inputTokens: 5 })
  expect(await sessions.findByIdOrThrow(session.id)).toMatchObject({
    turn_count: 2,
    total_input_tokens: '15',
    total_output_tokens: '1',
    total_latency_ms: '100',
  })
})

test('takes a turn index that is given, and goes on after the highest', async () => {
  const { checkpoints, sessions } = tenants.mine
  const turnOf = async (turnIndex?: number): Promise<number> =>
    (await checkpoints.append({ sessionId: session.id, ...(turnIndex === undefined ? {} : { turnIndex }) }))
      .turn_index
  expect([await turnOf(5), await turnOf(), await turnOf(2), await turnOf(), await turnOf(0)]).toEqual([
    5, 6, 2, 7, 0,
  ])
  expect(await sessions.findByIdOrThrow(session.id)).toMatchObject({ turn_count: 8 })
})

test('refuses a turn that is there already, and counts nothing for it', async () => {
  const { checkpoints, sessions } = tenants.mine
  await checkpoints.append({ sessionId: session.id, inputTokens: 10 })
  const before = await sessions.findByIdOrThrow(session.id)
  const again = { sessionId: session.id, turnIndex: 0, inputTokens: 99 }
  expect(await failure(async () => await checkpoints.append(again))).toBeInstanceOf(UniqueViolationError)
  expect(await sessions.findByIdOrThrow(session.id)).toEqual(before)
  expect(await checkpoints.count({ session_id: session.id })).toBe(1)
})

test('gives 20 concurrent writers consecutive numbers', async () => {
  const { checkpoints, sessions } = tenants.mine
  const written = await Promise.all(
    Array.from(
      { length: 20 },
      async () => await checkpoints.append({ sessionId: session.id, inputTokens: 1 }),
    ),
  )
  const turns = written.map(({ turn_index }) => turn_index).toSorted((one, other) => one - other)
  expect(turns).toEqual(Array.from({ length: 20 }, (_, index) => index))
  expect(await sessions.findByIdOrThrow(session.id)).toMatchObject({
    turn_count: 20,
    total_input_tokens: '20',
  })
})

test('says the same of a session of another tenant, a deleted one and an unknown one', async () => {
  const { checkpoints, sessions } = tenants.mine
  await sessions.softDelete(session.id)
  for (const sessionId of [foreign.id, session.id, randomUUID()]) {
    const error = await failure(async () => await checkpoints.append({ sessionId }))
    expect(error).toBeInstanceOf(RowNotFoundError)
    expect(error).toMatchObject({ table: 'ibex_core.sessions' })
  }
})

test('reads the turns since one, and the latest', async () => {
  const { checkpoints } = tenants.mine
  expect(await checkpoints.latest(session.id)).toBeUndefined()
  expect(await checkpoints.since(session.id, -1)).toEqual([])
  const appended = []
  for (const turnIndex of [2, 0, 1])
    appended.push(await checkpoints.append({ sessionId: session.id, turnIndex }))
  const [second, zeroth, first] = appended
  expect(await checkpoints.since(session.id, -1)).toEqual([zeroth, first, second])
  expect(await checkpoints.since(session.id, 0)).toEqual([first, second])
  expect(await checkpoints.since(session.id, 2)).toEqual([])
  expect(await checkpoints.latest(session.id)).toEqual(second)
})

test('reads nothing of another tenant', async () => {
  expect(await tenants.mine.checkpoints.latest(foreign.id)).toBeUndefined()
  expect(await tenants.mine.checkpoints.since(foreign.id, -1)).toEqual([])
  expect(await tenants.theirs.checkpoints.since(foreign.id, -1)).toHaveLength(1)
})

test('never changes a turn', async () => {
  const { checkpoints } = tenants.mine
  const turn = await checkpoints.append({ sessionId: session.id })
  for (const change of [
    async () => await checkpoints.update(turn.id, { model: 'other' }),
    async () => await checkpoints.delete(turn.id),
  ]) {
    expect(await failure(change)).toBeInstanceOf(InsufficientPrivilegeError)
  }
  expect(await checkpoints.latest(session.id)).toEqual(turn)
})

test.each([-1, 0.5, Number.NaN, '1'])(
  'throws before any SQL when the turn index is %s',
  async (turnIndex) => {
    const input = { sessionId: session.id, turnIndex: turnIndex as number }
    const error = await refusal(tenants, async () => await tenants.mine.checkpoints.append(input))
    expect(error).toBeInstanceOf(InvalidArgumentError)
  },
)

test('counts nothing for a turn that a check refuses', async () => {
  const { checkpoints, sessions } = tenants.mine
  const before = await sessions.findByIdOrThrow(session.id)
  const input = { sessionId: session.id, inputTokens: 7, messagesHash: 'no hash' }
  expect(await failure(async () => await checkpoints.append(input))).toBeInstanceOf(CheckViolationError)
  expect(await sessions.findByIdOrThrow(session.id)).toEqual(before)
})
