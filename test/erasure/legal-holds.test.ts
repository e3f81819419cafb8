import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sweepExpiredSessions } from '../../src/sessions/expired-sessions.ts'
import {
  ForeignKeyViolationError,
  InsufficientPrivilegeError,
  InvalidArgumentError,
  LegalHoldError,
  RowNotFoundError,
} from '../../src/errors.ts'
import type { LegalHold, LegalHoldSubjectType } from '../../types/database.d.ts'
import {
  insertAgent,
  insertMemory,
  insertOrganization,
  insertSession,
  insertTeam,
  insertUser,
} from '../support/factories.ts'
import { nextMoment } from '../support/next-moment.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let ids: Readonly<Record<LegalHoldSubjectType, string>> & { readonly session: string }

const reason = 'a quarrel'

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { theirs } = tenants
  await theirs.legalHolds.place({ subject: 'organization', reason })
})

afterAll(async () => {
  await tenants.close()
})

beforeEach(async () => {
  const org = { org_id: tenants.mine.orgId }
  const { id: user } = await insertUser(tenants.admin, org)
  const { id: agent } = await insertAgent(tenants.admin, org)
  const common = { ...org, agent_id: agent, user_id: user }
  const { id: session } = await insertSession(tenants.admin, common)
  const { id: memory } = await insertMemory(tenants.admin, common)
  ids = { organization: org.org_id, user, agent, memory, session }
})

async function place(subject: LegalHoldSubjectType): Promise<LegalHold> {
  return await tenants.mine.legalHolds.place({ subject, subjectId: ids[subject], reason })
}

async function release({ id }: LegalHold): Promise<void> {
  await tenants.mine.legalHolds.release(id, { reason: 'made up' })
}

/** What each kind of hold keeps of the four, beside the memory. */
describe.each([
  ['organization', ['user', 'agent', 'session']],
  ['user', ['user', 'session']],
  ['agent', ['agent', 'session']],
  ['memory', []],
] as const)('a hold for the %s', (subject, alsoKept) => {
  test('refuses every erasure and deletion of what it covers, until it is released', async () => {
    const { mine, theirs } = tenants
    const check = await watchTheirs(tenants, 'ibex_core.legal_holds')
    const hold = await place(subject)
    const attempts: Record<string, () => Promise<unknown>> = {
      erase: async () => await mine.memories.erase(ids.memory, { reason }),
      eraseUser: async () => await mine.erasure.eraseUser(ids.user, { reason }),
      memory: async () => await mine.memories.delete(ids.memory),
      plain: async () =>
        await mine.db.deleteFrom('ibex_core.memories').where('id', '=', ids.memory).execute(),
      // its memories would go with it, by a foreign key
      cascade: async () => await mine.agents.delete(ids.agent),
    }
    const repositories = { user: mine.users, agent: mine.agents, session: mine.sessions }
    for (const kind of alsoKept) attempts[kind] = async () => await repositories[kind].delete(ids[kind])
    for (const [name, attempt] of Object.entries(attempts)) {
      const error = await failure(attempt)
      expect({ name, error }).toEqual({ name, error: expect.any(LegalHoldError) })
      expect(error).toMatchObject({ holds: 1, sqlState: '23001' })
      expect(error.message).not.toContain(ids.memory)
    }
    expect(await mine.memories.findById(ids.memory)).toBeDefined()
    expect(await theirs.legalHolds.findById(hold.id)).toBeUndefined()

    await release(hold)
    await mine.memories.erase(ids.memory, { reason })
    await mine.erasure.eraseUser(ids.user, { reason })
    expect(await mine.agents.delete(ids.agent)).toBe(true)
    await check()
  })
})

test('counts the holds that stand, and leaves out those of others', async () => {
  const { admin, mine } = tenants
  const org = { org_id: mine.orgId }
  const [stranger, other] = [await insertUser(admin, org), await insertMemory(admin, org)]
  const elsewhere = await mine.legalHolds.place({ subject: 'user', subjectId: stranger.id, reason })
  const holds = [await place('user'), await place('memory')]
  await nextMoment()
  holds.push(await place('memory'))
  const error = await failure(async () => await mine.erasure.eraseUser(ids.user, { reason }))
  expect(error).toMatchObject({ name: 'LegalHoldError', holds: 3 })
  await mine.memories.erase(other.id, { reason })
  expect(await mine.legalHolds.standingFor(ids.memory)).toMatchObject([
    { id: holds[1]?.id },
    { id: holds[2]?.id },
  ])
  for (const hold of [elsewhere, ...holds]) await release(hold)
  expect(await mine.legalHolds.standingFor(ids.memory)).toEqual([])
})

test('allows soft deletion and changes, and what is not covered', async () => {
  const { admin, mine } = tenants
  const hold = await place('user')
  await mine.memories.softDelete(ids.memory)
  await mine.users.update(ids.user, { name: 'Ana' })
  const other = await insertUser(admin, { org_id: mine.orgId })
  expect(await mine.users.delete(other.id)).toBe(true)
  await release(hold)
})

test('is skipped by the sweep of sessions, which goes on with the others', async () => {
  const { admin, database, mine } = tenants
  const org = { org_id: mine.orgId }
  const team = await insertTeam(admin, { ...org, conversation_retention_days: 1 })
  const agent = await insertAgent(admin, { ...org, team_id: team.id })
  const old = { ...org, agent_id: agent.id, created_at: new Date(Date.now() - 3 * 86_400_000) }
  const [held, free] = [
    await insertSession(admin, { ...old, user_id: ids.user }),
    await insertSession(admin, old),
  ]
  const hold = await place('user')
  const swept = await database.asSystem('a sweep', async (system) => await sweepExpiredSessions(system))
  expect(swept.map(({ id }) => id)).toEqual([free.id])
  await release(hold)
  const later = await database.asSystem('a sweep', async (system) => await sweepExpiredSessions(system))
  expect(later.map(({ id }) => id)).toEqual([held.id])
})

test('keeps who placed and who released it, and stays as a record', async () => {
  const { database, mine } = tenants
  const scope = database.forTenant(mine.orgId, { actor: { type: 'user', id: 'counsel' } })
  const { id } = await scope.legalHolds.place({ subject: 'user', subjectId: ids.user, reason })
  const released = await scope.legalHolds.release(id, { reason: 'made up' })
  expect(released).toMatchObject({
    placed_by: 'counsel',
    released_by: 'counsel',
    released_at: expect.any(Date),
    release_reason: 'made up',
  })
  const again = await failure(async () => await scope.legalHolds.release(id, { reason: 'again' }))
  expect(again).toBeInstanceOf(RowNotFoundError)
})

test('is neither changed nor deleted while it stands, and organizations stay with it', async () => {
  const { admin, database, mine } = tenants
  const hold = await place('user')
  for (const patch of [{ reason: 'another' }, { subject_id: ids.memory }])
    expect(await failure(async () => await mine.legalHolds.update(hold.id, patch))).toBeInstanceOf(
      InsufficientPrivilegeError,
    )
  expect(await failure(async () => await mine.legalHolds.delete(hold.id))).toBeInstanceOf(LegalHoldError)
  await release(hold)
  const { id } = await insertOrganization(admin)
  await database.forTenant(id).legalHolds.place({ subject: 'organization', reason })
  const removal = database.asSystem('a test', async ({ db }) => {
    await db.deleteFrom('ibex_core.organizations').where('id', '=', id).execute()
  })
  await expect(removal).rejects.toBeInstanceOf(LegalHoldError)
})

test('is placed only for what the tenant has: another tenant’s user looks like none', async () => {
  const { admin, mine, theirs } = tenants
  const their = await insertUser(admin, { org_id: theirs.orgId })
  for (const [subject, subjectId] of [
    ['user', their.id],
    ['organization', theirs.orgId],
    ['memory', ids.user],
    ['agent', '00000000-0000-0000-0000-000000000000'],
  ] as const) {
    const attempt = async (): Promise<unknown> => await mine.legalHolds.place({ subject, subjectId, reason })
    expect(await failure(attempt)).toBeInstanceOf(ForeignKeyViolationError)
  }
})

test('throws InvalidArgumentError before any SQL for bad input', async () => {
  const { legalHolds } = tenants.mine
  for (const attempt of [
    async () => await legalHolds.place({ subject: 'team' as never, subjectId: ids.user, reason }),
    async () => await legalHolds.place({ subject: 'user', reason }),
    async () => await legalHolds.place({ subject: 'user', subjectId: ids.user, reason: ' ' }),
    async () => await legalHolds.release('one', { reason }),
    async () => await legalHolds.release(ids.user, {} as never),
    async () => await legalHolds.standingFor('one'),
  ])
    expect(await refusal(tenants, attempt)).toBeInstanceOf(InvalidArgumentError)
})
