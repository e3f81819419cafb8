import { randomUUID } from 'node:crypto'
import { CompiledQuery, type RawBuilder, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { InvalidArgumentError, UniqueViolationError, UserStatusError } from '../../src/errors.ts'
import type { UserRepository } from '../../src/identity/user-repository.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { User, UserStatus } from '../../types/database.d.ts'
import { insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'

let tenants: TwoTenants
let users: UserRepository
let foreign: User
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  users = tenants.mine.users
  const theirs = { org_id: tenants.theirs.orgId, email: 'Bob@Example.com', status: 'invited' } as const
  foreign = await insertUser(tenants.admin, theirs)
  await insertUser(tenants.admin, { ...theirs, email: 'active@example.com', status: 'active' })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.users')
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
  await tenants.admin.deleteFrom('ibex_core.users').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await users.exists({ id: foreign.id }, { includeDeleted: true })).toBe(false)
}

async function insertMine(values: Partial<User> = {}): Promise<User> {
  return await insertUser(tenants.admin, { org_id: tenants.mine.orgId, ...values })
}

/** Runs a statement on so many rows that their triggers and foreign keys would take half a minute. */
async function withoutTriggers(statement: RawBuilder<unknown>): Promise<void> {
  await tenants.admin.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx)
    await statement.execute(trx)
  })
}

describe('findByEmail', () => {
  test('finds the living user of this tenant, whatever the case', async () => {
    const deleted = await insertMine({ email: 'bob@example.com' })
    await users.softDelete(deleted.id)
    expect(await users.findByEmail('bob@example.com')).toBeUndefined()
    const bob = await insertMine({ email: 'BOB@example.com' })
    for (const email of ['BOB@example.com', 'bob@EXAMPLE.COM', 'Bob@Example.com'])
      expect(await users.findByEmail(email)).toEqual(bob)
    expect(await users.findByEmail('bob@example.co')).toBeUndefined()
    expect(await tenants.theirs.users.findByEmail('BOB@EXAMPLE.COM')).toEqual(foreign)
    expect(await users.findByEmail('active@example.com')).toBeUndefined()
  })

  test.each(['', 'bob', 'b b@example.com', '@', undefined as never])(
    'throws before any SQL when the address is %j',
    async (email) => {
      const error = await refusal(tenants, async () => await users.findByEmail(email))
      expect(error).toBeInstanceOf(InvalidArgumentError)
    },
  )

  test('looks up tenant and address in the unique index, under the policies of the app role', async () => {
    await withoutTriggers(sql`insert into ibex_core.users (org_id, email)
      select ${tenants.mine.orgId}::uuid, 'person-' || i || '@example.com' from generate_series(1, 20000) i`)
    await sql`analyze ibex_core.users`.execute(tenants.admin)
    await users.findByEmail('Person-4711@example.com')
    const query = CompiledQuery.raw(`explain (format json) ${tenants.statements.at(-1)}`, [
      tenants.mine.orgId,
      'Person-4711@example.com',
    ])
    const { rows } = await tenants.mine.db.executeQuery(query)
    await withoutTriggers(sql`delete from ibex_core.users where email like 'person-%'`)
    const plan = JSON.stringify(rows)
    expect(plan).toContain('"Index Name":"users_org_id_email_key"')
    expect(plan).toMatch(/"Index Cond":"\(\(org_id = [^"]+\) AND \(email_lower = [^"]+\)\)"/)
    expect(plan).not.toContain('Seq Scan')
  })
})

describe('invite', () => {
  test('inserts a user who is not active yet', async () => {
    const bare = await users.invite({ email: 'Eve@example.com' })
    expect(bare).toMatchObject({
      org_id: tenants.mine.orgId,
      email: 'Eve@example.com',
      name: null,
      role: 'member',
      status: 'invited',
      is_verified: false,
      password_hash: null,
    })
    const named = await users.invite({ email: 'dan@example.com', name: 'Dan', role: 'admin' })
    expect(named).toMatchObject({ name: 'Dan', role: 'admin', status: 'invited' })
  })

  test('invites an address once, in whatever case, and again when the user was deleted', async () => {
    const first = await users.invite({ email: 'bob@example.com' })
    const error = await failure(async () => await users.invite({ email: 'BOB@example.com' }))
    expect(error).toBeInstanceOf(UniqueViolationError)
    expect(error).toMatchObject({ constraint: 'users_org_id_email_key' })
    expect(error.message).not.toMatch(/bob/i)
    expect(await users.count()).toBe(1)
    await users.softDelete(first.id)
    expect(await users.invite({ email: 'bob@example.com' })).toMatchObject({ status: 'invited' })
  })

  test('invites an address once when 20 do so at the same time', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, async () => await users.invite({ email: 'eve@example.com' })),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await users.count()).toBe(1)
  })

  test.each([
    ['email', { email: 'eve' }],
    ['name', { email: 'eve@example.com', name: ' ' }],
  ])('throws before any SQL when the %s is wrong', async (argument, invitation) => {
    const error = await refusal(tenants, async () => await users.invite(invitation))
    expect(error).toMatchObject({ code: 'invalid_argument', argument })
  })
})

describe('the status of a user', () => {
  const statuses: readonly UserStatus[] = ['invited', 'active', 'suspended', 'deactivated']
  const methods = {
    acceptInvitation: async (id: string) => await users.acceptInvitation(id),
    suspend: async (id: string) => await users.suspend(id),
    reactivate: async (id: string) => await users.reactivate(id),
  }
  const transitions: Readonly<Record<string, UserStatus>> = {
    'invited acceptInvitation': 'active',
    'active suspend': 'suspended',
    'suspended reactivate': 'active',
  }
  const cases = Object.entries(methods).flatMap(([method, run]) =>
    statuses.map((status) => ({ method, run, status, to: transitions[`${status} ${method}`] })),
  )

  test.each(cases.filter(({ to }) => to !== undefined))(
    '$method makes $status $to, in one statement',
    async ({ run, status, to }) => {
      const user = await insertMine({ status })
      const before = tenants.statements.length
      const changed = await run(user.id)
      expect(tenants.statements.length - before).toBe(1)
      expect(changed).toMatchObject({ id: user.id, status: to, org_id: tenants.mine.orgId })
      expect(await users.findById(user.id)).toEqual(changed)
    },
  )

  test.each(cases.filter(({ to }) => to === undefined))(
    '$method refuses a user who is $status, and changes nothing',
    async ({ run, status }) => {
      const user = await insertMine({ status })
      const error = await failure(async () => await run(user.id))
      expect(error).toBeInstanceOf(UserStatusError)
      expect(error).toMatchObject({ status, code: 'user_status' })
      expect(error.message).not.toContain(user.id)
      expect(await users.findById(user.id)).toEqual(user)
    },
  )

  test.each(Object.entries(methods))(
    '%s says the same of a user of another tenant, a deleted one and an unknown one',
    async (_, run) => {
      const deleted = []
      for (const status of statuses) deleted.push(await insertMine({ status, deleted_at: new Date() }))
      for (const id of [foreign.id, randomUUID(), ...deleted.map((user) => user.id)])
        expect(await run(id)).toBeUndefined()
      const error = await refusal(tenants, async () => await run('no uuid'))
      expect(error).toBeInstanceOf(InvalidArgumentError)
    },
  )

  test('verifies who accepts, and takes what is given', async () => {
    const { id } = await users.invite({ email: 'eve@example.com', name: 'Eve', role: 'viewer' })
    const accepted = await users.acceptInvitation(id, { passwordHash: 'hash' })
    const kept = { name: 'Eve', role: 'viewer', sso_provider: null }
    expect(accepted).toMatchObject({ ...kept, is_verified: true, password_hash: 'hash' })
    const other = await users.invite({ email: 'dan@example.com' })
    const sso = { name: 'Dan', ssoProvider: 'idp', ssoSubject: '1' }
    expect(await users.acceptInvitation(other.id, sso)).toMatchObject({
      name: 'Dan',
      sso_provider: 'idp',
      sso_subject: '1',
      password_hash: null,
    })
    const half = await refusal(tenants, async () => await users.acceptInvitation(id, { ssoProvider: 'idp' }))
    expect(half).toMatchObject({ code: 'invalid_argument', argument: 'ssoSubject' })
  })

  test('lets one of 20 accept an invitation, and tells the others', async () => {
    const { id } = await users.invite({ email: 'eve@example.com' })
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, index) => await users.acceptInvitation(id, { name: `${index}` })),
    )
    const accepted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect(accepted).toEqual([await users.findById(id)])
    for (const reason of reasons) expect(reason).toMatchObject({ code: 'user_status', status: 'active' })
  })

  test(
    'sees what a transaction that it waits for has made of the user',
    skipOnEmbedded('one connection: nobody to wait for'),
    async () => {
      const user = await insertMine({ status: 'active' })
      const other = tenants.database.forTenant(tenants.mine.orgId)
      let waiting: Promise<User | undefined> | undefined
      await tenants.mine.transaction(async (trx) => {
        await trx.users.suspend(user.id)
        waiting = runOutsideTransaction(async () => await other.users.reactivate(user.id))
        await untilBlocked(tenants.admin)
      })
      expect(await waiting).toMatchObject({ status: 'active' })
    },
  )
})
