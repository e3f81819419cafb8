import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  CheckViolationError,
  ForeignKeyViolationError,
  InvalidArgumentError,
  RowNotFoundError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { Project, Role } from '../../types/database.d.ts'
import { insertProject, insertRole } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let project: Project
let role: Role
let foreign: { readonly project: Project; readonly role: Role }
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, theirs } = tenants
  // of the same names as mine
  const org = { org_id: theirs.orgId }
  foreign = {
    project: await insertProject(admin, { ...org, name: 'Atlas', slug: 'atlas' }),
    role: await insertRole(admin, { ...org, name: 'Architect' }),
  }
  await theirs.projects.linkRole(foreign.project.id, foreign.role.id)
  theirsUnchanged = await watchTheirs(
    tenants,
    'ibex_core.projects',
    'ibex_core.roles',
    'ibex_core.project_roles',
  )
})

beforeEach(async () => {
  project = await tenants.mine.projects.insert({ name: 'Atlas', slug: 'atlas' })
  role = await tenants.mine.roles.insert({ name: 'Architect' })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
  for (const table of ['ibex_core.projects', 'ibex_core.roles'] as const)
    await tenants.admin.deleteFrom(table).where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  const { projects, projectRoles } = tenants.mine
  expect(await projects.findById(foreign.project.id)).toBeUndefined()
  expect(await projects.rolesOf(foreign.project.id)).toEqual([])
  expect(await projects.projectsOf(foreign.role.id)).toEqual([])
  expect(await projectRoles.exists({ project_id: foreign.project.id })).toBe(false)
}

test('finds the living project with a slug, its own and not that of another tenant', async () => {
  const { projects } = tenants.mine
  expect(await projects.findBySlug('atlas')).toEqual(project)
  expect((await tenants.theirs.projects.findBySlug('atlas'))?.id).toBe(foreign.project.id)
  expect(await projects.findBySlug('Atlas')).toBeUndefined()
  await projects.softDelete(project.id)
  expect(await projects.findBySlug('atlas')).toBeUndefined()
})

test('links a role to a project, once however often it is told to', async () => {
  const { projects, projectRoles } = tenants.mine
  expect(await projects.linkRole(project.id, role.id)).toBe(true)
  expect(await projects.linkRole(project.id, role.id)).toBe(false)
  const links = await projectRoles.find()
  expect(links).toHaveLength(1)
  expect(links[0]).toMatchObject({ org_id: tenants.mine.orgId, project_id: project.id, role_id: role.id })
})

test('takes a role out of a project, and no other', async () => {
  const { projects } = tenants.mine
  const other = await tenants.mine.roles.insert({ name: 'Builder' })
  for (const { id } of [role, other]) await projects.linkRole(project.id, id)
  expect(await projects.unlinkRole(project.id, role.id)).toBe(true)
  expect(await projects.unlinkRole(project.id, role.id)).toBe(false)
  expect(await projects.rolesOf(project.id)).toEqual([other])
})

test('reads the roles of a project and the living projects of a role, by name', async () => {
  const { projects, roles } = tenants.mine
  const zoologist = await roles.insert({ name: 'Zoologist' })
  const beta = await projects.insert({ name: 'Beta', slug: 'b' })
  const gone = await projects.insert({ name: 'Gone', slug: 'g' })
  for (const { id } of [zoologist, role]) await projects.linkRole(project.id, id)
  for (const { id } of [gone, beta]) await projects.linkRole(id, role.id)
  await projects.softDelete(gone.id)
  expect(await projects.rolesOf(project.id)).toEqual([role, zoologist])
  expect(await projects.rolesOf(beta.id)).toEqual([role])
  expect(await projects.projectsOf(role.id)).toEqual([project, beta])
  expect(await projects.projectsOf(zoologist.id)).toEqual([project])
  expect(await projects.rolesOf(randomUUID())).toEqual([])
})

test('links once when ten link at the same moment', async () => {
  const { projects } = tenants.mine
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, async () => await projects.linkRole(project.id, role.id)),
  )
  expect(outcomes.filter((isNew) => isNew)).toHaveLength(1)
  expect(await projects.rolesOf(project.id)).toEqual([role])
})

test('forgets the links of a project or a role that is deleted', async () => {
  const { projects, roles, projectRoles } = tenants.mine
  const beta = await projects.insert({ name: 'Beta', slug: 'b' })
  for (const { id } of [project, beta]) await projects.linkRole(id, role.id)
  await projects.delete(beta.id)
  expect(await projectRoles.count()).toBe(1)
  await roles.delete(role.id)
  expect(await projectRoles.count()).toBe(0)
})

test('says the same of a project of another tenant, a deleted one and an unknown one', async () => {
  const { projects, projectRoles } = tenants.mine
  await projects.softDelete(project.id)
  for (const id of [foreign.project.id, project.id, randomUUID()]) {
    const error = await failure(async () => await projects.linkRole(id, role.id))
    expect(error).toBeInstanceOf(RowNotFoundError)
    expect(error).toMatchObject({ table: 'ibex_core.projects' })
    expect(await projects.unlinkRole(id, role.id)).toBe(false)
  }
  expect(await projectRoles.count()).toBe(0)
})

test('says the same of a role of another tenant as of an unknown one', async () => {
  const { projects } = tenants.mine
  const errors: Error[] = []
  for (const id of [foreign.role.id, randomUUID()]) {
    errors.push(await failure(async () => await projects.linkRole(project.id, id)))
    expect(await projects.unlinkRole(project.id, id)).toBe(false)
  }
  expect(errors[0]).toBeInstanceOf(ForeignKeyViolationError)
  expect(shown(errors[0])).toEqual(shown(errors[1]))
  expect(await projects.rolesOf(project.id)).toEqual([])
})

test.each([
  [
    'a name that there is',
    { name: 'Atlas', slug: 'other' },
    UniqueViolationError,
    'projects_org_id_name_key',
  ],
  [
    'a slug that there is',
    { name: 'Other', slug: 'atlas' },
    UniqueViolationError,
    'projects_org_id_slug_key',
  ],
  ['no name', { name: '', slug: 'other' }, CheckViolationError, 'projects_name_check'],
  [
    'a name of 101 characters',
    { name: 'x'.repeat(101), slug: 'other' },
    CheckViolationError,
    'projects_name_check',
  ],
  ['no slug', { name: 'Other', slug: '' }, CheckViolationError, 'projects_slug_check'],
  [
    'a slug of 256 characters',
    { name: 'Other', slug: 'x'.repeat(256) },
    CheckViolationError,
    'projects_slug_check',
  ],
])('refuses a project with %s, and writes nothing', async (_, row, errorClass, constraint) => {
  const { projects } = tenants.mine
  const error = await failure(async () => await projects.insert(row))
  expect(error).toBeInstanceOf(errorClass)
  expect(error).toMatchObject({ table: 'projects', constraint })
  expect(JSON.stringify(shown(error))).not.toMatch(/Atlas|xxx/)
  expect(await projects.count()).toBe(1)
})

test('refuses a link that is there, or whose project or role is not', async () => {
  const { projects, projectRoles } = tenants.mine
  await projects.linkRole(project.id, role.id)
  const link = { project_id: project.id, role_id: role.id }
  for (const [row, constraint] of [
    [link, 'project_roles_org_id_project_id_role_id_key'],
    [{ ...link, project_id: foreign.project.id }, 'project_roles_org_id_project_id_fkey'],
    [{ ...link, role_id: foreign.role.id }, 'project_roles_org_id_role_id_fkey'],
  ] as const) {
    const error = await failure(async () => await projectRoles.insert(row))
    expect(error).toMatchObject({ constraint })
    expect(error).toBeInstanceOf(
      constraint.endsWith('_key') ? UniqueViolationError : ForeignKeyViolationError,
    )
  }
  expect(await projectRoles.count()).toBe(1)
})

test.each(['', 'atlas', undefined, null, 7, { id: randomUUID() }])(
  'throws before any SQL when an id is %j',
  async (bad) => {
    const { projects } = tenants.mine
    const id = bad as string
    for (const call of [
      async () => await projects.linkRole(id, role.id),
      async () => await projects.linkRole(project.id, id),
      async () => await projects.unlinkRole(id, role.id),
      async () => await projects.unlinkRole(project.id, id),
      async () => await projects.rolesOf(id),
      async () => await projects.projectsOf(id),
    ]) {
      expect(await refusal(tenants, call)).toBeInstanceOf(InvalidArgumentError)
    }
  },
)

test('throws before any SQL when the slug is missing', async () => {
  const find = async (): Promise<unknown> => await tenants.mine.projects.findBySlug(undefined as never)
  expect(await refusal(tenants, find)).toBeInstanceOf(InvalidArgumentError)
})
