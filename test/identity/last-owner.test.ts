/** An organization keeps an active owner, whoever writes and however. */
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { LastOwnerError, SerializationFailureError } from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { User } from '../../types/database.d.ts'
import { insertOrganization, insertTeam, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'

let tenants: TwoTenants
let mine: TenantScope
let ana: User
let bob: User
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  await insertUser(tenants.admin, { org_id: tenants.theirs.orgId, role: 'owner' })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.users')
})

beforeEach(async () => {
  mine = tenants.database.forTenant((await insertOrganization(tenants.admin)).id)
  ana = await insertOwner({ name: 'Ana' })
  // none of these is an active owner
  await insertOwner({ status: 'suspended' })
  await insertOwner({ status: 'invited' })
  await insertOwner({ status: 'deactivated' })
  await insertOwner({ deleted_at: new Date() })
  bob = await insertOwner({ name: 'Bob', role: 'admin' })
})

afterEach(async () => {
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

async function insertOwner(values: Partial<User>): Promise<User> {
  return await insertUser(tenants.admin, { org_id: mine.orgId, role: 'owner', ...values })
}

/** The names of the active owners, as the owner of the tables sees them. */
async function owners(): Promise<(string | null)[]> {
  const rows = await tenants.admin
    .selectFrom('ibex_core.users')
    .select('name')
    .where('org_id', '=', mine.orgId)
    .where('role', '=', 'owner')
    .where('status', '=', 'active')
    .where('deleted_at', 'is', null)
    .orderBy('name')
    .execute()
  return rows.map(({ name }) => name)
}

async function everyUser(): Promise<User[]> {
  return await mine.users.find({ includeDeleted: true, orderBy: { id: 'asc' } })
}

const departures: Readonly<Record<string, (user: User, scope: TenantScope) => Promise<unknown>>> = {
  suspend: async ({ id }, { users }) => await users.suspend(id),
  softDelete: async ({ id }, { users }) => await users.softDelete(id),
  delete: async ({ id }, { users }) => await users.delete(id),
  'update of the role': async ({ id }, { users }) => await users.update(id, { role: 'member' }),
  'update of the status': async ({ id }, { users }) => await users.update(id, { status: 'deactivated' }),
  'upsert of the role': async ({ email, id }, { users }) =>
    await users.upsert({ id, email, role: 'member' }, { conflict: ['id'] }),
  'plain Kysely': async (_, { db }) =>
    await db.updateTable('ibex_core.users').set({ status: 'suspended' }).execute(),
  'plain delete': async (_, { db }) => await db.deleteFrom('ibex_core.users').execute(),
}

test.each(Object.entries(departures))('refuses to let the last owner go: %s', async (_, leave) => {
  const before = await everyUser()
  const error = await failure(async () => await leave(ana, mine))
  expect(error).toBeInstanceOf(LastOwnerError)
  expect(error).toMatchObject({ code: 'last_owner', table: 'users', constraint: 'users_last_owner_check' })
  expect(error.message).not.toContain(ana.id)
  expect(error.message).not.toContain(mine.orgId)
  expect(await everyUser()).toEqual(before)
})

test.each(Object.entries(departures).filter(([name]) => !name.startsWith('plain')))(
  'lets an owner go while there is another: %s',
  async (_, leave) => {
    await mine.users.update(bob.id, { role: 'owner' })
    await leave(ana, mine)
    expect(await owners()).toEqual(['Bob'])
    expect(await failure(async () => await leave(bob, mine))).toBeInstanceOf(LastOwnerError)
  },
)

test('refuses a statement that takes all owners at once', async () => {
  await mine.users.update(bob.id, { role: 'owner' })
  const update = mine.db.updateTable('ibex_core.users').set({ role: 'member' })
  expect(await failure(async () => await update.execute())).toBeInstanceOf(LastOwnerError)
  expect(await owners()).toEqual(['Ana', 'Bob'])
})

test('changes an owner in everything else, and owners of an organization that has none', async () => {
  expect(await mine.users.update(ana.id, { name: 'Ann', last_login_at: new Date() })).toBeDefined()
  expect(await mine.users.acceptInvitation(bob.id).catch(({ code }) => code)).toBe('user_status')
  const empty = tenants.database.forTenant((await insertOrganization(tenants.admin)).id)
  const only = await insertUser(tenants.admin, { org_id: empty.orgId, role: 'owner', status: 'suspended' })
  expect(await empty.users.update(only.id, { role: 'member' })).toMatchObject({ role: 'member' })
  expect(await empty.users.delete(only.id)).toBe(true)
})

test('counts the owners of another organization for nothing', async () => {
  expect(await tenants.theirs.users.count({ role: 'owner' })).toBe(1)
  expect(await failure(async () => await mine.users.suspend(ana.id))).toBeInstanceOf(LastOwnerError)
})

test('holds the system role too, which deletes the organization as a whole', async () => {
  await insertTeam(tenants.admin, { org_id: mine.orgId, owner_id: ana.id })
  const deletion = async (table: 'users' | 'organizations', column: 'org_id' | 'id'): Promise<unknown> =>
    await tenants.database.asSystem(
      'a deletion in a test',
      async ({ db }) =>
        await sql`delete from ${sql.table(`ibex_core.${table}`)} where ${sql.ref(column)} = ${mine.orgId}`.execute(
          db,
        ),
    )
  await tenants.admin.deleteFrom('ibex_core.teams').where('org_id', '=', mine.orgId).execute()
  expect(await failure(async () => await deletion('users', 'org_id'))).toBeInstanceOf(LastOwnerError)
  await insertTeam(tenants.admin, { org_id: mine.orgId, owner_id: ana.id })
  await deletion('organizations', 'id')
  expect(await owners()).toEqual([])
  expect(await mine.teams.count()).toBe(0)
})

test(
  'keeps one of two owners who suspend each other at once, 60 times',
  skipOnEmbedded('one connection: nothing happens at once'),
  async () => {
    await mine.users.update(bob.id, { role: 'owner' })
    const other = tenants.database.forTenant(mine.orgId)
    const leave = [departures['suspend'], departures['softDelete'], departures['update of the role']]
    for (let round = 0; round < 60; round++) {
      const run = leave[round % leave.length]
      const results = await Promise.allSettled([run?.(ana, mine), run?.(bob, other)])
      const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
      expect(reasons).toEqual([expect.any(LastOwnerError)])
      expect(await owners()).toHaveLength(1)
      const living = { role: 'owner', status: 'active', deleted_at: null } as const
      for (const { id } of [ana, bob]) await mine.users.update(id, living, { includeDeleted: true })
    }
  },
)

test(
  'lets the second owner wait for the first, and stay',
  skipOnEmbedded('one connection: nobody to wait for'),
  async () => {
    await mine.users.update(bob.id, { role: 'owner' })
    let second: Promise<Error> | undefined
    await mine.transaction(async (trx) => {
      await trx.users.suspend(ana.id)
      second = runOutsideTransaction(async () => await failure(async () => await suspendElsewhere(bob)))
      await untilBlocked(tenants.admin)
    })
    expect(await second).toBeInstanceOf(LastOwnerError)
    expect(await owners()).toEqual(['Bob'])
  },
)

test.each(['repeatable read', 'serializable'] as const)(
  'does not decide by owners of the past: %s',
  skipOnEmbedded('one connection: nothing happens at once'),
  async (isolationLevel) => {
    await mine.users.update(bob.id, { role: 'owner' })
    const late = mine.transaction(
      async (trx) => {
        await trx.users.count()
        await runOutsideTransaction(async () => await suspendElsewhere(ana))
        await trx.users.suspend(bob.id)
      },
      { isolationLevel },
    )
    expect(await failure(async () => await late)).toBeInstanceOf(SerializationFailureError)
    expect(await owners()).toEqual(['Bob'])
  },
)

async function suspendElsewhere({ id }: User): Promise<unknown> {
  return await tenants.database.forTenant(mine.orgId).users.suspend(id)
}
