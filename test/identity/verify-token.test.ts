import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { QueryEvent } from '../../src/database/options.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import type { IssuedToken } from '../../src/identity/token-repository.ts'
import type { TokenInput } from '../../src/identity/token-input.ts'
import { makeSecret } from '../../src/identity/token-secret.ts'
import type { VerifyTokenOptions } from '../../src/identity/verify-token.ts'
import type { Agent, AgentPatch, User, UserPatch } from '../../types/database.d.ts'
import { insertAgent, insertOrganization, insertUser } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants, ownersView, refusal } from '../support/two-tenants.ts'

let tenants: TwoTenants
let events: QueryEvent[]
let user: User
let agent: Agent

beforeAll(async () => {
  tenants = await openTwoTenants({ onQuery: (event) => void events.push(event) })
  events = []
})

beforeEach(async () => {
  user = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
})

afterAll(async () => {
  await tenants.close()
})

async function issue(input: Partial<TokenInput> = {}): Promise<IssuedToken> {
  return await tenants.mine.tokens.issue({ type: 'pat', name: 'Laptop', userId: user.id, ...input })
}

async function verify(secret: string, options: VerifyTokenOptions = {}): Promise<unknown> {
  const { outcome, ...rest } = await tenants.database.verifyToken(secret, options)
  return 'reason' in rest ? rest.reason : outcome
}

test('tells whom a good token acts for', async () => {
  const { token, secret } = await issue({ agentId: agent.id, permissions: 2n ** 62n + 5n })
  const verified = {
    outcome: 'valid',
    orgId: tenants.mine.orgId,
    tokenId: token.id,
    userId: user.id,
    agentId: agent.id,
    type: 'pat',
    permissions: 2n ** 62n + 5n,
  }
  expect(await tenants.database.verifyToken(secret)).toEqual(verified)
  expect(await tenants.mine.tokens.verify(secret)).toEqual(verified)
  const nobodys = await tenants.mine.tokens.issue({ type: 'org_token', name: 'Worker' })
  expect(await tenants.database.verifyToken(nobodys.secret)).toMatchObject({
    outcome: 'valid',
    userId: null,
    agentId: null,
    type: 'org_token',
    permissions: 0n,
  })
})

test('knows a token in its own tenant only', async () => {
  const { secret } = await issue()
  expect(await tenants.theirs.tokens.verify(secret)).toEqual({ outcome: 'refused', reason: 'unknown' })
  const elsewhere = makeSecret('pat', tenants.theirs.orgId).slice(0, 31) + secret.slice(31)
  expect(await verify(elsewhere)).toBe('unknown')
  expect(await verify(secret)).toBe('valid')
})

test('takes nothing that is not the whole secret, also where the tenant is known', async () => {
  const { secret } = await issue()
  for (const wrong of [secret.slice(0, -1), `${secret}A`, `${secret}${'A'.repeat(100)}`, ` ${secret}`, ''])
    expect(await tenants.mine.tokens.verify(wrong)).toEqual({ outcome: 'refused', reason: 'unknown' })
})

test('writes nothing', async () => {
  const { secret } = await issue()
  const before = await ownersView(tenants.admin, 'ibex_core.tokens', tenants.mine.orgId)
  await verify(secret)
  expect(await ownersView(tenants.admin, 'ibex_core.tokens', tenants.mine.orgId)).toEqual(before)
})

test('does the same for whatever it is given: one statement, always the same, that returns one row', async () => {
  const { admin } = tenants
  const good = await issue()
  const revoked = await issue()
  await tenants.mine.tokens.revoke(revoked.token.id)
  const expired = await issue({ expiresAt: new Date(Date.now() + 60_000) })
  await admin
    .updateTable('ibex_core.tokens')
    .set({ expires_at: sql<Date>`now()` })
    .where('id', '=', expired.token.id)
    .execute()
  const elsewhere = await issue({ allowedIps: ['192.0.2.0/24'] })
  const suspended = await issue({
    userId: (await insertUser(admin, { org_id: tenants.mine.orgId })).id,
  })
  await tenants.mine.users.suspend(suspended.token.user_id ?? '')
  const cases: readonly [unknown, string, VerifyTokenOptions?][] = [
    ['valid', good.secret],
    ['valid', good.secret, { address: '192.0.2.7', permissions: 0n }],
    ['permissions', good.secret, { permissions: 1n }],
    ['revoked', revoked.secret],
    ['expired', expired.secret],
    ['address', elsewhere.secret],
    ['address', elsewhere.secret, { address: '198.51.100.7' }],
    ['owner', suspended.secret],
    ['unknown', makeSecret('pat', tenants.mine.orgId)],
    ['unknown', makeSecret('pat', randomUUID())],
    ['unknown', good.secret.slice(0, -1)],
    ['unknown', `${good.secret}${'A'.repeat(1_000_000)}`],
    ['unknown', `${good.secret}A`],
    ['unknown', 'canary-4711'],
    ['unknown', ''],
    ['unknown', undefined as never],
  ]
  const texts = new Set<string>()
  for (const [expected, secret, options] of cases) {
    events = []
    expect(await verify(secret, options)).toBe(expected)
    expect(events).toEqual([expect.objectContaining({ rowCount: 1, role: 'ibex_app' })])
    for (const { sql } of events) texts.add(sql)
  }
  expect(texts.size).toBe(1)
})

test('requires all the bits that are asked for', async () => {
  const { secret } = await issue({ permissions: 0b1011n })
  for (const permissions of [0n, 1n, 0b10n, 0b1011n])
    expect(await verify(secret, { permissions })).toBe('valid')
  for (const permissions of [0b100n, 0b1111n, 2n ** 62n])
    expect(await verify(secret, { permissions })).toBe('permissions')
})

test('expires at the moment that was said, by the clock of the database', async () => {
  const { secret, token } = await issue({ expiresAt: new Date(Date.now() + 60_000) })
  expect(await verify(secret)).toBe('valid')
  await sql`update ibex_core.tokens set expires_at = now() where id = ${token.id}`.execute(tenants.admin)
  expect(await verify(secret)).toBe('expired')
})

describe('addresses', () => {
  test.each([
    ['192.0.2.7', ['192.0.2.7']],
    ['192.0.2.7', ['198.51.100.0/24', '192.0.2.0/24']],
    ['::ffff:192.0.2.7', ['192.0.2.0/24']],
    ['192.0.2.7', ['::ffff:192.0.2.7']],
    ['192.0.2.7', ['192.0.2.99/24']],
    ['2001:db8::7', ['192.0.2.0/24', '2001:db8::/32']],
    ['192.0.2.7', ['0.0.0.0/0']],
    ['192.0.2.7', []],
    ['no address', []],
    [undefined, []],
  ])('lets %s in where %j are allowed', async (address, allowedIps) => {
    const { secret } = await issue({ allowedIps })
    expect(await verify(secret, { address })).toBe('valid')
  })

  test.each([
    ['192.0.2.8', ['192.0.2.7']],
    ['192.0.3.7', ['198.51.100.0/24', '192.0.2.0/24']],
    ['2001:db9::7', ['2001:db8::/32']],
    ['::192.0.2.7', ['192.0.2.0/24']],
    ['2001:db8::7', ['0.0.0.0/0']],
    ['192.0.2.0/24', ['192.0.2.0/24']],
    ['192.0.2.7:443', ['192.0.2.0/24']],
    ["'; drop table users", ['0.0.0.0/0']],
    ['', ['0.0.0.0/0', '::/0']],
    [undefined, ['0.0.0.0/0', '::/0']],
  ])('keeps %s out where %j are allowed', async (address, allowedIps) => {
    const { secret } = await issue({ allowedIps })
    expect(await verify(secret, { address })).toBe('address')
  })
})

describe('whom it acts for', () => {
  test.each<UserPatch>([
    { status: 'suspended' },
    { status: 'deactivated' },
    { status: 'invited' },
    { deleted_at: new Date() },
  ])('refuses the token of a user who became %j, and takes it again later', async (patch) => {
    const { secret } = await issue()
    await tenants.mine.users.update(user.id, patch)
    expect(await verify(secret)).toBe('owner')
    await tenants.mine.users.update(user.id, { status: 'active', deleted_at: null }, { includeDeleted: true })
    expect(await verify(secret)).toBe('valid')
  })

  test.each<AgentPatch>([{ status: 'suspended' }, { deleted_at: new Date() }])(
    'refuses the token of an agent that became %j',
    async (patch) => {
      const { secret } = await issue({ agentId: agent.id })
      expect(await verify(secret)).toBe('valid')
      await tenants.mine.agents.update(agent.id, patch)
      expect(await verify(secret)).toBe('owner')
    },
  )

  test.each([
    [{ status: 'active' }, 'valid'],
    [{ status: 'trial' }, 'valid'],
    [{ status: 'suspended' }, 'owner'],
    [{ status: 'cancelled' }, 'owner'],
    [{ deleted_at: new Date() }, 'owner'],
  ] as const)('of an organization that is %j the token is: %s', async (values, expected) => {
    const { id } = await insertOrganization(tenants.admin)
    const input = { type: 'org_token', name: 'Worker' } as const
    const { secret } = await tenants.database.forTenant(id).tokens.issue(input)
    const change = tenants.admin.updateTable('ibex_core.organizations').set(values)
    await change.where('id', '=', id).execute()
    expect(await verify(secret)).toBe(expected)
  })

  test('knows no token of a user, agent or organization that is gone', async () => {
    const { id } = await insertOrganization(tenants.admin)
    const tokens = [
      await issue(),
      await issue({ userId: null, agentId: agent.id }),
      await tenants.database.forTenant(id).tokens.issue({ type: 'org_token', name: 'Worker' }),
    ]
    await tenants.mine.users.delete(user.id)
    await tenants.mine.agents.delete(agent.id)
    await tenants.admin.deleteFrom('ibex_core.organizations').where('id', '=', id).execute()
    for (const { secret } of tokens) expect(await verify(secret)).toBe('unknown')
  })
})

test('names the first reason that applies, in the order of the type', async () => {
  const { token, secret } = await issue({ allowedIps: ['192.0.2.7'] })
  const asked = { permissions: 1n }
  expect(await verify(secret, asked)).toBe('address')
  await tenants.mine.users.suspend(user.id)
  expect(await verify(secret, asked)).toBe('owner')
  await tenants.mine.tokens.update(token.id, { expires_at: new Date(0) })
  expect(await verify(secret, asked)).toBe('expired')
  await tenants.mine.tokens.revoke(token.id)
  expect(await verify(secret, asked)).toBe('revoked')
})

test.each([
  ['permissions', { permissions: -1n }],
  ['permissions', { permissions: 1 }],
  ['address', { address: 7 }],
  ['verify option "permission"', { permission: 1n }],
])('throws before any SQL when %s is wrong', async (argument, options) => {
  const { secret } = await issue()
  // what a service without types passes
  const run = async () => await tenants.database.verifyToken(secret, options as never)
  const error = await refusal(tenants, run)
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})
