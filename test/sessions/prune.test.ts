/** Pruning checkpoints: what goes, what a resume needs and stays, and who may do it. */
import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { InsufficientPrivilegeError, InvalidArgumentError } from '../../src/errors.ts'
import { pruneCheckpoints } from '../../src/sessions/prune-checkpoints.ts'
import type { PruneOptions, PruneProgress, PruneReport } from '../../src/sessions/prune-checkpoints.ts'
import type { SystemScope } from '../../src/tenancy/system-scope.ts'
import type { Agent, DB } from '../../types/database.d.ts'
import { asTenant } from '../catalog/as-tenant.ts'
import { insertAgent, insertSession } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let agent: Agent
let theirAgent: Agent
/** The other tenant's session of 10 turns that are 1 to 10 days old, one of mine may have its id. */
let theirSession: string
let theirsUnchanged: () => Promise<void>

const now = Date.now()

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 12 })
  const { admin, mine, theirs } = tenants
  agent = await insertAgent(admin, { org_id: mine.orgId })
  theirAgent = await insertAgent(admin, { org_id: theirs.orgId })
  theirSession = await session('c'.repeat(10), theirs.orgId)
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.checkpoints', 'ibex_core.sessions')
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('ibex_core.sessions').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function daysAgo(days: number): Date {
  return new Date(now - days * 86_400_000)
}

/** A session with a turn a letter, `c` for complete and `-` for one that broke off, one a day, the last one a day old. */
async function session(turns: string, orgId: string = tenants.mine.orgId, id?: string): Promise<string> {
  const { admin, mine } = tenants
  const agentId = orgId === mine.orgId ? agent.id : theirAgent.id
  const row = { org_id: orgId, agent_id: agentId, turn_count: turns.length }
  const { id: sessionId } = await insertSession(admin, id === undefined ? row : { ...row, id })
  const checkpoints = Array.from(turns, (turn, index) => ({
    org_id: orgId,
    session_id: sessionId,
    agent_id: agentId,
    turn_index: index,
    request_id: `request ${index}`,
    is_complete: turn === 'c',
    created_at: daysAgo(turns.length - index),
  }))
  if (checkpoints.length > 0) await admin.insertInto('ibex_core.checkpoints').values(checkpoints).execute()
  return sessionId
}

/** Prunes mine, unless the options say otherwise. */
async function prune(options: PruneOptions): Promise<PruneReport> {
  const pruned = { orgId: tenants.mine.orgId, ...options }
  return await tenants.database.asSystem(
    'weekly prune',
    async (system) => await pruneCheckpoints(system, pruned),
  )
}

async function turnsOf(sessionId: string): Promise<number[]> {
  return (await tenants.mine.checkpoints.since(sessionId, -1)).map(({ turn_index }) => turn_index)
}

test('keeps the last turns of each session, and the last complete one however old', async () => {
  const { checkpoints } = tenants.mine
  const whole = await session('cccccc')
  const broken = await session('cc-c----')
  const hopeless = await session('----')
  const short = await session('c')
  const resumed = await checkpoints.resume(broken)
  expect(await prune({ keepLatest: 2 })).toEqual({ examined: 19, pruned: 4 + 5 + 2, isComplete: true })
  expect(await turnsOf(whole)).toEqual([4, 5])
  expect(await turnsOf(broken)).toEqual([3, 6, 7])
  expect(await turnsOf(hopeless)).toEqual([2, 3])
  expect(await turnsOf(short)).toEqual([0])
  expect(resumed).toMatchObject({ turn_index: 3 })
  expect(await checkpoints.resume(broken)).toEqual(resumed)
  expect(await prune({ keepLatest: 2 })).toMatchObject({ pruned: 0 })
})

test('deletes what is older than a time, but the last complete turn, and with both options what both let go', async () => {
  const [old, mixed] = [await session('ccc------'), await session('cccccccccc')]
  const olderThan = daysAgo(4.5)
  expect(await prune({ olderThan, keepLatest: 7 })).toMatchObject({ pruned: 2 + 3 })
  expect(await turnsOf(mixed)).toEqual([3, 4, 5, 6, 7, 8, 9])
  expect(await turnsOf(old)).toEqual([2, 3, 4, 5, 6, 7, 8])
  expect(await prune({ olderThan })).toMatchObject({ pruned: 3 + 2 })
  expect(await turnsOf(mixed)).toEqual([6, 7, 8, 9])
  expect(await turnsOf(old)).toEqual([2, 5, 6, 7, 8])
})

test('leaves a session that goes on, forks, and has its counters', async () => {
  const { checkpoints, sessions } = tenants.mine
  const id = await session('cccccc')
  const before = await sessions.findById(id)
  await prune({ keepLatest: 2 })
  expect(await sessions.findById(id)).toEqual(before)
  const fork = await checkpoints.fork(id, { atTurn: 5 })
  expect(await turnsOf(fork.id)).toEqual([4, 5])
  expect(await checkpoints.append({ sessionId: id })).toMatchObject({ turn_index: 6 })
  // the same request is still the same, as long as its turn is there
  expect(await checkpoints.append({ sessionId: id, requestId: 'request 5' })).toMatchObject({ turn_index: 5 })
})

test('counts in a dry run exactly what it would delete, whatever the options', async () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let count = 0; count < 25; count++)
    await session(Array.from({ length: random(12) }, () => (random(3) > 0 ? 'c' : '-')).join(''))
  const variants: readonly PruneOptions[] = [
    { keepLatest: 1, olderThan: daysAgo(8) },
    { olderThan: daysAgo(7), limit: 5 },
    { keepLatest: 6, limit: 3, batchSize: 2 },
    { olderThan: daysAgo(4), batchSize: 7 },
    { keepLatest: 3, batchSize: 1 },
    { keepLatest: 1, limit: 4 },
    { keepLatest: 1 },
  ]
  for (const options of variants) {
    const before = await tenants.mine.checkpoints.count()
    const dry = await prune({ ...options, dryRun: true })
    expect(await tenants.mine.checkpoints.count()).toBe(before)
    expect(await prune(options)).toEqual(dry)
    expect(dry.pruned).toBeGreaterThan(0)
    expect(await tenants.mine.checkpoints.count()).toBe(before - dry.pruned)
  }
  expect(await prune({ keepLatest: 1 })).toMatchObject({ pruned: 0 })
})

test('goes as far as the limit, and tells after each batch how far it is', async () => {
  await session('cccccc')
  await session('cccccc')
  const progress: PruneProgress[] = []
  const onProgress = async (step: PruneProgress): Promise<void> => {
    await Promise.resolve()
    progress.push(step)
  }
  expect(await prune({ keepLatest: 1, batchSize: 5, limit: 6, onProgress })).toMatchObject({
    pruned: 6,
    isComplete: false,
  })
  expect(progress.map(({ examined }) => examined)).toEqual([5, 10])
  expect(progress.at(-1)?.pruned).toBe(6)
  expect(await prune({ keepLatest: 1 })).toMatchObject({ pruned: 4, isComplete: true })
})

test('goes by tenant, and by session where one is given', async () => {
  const other = await session('cccc')
  // the other tenant has a session of this id
  const twin = await session('cccc', undefined, theirSession)
  expect(await prune({ sessionId: twin, keepLatest: 1 })).toEqual({
    examined: 4,
    pruned: 3,
    isComplete: true,
  })
  expect(await turnsOf(twin)).toEqual([3])
  expect(await turnsOf(other)).toEqual([0, 1, 2, 3])
  await theirsUnchanged()
})

test('prunes all tenants when none is given', async () => {
  const { admin, theirs } = tenants
  const id = await session('cccc')
  const dry = await prune({ orgId: undefined, keepLatest: 2, olderThan: daysAgo(3.5), dryRun: true })
  expect(dry.pruned).toBeGreaterThanOrEqual(1 + 7)
  expect(await prune({ orgId: undefined, keepLatest: 2, olderThan: daysAgo(3.5) })).toEqual(dry)
  expect(await turnsOf(id)).toEqual([1, 2, 3])
  const left = await theirs.checkpoints.find({ orderBy: { turn_index: 'asc' } })
  expect(left.map(({ turn_index }) => turn_index)).toEqual([7, 8, 9])
  await admin.deleteFrom('ibex_core.sessions').where('id', '=', theirSession).execute()
  theirSession = await session('c'.repeat(10), theirs.orgId)
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.checkpoints', 'ibex_core.sessions')
})

describe('with others at the same time', skipOnEmbedded('it has one session'), () => {
  test('deletes each checkpoint once and refuses nobody, beside those who append, resume and delete', async () => {
    const { admin, mine } = tenants
    const ids = await Promise.all(Array.from({ length: 12 }, async () => await session('cc-cc-cc')))
    const [doomed = '', ...kept] = ids
    const prunes = Array.from({ length: 5 }, async () => await prune({ keepLatest: 2, batchSize: 9 }))
    const appended = kept.map(async (sessionId) => await mine.checkpoints.append({ sessionId }))
    const resumed = kept.map(async (id) => await mine.checkpoints.resume(id))
    const [reports] = await Promise.all([
      Promise.all(prunes),
      Promise.all(appended),
      Promise.all(resumed).then((found) => expect(found.every((turn) => turn !== undefined)).toBe(true)),
      mine.sessions.delete(doomed),
    ])
    const total = reports.reduce((sum, { pruned }) => sum + pruned, 0)
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from ibex_core.checkpoints
      where org_id = ${mine.orgId}`.execute(admin)
    // 9 turns each, but those of the session that is gone, some of which a prune may have deleted before
    expect(kept.length * 9 - (rows[0]?.count ?? 0)).toBeLessThanOrEqual(total)
    await prune({ keepLatest: 2 })
    for (const id of kept) expect(await turnsOf(id)).toEqual([7, 8])
    expect(await turnsOf(doomed)).toEqual([])
  })

  test('skips a checkpoint that another holds, and waits for nobody', async () => {
    const { admin } = tenants
    const id = await session('ccccc')
    await admin.transaction().execute(async (trx) => {
      const held = trx.selectFrom('ibex_core.checkpoints').select('id').forUpdate()
      await held.where('session_id', '=', id).where('turn_index', '=', 1).execute()
      await prune({ sessionId: id, keepLatest: 2 })
      expect(await turnsOf(id)).toEqual([1, 3, 4])
    })
    await prune({ sessionId: id, keepLatest: 2 })
    expect(await turnsOf(id)).toEqual([3, 4])
  })
})

/** Deletes by hand, as a role and with the setting of a prune. */
async function deleteAs(role: string, setting: string, where: ReturnType<typeof sql>): Promise<void> {
  const { admin, mine } = tenants
  await asTenant(admin, mine.orgId, async (trx: Kysely<DB>) => {
    await sql`select set_config('role', ${role}, true), set_config('app.prune_checkpoints', ${setting}, true)`.execute(
      trx,
    )
    await sql`delete from ibex_core.checkpoints where org_id = ${mine.orgId} and ${where}`.execute(trx)
  })
}

describe('the database', () => {
  test.each([
    ['a tenant', 'ibex_app', 'on'],
    ['the system role by accident', 'ibex_system', ''],
    ['the system role that says something else', 'ibex_system', 'true'],
    ['a superuser', 'none', 'on'],
  ])('lets no checkpoint go for %s', async (_, role, setting) => {
    const id = await session('ccc')
    const error = deleteAs(role, setting, sql`turn_index = 0`)
    await expect(error).rejects.toThrow(expect.objectContaining({ code: '42501' }))
    expect(await turnsOf(id)).toEqual([0, 1, 2])
  })

  test('refuses the last complete turn to a prune as well, and with it the whole statement', async () => {
    const id = await session('cc--')
    for (const where of [sql`turn_index = 1`, sql`true`]) {
      const error = deleteAs('ibex_system', 'on', where)
      await expect(error).rejects.toThrow(expect.objectContaining({ code: '42501' }))
      expect(await turnsOf(id)).toEqual([0, 1, 2, 3])
    }
    await deleteAs('ibex_system', 'on', sql`turn_index <> 1`)
    expect(await turnsOf(id)).toEqual([1])
  })

  test('lets none change, and all go with their session', async () => {
    const { database, mine } = tenants
    const id = await session('ccc')
    const [first] = await mine.checkpoints.since(id, -1)
    for (const change of [sql`state = '{}'`, sql`id = gen_random_uuid()`]) {
      const update = await failure(
        async () =>
          await database.asSystem('a forgery', async (system) => {
            await system.transaction(async (trx) => {
              await sql`select set_config('app.prune_checkpoints', 'on', true)`.execute(trx)
              await sql`update ibex_core.checkpoints set ${change} where id = ${first?.id}`.execute(trx)
            })
          }),
      )
      expect(update).toBeInstanceOf(InsufficientPrivilegeError)
    }
    expect(await failure(async () => await mine.checkpoints.delete(first?.id ?? ''))).toBeInstanceOf(
      InsufficientPrivilegeError,
    )
    await mine.sessions.delete(id)
    expect(await turnsOf(id)).toEqual([])
  })

  test('ends the permission with the statement of the prune', async () => {
    const id = await session('ccc')
    const error = await failure(
      async () =>
        await tenants.database.asSystem('a prune and more', async (system) => {
          await pruneCheckpoints(system, { orgId: tenants.mine.orgId, keepLatest: 2 })
          await system.db.deleteFrom('ibex_core.checkpoints').where('session_id', '=', id).execute()
        }),
    )
    expect(error).toBeInstanceOf(InsufficientPrivilegeError)
    expect(await turnsOf(id)).toEqual([1, 2])
  })
})

test.each<[string, object]>([
  ['keepLatest', {}],
  ['keepLatest', { keepLatest: 0 }],
  ['keepLatest', { keepLatest: 1.5 }],
  ['keepLatest', { keepLatest: '3' }],
  ['olderThan', { olderThan: '2026-01-01' }],
  ['olderThan', { olderThan: new Date(Number.NaN) }],
  ['orgId', { keepLatest: 1, orgId: 'acme' }],
  ['orgId', { keepLatest: 1, orgId: undefined, sessionId: randomUUID() }],
  ['sessionId', { keepLatest: 1, sessionId: 'chat' }],
  ['batchSize', { keepLatest: 1, batchSize: 0 }],
  ['limit', { keepLatest: 1, limit: -1 }],
  ['dryRun', { keepLatest: 1, dryRun: 'yes' }],
  ['onProgress', { keepLatest: 1, onProgress: true }],
  ['option "keep"', { keepLatest: 1, keep: 1 }],
])('refuses a wrong %s before any SQL: %j', async (argument, options) => {
  const error = await refusal(tenants, async () => await prune(options))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})

test('throws before any SQL when it is handed anything but a system scope', async () => {
  for (const scope of [tenants.mine, { db: tenants.mine.db }, undefined]) {
    const system = scope as unknown as SystemScope<DB>
    const error = await refusal(tenants, async () => await pruneCheckpoints(system, { keepLatest: 1 }))
    expect(error).toMatchObject({ argument: 'system' })
  }
})
