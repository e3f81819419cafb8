/** Every constraint of the tables of identity, provoked through the repositories. */
import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CheckViolationError,
  ForeignKeyViolationError,
  NotNullViolationError,
  UniqueViolationError,
  UnknownOrganizationError,
} from '../../src/errors.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { Agent, Team, Token, User } from '../../types/database.d.ts'
import { insertAgent, insertTeam, insertUser } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, ownersView, watchTheirs } from '../support/two-tenants.ts'

const names = ['users', 'teams', 'team_memberships', 'tokens'] as const
const secret = 'canary-4711'
const other = 'e'.repeat(64)

interface Rows {
  readonly user: User
  readonly member: User
  readonly team: Team
  readonly token: Token
  readonly agent: Agent
}

let tenants: TwoTenants
let mine: Rows
let theirs: Rows

beforeAll(async () => {
  tenants = await openTwoTenants()
  mine = await insertRows(tenants.mine)
  theirs = await insertRows(tenants.theirs)
})

afterAll(async () => {
  await tenants.close()
})

async function insertRows({ orgId, tokens }: TenantScope): Promise<Rows> {
  const org = { org_id: orgId }
  const user = await insertUser(tenants.admin, { ...org, username: secret })
  const team = await insertTeam(tenants.admin, { ...org, owner_id: user.id, slug: secret })
  const { token } = await tokens.issue({ type: 'pat', name: secret, userId: user.id })
  const member = await insertUser(tenants.admin, org)
  return { user, member, team, token, agent: await insertAgent(tenants.admin, org) }
}

const email = `${secret}@example.com`
const hash = 'f'.repeat(64)
const token = { type: 'pat', name: secret, prefix: secret, hash } as const

// what a service without types can pass
const wrong = secret as never
const list = ['4711'] as never

type Attempt = (scope: TenantScope, rows: Rows) => Promise<unknown>

/** By constraint: what must not be written. */
const attempts: Readonly<Record<string, Attempt>> = {
  users_org_id_id_pkey: async ({ users }, { user }) => await users.insert({ id: user.id, email }),
  users_org_id_username_key: async ({ users }) => await users.insert({ email, username: secret }),
  users_org_id_email_key: async ({ users }, { user }) =>
    await users.update(mine.member.id, { email: user.email.toUpperCase() }),
  users_email_check: async ({ users }) => await users.insert({ email: secret }),
  users_role_check: async ({ users }) => await users.insert({ email, role: wrong }),
  users_status_check: async ({ users }, { user }) => await users.update(user.id, { status: wrong }),
  users_settings_check: async ({ users }) => await users.insertMany([{ email, settings: list }]),
  users_metadata_check: async ({ users }) => await users.insert({ email, metadata: list }),
  teams_org_id_id_pkey: async ({ teams }, { user, team }) =>
    await teams.insert({ id: team.id, name: secret, slug: 'new', owner_id: user.id }),
  teams_org_id_slug_key: async ({ teams }, { user }) =>
    await teams.insert({ name: secret, slug: secret, owner_id: user.id }),
  teams_org_id_owner_id_fkey: async ({ teams }) =>
    await teams.insert({ name: secret, slug: 'new', owner_id: theirs.user.id }),
  teams_slug_check: async ({ teams }, { user }) =>
    await teams.insert({ name: secret, slug: `-${secret}`, owner_id: user.id }),
  teams_settings_check: async ({ teams }, { user }) =>
    await teams.insert({ name: secret, slug: 'new', owner_id: user.id, settings: list }),
  teams_conversation_retention_days_check: async ({ teams }, { team }) =>
    await teams.update(team.id, { conversation_retention_days: -4711 }),
  team_memberships_org_id_id_pkey: async ({ teamMemberships }, { team, member }) => {
    const membership = await teamMemberships.findOne({ team_id: team.id })
    return await teamMemberships.insert({ id: membership?.id, team_id: team.id, user_id: member.id })
  },
  team_memberships_org_id_team_id_user_id_key: async ({ teams }, { team, user }) =>
    await teams.addMember(team.id, user.id),
  team_memberships_org_id_team_id_fkey: async ({ teamMemberships }, { member }) =>
    await teamMemberships.insert({ team_id: theirs.team.id, user_id: member.id }),
  team_memberships_org_id_user_id_fkey: async ({ teamMemberships }, { team }) =>
    await teamMemberships.insert({ team_id: team.id, user_id: theirs.user.id }),
  team_memberships_role_check: async ({ teams }, { team, member }) =>
    await teams.addMember(team.id, member.id, wrong),
  tokens_org_id_id_pkey: async ({ tokens }, rows) => await tokens.insert({ ...token, id: rows.token.id }),
  tokens_org_id_hash_key: async ({ tokens }, rows) =>
    await tokens.insert({ ...token, hash: rows.token.hash }),
  tokens_org_id_user_id_fkey: async ({ tokens }) =>
    await tokens.issue({ type: 'pat', name: secret, userId: theirs.user.id }),
  tokens_org_id_agent_id_fkey: async ({ tokens }) =>
    await tokens.issue({ type: 'pat', name: secret, agentId: theirs.agent.id }),
  tokens_org_id_revoked_by_fkey: async ({ tokens }, rows) =>
    await tokens.revoke(rows.token.id, { reason: secret, revokedBy: theirs.user.id }),
  tokens_hash_check: async ({ tokens }) => await tokens.insert({ ...token, hash: other.toUpperCase() }),
  tokens_type_check: async ({ tokens }) => await tokens.insert({ ...token, type: wrong }),
  tokens_use_count_check: async ({ tokens }, rows) =>
    await tokens.update(rows.token.id, { use_count: -4711 }),
}

/** What is refused without a constraint of its own: a tenant that does not exist. */
const withoutOrganization: Readonly<Record<string, Attempt>> = {
  users_org_id_fkey: async ({ users }) => await users.invite({ email }),
  teams_org_id_fkey: async ({ teams }) =>
    await teams.insert({ name: secret, slug: 'new', owner_id: mine.user.id }),
  team_memberships_org_id_fkey: async ({ teamMemberships }) =>
    await teamMemberships.insert({ team_id: mine.team.id, user_id: mine.user.id }),
  tokens_org_id_fkey: async ({ tokens }) => await tokens.issue({ type: 'pat', name: secret }),
}

const classes = {
  pkey: UniqueViolationError,
  key: UniqueViolationError,
  fkey: ForeignKeyViolationError,
  check: CheckViolationError,
}

/** Everything of an error that a log or an API could show, hidden fields and causes included; without paths and lines. */
function everything(error: Error): string {
  const texts: string[] = []
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    current.stack = ''
    texts.push(inspect(current, { depth: 20, showHidden: true }), JSON.stringify(current), current.message)
  }
  return texts.join('\n')
}

function expectNoValue(error: Error): void {
  const text = everything(error)
  const values = [mine, theirs].flatMap((rows) => Object.values(rows).map(({ id }: { id: string }) => id))
  for (const value of [...values, tenants.mine.orgId, '4711', mine.user.email, hash.slice(0, 20)])
    expect(text.toLowerCase()).not.toContain(value.toLowerCase())
}

async function everyRow(): Promise<unknown> {
  return await Promise.all(
    names.map(async (name) => await ownersView(tenants.admin, `ibex_core.${name}`, tenants.mine.orgId)),
  )
}

test('knows every constraint of the four tables', async () => {
  const { rows } = await sql<{ name: string }>`
    select conname::text as name from pg_constraint
    where conrelid = any(${names.map((name) => `ibex_core.${name}`)}::regclass[]) and contype <> 'n'
    union select indexrelid::regclass::text from pg_index
    where indrelid = any(${names.map((name) => `ibex_core.${name}`)}::regclass[]) and indisunique`.execute(
    tenants.admin,
  )
  const found = new Set(rows.map(({ name }) => name.replace('ibex_core.', '')))
  const known = [...Object.keys(attempts), ...Object.keys(withoutOrganization)]
  expect([...found].toSorted()).toEqual(known.toSorted())
})

test.each(Object.entries(attempts))('%s: typed error, no value, nothing written', async (name, attempt) => {
  const theirsUnchanged = await watchTheirs(tenants, ...names.map((each) => `ibex_core.${each}`))
  const before = await everyRow()
  const error = await failure(async () => await attempt(tenants.mine, mine))
  const kind = name.slice(name.lastIndexOf('_') + 1) as keyof typeof classes
  expect(error).toBeInstanceOf(classes[kind])
  expect(error).toMatchObject({
    constraint: name,
    table: names.findLast((each) => name.startsWith(`${each}_`)),
  })
  expectNoValue(error)
  expect(await everyRow()).toEqual(before)
  await theirsUnchanged()
})

test.each(Object.entries(withoutOrganization))(
  '%s: says that the organization does not exist',
  async (_, attempt) => {
    const error = await failure(async () => await attempt(tenants.database.forTenant(randomUUID()), mine))
    expect(error).toBeInstanceOf(UnknownOrganizationError)
    expectNoValue(error)
  },
)

test.each<[string, Attempt]>([
  ['email', async ({ users }) => await users.insert({ email: null as never, name: secret })],
  ['slug', async ({ teams }, { user }) => await teams.insert({ name: secret, owner_id: user.id } as never)],
  [
    'team_id',
    async ({ teamMemberships }, { user }) => await teamMemberships.insert({ user_id: user.id } as never),
  ],
  ['hash', async ({ tokens }) => await tokens.insert({ ...token, hash: undefined as never })],
])('a row without its %s: typed error, no value, nothing written', async (column, attempt) => {
  const before = await everyRow()
  const error = await failure(async () => await attempt(tenants.mine, mine))
  expect(error).toBeInstanceOf(NotNullViolationError)
  expect(error).toMatchObject({ columns: [column] })
  expectNoValue(error)
  expect(await everyRow()).toEqual(before)
})
