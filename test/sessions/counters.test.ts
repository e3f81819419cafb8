/** What the triggers of messages keep: their numbers, and the counters of their sessions. */
import { type Kysely, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CheckViolationError, UniqueViolationError } from '../../src/errors.ts'
import type { Agent, DB, Session } from '../../types/database.d.ts'
import { insertAgent, insertSession } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { at, said, upTo } from './samples.ts'

let tenants: TwoTenants
let agent: Agent
let session: Session
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
})

beforeEach(async () => {
  const { admin, mine, theirs } = tenants
  session = await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id })
  // a session of theirs with the very same id: keys carry the tenant
  await insertSession(admin, { org_id: theirs.orgId, id: session.id })
  await theirs.messages.appendMany(session.id, said('theirs', 'theirs too'))
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.sessions', 'ibex_core.messages')
})

afterEach(async () => {
  await theirsUnchanged()
  await countersHold()
})

afterAll(async () => {
  await tenants.close()
})

/** Every counter of every session says what a count of its messages says. */
async function countersHold(): Promise<void> {
  const { rows } = await sql`select org_id, id, message_count, last_message_at from ibex_core.sessions
    except select sessions.org_id, sessions.id, count(messages.id) filter (where messages.deleted_at is null),
      max(messages.created_at) filter (where messages.deleted_at is null and not is_summary)
    from ibex_core.sessions left join ibex_core.messages on messages.org_id = sessions.org_id and session_id = sessions.id
    group by sessions.org_id, sessions.id`.execute(tenants.admin)
  expect(rows).toEqual([])
}

async function counters(): Promise<Pick<Session, 'last_seq' | 'message_count' | 'last_message_at'>> {
  const row = await tenants.mine.sessions.findByIdOrThrow(session.id)
  const { last_seq, message_count, last_message_at } = row
  return { last_seq, message_count, last_message_at }
}

function message(values: object = {}) {
  return { session_id: session.id, role: 'user' as const, content: 'hello', ...values }
}

describe('numbers', () => {
  test('count from 1 in each session, whoever inserts', async () => {
    const { admin, database, mine } = tenants
    const other = await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id })
    const orgId = mine.orgId
    await mine.messages.insert(message())
    await mine.messages.insertMany([
      message(),
      message({ session_id: other.id }),
      message(),
      message({ session_id: other.id }),
    ])
    await mine.db.insertInto('ibex_core.messages').values([message(), message()]).execute()
    await sql`insert into ibex_core.messages (session_id, role, content)
      select ${session.id}, 'user', 'line ' || line from generate_series(1, 3) as line`.execute(mine.db)
    await insertAsAdmin(admin, orgId)
    await database.asSystem('import', async ({ db }) => {
      await db
        .insertInto('ibex_core.messages')
        .values(message({ org_id: orgId }))
        .execute()
    })
    await mine.messages.append({ sessionId: session.id, role: 'user', content: 'hello' })
    const seqs = async (sessionId: string): Promise<number[]> =>
      (await mine.messages.last(sessionId, 100)).map(({ seq }) => seq)
    expect(await seqs(session.id)).toEqual(upTo(12))
    expect(await seqs(other.id)).toEqual([1, 2])
    expect(await counters()).toMatchObject({ last_seq: 12, message_count: 12 })
  })

  test('are kept when they are given and are the next ones', async () => {
    const { mine } = tenants
    await mine.messages.insertMany([1, 2, 3].map((seq) => message({ seq })))
    await mine.messages.insert(message({ seq: 4 }))
    expect((await mine.messages.insert(message())).seq).toBe(5)
    expect(await counters()).toMatchObject({ last_seq: 5, message_count: 5 })
  })

  test.each([
    ['would leave a gap', 4, CheckViolationError, 'messages_seq_check'],
    ['is taken', 2, UniqueViolationError, 'messages_org_id_session_id_seq_key'],
    ['is negative', -1, CheckViolationError, 'messages_seq_check'],
  ])('are refused when one %s', async (_, seq, ErrorClass, constraint) => {
    const { mine } = tenants
    await mine.messages.appendMany(session.id, said('a', 'b'))
    const before = await counters()
    for (const insert of [
      async () => await mine.messages.insert(message({ seq })),
      async () =>
        await mine.messages.insertMany([message({ seq: 3 }), message({ seq: seq === 4 ? 5 : seq })]),
    ]) {
      const error = await failure(insert)
      expect(error).toBeInstanceOf(ErrorClass)
      expect(error).toMatchObject({ constraint, table: 'messages' })
    }
    expect(await counters()).toEqual(before)
    expect((await mine.messages.insert(message())).seq).toBe(3)
  })

  test('leave no gap when rows are not inserted after all', async () => {
    const { mine } = tenants
    const { id } = await mine.messages.insert(message())
    await mine.db
      .insertInto('ibex_core.messages')
      .values([message({ id }), message(), message({ id }), message()])
      .onConflict((oc) => oc.columns(['org_id', 'id']).doNothing())
      .execute()
    await mine.messages.upsert(message({ id, content: 'edited' }), { conflict: ['id'] })
    expect((await mine.messages.last(session.id, 10)).map(({ seq, content }) => [seq, content])).toEqual([
      [1, 'edited'],
      [2, 'hello'],
      [3, 'hello'],
    ])
    expect(await counters()).toMatchObject({ last_seq: 3, message_count: 3 })
  })

  test('are not given again when the last message is deleted for good', async () => {
    const { mine } = tenants
    const messages = await mine.messages.appendMany(session.id, said('a', 'b'))
    await mine.messages.delete(messages[1]?.id ?? '')
    expect((await mine.messages.insert(message())).seq).toBe(3)
    // a number that is free is taken when it is asked for, to put back what was deleted
    expect((await mine.messages.insert(message({ seq: 2 }))).seq).toBe(2)
    expect(await counters()).toMatchObject({ last_seq: 3, message_count: 3 })
  })

  test('never change, and neither does the session', async () => {
    const { admin, mine } = tenants
    const other = await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id })
    const { id } = await mine.messages.insert(message())
    for (const patch of [{ seq: 2 }, { session_id: other.id }, { seq: 7, session_id: other.id }]) {
      const error = await failure(async () => await mine.messages.update(id, patch))
      expect(error).toBeInstanceOf(CheckViolationError)
      expect(error).toMatchObject({ constraint: 'messages_seq_check' })
    }
    const same = { seq: 1, session_id: session.id, content: 'edited' }
    expect(await mine.messages.update(id, same)).toMatchObject(same)
  })

  test('of two insertions in one statement follow each other', async () => {
    await sql`with one as (insert into ibex_core.messages (session_id, role, content) values (${session.id}, 'user', 'a') returning seq),
      two as (insert into ibex_core.messages (session_id, role, content) values (${session.id}, 'user', 'b') returning seq)
      select seq from one union all select seq from two`.execute(tenants.mine.db)
    expect((await tenants.mine.messages.last(session.id, 9)).map(({ seq }) => seq)).toEqual([1, 2])
    expect(await counters()).toMatchObject({ last_seq: 2, message_count: 2 })
  })
})

async function insertAsAdmin(admin: Kysely<DB>, orgId: string): Promise<void> {
  await admin
    .insertInto('ibex_core.messages')
    .values([message({ org_id: orgId }), message({ org_id: orgId })])
    .execute()
}

/** Messages at minutes 1 to `count`. */
async function spoken(count: number): Promise<string[]> {
  const rows = upTo(count).map((minute) => message({ created_at: at(minute) }))
  return (await tenants.mine.messages.insertMany(rows)).map(({ id }) => id)
}

describe('counters', () => {
  test('follow soft-deleting, restoring and deleting, one by one', async () => {
    const { messages } = tenants.mine
    const ids = await spoken(4)
    expect(await counters()).toEqual({ last_seq: 4, message_count: 4, last_message_at: at(4) })
    await messages.softDelete(ids[1] ?? '')
    expect(await counters()).toMatchObject({ message_count: 3, last_message_at: at(4) })
    await messages.softDelete(ids[3] ?? '')
    expect(await counters()).toMatchObject({ message_count: 2, last_message_at: at(3) })
    expect(await messages.softDelete(ids[3] ?? '')).toBeUndefined()
    expect(await counters()).toMatchObject({ message_count: 2, last_message_at: at(3) })
    await messages.restore(ids[3] ?? '')
    expect(await counters()).toMatchObject({ message_count: 3, last_message_at: at(4) })
    await messages.delete(ids[3] ?? '')
    expect(await counters()).toMatchObject({ message_count: 2, last_message_at: at(3) })
    await messages.delete(ids[1] ?? '')
    expect(await counters()).toEqual({ last_seq: 4, message_count: 2, last_message_at: at(3) })
  })

  test('follow statements that change many messages of several sessions', async () => {
    const { admin, mine } = tenants
    const other = await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id })
    await spoken(6)
    await mine.messages.insertMany([1, 2].map((n) => message({ session_id: other.id, created_at: at(n) })))
    await mine.db
      .updateTable('ibex_core.messages')
      .set({ deleted_at: new Date() })
      .where('seq', '>', 1)
      .execute()
    expect(await counters()).toMatchObject({ message_count: 1, last_message_at: at(1) })
    expect(await mine.sessions.findByIdOrThrow(other.id)).toMatchObject({ message_count: 1 })
    await mine.db
      .updateTable('ibex_core.messages')
      .set({ deleted_at: sql<Date>`case when seq in (1, 6) then now() end` })
      .where('session_id', '=', session.id)
      .execute()
    expect(await counters()).toMatchObject({ message_count: 4, last_message_at: at(5) })
    // one goes and another comes: the number stays, the time does not
    await mine.db
      .updateTable('ibex_core.messages')
      .set({ deleted_at: sql<Date>`case when seq = 5 then now() end` })
      .where('session_id', '=', session.id)
      .where('seq', 'in', [1, 5])
      .execute()
    expect(await counters()).toMatchObject({ message_count: 4, last_message_at: at(4) })
    await mine.db.deleteFrom('ibex_core.messages').where('seq', '>=', 2).execute()
    expect(await counters()).toEqual({ last_seq: 6, message_count: 1, last_message_at: at(1) })
    await mine.db.deleteFrom('ibex_core.messages').execute()
    expect(await counters()).toEqual({ last_seq: 6, message_count: 0, last_message_at: null })
  })

  test('take imported messages as they are: older ones, soft-deleted ones', async () => {
    const { messages } = tenants.mine
    await messages.insert(message({ created_at: at(9) }))
    await messages.insertMany([
      message({ created_at: at(3) }),
      message({ created_at: at(30), deleted_at: at(31) }),
    ])
    expect(await counters()).toEqual({ last_seq: 3, message_count: 2, last_message_at: at(9) })
    await messages.update((await messages.last(session.id, 1))[0]?.id ?? '', { created_at: at(20) })
    expect(await counters()).toMatchObject({ message_count: 2, last_message_at: at(20) })
  })

  test('count a summary as a message, but as no sign of life', async () => {
    const { messages } = tenants.mine
    const [, second = ''] = await spoken(2)
    const { id } = await messages.summarize(session.id, 'They talked.')
    expect(await counters()).toEqual({ last_seq: 3, message_count: 3, last_message_at: at(2) })
    await messages.softDelete(second)
    expect(await counters()).toEqual({ last_seq: 3, message_count: 2, last_message_at: at(1) })
    await messages.softDelete(id)
    expect(await counters()).toEqual({ last_seq: 3, message_count: 1, last_message_at: at(1) })
  })

  test('stay as they are when a message changes in any other way', async () => {
    const { messages, sessions } = tenants.mine
    const [id = ''] = await spoken(1)
    const before = await sessions.findByIdOrThrow(session.id)
    await messages.rate(id, { rating: 'positive' })
    await messages.update(id, { content: 'edited', token_count: 3 })
    expect(await sessions.findByIdOrThrow(session.id)).toEqual(before)
  })

  test('let a session go with its messages, and an agent with both', async () => {
    const { admin, mine } = tenants
    const other = await insertAgent(admin, { org_id: mine.orgId })
    const second = await insertSession(admin, { org_id: mine.orgId, agent_id: other.id })
    await spoken(3)
    await mine.messages.insertMany([
      message({ agent_id: other.id }),
      message({ session_id: second.id, agent_id: other.id }),
    ])
    await mine.agents.delete(other.id)
    expect(await mine.sessions.exists({ id: second.id })).toBe(false)
    expect(await mine.messages.count({ session_id: second.id })).toBe(0)
    expect(await mine.messages.last(session.id, 1)).toMatchObject([{ seq: 4, agent_id: null }])
    await mine.sessions.delete(session.id)
    expect(await mine.messages.exists({ session_id: session.id }, { includeDeleted: true })).toBe(false)
  })
})
