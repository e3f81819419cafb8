import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  CheckViolationError,
  ForeignKeyViolationError,
  InvalidArgumentError,
  NotNullViolationError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { NewPromptTemplate, NewRole, PromptTemplate, Role } from '../../types/database.d.ts'
import { nextMoment } from '../support/next-moment.ts'
import { insertPromptTemplate, insertRole } from '../support/factories.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

type ErrorClass = new (...given: never[]) => Error

let tenants: TwoTenants
let role: Role
let foreign: PromptTemplate
let foreignSecond: PromptTemplate
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await insertPromptTemplate(tenants.admin, { org_id: tenants.theirs.orgId, name: 'hello' })
  const { org_id: orgId, role_id: roleId } = foreign
  foreignSecond = await insertPromptTemplate(tenants.admin, { org_id: orgId, role_id: roleId })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.prompt_templates', 'ibex_core.roles')
})

beforeEach(async () => {
  role = await insertRole(tenants.admin, { org_id: tenants.mine.orgId, name: 'Guide' })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
  await tenants.admin.deleteFrom('ibex_core.roles').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.promptTemplates.exists({ id: [foreign.id, foreignSecond.id] })).toBe(false)
  expect(await tenants.mine.promptTemplates.defaultOf(foreign.role_id)).toBeUndefined()
  expect(await tenants.mine.roles.exists({ id: foreign.role_id })).toBe(false)
}

/** Inserts a template that is younger than those before. */
async function insertTemplate(
  name: string,
  values: Partial<NewPromptTemplate> = {},
): Promise<PromptTemplate> {
  const { promptTemplates } = tenants.mine
  await nextMoment()
  return await promptTemplates.insert({ role_id: role.id, name, content: `This is ${name}.`, ...values })
}

test('reads the default of a role, which its first template is', async () => {
  const { promptTemplates } = tenants.mine
  expect(await promptTemplates.defaultOf(role.id)).toBeUndefined()
  const first = await insertTemplate('first')
  expect(first).toMatchObject({ is_default: true })
  expect(await insertTemplate('second')).toMatchObject({ is_default: false })
  expect(await promptTemplates.defaultOf(role.id)).toEqual(first)
  expect(await promptTemplates.defaultOf(randomUUID())).toBeUndefined()
})

test('makes another template the default, and the one before is not any more', async () => {
  const { promptTemplates } = tenants.mine
  const first = await insertTemplate('first')
  const second = await insertTemplate('second')
  const made = await promptTemplates.makeDefault(second.id)
  expect(made).toEqual({ ...second, is_default: true, updated_at: made?.updated_at })
  expect(await promptTemplates.defaultOf(role.id)).toEqual(made)
  expect(await promptTemplates.findById(first.id)).toMatchObject({ is_default: false })
})

test('changes nothing when the template is the default already', async () => {
  const { promptTemplates } = tenants.mine
  const first = await insertTemplate('first')
  expect(await promptTemplates.makeDefault(first.id)).toEqual(first)
})

test('touches the templates of no other role', async () => {
  const { promptTemplates, roles } = tenants.mine
  const other = await roles.insert({ name: 'Other' })
  const theirs = await promptTemplates.insert({ role_id: other.id, name: 'first', content: 'Hi' })
  await insertTemplate('first')
  const second = await insertTemplate('second')
  await promptTemplates.makeDefault(second.id)
  await promptTemplates.delete(second.id)
  expect(await promptTemplates.defaultOf(other.id)).toEqual(theirs)
})

test('deletes a template, and the oldest that is left becomes the default when it was that', async () => {
  const { promptTemplates } = tenants.mine
  const [first, second, third] = [
    await insertTemplate('first'),
    await insertTemplate('second'),
    await insertTemplate('third'),
  ]
  expect(await promptTemplates.delete(third.id)).toBe(true)
  expect(await promptTemplates.defaultOf(role.id)).toEqual(first)
  await insertTemplate('fourth')
  expect(await promptTemplates.delete(first.id)).toBe(true)
  expect(await promptTemplates.defaultOf(role.id)).toMatchObject({ id: second.id })
  expect(await promptTemplates.count({ role_id: role.id })).toBe(2)
  // the role was only locked
  expect(await tenants.mine.roles.findById(role.id)).toEqual(role)
})

test('sends one statement for each', async () => {
  const { promptTemplates } = tenants.mine
  await insertTemplate('first')
  const second = await insertTemplate('second')
  const before = tenants.statements.length
  await promptTemplates.makeDefault(second.id)
  await promptTemplates.defaultOf(role.id)
  await promptTemplates.delete(second.id)
  expect(tenants.statements.slice(before)).toHaveLength(3)
})

test('finds nothing to make the default or to delete of another tenant, and nothing unknown', async () => {
  const { promptTemplates } = tenants.mine
  for (const id of [foreignSecond.id, foreign.id, randomUUID()]) {
    expect(await promptTemplates.makeDefault(id)).toBeUndefined()
    expect(await promptTemplates.delete(id)).toBe(false)
  }
})

test('deletes a role with its templates', async () => {
  await insertTemplate('first')
  await insertTemplate('second')
  expect(await tenants.mine.roles.delete(role.id)).toBe(true)
  expect(await tenants.mine.promptTemplates.count()).toBe(0)
})

test('inserts, then updates the template with the same name, and leaves the default where it is', async () => {
  const { promptTemplates } = tenants.mine
  const options = { conflict: ['role_id', 'name'] } as const
  const row = { role_id: role.id, name: 'first', content: 'Hi' }
  const first = await promptTemplates.upsert(row, options)
  const second = await promptTemplates.upsert({ ...row, name: 'second' }, options)
  expect(await promptTemplates.upsert({ ...row, content: 'Hello' }, options)).toMatchObject({
    id: first.id,
    content: 'Hello',
    is_default: true,
  })
  const moved = await promptTemplates.upsert({ ...row, name: 'second', is_default: true }, options)
  expect(moved).toMatchObject({ id: second.id, is_default: true })
  expect(await promptTemplates.defaultOf(role.id)).toEqual(moved)
})

test('lets two tenants have the same names', async () => {
  const theirRole = await tenants.theirs.roles.findByIdOrThrow(foreign.role_id)
  const other = await tenants.mine.roles.insert({ name: theirRole.name })
  expect(await insertTemplate(foreign.name, { role_id: other.id })).toMatchObject({ name: foreign.name })
})

describe('refuses, with a typed error that quotes no value, and writes nothing for,', () => {
  const secret = 'secret-value'

  test.each<[string, Partial<NewRole>, ErrorClass, string | undefined]>([
    ['a role without a name', { name: '' }, CheckViolationError, 'roles_name_check'],
    ['a role with a long name', { name: secret.padEnd(51, 'x') }, CheckViolationError, 'roles_name_check'],
    [
      'a role with a long description',
      { name: 'x', description: secret.padEnd(256, 'x') },
      CheckViolationError,
      'roles_description_check',
    ],
    ['a role whose name is null', { name: null as unknown as string }, NotNullViolationError, undefined],
    ['a role whose name is taken', { name: 'Guide' }, UniqueViolationError, 'roles_org_id_name_key'],
  ])('%s', async (_, values, ErrorClass, constraint) => {
    const { roles } = tenants.mine
    const before = await ownersView(tenants.admin, 'ibex_core.roles', tenants.mine.orgId)
    const row = { name: 'x', ...values }
    for (const write of [
      async () => await roles.insert(row),
      async () => await roles.insertMany([{ name: 'fine' }, row]),
    ]) {
      const error = await failure(write)
      expect(error).toBeInstanceOf(ErrorClass)
      expect(error).toMatchObject({ table: 'roles', constraint })
      expect(JSON.stringify([shown(error), error.cause])).not.toContain(secret)
    }
    expect(await ownersView(tenants.admin, 'ibex_core.roles', tenants.mine.orgId)).toEqual(before)
  })

  test.each<[string, Partial<NewPromptTemplate>, ErrorClass, string | undefined]>([
    ['a template without a name', { name: '' }, CheckViolationError, 'prompt_templates_name_check'],
    ['a long name', { name: secret.padEnd(101, 'x') }, CheckViolationError, 'prompt_templates_name_check'],
    ['empty content', { content: '' }, CheckViolationError, 'prompt_templates_content_check'],
    ['blank content', { content: ' \n\t' }, CheckViolationError, 'prompt_templates_content_check'],
    ['no content', { content: null as unknown as string }, NotNullViolationError, undefined],
    [
      'a name that is taken',
      { name: 'first' },
      UniqueViolationError,
      'prompt_templates_org_id_role_id_name_key',
    ],
    ['a second default', { is_default: true }, UniqueViolationError, 'prompt_templates_org_id_role_id_key'],
    [
      'an unknown role',
      { role_id: randomUUID() },
      ForeignKeyViolationError,
      'prompt_templates_org_id_role_id_fkey',
    ],
  ])('%s', async (_, values, ErrorClass, constraint) => {
    const { promptTemplates } = tenants.mine
    await insertTemplate('first')
    const before = await ownersView(tenants.admin, 'ibex_core.prompt_templates', tenants.mine.orgId)
    const row = { role_id: role.id, name: secret, content: secret, ...values }
    for (const write of [
      async () => await promptTemplates.insert(row),
      async () =>
        await promptTemplates.insertMany([{ role_id: role.id, name: 'fine', content: 'fine' }, row]),
    ]) {
      const error = await failure(write)
      expect(error).toBeInstanceOf(ErrorClass)
      expect(error).toMatchObject({ table: 'prompt_templates', constraint })
      expect(JSON.stringify([shown(error), error.cause])).not.toContain(secret)
    }
    expect(await ownersView(tenants.admin, 'ibex_core.prompt_templates', tenants.mine.orgId)).toEqual(before)
  })

  test('a role of another tenant, which is the same as an unknown one', async () => {
    const errors: Error[] = []
    for (const roleId of [foreign.role_id, randomUUID()])
      errors.push(await failure(async () => await insertTemplate('first', { role_id: roleId })))
    expect(errors[0]).toBeInstanceOf(ForeignKeyViolationError)
    expect(shown(errors[1])).toEqual(shown(errors[0]))
  })

  test('a default that is taken away', async () => {
    const first = await insertTemplate('first')
    await insertTemplate('second')
    const { promptTemplates } = tenants.mine
    const error = await failure(async () => await promptTemplates.update(first.id, { is_default: false }))
    expect(error).toBeInstanceOf(CheckViolationError)
    expect(error).toMatchObject({
      table: 'prompt_templates',
      constraint: 'prompt_templates_is_default_check',
    })
    expect(await promptTemplates.defaultOf(role.id)).toEqual(first)
  })

  test('a template that is moved to another role', async () => {
    const first = await insertTemplate('first')
    const other = await tenants.mine.roles.insert({ name: 'Other' })
    const { promptTemplates } = tenants.mine
    const error = await failure(async () => await promptTemplates.update(first.id, { role_id: other.id }))
    expect(error).toBeInstanceOf(CheckViolationError)
    expect(error).toMatchObject({ table: 'prompt_templates', constraint: 'prompt_templates_role_id_check' })
    expect(await promptTemplates.findById(first.id)).toEqual(first)
  })
})

test('throws before any SQL when an id is no uuid', async () => {
  const { promptTemplates } = tenants.mine
  for (const act of [
    async () => await promptTemplates.defaultOf('guide'),
    async () => await promptTemplates.makeDefault('hello'),
    async () => await promptTemplates.delete('hello'),
  ]) {
    expect(await refusal(tenants, act)).toBeInstanceOf(InvalidArgumentError)
  }
})
