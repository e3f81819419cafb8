import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ForeignKeyViolationError, InvalidArgumentError } from '../../src/errors.ts'
import type { TokenRepository } from '../../src/identity/token-repository.ts'
import type { Token, User } from '../../types/database.d.ts'
import { insertUser } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let tokens: TokenRepository
let user: User
let admin: User
let token: Token
let foreign: Token
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  tokens = tenants.mine.tokens
  admin = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  const their = await insertUser(tenants.admin, { org_id: tenants.theirs.orgId })
  const issued = await tenants.theirs.tokens.issue({ type: 'pat', name: 'Theirs', userId: their.id })
  foreign = issued.token
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.tokens')
})

beforeEach(async () => {
  user = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  token = await issue()
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tokens.exists({ id: foreign.id })).toBe(false)
}

async function issue(userId: string | null = user.id): Promise<Token> {
  return (await tokens.issue({ type: 'pat', name: 'Laptop', userId })).token
}

test('revokes a token with reason and user, and keeps the first time', async () => {
  const revoked = await tokens.revoke(token.id, { reason: 'stolen', revokedBy: admin.id })
  expect(revoked).toMatchObject({
    id: token.id,
    is_revoked: true,
    revoked_by: admin.id,
    revoke_reason: 'stolen',
  })
  expect(revoked?.revoked_at).toBeInstanceOf(Date)
  expect(await tokens.revoke(token.id, { reason: 'lost', revokedBy: user.id })).toEqual(revoked)
  expect(await tokens.findById(token.id)).toEqual(revoked)
})

test('keeps the first of 20 revocations at once', async () => {
  const revoked = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => await tokens.revoke(token.id, { reason: `${index}` })),
  )
  expect(new Set(revoked.map((each) => each?.revoke_reason)).size).toBe(1)
  expect(new Set(revoked.map((each) => each?.revoked_at?.getTime())).size).toBe(1)
})

test('revokes nothing of another tenant, and nothing unknown', async () => {
  for (const id of [foreign.id, randomUUID()]) expect(await tokens.revoke(id)).toBeUndefined()
  expect(await tokens.revokeAllOf(foreign.user_id ?? '')).toBe(0)
  expect(await tokens.findById(token.id)).toEqual(token)
})

test('revokes all tokens of a user that are not revoked, and those of nobody else', async () => {
  const first = await tokens.revoke(token.id, { reason: 'stolen' })
  const others = [await issue(), await issue()]
  const spared = [await issue(admin.id), await issue(null)]
  expect(await tokens.revokeAllOf(user.id, { reason: 'left', revokedBy: admin.id })).toBe(2)
  expect(await tokens.findById(token.id)).toEqual(first)
  for (const { id } of others)
    expect(await tokens.findById(id)).toMatchObject({
      is_revoked: true,
      revoke_reason: 'left',
      revoked_by: admin.id,
    })
  for (const each of spared) expect(await tokens.findById(each.id)).toEqual(each)
  expect(await tokens.revokeAllOf(user.id)).toBe(0)
})

test('counts each token in one of 10 revocations at once', async () => {
  await Promise.all(Array.from({ length: 20 }, async () => await issue()))
  const counts = await Promise.all(Array.from({ length: 10 }, async () => await tokens.revokeAllOf(user.id)))
  expect(counts.reduce((sum, count) => sum + count)).toBe(21)
})

test('says the same of a user of another tenant as of one that does not exist, and revokes nothing', async () => {
  for (const revoke of [
    async (revokedBy: string) => await tokens.revoke(token.id, { revokedBy }),
    async (revokedBy: string) => await tokens.revokeAllOf(user.id, { revokedBy }),
  ]) {
    const theirs = await failure(async () => await revoke(foreign.user_id ?? ''))
    const nobodys = await failure(async () => await revoke(randomUUID()))
    expect(theirs).toBeInstanceOf(ForeignKeyViolationError)
    expect(shown(theirs)).toEqual(shown(nobodys))
  }
  expect(await tokens.findById(token.id)).toEqual(token)
})

test.each<[string, () => Promise<unknown>]>([
  ['id', async () => await tokens.revoke('x')],
  ['revokedBy', async () => await tokens.revoke(token.id, { revokedBy: 'x' })],
  ['user_id', async () => await tokens.revokeAllOf('x')],
  ['revokedBy', async () => await tokens.revokeAllOf(user.id, { revokedBy: 'x' })],
])('throws before any SQL when %s is no uuid', async (argument, call) => {
  const error = await refusal(tenants, call)
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})
