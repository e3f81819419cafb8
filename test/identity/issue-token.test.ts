import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ForeignKeyViolationError, InactiveUserError, InvalidArgumentError } from '../../src/errors.ts'
import type { TokenRepository } from '../../src/identity/token-repository.ts'
import { hashOf } from '../../src/identity/token-secret.ts'
import type { Agent, User, UserStatus } from '../../types/database.d.ts'
import { insertAgent, insertUser } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let tokens: TokenRepository
let user: User
let agent: Agent
let foreign: { readonly user: User; readonly agent: Agent }
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  tokens = tenants.mine.tokens
  const { admin, mine, theirs } = tenants
  user = await insertUser(admin, { org_id: mine.orgId })
  agent = await insertAgent(admin, { org_id: mine.orgId })
  foreign = {
    user: await insertUser(admin, { org_id: theirs.orgId }),
    agent: await insertAgent(admin, { org_id: theirs.orgId }),
  }
  await theirs.tokens.issue({ type: 'pat', name: 'Theirs', userId: foreign.user.id })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.tokens')
})

beforeEach(async () => {
  await tenants.admin.deleteFrom('ibex_core.tokens').where('org_id', '=', tenants.mine.orgId).execute()
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tokens.exists({ name: 'Theirs' })).toBe(false)
}

const later = new Date(Date.now() + 3_600_000)

test('issues a token with what is given, in one statement', async () => {
  const before = tenants.statements.length
  const { token, secret } = await tokens.issue({
    type: 'pat',
    name: 'Laptop',
    description: 'For work.',
    userId: user.id,
    agentId: agent.id,
    permissions: 2n ** 63n - 1n,
    expiresAt: later,
    allowedIps: ['192.0.2.0/24', '::ffff:198.51.100.7', '2001:db8::/32'],
  })
  expect(tenants.statements.length - before).toBe(1)
  expect(token).toMatchObject({
    org_id: tenants.mine.orgId,
    user_id: user.id,
    agent_id: agent.id,
    type: 'pat',
    hash: hashOf(secret),
    prefix: secret.slice(0, 39),
    name: 'Laptop',
    description: 'For work.',
    permissions: '9223372036854775807',
    expires_at: later,
    is_revoked: false,
    use_count: '0',
    last_used_at: null,
    allowed_ips: ['192.0.2.0/24', '198.51.100.7', '2001:db8::/32'],
  })
  expect(await tokens.findById(token.id)).toEqual(token)
})

test('issues a token of nobody, without limits, when nothing else is given', async () => {
  const { token } = await tokens.issue({ type: 'service_token', name: 'Worker' })
  const nobody = { user_id: null, agent_id: null, description: null }
  expect(token).toMatchObject({ ...nobody, permissions: '0', expires_at: null, allowed_ips: [] })
})

test('stores no more of the secret than its hash and its first 39 characters', async () => {
  const { secret } = await tokens.issue({ type: 'pat', name: 'Laptop', userId: user.id })
  const stored = JSON.stringify(await ownersView(tenants.admin, 'ibex_core.tokens', tenants.mine.orgId))
  expect(stored).toContain(secret.slice(0, 39))
  expect(stored).not.toContain(secret.slice(0, 40))
  expect(stored).not.toContain(secret.slice(39))
})

test('issues 20 tokens at once, each with a secret of its own that is good', async () => {
  const issued = await Promise.all(
    Array.from(
      { length: 20 },
      async (_, index) => await tokens.issue({ type: 'pat', name: `Token ${index}`, userId: user.id }),
    ),
  )
  expect(new Set(issued.map(({ secret }) => secret)).size).toBe(20)
  expect(new Set(issued.map(({ token }) => token.hash)).size).toBe(20)
  expect(await tokens.count({ user_id: user.id })).toBe(20)
  for (const { token, secret } of issued)
    expect(await tokens.verify(secret)).toMatchObject({ outcome: 'valid', tokenId: token.id })
})

test.each<UserStatus | 'deleted'>(['invited', 'suspended', 'deactivated', 'deleted'])(
  'issues nothing for a user who is %s',
  async (state) => {
    const values = state === 'deleted' ? { deleted_at: new Date() } : { status: state }
    const inactive = await insertUser(tenants.admin, { org_id: tenants.mine.orgId, ...values })
    const input = { type: 'pat', name: 'Laptop', userId: inactive.id } as const
    const error = await failure(async () => await tokens.issue(input))
    expect(error).toBeInstanceOf(InactiveUserError)
    expect(error.message).not.toContain(inactive.id)
    expect(await tokens.count()).toBe(0)
  },
)

test('says the same of a user or agent of another tenant as of one that does not exist', async () => {
  for (const [key, id] of [
    ['userId', foreign.user.id],
    ['agentId', foreign.agent.id],
  ] as const) {
    const input = { type: 'pat', name: 'Laptop' } as const
    const theirs = await failure(async () => await tokens.issue({ ...input, [key]: id }))
    const nobodys = await failure(async () => await tokens.issue({ ...input, [key]: randomUUID() }))
    expect(theirs).toBeInstanceOf(ForeignKeyViolationError)
    expect(shown(theirs)).toEqual(shown(nobodys))
  }
  expect(await tokens.count()).toBe(0)
})

test.each<[string, Readonly<Record<string, unknown>>]>([
  ['type', { type: 'key' }],
  ['type', { type: 'constructor' }],
  ['name', { name: '' }],
  ['name', { name: undefined }],
  ['userId', { userId: 'ana' }],
  ['agentId', { agentId: 7 }],
  ['permissions', { permissions: -1n }],
  ['permissions', { permissions: 2n ** 63n }],
  ['permissions', { permissions: 1 }],
  ['expiresAt', { expiresAt: new Date() }],
  ['expiresAt', { expiresAt: new Date(Number.NaN) }],
  ['expiresAt', { expiresAt: '2999-01-01' }],
  ['allowedIps', { allowedIps: ['192.0.2.0/33'] }],
  ['allowedIps', { allowedIps: ['192.0.2.7', 'localhost'] }],
  ['allowedIps', { allowedIps: [null] }],
  ['allowedIps', { allowedIps: '192.0.2.7' }],
  ['token option "allowedIPs"', { allowedIPs: ['192.0.2.7'] }],
])('throws before any SQL when %s is wrong', async (argument, wrong) => {
  const input = { type: 'pat', name: 'canary-4711', userId: user.id, ...wrong }
  // what a service without types passes
  const error = await refusal(tenants, async () => await tokens.issue(input as never))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
  expect(error.message).not.toContain('4711')
})
