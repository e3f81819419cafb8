import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ErasureResult } from '../../src/erasure/erasure-receipt.ts'
import { eraseOrganization, findOrganizationErasures } from '../../src/erasure/erase-organization.ts'
import { InvalidArgumentError, LegalHoldError, RowNotFoundError } from '../../src/errors.ts'
import { insertOrganization } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, refusal } from '../support/two-tenants.ts'
import { allRows, carriersOf, countRows, createConsumerTables, insertPerson } from './person.ts'

let tenants: TwoTenants
const reason = 'contract ended'

beforeAll(async () => {
  tenants = await openTwoTenants()
  await createConsumerTables(tenants.admin)
  await insertPerson(tenants.admin, tenants.theirs.orgId)
})

afterAll(async () => {
  await tenants.close()
})

async function erase(orgId: string): Promise<ErasureResult> {
  return await tenants.database.asSystem(
    'the contract ended',
    async (system) => await eraseOrganization(system, orgId, { reason }),
  )
}

test('leaves nothing of an organization but its receipt, which adds up, and others as they were', async () => {
  const { admin, database, mine, theirs } = tenants
  await insertPerson(admin, mine.orgId)
  const { userId } = await insertPerson(admin, mine.orgId)
  await mine.erasure.eraseUser(userId, { reason: 'asked by the user' })
  const hold = await mine.legalHolds.place({ subject: 'organization', reason: 'a quarrel' })
  await mine.legalHolds.release(hold.id, { reason: 'made up' })
  const before = await countRows(admin, mine.orgId)
  const theirsBefore = await allRows(admin, theirs.orgId)

  const receipt = await erase(mine.orgId)
  expect(await carriersOf(admin, mine.orgId)).toEqual([])
  expect(await allRows(admin, theirs.orgId)).toEqual(theirsBefore)
  const full = Object.entries(before).filter(([, count]) => count > 0)
  expect(receipt.tables.map(({ table, deleted }) => [table, deleted])).toEqual([
    ...full.filter(([table]) => table < 'ibex_core.organizations'),
    ...full.filter(([table]) => table > 'ibex_core.organizations'),
    ['ibex_core.organizations', 1],
  ])
  expect(receipt).toMatchObject({ subject: 'organization', reason, cleared: 0 })
  expect(receipt.deleted).toBe(full.reduce((sum, [, count]) => sum + count, 1))
  const kept = await database.asSystem('look for the proof', async (system) => {
    return await findOrganizationErasures(system, mine.orgId.toUpperCase())
  })
  expect(kept).toEqual([receipt])
  expect(await failure(async () => await erase(mine.orgId))).toBeInstanceOf(RowNotFoundError)
})

test('refuses while a hold stands in it, and says how many', async () => {
  const { admin, database } = tenants
  const { id } = await insertOrganization(admin)
  const scope = database.forTenant(id)
  const { userId, agentId } = await insertPerson(admin, id)
  const before = await allRows(admin, id)
  await scope.legalHolds.place({ subject: 'user', subjectId: userId, reason: 'a quarrel' })
  await scope.legalHolds.place({ subject: 'agent', subjectId: agentId, reason: 'a quarrel' })
  const refused = await failure(async () => await erase(id))
  expect(refused).toBeInstanceOf(LegalHoldError)
  expect(refused).toMatchObject({ holds: 2 })
  const { 'ibex_core.legal_holds': holds, ...rows } = await allRows(admin, id)
  expect(holds).toHaveLength(2)
  expect({ ...rows, 'ibex_core.legal_holds': [] }).toEqual(before)
})

test('is the system’s: no tenant erases an organization or reads such a receipt', async () => {
  const { theirs } = tenants
  const attempts = [
    async () => await eraseOrganization(theirs as never, theirs.orgId, { reason }),
    async () => await findOrganizationErasures(theirs as never, theirs.orgId),
  ]
  for (const attempt of attempts) expect(await refusal(tenants, attempt)).toBeInstanceOf(InvalidArgumentError)
  const read = async (): Promise<unknown> =>
    await theirs.db.selectFrom('ibex_core.organization_erasures').selectAll().execute()
  expect(await failure(read)).toMatchObject({ name: 'InsufficientPrivilegeError' })
})

test('throws InvalidArgumentError before any SQL for bad input', async () => {
  for (const [orgId, options] of [
    ['one', { reason }],
    [tenants.theirs.orgId, { reason: ' ' }],
    [tenants.theirs.orgId, { reason, includeDerived: true } as { reason: string }],
  ] as const) {
    const attempt = async (): Promise<unknown> =>
      await tenants.database.asSystem(
        'a test',
        async (system) => await eraseOrganization(system, orgId, options),
      )
    expect(await refusal(tenants, attempt)).toBeInstanceOf(InvalidArgumentError)
  }
})
