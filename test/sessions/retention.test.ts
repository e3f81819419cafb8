import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ForeignKeyViolationError, InvalidArgumentError } from '../../src/errors.ts'
import { sweepExpiredSessions } from '../../src/sessions/expired-sessions.ts'
import type { ExpiredSession, SweepOptions } from '../../src/sessions/expired-sessions.ts'
import type { SystemScope } from '../../src/tenancy/system-scope.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { Agent, DB, Session } from '../../types/database.d.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { insertAgent, insertMemory, insertSession, insertTeam } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'
import { file, said } from './samples.ts'

let tenants: TwoTenants
/** Mine, of a team that keeps sessions for 30 days. */
let agent: Agent
let theirAgent: Agent
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await agentOf(tenants.mine.orgId, 30)
  theirAgent = await agentOf(tenants.theirs.orgId, 30)
})

beforeEach(async () => {
  const { theirs } = tenants
  const theirSession = await silent(400, { org_id: theirs.orgId, agent_id: theirAgent.id })
  await theirs.messages.appendMany(theirSession.id, [
    { role: 'user', content: 'theirs', attachments: [file({ filePath: '/theirs' })] },
  ])
  await lastHeard(theirSession, 400)
  theirsUnchanged = await watchTheirs(
    tenants,
    ...['sessions', 'messages', 'attachments'].map((name) => `ibex_core.${name}`),
  )
})

afterEach(async () => {
  await tenants.admin.deleteFrom('ibex_core.sessions').execute()
})

afterAll(async () => {
  await tenants.close()
})

async function agentOf(orgId: string, days: number): Promise<Agent> {
  const { admin } = tenants
  const team = await insertTeam(admin, { org_id: orgId, conversation_retention_days: days })
  return await insertAgent(admin, { org_id: orgId, team_id: team.id })
}

function daysAgo(days: number): Date {
  return new Date(Date.now() - days * 86_400_000)
}

/** A session of mine that began so many days ago and has no message. */
async function silent(days: number, values: Partial<Session> = {}): Promise<Session> {
  const row = { org_id: tenants.mine.orgId, agent_id: agent.id, created_at: daysAgo(days), ...values }
  return await insertSession(tenants.admin, row)
}

/** Moves the messages of a session to so many days ago. */
async function lastHeard({ org_id, id }: Session, days: number): Promise<void> {
  const { admin } = tenants
  for (const [table, column] of [
    ['ibex_core.messages', 'session_id'],
    ['ibex_core.sessions', 'id'],
  ] as const) {
    const time = sql.ref(table === 'ibex_core.messages' ? 'created_at' : 'last_message_at')
    await sql`update ${sql.table(table)} set ${time} = ${daysAgo(days)}
      where org_id = ${org_id} and ${sql.ref(column)} = ${id}`.execute(admin)
  }
}

async function left(orgId: string = tenants.mine.orgId): Promise<string[]> {
  const scope = tenants.database.forTenant(orgId)
  return (await scope.sessions.find({ includeDeleted: true })).map(({ id }) => id).toSorted()
}

/** The files of a session in the test about them. */
function pathsOf(id: string): string[] {
  return [1, 2, 3].map((number) => `/${id}/${number}`)
}

async function sweepAll(options: SweepOptions = {}): Promise<ExpiredSession[]> {
  return await tenants.database.asSystem(
    'retention sweep',
    async (system) => await sweepExpiredSessions(system, options),
  )
}

describe('a sweep', () => {
  test('deletes what was silent for longer than the team keeps it, and nothing else', async () => {
    const { admin, mine } = tenants
    const patient = await agentOf(mine.orgId, 90)
    const alone = await insertAgent(admin, { org_id: mine.orgId })
    const quiet = await silent(200)
    await mine.messages.appendMany(quiet.id, said('long ago'))
    await lastHeard(quiet, 31)
    const busy = await silent(200)
    await mine.messages.appendMany(busy.id, said('today'))
    const expired = [
      (await silent(91, { agent_id: patient.id })).id,
      (await silent(40, { deleted_at: daysAgo(39) })).id,
      (await silent(35, { status: 'active' })).id,
      quiet.id,
    ]
    const kept = [
      busy.id,
      (await silent(29)).id,
      (await silent(40, { agent_id: patient.id })).id,
      (await silent(4_000, { agent_id: alone.id })).id,
    ]
    const swept = await mine.sessions.sweepExpired()
    // oldest first
    expect(swept).toEqual(expired.map((id) => ({ org_id: mine.orgId, id, file_paths: [] })))
    expect(await left()).toEqual(kept.toSorted())
    expect(await mine.sessions.sweepExpired()).toEqual([])
    await theirsUnchanged()
  })

  test('keeps to the days of a team that is soft-deleted, and of a soft-deleted agent', async () => {
    const { admin, mine } = tenants
    const team = await insertTeam(admin, { org_id: mine.orgId, deleted_at: new Date() })
    const retired = await insertAgent(admin, {
      org_id: mine.orgId,
      team_id: team.id,
      deleted_at: new Date(),
    })
    const session = await silent(91, { agent_id: retired.id })
    await silent(89, { agent_id: retired.id })
    expect(await mine.sessions.sweepExpired()).toMatchObject([{ id: session.id }])
  })

  test('takes messages, attachments and checkpoints along, and says which files are left', async () => {
    const { admin, mine } = tenants
    const directive = await mine.directives.insert({ agent_id: agent.id })
    const version = await mine.directiveVersions.insert({
      directive_id: directive.id,
      version_num: 1,
      content: 'Be kind.',
      content_hash: '0'.repeat(64),
    })
    const session = await silent(50, { directive_version_id: version.id })
    const other = await silent(40)
    const untouched = await silent(1)
    for (const { id } of [session, other, untouched]) {
      await mine.messages.appendMany(id, [
        {
          role: 'user',
          content: 'see',
          attachments: [file({ filePath: `/${id}/1` }), file({ filePath: `/${id}/2` })],
        },
        ...said('and'),
        { role: 'user', content: 'this', attachments: [file({ filePath: `/${id}/3` })] },
      ])
      await mine.checkpoints.append({ sessionId: id })
      await mine.checkpoints.append({ sessionId: id })
    }
    await mine.messages.softDelete((await mine.messages.last(session.id, 1))[0]?.id ?? '')
    await lastHeard(session, 50)
    await lastHeard(other, 40)
    const memory = await insertMemory(admin, { org_id: mine.orgId, session_id: session.id })
    const versions = await mine.memoryVersions.count({ memory_id: memory.id })

    expect(await mine.sessions.sweepExpired()).toEqual([
      { org_id: mine.orgId, id: session.id, file_paths: pathsOf(session.id) },
      { org_id: mine.orgId, id: other.id, file_paths: pathsOf(other.id) },
    ])
    expect(await left()).toEqual([untouched.id])
    expect(await mine.messages.count(undefined, { includeDeleted: true })).toBe(3)
    expect(await mine.attachments.count()).toBe(3)
    expect(await mine.checkpoints.count()).toBe(2)
    expect(await mine.directiveVersions.findById(version.id)).toEqual(version)
    // the memory stays, unchanged but for the session that is gone
    expect(await mine.memories.findById(memory.id)).toMatchObject({
      content: memory.content,
      session_id: null,
    })
    expect(await mine.memoryVersions.count({ memory_id: memory.id })).toBe(versions)
    await theirsUnchanged()
  })

  test('deletes at most as many as the limit says, oldest first, of all agents together', async () => {
    const { mine } = tenants
    const second = await agentOf(mine.orgId, 60)
    const ids: string[] = []
    for (const days of [100, 90, 80, 70, 61])
      ids.push((await silent(days, days % 20 === 0 ? {} : { agent_id: second.id })).id)
    const sweep = async (limit: number): Promise<string[]> =>
      (await mine.sessions.sweepExpired({ limit })).map(({ id }) => id)
    expect(await sweep(2)).toEqual(ids.slice(0, 2))
    expect(await sweep(2)).toEqual(ids.slice(2, 4))
    expect(await sweep(2)).toEqual(ids.slice(4))
    expect(await sweep(2)).toEqual([])
  })

  test('is not stopped by a team that keeps sessions for ever', async () => {
    const { mine } = tenants
    const eternal = await agentOf(mine.orgId, 2_147_483_647)
    const kept = await silent(40_000, { agent_id: eternal.id })
    const expired = await silent(31)
    expect(await mine.sessions.sweepExpired()).toMatchObject([{ id: expired.id }])
    expect(await left()).toEqual([kept.id])
  })

  test('is undone with the transaction that surrounds it', async () => {
    const { mine } = tenants
    const { id } = await silent(31)
    await mine.messages.appendMany(id, said('a'))
    await lastHeard(await mine.sessions.findByIdOrThrow(id), 31)
    await failure(
      async () =>
        await mine.transaction(async (trx) => {
          expect(await trx.sessions.sweepExpired()).toHaveLength(1)
          throw new Error('changed my mind')
        }),
    )
    expect(await mine.messages.last(id, 1)).toHaveLength(1)
  })

  test('takes one statement', async () => {
    await silent(31)
    const before = tenants.statements.length
    await tenants.mine.sessions.sweepExpired()
    expect(tenants.statements.length - before).toBe(1)
  })

  test(
    'skips what another sweep or a writer holds, and spares what is heard of meanwhile',
    skipOnEmbedded('one connection: no sweep beside another'),
    async () => {
      const { mine } = tenants
      const ids: string[] = []
      for (const days of [38, 37, 36, 35, 34, 33, 32]) ids.push((await silent(days)).id)
      await mine.transaction(async (trx) => {
        const [first] = await trx.sessions.sweepExpired({ limit: 1 })
        expect(first?.id).toBe(ids[0])
        await trx.messages.appendMany(ids[1] ?? '', said('I am back'))
        await trx.sessions.update(ids[2] ?? '', { title: 'held' })
        const beside = await runOutsideTransaction(async () => await mine.sessions.sweepExpired({ limit: 3 }))
        expect(beside.map(({ id }) => id)).toEqual(ids.slice(3, 6))
      })
      expect((await mine.sessions.sweepExpired()).map(({ id }) => id)).toEqual([ids[2], ids[6]])
      expect(await left()).toEqual([ids[1]])
    },
  )

  test(
    'never takes a message along that was appended beside it',
    skipOnEmbedded('one connection: no sweep beside another'),
    async () => {
      const { mine } = tenants
      const sessions: string[] = []
      for (let count = 0; count < 40; count++) sessions.push((await silent(31 + count / 100)).id)
      const [appended] = await Promise.all([
        Promise.allSettled(sessions.map(async (id) => await mine.messages.appendMany(id, said('back')))),
        ...Array.from({ length: 8 }, async () => await mine.sessions.sweepExpired({ limit: 5 })),
      ])
      const heard = sessions.filter((_, index) => appended[index]?.status === 'fulfilled')
      const refused = appended.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
      expect(refused.every((error) => error instanceof ForeignKeyViolationError)).toBe(true)
      await mine.sessions.sweepExpired()
      expect(await left()).toEqual(heard.toSorted())
      expect(await mine.messages.count()).toBe(heard.length)
    },
  )

  test(
    'spares a session that is heard of after it has looked, before it has locked',
    skipOnEmbedded('one connection: nobody speaks beside a sweep'),
    async () => {
      const { admin, mine } = tenants
      const session = await silent(31)
      // a sweep looks at the teams first; this makes it rest there, its snapshot taken, while the lock is held
      await sql`create policy slow on ibex_core.teams as restrictive for select to ibex_app
        using ((select pg_advisory_xact_lock_shared(1)) is not null)`.execute(admin)
      let sweep: Promise<ExpiredSession[]> | undefined
      await admin.transaction().execute(async (trx) => {
        await sql`select pg_advisory_xact_lock(1)`.execute(trx)
        sweep = mine.sessions.sweepExpired()
        await untilBlocked(admin)
        await mine.messages.appendMany(session.id, said('back'))
      })
      expect(await sweep).toEqual([])
      await sql`drop policy slow on ibex_core.teams`.execute(admin)
      expect(await left()).toEqual([session.id])
    },
  )
})

describe('a sweep of all tenants', () => {
  test('deletes what each team says, and names the tenant of each session', async () => {
    const { admin, mine, theirs } = tenants
    const { id } = await silent(31)
    // the same id in the other tenant, not old enough there
    const twin = await silent(29, { org_id: theirs.orgId, agent_id: theirAgent.id, id })
    const kept = await silent(1)
    const foreign = (await left(theirs.orgId)).find((each) => each !== id)
    expect(await sweepAll()).toEqual([
      { org_id: theirs.orgId, id: foreign, file_paths: ['/theirs'] },
      { org_id: mine.orgId, id, file_paths: [] },
    ])
    expect(await left()).toEqual([kept.id])
    expect(await left(theirs.orgId)).toEqual([twin.id])
    await admin.deleteFrom('ibex_core.sessions').execute()
    expect(await sweepAll()).toEqual([])
  })

  test('goes by age, whatever the tenant, as far as the limit', async () => {
    const { mine, theirs } = tenants
    await silent(31)
    await silent(500)
    expect((await sweepAll({ limit: 2 })).map(({ org_id }) => org_id)).toEqual([mine.orgId, theirs.orgId])
    expect((await sweepAll({ limit: 2 })).map(({ org_id }) => org_id)).toEqual([mine.orgId])
  })

  test.each([0, 1.5, 10_001, Number.NaN])('throws before any SQL when the limit is %s', async (limit) => {
    expect(await refusal(tenants, async () => await sweepAll({ limit }))).toBeInstanceOf(InvalidArgumentError)
  })

  test('throws before any SQL when it is handed anything but a system scope', async () => {
    for (const scope of [tenants.mine, { db: tenants.mine.db }, undefined]) {
      const system = scope as unknown as SystemScope<DB>
      const error = await refusal(tenants, async () => await sweepExpiredSessions(system))
      expect(error).toBeInstanceOf(InvalidArgumentError)
    }
    await theirsUnchanged()
  })
})
