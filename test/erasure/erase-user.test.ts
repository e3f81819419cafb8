import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { type Person, allRows, carriersOf, countRows, createConsumerTables, insertPerson } from './person.ts'

let tenants: TwoTenants
const nobody = '00000000-0000-0000-0000-000000000000'

beforeAll(async () => {
  tenants = await openTwoTenants()
  await createConsumerTables(tenants.admin)
})

afterAll(async () => {
  await tenants.close()
})

async function insertMine(): Promise<Person> {
  return await insertPerson(tenants.admin, tenants.mine.orgId)
}

test('leaves no row in any table that carries the id, and nothing that was about the user', async () => {
  const { admin, mine } = tenants
  const person = await insertMine()
  expect(await carriersOf(admin, person.userId)).toContain('ibex_core.audit_logs.actor')

  await mine.erasure.eraseUser(person.userId, { reason: 'asked by the user' })
  expect(await carriersOf(admin, person.userId)).toEqual([])
  for (const id of [person.sessionId, ...person.memoryIds])
    expect({ id, carriers: await carriersOf(admin, id) }).toEqual({ id, carriers: [] })
  expect(await mine.orders.findById(person.orderId)).toMatchObject({ user_id: null })
  void nobody
})

test('counts in its receipt what is gone from each table, and leaves the rest as it was', async () => {
  const { admin, mine } = tenants
  const person = await insertMine()
  const before = await countRows(admin, mine.orgId)
  const receipt = await mine.erasure.eraseUser(person.userId, { reason: 'asked by the user' })
  const after = await countRows(admin, mine.orgId)
  const gone = Object.entries(before)
    .map(([table, count]) => ({ table, deleted: count - (after[table] ?? 0) }))
    .filter(({ table, deleted }) => deleted !== 0 && table !== 'ibex_core.erasure_receipts')
  const told = receipt.tables
    .map(({ table, deleted }) => ({ table, deleted }))
    .filter(({ deleted }) => deleted > 0)
  expect(told).toEqual(gone)
})
void allRows
