/** Many writers of one session at once, on a server: the embedded engine has one connection, where they take turns. */
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ForeignKeyViolationError, SerializationFailureError } from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import type { Agent, Session } from '../../types/database.d.ts'
import { insertAgent, insertSession } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { at, said, upTo } from './samples.ts'

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
  session = await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id })
  await insertSession(admin, { org_id: theirs.orgId, id: session.id })
  await theirs.messages.appendMany(session.id, said('theirs'))
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.sessions', 'ibex_core.messages')
})

afterEach(async () => {
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

/** The session's numbers and what a count of its messages says, as the owner sees both. */
async function state() {
  const { rows } = await sql<{
    seqs: number[]
    kept: Record<string, unknown>
    counted: Record<string, unknown>
  }>`
    select array_agg(seq order by seq) as seqs,
      jsonb_build_object('count', message_count, 'newest', last_message_at, 'last', last_seq) as kept,
      jsonb_build_object('count', count(*) filter (where messages.deleted_at is null),
        'newest', max(messages.created_at) filter (where messages.deleted_at is null), 'last', max(seq)) as counted
    from ibex_core.sessions join ibex_core.messages on messages.org_id = sessions.org_id and session_id = sessions.id
    where sessions.org_id = ${tenants.mine.orgId} and sessions.id = ${session.id}
    group by sessions.org_id, sessions.id`.execute(tenants.admin)
  const [row] = rows
  if (row === undefined) throw new Error('the session has no message')
  return row
}

/** Runs `first` in a transaction, lets `second` wait for it, and commits or rolls back. */
async function race(
  first: (trx: TenantTransaction) => Promise<unknown>,
  second: () => Promise<unknown>,
  end: 'commit' | 'rollback' = 'commit',
): Promise<unknown> {
  let waiting: Promise<unknown> | undefined
  const transaction = tenants.mine.transaction(async (trx) => {
    await first(trx)
    waiting = runOutsideTransaction(second)
    // its rejection is looked at by whoever awaits the race
    waiting.catch(() => {})
    await untilBlocked(tenants.admin)
    if (end === 'rollback') throw new Error('changed my mind')
  })
  if (end === 'rollback') await failure(async () => await transaction)
  else await transaction
  return await waiting
}

describe('concurrent writers', skipOnEmbedded('one connection: writers take turns'), () => {
  test('get consecutive numbers, and are all counted', async () => {
    const { mine } = tenants
    const messages = await Promise.all(
      upTo(50).map(
        async (number) =>
          await mine.messages.append({ sessionId: session.id, role: 'user', content: `writer ${number}` }),
      ),
    )
    expect(messages.map(({ seq }) => seq).toSorted((one, other) => one - other)).toEqual(upTo(50))
    const { seqs, kept, counted } = await state()
    expect(seqs).toEqual(upTo(50))
    expect(kept).toEqual(counted)
    expect(kept).toMatchObject({ count: 50, last: 50 })
  })

  test('keep the messages of each batch together', async () => {
    const { mine } = tenants
    const batches = await Promise.all(
      upTo(10).map(
        async (batch) =>
          await mine.messages.appendMany(session.id, said(...upTo(20).map((line) => `${batch}: ${line}`))),
      ),
    )
    for (const batch of batches) {
      const first = batch[0]?.seq ?? 0
      expect(batch.map(({ seq }) => seq)).toEqual(upTo(20).map((line) => first + line - 1))
    }
    const { seqs, kept, counted } = await state()
    expect(seqs).toEqual(upTo(200))
    expect(kept).toEqual(counted)
  })

  test('leave no gap when one of them rolls back in the middle', async () => {
    const { mine } = tenants
    const append = async (content: string) =>
      await mine.messages.append({ sessionId: session.id, role: 'user', content })
    await append('before')
    const after = await race(
      async (trx) => {
        const undone = await trx.messages.appendMany(session.id, said('undone', 'undone too'))
        expect(undone.map(({ seq }) => seq)).toEqual([2, 3])
      },
      async () => await append('after'),
      'rollback',
    )
    expect(after).toMatchObject({ seq: 2 })
    const results = await Promise.allSettled(
      upTo(30).map(
        async (number) =>
          await mine.transaction(async (trx) => {
            await trx.messages.append({ sessionId: session.id, role: 'user', content: `${number}` })
            if (number % 3 === 0) throw new Error('changed my mind')
          }),
      ),
    )
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10)
    const { seqs, kept, counted } = await state()
    expect(seqs).toEqual(upTo(22))
    expect(kept).toEqual(counted)
  })

  test('are counted right beside others that soft-delete, restore and delete', async () => {
    const { mine } = tenants
    const messages = await mine.messages.appendMany(session.id, said(...upTo(40).map(String)))
    const half = messages.slice(0, 10)
    for (const { id } of half) await mine.messages.softDelete(id)
    await Promise.all([
      ...half.map(async ({ id }) => await mine.messages.restore(id)),
      ...messages.slice(10, 30).map(async ({ id }) => await mine.messages.softDelete(id)),
      ...messages.slice(30, 35).map(async ({ id }) => await mine.messages.delete(id)),
      ...messages.slice(10, 20).map(async ({ id }) => await mine.messages.softDelete(id)),
      ...upTo(15).map(
        async (line) => await mine.messages.appendMany(session.id, said(`new ${line}`, `newer ${line}`)),
      ),
    ])
    const { seqs, kept, counted } = await state()
    expect(kept).toEqual(counted)
    expect(kept).toMatchObject({ count: 45, last: 70 })
    expect(seqs).toEqual(upTo(70).filter((seq) => seq <= 30 || seq > 35))
  })

  test('find the newest message that is left when the two newest go at once', async () => {
    const { mine } = tenants
    const rows = upTo(3).map((minute) => ({
      session_id: session.id,
      role: 'user' as const,
      content: `${minute}`,
      created_at: at(minute),
    }))
    const ids = (await mine.messages.insertMany(rows)).map(({ id }) => id)
    await race(
      async (trx) => await trx.messages.softDelete(ids[2] ?? ''),
      async () => await mine.messages.softDelete(ids[1] ?? ''),
    )
    const { kept, counted } = await state()
    expect(kept).toEqual(counted)
    expect(await mine.sessions.findByIdOrThrow(session.id)).toMatchObject({
      message_count: 1,
      last_message_at: at(1),
    })
  })

  test.each<[string, (trx: TenantTransaction) => Promise<unknown>]>([
    ['deleted', async (trx) => await trx.sessions.delete(session.id)],
    ['soft-deleted', async (trx) => await trx.sessions.softDelete(session.id)],
  ])('are refused when the session is %s while they wait', async (_, end) => {
    const { mine } = tenants
    const late = race(end, async () => await mine.messages.appendMany(session.id, said('late')))
    expect(await failure(async () => await late)).toBeInstanceOf(ForeignKeyViolationError)
    expect(await mine.messages.exists({ session_id: session.id }, { includeDeleted: true })).toBe(false)
  })

  test('of other sessions do not wait', async () => {
    const { admin, mine } = tenants
    const other = await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id })
    await mine.transaction(async (trx) => {
      await trx.messages.appendMany(session.id, said('open'))
      const messages = await runOutsideTransaction(
        async () => await mine.messages.appendMany(other.id, said('a', 'b')),
      )
      expect(messages.map(({ seq }) => seq)).toEqual([1, 2])
    })
  })

  test('of serializable transactions are told to try again, and get their number when they do', async () => {
    const { mine } = tenants
    const append = async (retry: boolean) =>
      await mine.transaction(
        async (trx) => {
          await trx.sessions.findByIdOrThrow(session.id)
          return await trx.messages.append({ sessionId: session.id, role: 'user', content: 'hello' })
        },
        { isolationLevel: 'serializable', retry },
      )
    const results = await Promise.allSettled(upTo(8).map(async () => await append(false)))
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect(refused.every((error) => error instanceof SerializationFailureError)).toBe(true)
    const succeeded = results.length - refused.length
    expect(succeeded).toBeGreaterThan(0)
    const retried = await append(true)
    expect(retried.seq).toBe(succeeded + 1)
    expect((await state()).seqs).toEqual(upTo(succeeded + 1))
  })
})
