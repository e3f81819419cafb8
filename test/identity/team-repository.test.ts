import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  CheckViolationError,
  ForeignKeyViolationError,
  InvalidArgumentError,
  RowNotFoundError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { TeamRepository } from '../../src/identity/team-repository.ts'
import type { Team, User } from '../../types/database.d.ts'
import { insertTeam, insertUser } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let teams: TeamRepository
let team: Team
let owner: User
let bob: User
let foreign: Team
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  teams = tenants.mine.teams
  foreign = await insertTeam(tenants.admin, { org_id: tenants.theirs.orgId })
  theirsUnchanged = await watchTheirs(
    tenants,
    'ibex_core.teams',
    'ibex_core.team_memberships',
    'ibex_core.users',
  )
})

beforeEach(async () => {
  owner = await insertMine({ name: 'Ana' })
  bob = await insertMine({ name: 'Bob' })
  team = await insertTeam(tenants.admin, { org_id: tenants.mine.orgId, owner_id: owner.id })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await teams.exists({ id: foreign.id }, { includeDeleted: true })).toBe(false)
  expect(await tenants.mine.teamMemberships.exists({ team_id: foreign.id })).toBe(false)
}

async function insertMine(values: Partial<User> = {}): Promise<User> {
  return await insertUser(tenants.admin, { org_id: tenants.mine.orgId, ...values })
}

/** Who is what in the team, by name. */
async function roles(id = team.id): Promise<Record<string, string>> {
  const members = await teams.members(id)
  return Object.fromEntries(members.map(({ name, role }) => [name, role]))
}

test('adds members with a role, and shows who they are in one statement', async () => {
  const eve = await insertMine({ name: 'Eve', status: 'suspended' })
  const added = await teams.addMember(team.id, bob.id)
  expect(added).toMatchObject({
    org_id: tenants.mine.orgId,
    team_id: team.id,
    user_id: bob.id,
    role: 'member',
  })
  expect(await tenants.mine.teamMemberships.findById(added.id)).toEqual(added)
  await teams.addMember(team.id, eve.id, 'viewer')
  const before = tenants.statements.length
  const members = await teams.members(team.id)
  expect(tenants.statements.length - before).toBe(1)
  const byEmail = [
    { user_id: owner.id, name: 'Ana', email: owner.email, status: 'active', role: 'owner' },
    { user_id: bob.id, name: 'Bob', email: bob.email, status: 'active', role: 'member' },
    { user_id: eve.id, name: 'Eve', email: eve.email, status: 'suspended', role: 'viewer' },
  ].toSorted((one, other) => (one.email < other.email ? -1 : 1))
  expect(members).toEqual(byEmail)
})

test('adds a member once, also when 20 do so at the same time', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, async () => await teams.addMember(team.id, bob.id)),
  )
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  expect(reasons).toHaveLength(19)
  for (const reason of reasons) expect(reason).toBeInstanceOf(UniqueViolationError)
  expect(await roles()).toEqual({ Ana: 'owner', Bob: 'member' })
})

test('adds no user who is unknown, deleted, or of another tenant, and says the same of each', async () => {
  const deleted = await insertMine({ deleted_at: new Date() })
  const errors: Error[] = []
  for (const id of [randomUUID(), deleted.id, foreign.owner_id])
    errors.push(await failure(async () => await teams.addMember(team.id, id)))
  for (const error of errors) {
    expect(error).toBeInstanceOf(RowNotFoundError)
    expect(shown(error)).toEqual(shown(errors[0]))
    expect(error).toMatchObject({ table: 'ibex_core.users' })
  }
  expect(await roles()).toEqual({ Ana: 'owner' })
})

test('adds nobody to a team that is unknown, deleted, or of another tenant, and says the same of each', async () => {
  const deleted = await insertTeam(tenants.admin, { org_id: tenants.mine.orgId, deleted_at: new Date() })
  const before = await tenants.mine.teamMemberships.count()
  for (const id of [randomUUID(), deleted.id, foreign.id]) {
    const error = await failure(async () => await teams.addMember(id, bob.id))
    expect(error).toBeInstanceOf(RowNotFoundError)
    expect(error).toMatchObject({ table: 'ibex_core.teams' })
    expect(await teams.changeRole(id, owner.id, 'viewer')).toBeUndefined()
    expect(await teams.removeMember(id, owner.id)).toBe(false)
    expect(await teams.members(id)).toEqual([])
    expect(await teams.transferOwnership(id, bob.id)).toBeUndefined()
  }
  expect(await tenants.mine.teamMemberships.count()).toBe(before)
})

test('changes the role of a member, and of nobody else', async () => {
  await teams.addMember(team.id, bob.id)
  expect(await teams.changeRole(team.id, bob.id, 'admin')).toMatchObject({ user_id: bob.id, role: 'admin' })
  expect(await roles()).toEqual({ Ana: 'owner', Bob: 'admin' })
  const stranger = await insertMine()
  for (const id of [stranger.id, foreign.owner_id, randomUUID()])
    expect(await teams.changeRole(team.id, id, 'admin')).toBeUndefined()
  // what a service without types passes
  const wrong = await failure(async () => await teams.changeRole(team.id, bob.id, 'boss' as never))
  expect(wrong).toBeInstanceOf(CheckViolationError)
  expect(await roles()).toEqual({ Ana: 'owner', Bob: 'admin' })
})

test('removes a member, and of others nobody', async () => {
  await teams.addMember(team.id, bob.id)
  const other = await insertTeam(tenants.admin, { org_id: tenants.mine.orgId, owner_id: bob.id })
  expect(await teams.removeMember(team.id, bob.id)).toBe(true)
  expect(await teams.removeMember(team.id, bob.id)).toBe(false)
  expect(await roles()).toEqual({ Ana: 'owner' })
  expect(await roles(other.id)).toEqual({ Bob: 'owner' })
})

test('shows the living teams of a living user, with the role in each', async () => {
  const own = await insertTeam(tenants.admin, { org_id: tenants.mine.orgId, owner_id: bob.id })
  const gone = await insertTeam(tenants.admin, { org_id: tenants.mine.orgId, owner_id: bob.id })
  await teams.softDelete(gone.id)
  await teams.addMember(team.id, bob.id, 'viewer')
  const bySlug = [
    { ...team, role: 'viewer' },
    { ...own, role: 'owner' },
  ].toSorted((one, other) => (one.slug < other.slug ? -1 : 1))
  expect(await teams.teamsOf(bob.id)).toEqual(bySlug)
  expect(await teams.members(gone.id)).toEqual([])
  for (const id of [foreign.owner_id, randomUUID()]) expect(await teams.teamsOf(id)).toEqual([])
  await tenants.mine.users.softDelete(bob.id)
  expect(await teams.teamsOf(bob.id)).toEqual([])
  expect(await roles()).toEqual({ Ana: 'owner' })
  await tenants.mine.users.restore(bob.id)
  expect(await teams.teamsOf(bob.id)).toEqual(bySlug)
})

test('hands a team to a member, or to somebody new, who becomes an owner', async () => {
  await teams.addMember(team.id, bob.id, 'viewer')
  const before = tenants.statements.length
  expect(await teams.transferOwnership(team.id, bob.id)).toMatchObject({ id: team.id, owner_id: bob.id })
  expect(tenants.statements.length - before).toBe(1)
  expect(await roles()).toEqual({ Ana: 'owner', Bob: 'owner' })
  const eve = await insertMine({ name: 'Eve' })
  await teams.transferOwnership(team.id, eve.id)
  expect(await roles()).toEqual({ Ana: 'owner', Bob: 'owner', Eve: 'owner' })
})

test('hands a team to no user who is unknown, deleted, or of another tenant, and says the same of each', async () => {
  const deleted = await insertMine({ deleted_at: new Date() })
  const errors: Error[] = []
  for (const id of [randomUUID(), deleted.id, foreign.owner_id])
    errors.push(await failure(async () => await teams.transferOwnership(team.id, id)))
  for (const error of errors) {
    expect(error).toBeInstanceOf(ForeignKeyViolationError)
    expect(shown(error)).toEqual(shown(errors[0]))
  }
  expect(await teams.findById(team.id)).toEqual(team)
  expect(await roles()).toEqual({ Ana: 'owner' })
})

test.each<[string, () => Promise<unknown>]>([
  ['addMember', async () => await teams.addMember('x', bob.id)],
  ['addMember', async () => await teams.addMember(team.id, 'x')],
  ['changeRole', async () => await teams.changeRole(team.id, 'x', 'admin')],
  ['removeMember', async () => await teams.removeMember('x', bob.id)],
  ['members', async () => await teams.members('x')],
  ['teamsOf', async () => await teams.teamsOf(undefined as never)],
  ['transferOwnership', async () => await teams.transferOwnership(team.id, 'x')],
  ['transferOwnership', async () => await teams.transferOwnership('x', bob.id)],
])('throws before any SQL when an id is no uuid: %s', async (_, call) => {
  expect(await refusal(tenants, call)).toBeInstanceOf(InvalidArgumentError)
})
