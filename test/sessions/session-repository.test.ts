import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ForeignKeyViolationError, InvalidArgumentError, UniqueViolationError } from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { Agent, Session } from '../../types/database.d.ts'
import { insertAgent, insertSession, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let agent: Agent
let foreign: Session
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin } = tenants
  agent = await insertAgent(admin, { org_id: tenants.mine.orgId })
  // silent for a day, as are those of mine that the sweep is to find
  foreign = await insertSession(admin, { org_id: tenants.theirs.orgId, external_id: 'chat', ...daysAgo(1) })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.sessions')
})

afterEach(async () => {
  const { admin } = tenants
  await theirsUnchanged()
  await theirsInvisible()
  await admin.deleteFrom('ibex_core.sessions').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.sessions.exists({ id: foreign.id }, { includeDeleted: true })).toBe(false)
}

function daysAgo(days: number): { readonly created_at: Date } {
  return { created_at: new Date(Date.now() - days * 86_400_000) }
}

async function silentSession(days: number, values: Partial<Session> = {}): Promise<string> {
  const row = { org_id: tenants.mine.orgId, agent_id: agent.id, ...daysAgo(days), ...values }
  return (await insertSession(tenants.admin, row)).id
}

test('starts a session with what is given, and defaults for the rest', async () => {
  const user = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  const start = {
    agentId: agent.id,
    userId: user.id,
    externalId: 'chat',
    title: 'Hello',
    model: 'm',
    provider: 'p',
  }
  const session = await tenants.mine.sessions.start({ ...start, metadata: { channel: 'web' } })
  expect(session).toMatchObject({
    org_id: tenants.mine.orgId,
    agent_id: agent.id,
    user_id: user.id,
    external_id: 'chat',
    title: 'Hello',
    status: 'active',
    turn_count: 0,
    total_input_tokens: '0',
    metadata: { channel: 'web' },
    completed_at: null,
  })
  const bare = await tenants.mine.sessions.start({ agentId: agent.id })
  expect(bare).toMatchObject({ external_id: null, user_id: null, metadata: {} })
})

test('starts one session of an external id per agent, whatever other agents and tenants have', async () => {
  const { sessions } = tenants.mine
  const other = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  const session = await sessions.start({ agentId: agent.id, externalId: 'chat' })
  const another = await sessions.start({ agentId: other.id, externalId: 'chat' })
  const again = await failure(async () => await sessions.start({ agentId: agent.id, externalId: 'chat' }))
  expect(again).toBeInstanceOf(UniqueViolationError)

  expect(await sessions.findByExternalId(agent.id, 'chat')).toEqual(session)
  expect(await sessions.findByExternalId(other.id, 'chat')).toEqual(another)
  expect(await sessions.findByExternalId(agent.id, 'other')).toBeUndefined()
  expect(await sessions.findByExternalId(foreign.agent_id, 'chat')).toBeUndefined()
  await sessions.softDelete(session.id)
  expect(await sessions.findByExternalId(agent.id, 'chat')).toBeUndefined()
})

test('says the same of an agent or user of another tenant as of one that does not exist', async () => {
  const user = await insertUser(tenants.admin, { org_id: tenants.theirs.orgId })
  const { sessions } = tenants.mine
  for (const [foreignStart, unknownStart] of [
    [{ agentId: foreign.agent_id }, { agentId: randomUUID() }],
    [
      { agentId: agent.id, userId: user.id },
      { agentId: agent.id, userId: randomUUID() },
    ],
  ] as const) {
    const errors = [
      await failure(async () => await sessions.start(foreignStart)),
      await failure(async () => await sessions.start(unknownStart)),
    ]
    expect(errors[0]).toBeInstanceOf(ForeignKeyViolationError)
    expect(errors[0]?.message).toBe(errors[1]?.message)
  }
  expect(await sessions.count()).toBe(0)
})

test('completes a session, and keeps the first time when it is completed again', async () => {
  const { sessions } = tenants.mine
  const { id } = await sessions.start({ agentId: agent.id })
  const first = await sessions.complete(id, { summary: 'They agreed.' })
  expect(first).toMatchObject({ status: 'completed', summary: 'They agreed.' })
  expect(first?.completed_at).toBeInstanceOf(Date)
  const second = await sessions.complete(id)
  expect(second).toMatchObject({ summary: 'They agreed.', completed_at: first?.completed_at })
})

test('completes nothing of another tenant, nothing deleted, nothing unknown', async () => {
  const { sessions } = tenants.mine
  const { id } = await sessions.start({ agentId: agent.id })
  await sessions.softDelete(id)
  for (const each of [foreign.id, id, randomUUID()]) expect(await sessions.complete(each)).toBeUndefined()
})

test('abandons the sessions that are silent for too long, and no others', async () => {
  const { sessions } = tenants.mine
  const silent = [await silentSession(3), await silentSession(2, { status: 'idle' })]
  const spared = [
    await silentSession(3, { last_message_at: new Date() }),
    await silentSession(3, { status: 'completed' }),
    await silentSession(3, { status: 'error' }),
    await silentSession(3, { deleted_at: new Date() }),
    await silentSession(0),
  ]
  const abandoned = await sessions.abandonIdle({ idleSeconds: 3_600 })
  expect(abandoned.toSorted()).toEqual(silent.toSorted())
  expect(await sessions.count({ status: 'abandoned' }, { includeDeleted: true })).toBe(2)
  expect(await sessions.count({ id: spared }, { includeDeleted: true })).toBe(5)
  expect(await sessions.abandonIdle({ idleSeconds: 3_600 })).toEqual([])
})

test('abandons at most as many as the limit says, oldest first', async () => {
  const { sessions } = tenants.mine
  const ids: string[] = []
  for (const days of [5, 4, 3, 2, 1]) ids.push(await silentSession(days))
  const limited = { idleSeconds: 60, limit: 2 }
  expect((await sessions.abandonIdle(limited)).toSorted()).toEqual(ids.slice(0, 2).toSorted())
  expect((await sessions.abandonIdle(limited)).toSorted()).toEqual(ids.slice(2, 4).toSorted())
  expect(await sessions.abandonIdle(limited)).toEqual(ids.slice(4))
})

test(
  'skips what another sweep holds',
  skipOnEmbedded('one connection: no sweep beside another'),
  async () => {
    for (const days of [4, 3, 2, 1]) await silentSession(days)
    const other = tenants.database.forTenant(tenants.mine.orgId)
    await tenants.mine.transaction(async (trx) => {
      const first = await trx.sessions.abandonIdle({ idleSeconds: 60, limit: 3 })
      const second = await runOutsideTransaction(
        async () => await other.sessions.abandonIdle({ idleSeconds: 60 }),
      )
      expect(first).toHaveLength(3)
      expect(second).toHaveLength(1)
      expect(first).not.toContain(second[0])
    })
    expect(await tenants.mine.sessions.count({ status: 'abandoned' })).toBe(4)
  },
)

test.each([
  [{ idleSeconds: -1 }],
  [{ idleSeconds: Number.NaN }],
  [{ idleSeconds: Number.POSITIVE_INFINITY }],
  [{ idleSeconds: 1, limit: 0 }],
  [{ idleSeconds: 1, limit: 1.5 }],
])('throws before any SQL when the sweep is given %j', async (options) => {
  const error = await refusal(tenants, async () => await tenants.mine.sessions.abandonIdle(options))
  expect(error).toBeInstanceOf(InvalidArgumentError)
})
