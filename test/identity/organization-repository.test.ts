import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  InactiveOrganizationError,
  InsufficientPrivilegeError,
  UnknownOrganizationError,
} from '../../src/errors.ts'
import type { OrganizationStatus } from '../../types/database.d.ts'
import { insertOrganization } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterAll(async () => {
  await tenants.close()
})

/** The error of `requireActive` for an organization. */
async function refusalOf(orgId: string): Promise<Error> {
  return await failure(async () => await tenants.database.forTenant(orgId).organizations.requireActive())
}

test.each<OrganizationStatus>(['active', 'trial'])('serves an organization that is %s', async (status) => {
  const organization = await insertOrganization(tenants.admin, { status })
  const { organizations } = tenants.database.forTenant(organization.id)
  expect(await organizations.requireActive()).toEqual(organization)
})

test.each<OrganizationStatus>(['suspended', 'cancelled'])('does not serve one that is %s', async (status) => {
  const { id } = await insertOrganization(tenants.admin, { status })
  const error = await refusalOf(id)
  expect(error).toBeInstanceOf(InactiveOrganizationError)
  expect(error).toMatchObject({ status, code: 'inactive_organization', isRetryable: false })
  expect(error.message).not.toContain(id)
})

test('says the same of one that was deleted as of one that never was', async () => {
  const deleted = await insertOrganization(tenants.admin, { deleted_at: new Date() })
  const errors = [await refusalOf(deleted.id), await refusalOf(randomUUID())]
  for (const error of errors) {
    expect(error).toBeInstanceOf(UnknownOrganizationError)
    expect(error.message).toBe(errors[0]?.message)
  }
})

test('shows no tenant the organization of another', async () => {
  const { mine, theirs } = tenants
  expect((await mine.organizations.find()).map(({ id }) => id)).toEqual([mine.orgId])
  expect(await mine.organizations.findById(theirs.orgId)).toBeUndefined()
  expect(await mine.organizations.count({ name: 'Theirs' })).toBe(0)
})

test('changes its own organization and no other', async () => {
  const { admin, mine, theirs } = tenants
  const owner = async (id: string): Promise<unknown> =>
    await admin.selectFrom('ibex_core.organizations').selectAll().where('id', '=', id).executeTakeFirst()
  const before = await owner(theirs.orgId)

  expect(await mine.organizations.update(mine.orgId, { name: 'Renamed' })).toMatchObject({ name: 'Renamed' })
  expect(await mine.organizations.update(theirs.orgId, { name: 'Stolen' })).toBeUndefined()
  for (const change of [{ slug: 'taken' }, { tier: 'enterprise' }, { status: 'active' }] as const) {
    await expect(mine.organizations.update(mine.orgId, change)).rejects.toThrow(InsufficientPrivilegeError)
  }
  await expect(mine.organizations.softDelete(mine.orgId)).rejects.toThrow(InsufficientPrivilegeError)
  await expect(mine.organizations.delete(theirs.orgId)).rejects.toThrow(InsufficientPrivilegeError)
  expect(await owner(theirs.orgId)).toEqual(before)
  expect(await owner(mine.orgId)).toMatchObject({ name: 'Renamed' })
})
