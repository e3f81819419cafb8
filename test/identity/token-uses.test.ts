import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { DatabaseClosedError, InvalidArgumentError } from '../../src/errors.ts'
import type { IssuedToken } from '../../src/identity/token-repository.ts'
import { TokenUses } from '../../src/identity/token-uses.ts'
import type { VerifiedToken } from '../../src/identity/verify-token.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { Token } from '../../types/database.d.ts'
import { insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants, ownersView, refusal } from '../support/two-tenants.ts'

let tenants: TwoTenants
let mine: IssuedToken
let theirs: IssuedToken

beforeAll(async () => {
  tenants = await openTwoTenants()
})

beforeEach(async () => {
  mine = await issue(tenants.mine)
  theirs = await issue(tenants.theirs)
})

afterAll(async () => {
  await tenants.close()
})

async function issue({ tokens }: TenantScope): Promise<IssuedToken> {
  return await tokens.issue({ type: 'service_token', name: 'Worker' })
}

async function verified({ secret }: IssuedToken): Promise<VerifiedToken> {
  const result = await tenants.database.verifyToken(secret)
  if (result.outcome === 'refused') throw new Error('the token is not good')
  return result
}

async function read({ token }: IssuedToken): Promise<Token> {
  return await tenants.admin
    .selectFrom('ibex_core.tokens')
    .selectAll()
    .where('id', '=', token.id)
    .executeTakeFirstOrThrow()
}

function at(seconds: number): Date {
  return new Date(Date.UTC(2030, 0, 1, 0, 0, seconds))
}

async function theirView(): Promise<unknown[]> {
  return await ownersView(tenants.admin, 'ibex_core.tokens', tenants.theirs.orgId)
}

test('writes the uses of each tenant in one statement, and nothing before', async () => {
  const uses = new TokenUses()
  const before = Date.now()
  const [first, second] = [await verified(mine), await verified(theirs)]
  for (let count = 0; count < 3; count++) uses.record(first, '192.0.2.7')
  uses.record(first, '::ffff:192.0.2.8')
  uses.record(second)
  expect(uses.size).toBe(2)
  expect(await read(mine)).toEqual(mine.token)
  const statements = tenants.statements.length
  expect(await uses.flush(tenants.database)).toBe(2)
  expect(tenants.statements.length - statements).toBe(2)
  const used = await read(mine)
  expect(used).toMatchObject({ use_count: '4', last_used_ip: '192.0.2.8' })
  expect(used.last_used_at?.getTime()).toBeGreaterThanOrEqual(before)
  expect(used.last_used_at?.getTime()).toBeLessThanOrEqual(Date.now())
  expect(await read(theirs)).toMatchObject({ use_count: '1', last_used_ip: null })
  expect(uses.size).toBe(0)
  expect(await uses.flush(tenants.database)).toBe(0)
  expect(tenants.statements.length - statements).toBe(2)
})

test("adds to what is there, moves the last use only forward, and leaves the other tenant's tokens", async () => {
  const { tokens } = tenants.mine
  const tokenId = mine.token.id
  const before = await theirView()
  await tokens.addUses([{ tokenId, count: 2, lastUsedAt: at(5), lastUsedIp: '192.0.2.5' }])
  await tokens.addUses([{ tokenId, count: 3, lastUsedAt: at(4), lastUsedIp: '192.0.2.4' }])
  expect(await read(mine)).toMatchObject({ use_count: '5', last_used_at: at(5), last_used_ip: '192.0.2.5' })
  await tokens.addUses([{ tokenId, count: 1, lastUsedAt: at(6), lastUsedIp: null }])
  expect(await read(mine)).toMatchObject({ use_count: '6', last_used_at: at(6), last_used_ip: '192.0.2.5' })
  const use = { tokenId, count: 1 }
  await tokens.addUses([
    { ...use, lastUsedAt: at(8), lastUsedIp: '192.0.2.8' },
    { ...use, lastUsedAt: at(9), lastUsedIp: null },
    { ...use, lastUsedAt: at(7), lastUsedIp: '192.0.2.7' },
    { ...use, tokenId: theirs.token.id, lastUsedAt: at(9), lastUsedIp: '192.0.2.9' },
    { ...use, tokenId: randomUUID(), lastUsedAt: at(9), lastUsedIp: '192.0.2.9' },
  ])
  expect(await read(mine)).toMatchObject({ use_count: '9', last_used_at: at(9), last_used_ip: '192.0.2.8' })
  expect(await theirView()).toEqual(before)
})

test.each([
  ['tokenId', { tokenId: 'x' }],
  ['count', { count: 0 }],
  ['count', { count: 0.5 }],
  ['lastUsedIp', { lastUsedIp: 'localhost' }],
])('throws before any SQL when %s is wrong', async (argument, wrong) => {
  const use = { tokenId: mine.token.id, count: 1, lastUsedAt: new Date(), lastUsedIp: null }
  const error = await refusal(
    tenants,
    async () => await tenants.mine.tokens.addUses([use, { ...use, ...wrong }]),
  )
  expect(error).toMatchObject({ code: 'invalid_argument', argument })
})

test('keeps what could not be written for the next time', async () => {
  const uses = new TokenUses()
  const token = await verified(mine)
  uses.record(token, '192.0.2.7')
  uses.record(await verified(theirs))
  const closed = createDatabase({ url: 'postgresql://localhost/closed' })
  await closed.close()
  await expect(uses.flush(closed)).rejects.toThrow(DatabaseClosedError)
  expect(uses.size).toBe(2)
  uses.record(token)
  expect(await uses.flush(tenants.database)).toBe(2)
  expect(await read(mine)).toMatchObject({ use_count: '2', last_used_ip: '192.0.2.7' })
  expect(await read(theirs)).toMatchObject({ use_count: '1' })
})

test('does not let a tenant that fails keep the others back', async () => {
  const uses = new TokenUses()
  // no id that a token can have
  uses.record({ orgId: tenants.theirs.orgId, tokenId: 'no uuid' })
  uses.record(await verified(mine))
  await expect(uses.flush(tenants.database)).rejects.toThrow('tokenId must be a uuid')
  await expect(uses.flush(tenants.database)).rejects.toThrow('tokenId must be a uuid')
  expect(await read(mine)).toMatchObject({ use_count: '1' })
  expect(uses.size).toBe(1)
})

test('leaves out tokens that are gone', async () => {
  const uses = new TokenUses()
  uses.record(await verified(mine))
  await tenants.mine.tokens.delete(mine.token.id)
  await uses.flush(tenants.database)
  expect(uses.size).toBe(0)
})

test('holds as many tokens as it is told, and counts the further uses of those', async () => {
  const uses = new TokenUses({ maxTokens: 1 })
  const token = await verified(mine)
  uses.record(token)
  uses.record(await verified(theirs))
  uses.record(token, 'no address')
  expect(uses.size).toBe(1)
  await uses.flush(tenants.database)
  expect(await read(mine)).toMatchObject({ use_count: '2', last_used_ip: null })
  expect(await read(theirs)).toMatchObject({ use_count: '0' })
  for (const maxTokens of [0, 1.5, '1' as never])
    expect(() => new TokenUses({ maxTokens })).toThrow(InvalidArgumentError)
  expect(() => new TokenUses({ maxToken: 1 } as never)).toThrow(InvalidArgumentError)
})

describe('at the same time', skipOnEmbedded('one connection: nothing happens at once'), () => {
  test('adds up what several processes flush, in whatever order they hold the tokens', async () => {
    const user = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
    const tokens: VerifiedToken[] = []
    for (let count = 0; count < 40; count++) {
      const input = { type: 'pat', name: 'Laptop', userId: user.id } as const
      tokens.push(await verified(await tenants.mine.tokens.issue(input)))
    }
    const rounds = 25
    for (let round = 0; round < rounds; round++) {
      const flushes = Array.from({ length: 6 }, async (_, index) => {
        const uses = new TokenUses()
        const order = index % 2 === 0 ? tokens : tokens.toReversed()
        for (const token of order) uses.record(token)
        await uses.flush(tenants.database)
      })
      // beside them somebody revokes the same tokens: no deadlock
      await Promise.all([...flushes, tenants.mine.tokens.revokeAllOf(user.id)])
      await tenants.mine.db
        .updateTable('ibex_core.tokens')
        .set({ is_revoked: false })
        .where('user_id', '=', user.id)
        .execute()
    }
    const stored = await tenants.mine.tokens.find({ where: { user_id: user.id } })
    expect(new Set(stored.map((token) => token.use_count))).toEqual(new Set([String(rounds * 6)]))
  })
})
