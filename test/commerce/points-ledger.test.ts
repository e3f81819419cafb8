/** The ledger and the accounts as plain Kysely writes them: nobody moves one without the other. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { CheckViolationError, InsufficientPrivilegeError, UniqueViolationError } from '../../src/errors.ts'
import type { NewPointsLedger, User } from '../../types/database.d.ts'
import { insertUser } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants, ownersView, watchTheirs } from '../support/two-tenants.ts'
import { refused } from './refused.ts'

const tables = ['ibex_core.point_accounts', 'ibex_core.points_ledger']

let tenants: TwoTenants
let ana: User
let bob: User
let foreign: User
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await insertUser(tenants.admin, { org_id: tenants.theirs.orgId })
  await tenants.theirs.points.credit({ userId: foreign.id, amount: 5, eventId: 'e-1', bizType: 'gift' })
  theirsUnchanged = await watchTheirs(tenants, ...tables)
})

beforeEach(async () => {
  ana = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  bob = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
})

afterEach(async () => {
  await theirsUnchanged()
  await mineAddsUp()
  await usersGoWithTheirPoints()
})

afterAll(async () => {
  await tenants.close()
})

async function mineAddsUp(): Promise<void> {
  expect(await tenants.mine.points.reconcile()).toEqual([])
}

async function usersGoWithTheirPoints(): Promise<void> {
  const { orgId } = tenants.mine
  await tenants.database.asSystem('clean up', async ({ db }) => {
    await db.deleteFrom('ibex_core.users').where('org_id', '=', orgId).execute()
  })
  for (const table of tables) expect(await ownersView(tenants.admin, table, orgId)).toEqual([])
}

function earned(user: User, eventId: string, amount = 10): NewPointsLedger {
  return {
    user_id: user.id,
    change_type: 'earn',
    direction: 'credit',
    amount,
    biz_type: 'gift',
    event_id: eventId,
  }
}

function spent(user: User, eventId: string, amount = 10): NewPointsLedger {
  return { ...earned(user, eventId, amount), change_type: 'spend', direction: 'debit' }
}

test('moves the account with a movement that is inserted directly, whatever it says of the balance', async () => {
  const { pointsLedger, points } = tenants.mine
  const movement = await pointsLedger.insert({
    ...earned(ana, 'e-1'),
    balance_after: 4_711,
    frozen_after: 4_711,
  })
  expect(movement).toMatchObject({ version: '1', balance_after: '10', frozen_after: '0' })
  await tenants.mine.db
    .insertInto('ibex_core.points_ledger')
    .values(spent(ana, 'e-2', 4))
    .execute()
  expect(await points.account(ana.id)).toMatchObject({ balance: '6', lifetime_spent: '4', version: '2' })
})

test('moves the accounts of many movements of one statement, in their order', async () => {
  const { pointsLedger, points } = tenants.mine
  const inserted = await pointsLedger.insertMany([
    earned(ana, 'e-1'),
    earned(bob, 'e-2', 5),
    spent(ana, 'e-3', 7),
    earned(ana, 'e-4', 1),
    spent(bob, 'e-5', 5),
    spent(ana, 'e-6', 4),
  ])
  expect(inserted.map((row) => [row.version, row.balance_after])).toEqual([
    ['1', '10'],
    ['1', '5'],
    ['2', '3'],
    ['3', '4'],
    ['2', '0'],
    ['4', '0'],
  ])
  expect(await points.account(ana.id)).toMatchObject({ balance: '0', lifetime_earned: '11', version: '4' })
})

test('moves nothing of many movements when the last of them goes beyond the balance', async () => {
  const rows = [earned(ana, 'e-1'), spent(ana, 'e-2', 7), spent(ana, 'e-3', 4)]
  const error = await refused(tenants, async () => await tenants.mine.pointsLedger.insertMany(rows))
  expect(error).toBeInstanceOf(CheckViolationError)
  expect(error).toMatchObject({ constraint: 'points_ledger_balance_after_check' })
})

test('refuses an event that is there already, and moves nothing', async () => {
  const { pointsLedger } = tenants.mine
  await pointsLedger.insert(earned(ana, 'e-1'))
  for (const rows of [
    [earned(ana, 'e-1')],
    [earned(bob, 'e-1', 3)],
    [earned(ana, 'e-2'), earned(ana, 'e-2')],
  ]) {
    const error = await refused(tenants, async () => await pointsLedger.insertMany(rows))
    expect(error).toBeInstanceOf(UniqueViolationError)
    expect(error).toMatchObject({ constraint: 'points_ledger_org_id_event_id_key' })
  }
})

test('leaves the account as it was when a conflict does nothing, and goes on with the next movement', async () => {
  const { db, points } = tenants.mine
  await tenants.mine.pointsLedger.insert(earned(ana, 'e-1'))
  const before = await points.account(ana.id)
  const insert = db.insertInto('ibex_core.points_ledger')
  await insert
    .values([earned(ana, 'e-1', 3)])
    .onConflict((oc) => oc.doNothing())
    .execute()
  expect(await points.account(ana.id)).toEqual(before)
  const inserted = await insert
    .values([earned(ana, 'e-1', 3), earned(ana, 'e-2', 1), earned(ana, 'e-2', 1), earned(ana, 'e-3', 1)])
    .onConflict((oc) => oc.doNothing())
    .returning(['event_id', 'version'])
    .execute()
  expect(inserted).toEqual([
    { event_id: 'e-2', version: '2' },
    { event_id: 'e-3', version: '3' },
  ])
  expect(await points.account(ana.id)).toMatchObject({ balance: '12', version: '3' })
})

test('takes the next version when one is given, and no other', async () => {
  const { pointsLedger } = tenants.mine
  await pointsLedger.insert({ ...earned(ana, 'e-1'), version: 1 })
  for (const version of [1, 3, -1]) {
    const error = await refused(
      tenants,
      async () => await pointsLedger.insert({ ...earned(ana, 'e-2'), version }),
    )
    expect(error).toBeInstanceOf(CheckViolationError)
    expect(error).toMatchObject({ constraint: 'points_ledger_next_version_check' })
  }
  await pointsLedger.insert({ ...earned(ana, 'e-2'), version: 2 })
})

test('lets nobody change an account but through the ledger: not the tenant, not the system, not a superuser', async () => {
  const { mine, admin, database } = tenants
  await mine.points.credit({ userId: ana.id, amount: 10, eventId: 'e-1', bizType: 'gift' })
  const { id } = (await mine.points.account(ana.id)) ?? { id: '' }
  for (const change of [
    async () => await mine.points.update(id, { balance: 20, lifetime_earned: 20 }),
    async () => await mine.points.update(id, { version: 0 }),
    async () => await mine.points.delete(id),
    async () => await mine.points.insert({ user_id: bob.id, balance: 1, lifetime_earned: 1 }),
    async () => await mine.db.updateTable('ibex_core.point_accounts').set({ frozen_balance: 1 }).execute(),
  ]) {
    const error = await refused(tenants, change)
    expect(error).toBeInstanceOf(InsufficientPrivilegeError)
    expect(error).toMatchObject({ table: 'point_accounts' })
  }
  const error = await refused(
    tenants,
    async () =>
      await database.asSystem('a test', async ({ db }) => {
        await db.updateTable('ibex_core.point_accounts').set({ balance: 20 }).where('id', '=', id).execute()
      }),
  )
  expect(error).toBeInstanceOf(InsufficientPrivilegeError)
  const update = admin.updateTable('ibex_core.point_accounts').set({ balance: 20 }).where('id', '=', id)
  expect(await refused(tenants, async () => await update.execute())).toMatchObject({ code: '42501' })
})

test('opens an empty account on request, which the first movement uses', async () => {
  const { points } = tenants.mine
  const account = await points.insert({ user_id: ana.id })
  expect(account).toMatchObject({ balance: '0', version: '0' })
  await points.credit({ userId: ana.id, amount: 1, eventId: 'e-1', bizType: 'gift', expectedVersion: 0 })
  expect(await points.account(ana.id)).toMatchObject({ id: account.id, balance: '1' })
})

test('never changes a movement', async () => {
  const { pointsLedger } = tenants.mine
  const { id } = await pointsLedger.insert(earned(ana, 'e-1'))
  const { admin } = tenants
  for (const change of [
    async () => await pointsLedger.update(id, { amount: 20 }),
    async () => await pointsLedger.delete(id),
  ]) {
    expect(await refused(tenants, change)).toBeInstanceOf(InsufficientPrivilegeError)
  }
  const deletion = admin.deleteFrom('ibex_core.points_ledger').where('id', '=', id)
  expect(await refused(tenants, async () => await deletion.execute())).toMatchObject({ code: '42501' })
})

test('moves no points of another tenant', async () => {
  const rows = [{ ...earned(foreign, 'e-9'), org_id: tenants.theirs.orgId }]
  const insert = tenants.mine.db.insertInto('ibex_core.points_ledger').values(rows)
  expect(await refused(tenants, async () => await insert.execute())).toBeInstanceOf(
    InsufficientPrivilegeError,
  )
})

test('goes with the user, and leaves the points of others', async () => {
  const { mine, admin } = tenants
  await mine.pointsLedger.insertMany([earned(ana, 'e-1'), earned(bob, 'e-2'), spent(ana, 'e-3', 1)])
  expect(await mine.users.delete(ana.id)).toBe(true)
  expect(await mine.points.account(ana.id)).toBeUndefined()
  expect(await mine.points.ledger(ana.id)).toMatchObject({ rows: [] })
  expect(await mine.points.account(bob.id)).toMatchObject({ balance: '10' })
  expect(await ownersView(admin, 'ibex_core.points_ledger', mine.orgId)).toHaveLength(1)
  // what the event did is forgotten with the user
  await mine.pointsLedger.insert(earned(bob, 'e-1'))
})

test('goes with the organization', async () => {
  const { database, admin } = tenants
  const { id: orgId } = await database.asSystem('a test', async ({ db }) => {
    const organization = { name: 'To delete', slug: 'to-delete' }
    return await db
      .insertInto('ibex_core.organizations')
      .values(organization)
      .returning('id')
      .executeTakeFirstOrThrow()
  })
  const user = await insertUser(admin, { org_id: orgId })
  await database.forTenant(orgId).pointsLedger.insert(earned(user, 'e-1'))
  await database.asSystem('a test', async ({ db }) => {
    await db.deleteFrom('ibex_core.organizations').where('id', '=', orgId).execute()
  })
  for (const table of tables) expect(await ownersView(admin, table, orgId)).toEqual([])
})
