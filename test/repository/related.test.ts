/** Rows with what belongs to them, in one statement. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RowNotFoundError } from '../../src/errors.ts'
import type { Agent, Checkpoint, Memory, Session, User } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { insertAgent, insertMemory, insertSession, insertUser } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

const checkpoints = tables['ibex_core.checkpoints']
const agents = tables['ibex_core.agents']
const sessions = tables['ibex_core.sessions']
const memories = tables['ibex_core.memories']
const users = tables['ibex_core.users']

let tenants: TwoTenants
let user: User
let ada: Agent
let bob: Agent
/** Ada's, with three turns. */
let long: Session
/** Bob's, without a turn. */
let empty: Session
let turns: readonly Checkpoint[]

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  const org = { org_id: mine.orgId }
  user = await insertUser(admin, org)
  ada = await insertAgent(admin, { ...org, name: 'Ada', created_by: user.id })
  bob = await insertAgent(admin, { ...org, name: 'Bob' })
  // pages are ordered by it
  const [first, second] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']
  long = await insertSession(admin, { ...org, agent_id: ada.id, title: 'long', created_at: first })
  empty = await insertSession(admin, { ...org, agent_id: bob.id, title: 'empty', created_at: second })
  for (const step of [0, 1, 2]) {
    await mine.checkpoints.append({ sessionId: long.id, inputTokens: step, state: { step } })
  }
  const foreign = await insertSession(admin, { org_id: theirs.orgId, title: 'long' })
  await theirs.checkpoints.append({ sessionId: foreign.id })
  turns = await mine.checkpoints.since(long.id, -1)
  long = await mine.sessions.findByIdOrThrow(long.id)
})

afterAll(async () => {
  await tenants.close()
})

/** Runs a read, and tells how many statements it took. */
async function counted<T>(read: () => Promise<T>): Promise<{ readonly result: T; readonly count: number }> {
  const before = tenants.statements.length
  return { result: await read(), count: tenants.statements.length - before }
}

test('gives children, parents and parents of parents as plain reads give them, in one statement', async () => {
  const { result, count } = await counted(
    async () =>
      await tenants.mine.sessions.find({
        orderBy: { title: 'desc' },
        related: ({ many, one }) => ({
          checkpoints: many(checkpoints, 'session_id', { orderBy: { turn_index: 'asc' } }),
          agent: one(agents, 'agent_id', {
            related: ({ one }) => ({ creator: one(users, 'created_by') }),
          }),
        }),
      }),
  )
  expect(count).toBe(1)
  expect(result).toStrictEqual([
    { ...long, checkpoints: turns, agent: { ...ada, creator: user } },
    { ...empty, checkpoints: [], agent: { ...bob, creator: null } },
  ])
})

test('orders, filters and limits the children of each parent', async () => {
  const { mine } = tenants
  const other = await insertSession(tenants.admin, { org_id: mine.orgId, agent_id: ada.id, title: 'other' })
  for (const turnIndex of [5, 6, 7]) await mine.checkpoints.append({ sessionId: other.id, turnIndex })
  const rows = await mine.sessions.find({
    where: { agent_id: ada.id },
    orderBy: { title: 'asc' },
    related: ({ many }) => ({
      latest: many(checkpoints, 'session_id', { orderBy: { turn_index: 'desc' }, limit: 2 }),
      even: many(checkpoints, 'session_id', {
        where: { turn_index: [0, 2, 4, 6] },
        orderBy: { turn_index: 'asc' },
      }),
      late: many(checkpoints, 'session_id', {
        where: (eb) => eb.or([eb('turn_index', '>', 6), eb('input_tokens', '=', 2)]),
      }),
      none: many(checkpoints, 'session_id', { limit: 0 }),
    }),
  })
  const indexes = rows.map(({ latest, even, late, none }) =>
    [latest, even, late, none].map((list) => list.map(({ turn_index }) => turn_index)),
  )
  expect(indexes).toEqual([
    [[2, 1], [0, 2], [2], []],
    [[7, 6], [6], [7], []],
  ])
})

test('gives the columns that were asked for', async () => {
  const [row] = await tenants.mine.sessions.find({
    where: { id: long.id },
    related: ({ many, one }) => ({
      checkpoints: many(checkpoints, 'session_id', {
        columns: ['turn_index', 'created_at'],
        orderBy: { input_tokens: 'asc' },
      }),
      agent: one(agents, 'agent_id', {
        columns: ['name'],
        related: ({ one }) => ({ creator: one(users, 'created_by', { columns: ['id'] }) }),
      }),
      nothing: many(checkpoints, 'session_id', { columns: [], limit: 1 }),
    }),
  })
  expect(row?.checkpoints).toStrictEqual(
    turns.map(({ turn_index, created_at }) => ({ turn_index, created_at })),
  )
  expect(row?.agent).toStrictEqual({ name: 'Ada', creator: { id: user.id } })
  expect(row?.nothing).toStrictEqual([{}])
})

test('reads one row with its related rows, by its id, by a filter and page by page', async () => {
  const { mine } = tenants
  const related = { ...ada, sessions: expect.arrayContaining([long]) }
  for (const read of [
    async () =>
      await mine.agents.findById(ada.id, {
        related: ({ many }) => ({ sessions: many(sessions, 'agent_id') }),
      }),
    async () =>
      await mine.agents.findByIdOrThrow(ada.id, {
        related: ({ many }) => ({ sessions: many(sessions, 'agent_id') }),
      }),
    async () =>
      await mine.agents.findOne(
        { name: 'Ada' },
        { related: ({ many }) => ({ sessions: many(sessions, 'agent_id') }) },
      ),
  ]) {
    const { result, count } = await counted(read)
    expect(result).toEqual(related)
    expect(count).toBe(1)
  }
  const missing = async (): Promise<unknown> =>
    await mine.agents.findByIdOrThrow(user.id, {
      related: ({ one }) => ({ creator: one(users, 'created_by') }),
    })
  expect(await failure(missing)).toBeInstanceOf(RowNotFoundError)
})

test('pages with related rows, and takes a cursor whatever comes with its rows', async () => {
  const { sessions: mine } = tenants.mine
  const options = { orderBy: { created_at: 'asc' }, limit: 1 } as const
  const first = await mine.findPage({
    ...options,
    related: ({ one }) => ({ agent: one(agents, 'agent_id') }),
  })
  expect(first.rows).toStrictEqual([{ ...long, agent: ada }])
  const second = await mine.findPage({
    ...options,
    after: first.nextCursor,
    related: ({ many }) => ({ checkpoints: many(checkpoints, 'session_id') }),
  })
  expect(second.rows).toStrictEqual([{ ...empty, checkpoints: [] }])
  const plain = await mine.findPage({ ...options, after: first.nextCursor })
  expect(plain).toEqual({ rows: [empty], nextCursor: second.nextCursor })
})

test('leaves soft-deleted rows out unless they are asked for, at every depth', async () => {
  const { admin, mine } = tenants
  const deletedAt = { org_id: mine.orgId, deleted_at: new Date('2026-01-01T00:00:00Z') }
  const gone = await insertUser(admin, deletedAt)
  const dan = await insertAgent(admin, { ...deletedAt, name: 'Dan', created_by: gone.id })
  const session = await insertSession(admin, { org_id: mine.orgId, agent_id: dan.id })
  const old = await insertSession(admin, { ...deletedAt, agent_id: dan.id })

  const found = await mine.sessions.findByIdOrThrow(session.id, {
    related: ({ one }) => ({
      agent: one(agents, 'agent_id'),
      deleted: one(agents, 'agent_id', {
        includeDeleted: true,
        related: ({ many, one }) => ({
          creator: one(users, 'created_by'),
          deletedCreator: one(users, 'created_by', { includeDeleted: true }),
          sessions: many(sessions, 'agent_id'),
          all: many(sessions, 'agent_id', { includeDeleted: true, orderBy: { deleted_at: 'asc' } }),
        }),
      }),
    }),
  })
  expect(found.agent).toBeNull()
  expect(found.deleted).toStrictEqual({
    ...dan,
    creator: null,
    deletedCreator: gone,
    sessions: [session],
    all: [old, session],
  })
})

test('relates rows of one table to each other, in both directions and several times', async () => {
  const { admin, mine } = tenants
  const org = { org_id: mine.orgId }
  const third = await insertMemory(admin, { ...org, importance: 3 })
  const second = await insertMemory(admin, {
    ...org,
    importance: 2,
    status: 'superseded',
    superseded_by: third.id,
  })
  const first = await insertMemory(admin, {
    ...org,
    importance: 1,
    status: 'superseded',
    superseded_by: second.id,
  })
  const [f, s, t] = await Promise.all(
    [first, second, third].map(async ({ id }) => await mine.memories.findByIdOrThrow(id)),
  )

  const up = await mine.memories.findByIdOrThrow(first.id, {
    related: ({ one }) => ({
      newer: one(memories, 'superseded_by', {
        related: ({ one }) => ({ newest: one(memories, 'superseded_by') }),
      }),
    }),
  })
  expect(up).toStrictEqual({ ...f, newer: { ...s, newest: t } })

  const down = await mine.memories.findByIdOrThrow(third.id, {
    related: ({ many }) => ({
      older: many(memories, 'superseded_by', {
        // the names of a filter mean the child, also where they are qualified
        where: (eb) => eb('ibex_core.memories.importance', '=', 2),
        orderBy: { importance: 'asc' },
        related: ({ many }) => ({ oldest: many(memories, 'superseded_by', { where: { importance: 1 } }) }),
      }),
    }),
  })
  expect(down).toStrictEqual({ ...t, older: [{ ...s, oldest: [f] }] })
})

test('takes children without an id, and the tenant itself as the row that is named', async () => {
  const { mine } = tenants
  const memory: Memory = await insertMemory(tenants.admin, { org_id: mine.orgId })
  await mine.memories.addTags(memory.id, ['b', 'a'])
  const usage = await mine.memoryUsage.insert({ memory_id: memory.id, usefulness_score: 0.1 })
  const found = await mine.memories.findByIdOrThrow(memory.id, {
    related: ({ many, one }) => ({
      tags: many(tables['ibex_core.memory_tags'], 'memory_id', { columns: ['tag'], orderBy: { tag: 'asc' } }),
      usages: many(tables['ibex_core.memory_usage'], 'memory_id'),
      usage: one(tables['ibex_core.memory_usage'], 'id'),
      organization: one(tables['ibex_core.organizations'], 'org_id'),
    }),
  })
  expect(found.tags).toStrictEqual([{ tag: 'a' }, { tag: 'b' }])
  expect(found.usages).toStrictEqual([usage])
  expect(found.usage).toStrictEqual(usage)
  expect(found.organization).toStrictEqual(await mine.organizations.findById(mine.orgId))
})

test('sees what its own transaction has written', async () => {
  const undone = tenants.mine.transaction(async (trx) => {
    await trx.checkpoints.append({ sessionId: empty.id, state: { written: 'here' } })
    const before = tenants.statements.length
    const found = await trx.sessions.findByIdOrThrow(empty.id, {
      related: ({ many }) => ({ checkpoints: many(checkpoints, 'session_id') }),
    })
    expect(tenants.statements.length - before).toBe(1)
    expect(found.checkpoints.map(({ state }) => state)).toEqual([{ written: 'here' }])
    throw new Error('changed my mind')
  })
  await expect(undone).rejects.toThrow('changed my mind')
  expect(await tenants.mine.checkpoints.latest(empty.id)).toBeUndefined()
})

test('reads the same when the statement is prepared already', async () => {
  // after five runs PostgreSQL may turn to a generic plan
  for (let run = 0; run < 7; run++) {
    const rows = await tenants.mine.sessions.find({
      where: { id: long.id },
      related: ({ many }) => ({ turns: many(checkpoints, 'session_id', { orderBy: { turn_index: 'asc' } }) }),
    })
    expect(rows).toStrictEqual([{ ...long, turns }])
  }
})

test('gives no rows when none match', async () => {
  const none = await tenants.mine.sessions.find({
    where: { title: 'unknown' },
    related: ({ one }) => ({ agent: one(agents, 'agent_id') }),
  })
  expect(none).toEqual([])
})
