/** Going on from a checkpoint: resuming, forking, and appending a request once. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  InvalidArgumentError,
  RequestConflictError,
  RowNotFoundError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { Agent, Session } from '../../types/database.d.ts'
import { insertAgent, insertSession } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let agent: Agent
let session: Session
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 20 })
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
})

beforeEach(async () => {
  const { admin, mine, theirs } = tenants
  session = await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id, metadata: { kept: true } })
  // the same ids in the other tenant: only the tenant tells them apart
  await insertSession(admin, { org_id: theirs.orgId, id: session.id })
  for (const requestId of ['theirs', 'r'])
    await theirs.checkpoints.append({ sessionId: session.id, requestId, state: { secret: true } })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.checkpoints', 'ibex_core.sessions')
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  const rows = await tenants.mine.checkpoints.find()
  expect(rows.filter(({ state }) => 'secret' in state)).toEqual([])
}

test('resumes at the last complete turn', async () => {
  const { checkpoints, sessions } = tenants.mine
  expect(await checkpoints.resume(session.id)).toBeUndefined()
  await checkpoints.append({ sessionId: session.id, isComplete: false })
  expect(await checkpoints.resume(session.id)).toBeUndefined()
  await checkpoints.append({ sessionId: session.id, state: { step: 1 } })
  const complete = await checkpoints.append({ sessionId: session.id, state: { step: 2 } })
  await checkpoints.append({ sessionId: session.id, isComplete: false, state: { step: 3 } })
  expect(await checkpoints.resume(session.id)).toEqual(complete)
  await sessions.softDelete(session.id)
  expect(await checkpoints.resume(session.id)).toBeUndefined()
})

test('appends a request once, however many send it at once', async () => {
  const { checkpoints, sessions } = tenants.mine
  const input = { sessionId: session.id, requestId: 'r', inputTokens: 7, outputTokens: 3, latencyMs: 5 }
  const appended = await Promise.all(Array.from({ length: 50 }, async () => await checkpoints.append(input)))
  expect(new Set(appended.map(({ id }) => id)).size).toBe(1)
  expect(await checkpoints.count({ session_id: session.id })).toBe(1)
  expect(await sessions.findByIdOrThrow(session.id)).toMatchObject({
    turn_count: 1,
    total_input_tokens: '7',
    total_output_tokens: '3',
    total_latency_ms: '5',
  })
})

test('returns the first checkpoint of a repeated request, and changes nothing', async () => {
  const { checkpoints, sessions } = tenants.mine
  const request = { sessionId: session.id, requestId: 'r', messagesHash: 'a'.repeat(64) }
  const first = await checkpoints.append({ ...request, state: { step: 1 } })
  await checkpoints.append({ sessionId: session.id, requestId: 'other' })
  const before = await sessions.findByIdOrThrow(session.id)
  expect(await checkpoints.append({ ...request, turnIndex: 0, inputTokens: 9 })).toEqual(first)
  for (const other of [
    { turnIndex: 5 },
    { messagesHash: 'b'.repeat(64) },
    { messagesHash: null },
    { completionHash: 'b'.repeat(64) },
  ]) {
    const error = await failure(async () => await checkpoints.append({ ...request, ...other }))
    expect(error).toBeInstanceOf(RequestConflictError)
  }
  expect(await sessions.findByIdOrThrow(session.id)).toEqual(before)
  expect(await checkpoints.count({ session_id: session.id })).toBe(2)
})

test('forks a session at a turn, with counters of the copied turns', async () => {
  const { checkpoints, sessions } = tenants.mine
  for (const step of [0, 1, 2])
    await checkpoints.append({
      sessionId: session.id,
      requestId: `${step}`,
      inputTokens: 10,
      latencyMs: 4,
      state: { step },
    })
  await sessions.markExtracted(session.id, 3)
  const before = await sessions.findByIdOrThrow(session.id)
  const fork = await checkpoints.fork(session.id, {
    atTurn: 1,
    externalId: `fork-${session.id}`,
    title: 'Fork',
  })
  expect(fork).toMatchObject({
    agent_id: agent.id,
    title: 'Fork',
    status: 'active',
    turn_count: 2,
    message_count: 0,
    total_input_tokens: '20',
    total_latency_ms: '8',
    last_extracted_turn: 2,
    metadata: { kept: true, forked_from: session.id, forked_at_turn: 1 },
  })
  const originals = await checkpoints.since(session.id, -1)
  const copies = await checkpoints.since(fork.id, -1)
  const withoutIds = originals.map(({ id: _id, session_id: _session, ...turn }) => turn)
  expect(copies.map(({ id: _id, session_id: _session, ...turn }) => turn)).toEqual(withoutIds.slice(0, 2))
  expect(await sessions.findByIdOrThrow(fork.id)).toEqual(fork)
  expect(await sessions.findByIdOrThrow(session.id)).toEqual(before)
  expect(await checkpoints.append({ sessionId: fork.id })).toMatchObject({ turn_index: 2 })
})

test('forks nothing of a session or turn that is not there, or to an external id that is', async () => {
  const { checkpoints, sessions } = tenants.mine
  const count = await sessions.count()
  const tableOf = async (id: string, atTurn: number) =>
    await failure(async () => await checkpoints.fork(id, { atTurn }))
  await checkpoints.append({ sessionId: session.id, turnIndex: 2 })
  // the other tenant's session of this id has turns 0 and 1
  for (const turn of [0, 1, 3]) {
    const error = await tableOf(session.id, turn)
    expect(error).toBeInstanceOf(RowNotFoundError)
    expect(error).toMatchObject({ table: 'ibex_core.checkpoints' })
  }
  expect(await tableOf(randomUUID(), 0)).toMatchObject({ table: 'ibex_core.sessions' })
  const { id: taken } = await checkpoints.fork(session.id, { atTurn: 2, externalId: session.id })
  const again = { atTurn: 2, externalId: session.id }
  expect(await failure(async () => await checkpoints.fork(session.id, again))).toBeInstanceOf(
    UniqueViolationError,
  )
  expect(await checkpoints.count({ session_id: taken })).toBe(1)
  expect(await sessions.count()).toBe(count + 1)
})

test('throws before any SQL when an argument is wrong', async () => {
  const { checkpoints } = tenants.mine
  const sessionId = session.id
  for (const run of [
    async () => await checkpoints.resume('no uuid'),
    async () => await checkpoints.append({ sessionId: 'no uuid' }),
    async () => await checkpoints.append({ sessionId, requestId: ' ' }),
    async () => await checkpoints.append({ sessionId, requestId: 'a\0' }),
    async () => await checkpoints.append({ sessionId, turnIndex: 2_147_483_647 }),
    async () => await checkpoints.fork('no uuid', { atTurn: 0 }),
    async () => await checkpoints.fork(sessionId, { atTurn: -1 }),
    async () => await checkpoints.fork(sessionId, { atTurn: Number.NaN }),
  ])
    expect(await refusal(tenants, run)).toBeInstanceOf(InvalidArgumentError)
})
