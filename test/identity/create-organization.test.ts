import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  CheckViolationError,
  DataExceptionError,
  InsufficientPrivilegeError,
  InvalidArgumentError,
  UniqueViolationError,
} from '../../src/errors.ts'
import {
  type CreatedOrganization,
  type OrganizationInput,
  createOrganization,
} from '../../src/identity/create-organization.ts'
import { insertUser } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>
let count = 0
let slug: string

beforeAll(async () => {
  tenants = await openTwoTenants()
  await insertUser(tenants.admin, { org_id: tenants.theirs.orgId, email: 'ana@example.com' })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.users')
})

beforeEach(() => {
  slug = `clinic-${(count += 1)}`
})

afterEach(async () => {
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

async function signUp(input: Partial<OrganizationInput> = {}): Promise<CreatedOrganization> {
  const organization = { name: 'Clinic', slug, owner: { email: 'ana@example.com' }, ...input }
  return await tenants.database.asSystem(
    'a sign-up in a test',
    async (system) => await createOrganization(system, organization),
  )
}

async function organizationsOf(name: string): Promise<readonly unknown[]> {
  return await tenants.admin
    .selectFrom('ibex_core.organizations')
    .select('id')
    .where('slug', '=', name)
    .execute()
}

async function countUsers(): Promise<number> {
  return (await tenants.admin.selectFrom('ibex_core.users').select('id').execute()).length
}

test('creates the organization and its owner, in one statement', async () => {
  const before = tenants.statements.length
  const { organization, owner } = await signUp({
    tier: 'pro',
    billingEmail: 'bills@example.com',
    settings: { theme: ['dark'] },
    owner: { email: 'Ana@Example.com', name: 'Ana', username: 'ana', passwordHash: 'hash' },
  })
  expect(tenants.statements.length - before).toBe(1)
  expect(organization).toMatchObject({
    name: 'Clinic',
    slug,
    tier: 'pro',
    status: 'active',
    billing_email: 'bills@example.com',
    settings: { theme: ['dark'] },
  })
  expect(owner).toMatchObject({
    org_id: organization.id,
    email: 'Ana@Example.com',
    email_lower: 'ana@example.com',
    name: 'Ana',
    username: 'ana',
    password_hash: 'hash',
    role: 'owner',
    status: 'active',
    is_verified: false,
  })
})

test('returns the rows as a repository would read them, with defaults for what is left out', async () => {
  const { organization, owner } = await signUp({
    owner: { email: 'ana@example.com', ssoProvider: 'idp', ssoSubject: '1' },
  })
  const tenant = tenants.database.forTenant(organization.id)
  expect(organization).toMatchObject({ tier: 'free', settings: {}, billing_email: null })
  expect(organization.created_at).toBeInstanceOf(Date)
  expect(await tenant.organizations.requireActive()).toEqual(organization)
  expect(await tenant.users.find()).toEqual([owner])
  expect(owner).toMatchObject({ sso_provider: 'idp', sso_subject: '1', password_hash: null, settings: {} })
  expect(await tenants.theirs.users.findById(owner.id)).toBeUndefined()
})

test('writes nothing when the slug is taken, and does not say which it is', async () => {
  await signUp()
  const users = await countUsers()
  const error = await failure(async () => await signUp({ owner: { email: 'bob@example.com' } }))
  expect(error).toBeInstanceOf(UniqueViolationError)
  expect(error).toMatchObject({ constraint: 'organizations_slug_key', table: 'organizations' })
  expect(error.message).toBe('another organization has this slug: choose another')
  expect(await countUsers()).toBe(users)
  expect(await organizationsOf(slug)).toHaveLength(1)
})

test('gives a slug to one of 20 concurrent sign-ups', async () => {
  const users = await countUsers()
  const results = await Promise.allSettled(Array.from({ length: 20 }, async () => await signUp()))
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  expect(reasons).toHaveLength(19)
  for (const reason of reasons) expect(reason).toBeInstanceOf(UniqueViolationError)
  expect(await countUsers()).toBe(users + 1)
  expect(await organizationsOf(slug)).toHaveLength(1)
})

test.each<[string, Partial<OrganizationInput>]>([
  ['name', { name: ' ' }],
  ['name', { name: 'a\0b' }],
  ['name', { name: undefined as never }],
  ['slug', { slug: 'Clinic' }],
  ['slug', { slug: 'a b' }],
  ['slug', { slug: 'a\n' }],
  ['slug', { slug: '' }],
  ['billingEmail', { billingEmail: 'bills' }],
  ['owner.email', { owner: { email: 'ana at example.com' } }],
  ['owner.email', { owner: { email: '' } }],
  ['owner.email', { owner: undefined as never }],
  ['ssoSubject', { owner: { email: 'ana@example.com', ssoProvider: 'idp' } }],
  ['ssoSubject', { owner: { email: 'ana@example.com', ssoSubject: '1' } }],
])('throws before any SQL when %s is wrong: %j', async (argument, input) => {
  const error = await refusal(tenants, async () => await signUp(input))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})

test('writes nothing when the database refuses the organization, or only the owner', async () => {
  const users = await countUsers()
  const wrongTier = await failure(async () => await signUp({ tier: 'gold' as never }))
  expect(wrongTier).toBeInstanceOf(CheckViolationError)
  const owner = { email: 'ana@example.com', username: 'a\0b' }
  expect(await failure(async () => await signUp({ owner }))).toBeInstanceOf(DataExceptionError)
  expect(await organizationsOf(slug)).toEqual([])
  expect(await countUsers()).toBe(users)
})

test('does nothing for a tenant', async () => {
  const input = { name: 'Clinic', slug, owner: { email: 'ana@example.com' } }
  // a service without types passes the scope that it has
  const error = await failure(async () => await createOrganization(tenants.mine as never, input))
  expect(error).toBeInstanceOf(InsufficientPrivilegeError)
  expect(await organizationsOf(slug)).toEqual([])
})
