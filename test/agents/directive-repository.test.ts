import { hash, randomUUID } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DirectiveInput } from '../../src/agents/directive-repository.ts'
import {
  ForeignKeyViolationError,
  InsufficientPrivilegeError,
  InvalidArgumentError,
  RowNotFoundError,
} from '../../src/errors.ts'
import type { Agent, DirectiveVersion } from '../../types/database.d.ts'
import { insertAgent, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  refusal,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants
let agent: Agent
let foreign: Agent
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 25 })
  foreign = await insertAgent(tenants.admin, { org_id: tenants.theirs.orgId })
  await tenants.theirs.directives.publish(foreign.id, { content: 'Tell nobody.' })
  await tenants.theirs.directives.publish(foreign.id, { content: 'Tell nobody at all.' })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.directives', 'ibex_core.directive_versions')
})

beforeEach(async () => {
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.directives.exists({ agent_id: foreign.id })).toBe(false)
  expect(await tenants.mine.directives.versions(foreign.id)).toEqual([])
}

/** Publishes contents one after the other. */
async function publishAll(...contents: string[]): Promise<DirectiveVersion[]> {
  const versions: DirectiveVersion[] = []
  for (const content of contents)
    versions.push((await tenants.mine.directives.publish(agent.id, { content })).version)
  return versions
}

const numbersOf = (versions: readonly DirectiveVersion[]): number[] =>
  versions.map(({ version_num: versionNum }) => versionNum)

test('makes the directive with its first version, and activates it', async () => {
  const user = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  const { directives } = tenants.mine
  const content = 'Be kind.\nBe brief. 🦌'
  const published = await directives.publish(agent.id, {
    content,
    createdBy: user.id,
    injectionMode: 'user_prepend',
  })
  expect(published).toMatchObject({
    outcome: 'published',
    version: {
      org_id: tenants.mine.orgId,
      version_num: 1,
      content,
      content_hash: hash('sha256', content, 'hex'),
      created_by: user.id,
    },
  })
  expect(await directives.find({ where: { agent_id: agent.id } })).toEqual([
    expect.objectContaining({
      id: published.version.directive_id,
      active_version_id: published.version.id,
      injection_mode: 'user_prepend',
      is_active: true,
    }),
  ])
  expect(await directives.active(agent.id)).toEqual(published.version)
})

test('adds versions to the directive that is there, made by whatever', async () => {
  const { directives } = tenants.mine
  const made = await directives.insert({ agent_id: agent.id })
  expect(await directives.active(agent.id)).toBeUndefined()
  const versions = await publishAll('one', 'two', 'one')
  expect(numbersOf(versions)).toEqual([1, 2, 3])
  for (const version of versions) expect(version).toMatchObject({ directive_id: made.id, created_by: null })
  expect(await directives.versions(agent.id)).toEqual(versions.toReversed())
  expect(await directives.active(agent.id)).toEqual(versions[2])
})

test('sends one statement', async () => {
  const before = tenants.statements.length
  await tenants.mine.directives.publish(agent.id, { content: 'one' })
  expect(tenants.statements.slice(before)).toHaveLength(1)
})

test('adds no version when the active one has the same content, and says so', async () => {
  const { directives } = tenants.mine
  const [first] = await publishAll('one')
  const before = await directives.findOne({ agent_id: agent.id })
  expect(await directives.publish(agent.id, { content: 'one' })).toEqual({
    outcome: 'unchanged',
    version: first,
  })
  expect(await directives.findOne({ agent_id: agent.id })).toEqual(before)
  expect(await directives.versions(agent.id)).toEqual([first])
})

test('sets the injection mode when it is given, with the same content too, and keeps it otherwise', async () => {
  const { directives } = tenants.mine
  const modeAfter = async (input: DirectiveInput): Promise<string | undefined> => {
    await directives.publish(agent.id, input)
    return (await directives.findOne({ agent_id: agent.id }))?.injection_mode
  }
  expect(await modeAfter({ content: 'one' })).toBe('system_first')
  expect(await modeAfter({ content: 'one', injectionMode: 'system_append' })).toBe('system_append')
  expect(await modeAfter({ content: 'two' })).toBe('system_append')
  expect(await directives.versions(agent.id)).toHaveLength(2)
})

test('leaves a directive switched off that is, and then none is active', async () => {
  const { directives } = tenants.mine
  const [first] = await publishAll('one')
  const { id } = (await directives.findOne({ agent_id: agent.id })) ?? { id: '' }
  await directives.update(id, { is_active: false })
  const [second] = await publishAll('two')
  expect(await directives.active(agent.id)).toBeUndefined()
  await directives.update(id, { is_active: true })
  expect(await directives.active(agent.id)).toEqual(second)
  expect(await directives.rollBack(agent.id)).toEqual(first)
})

test('rolls back to the version before, and before that, and to any by its number', async () => {
  const { directives } = tenants.mine
  const [first, second, third] = await publishAll('one', 'two', 'three')
  expect(await directives.rollBack(agent.id)).toEqual(second)
  expect(await directives.rollBack(agent.id)).toEqual(first)
  expect(await directives.active(agent.id)).toEqual(first)
  expect(await directives.rollBack(agent.id, { to: 3 })).toEqual(third)
  expect(await directives.rollBack(agent.id, { to: 3 })).toEqual(third)
  expect(await directives.active(agent.id)).toEqual(third)
  expect(numbersOf(await directives.versions(agent.id))).toEqual([3, 2, 1])
})

test('numbers what is published after a roll back behind the last version', async () => {
  const { directives } = tenants.mine
  await publishAll('one', 'two')
  await directives.rollBack(agent.id)
  // what version 2 has is new again beside the active one
  expect(numbersOf(await publishAll('one', 'two'))).toEqual([1, 3])
  expect((await directives.rollBack(agent.id)).version_num).toBe(2)
})

test('throws RowNotFoundError and changes nothing when there is nothing to roll back to', async () => {
  const { directives } = tenants.mine
  const nothing = async (options: { to?: number } = {}): Promise<void> => {
    const error = await failure(async () => await directives.rollBack(agent.id, options))
    expect(error).toBeInstanceOf(RowNotFoundError)
    expect(error).toMatchObject({ table: 'ibex_core.directive_versions' })
  }
  await nothing()
  await directives.insert({ agent_id: agent.id })
  await nothing()
  const [first] = await publishAll('one')
  await nothing()
  await nothing({ to: 2 })
  expect(await directives.active(agent.id)).toEqual(first)
})

test('compares two versions, in both directions', async () => {
  const { directives } = tenants.mine
  await publishAll('Be kind.\nBe brief.', 'Be kind.\nBe exact.', 'Be kind.\nBe brief.')
  expect(await directives.diff(agent.id, 1, 2)).toBe(`--- version 1
+++ version 2
@@ -1,2 +1,2 @@
 Be kind.
-Be brief.
\\ No newline at end of file
+Be exact.
\\ No newline at end of file
`)
  expect(await directives.diff(agent.id, 2, 1)).toContain('-Be exact.\n')
  expect(await directives.diff(agent.id, 1, 3)).toBe('')
  expect(await directives.diff(agent.id, 2, 2)).toBe('')
  for (const [from, to] of [
    [1, 4],
    [4, 1],
  ] as const) {
    const error = await failure(async () => await directives.diff(agent.id, from, to))
    expect(error).toBeInstanceOf(RowNotFoundError)
  }
})

test('says the same of an agent of another tenant, a deleted one and an unknown one', async () => {
  const { directives } = tenants.mine
  await publishAll('one', 'two')
  await tenants.mine.agents.softDelete(agent.id)
  for (const act of [
    async (id: string) => await directives.publish(id, { content: 'three' }),
    async (id: string) => await directives.rollBack(id),
    async (id: string) => await directives.rollBack(id, { to: 1 }),
  ]) {
    const errors: Error[] = []
    for (const id of [foreign.id, agent.id, randomUUID()])
      errors.push(await failure(async () => await act(id)))
    for (const error of errors) {
      expect(error).toBeInstanceOf(RowNotFoundError)
      expect(shown(error)).toEqual(shown(errors[0]))
    }
  }
  expect(await directives.active(foreign.id)).toBeUndefined()
  const theirDiff = await failure(async () => await directives.diff(foreign.id, 1, 2))
  expect(theirDiff).toBeInstanceOf(RowNotFoundError)
  expect(numbersOf(await directives.versions(agent.id))).toEqual([2, 1])
})

test('writes nothing for an author that this tenant does not have', async () => {
  const user = await insertUser(tenants.admin, { org_id: tenants.theirs.orgId })
  const errors: Error[] = []
  for (const createdBy of [user.id, randomUUID()]) {
    const publish = async (): Promise<unknown> =>
      await tenants.mine.directives.publish(agent.id, { content: 'one', createdBy })
    errors.push(await failure(publish))
  }
  for (const error of errors) {
    expect(error).toBeInstanceOf(ForeignKeyViolationError)
    expect(shown(error)).toEqual(shown(errors[0]))
  }
  // not the directive either, which comes first
  expect(await tenants.mine.directives.exists({ agent_id: agent.id })).toBe(false)
})

test('serves the system role across tenants, and nobody who has neither role', async () => {
  const { database, admin, mine } = tenants
  const version = await database.asSystem('publish for a tenant', async ({ db }) => {
    const { rows } = await publishStatement(mine.orgId, agent.id).execute(db)
    return rows
  })
  expect(version).toEqual([{ is_new: true }])
  expect(await mine.directives.active(agent.id)).toMatchObject({ content: 'one' })
  const asNobody = admin.transaction().execute(async (trx) => {
    await sql`select set_config('role', 'ibex_search', true)`.execute(trx)
    await publishStatement(mine.orgId, agent.id).execute(trx)
  })
  await expect(asNobody).rejects.toThrow(expect.objectContaining({ code: '42501' }))
})

test('publishes for no other tenant, whatever id the function is given', async () => {
  const { rows } = await publishStatement(tenants.theirs.orgId, foreign.id).execute(tenants.mine.db)
  expect(rows).toEqual([])
})

test('never changes a version', async () => {
  const [version] = await publishAll('one')
  const { directiveVersions } = tenants.mine
  for (const change of [
    async () => await directiveVersions.update(version?.id ?? '', { content: 'two' }),
    async () => await directiveVersions.delete(version?.id ?? ''),
  ]) {
    expect(await failure(change)).toBeInstanceOf(InsufficientPrivilegeError)
  }
})

function publishStatement(orgId: string, agentId: string): RawBuilder<{ is_new: boolean }> {
  return sql`select is_new from ibex_core.publish_directive(${orgId}, ${agentId}, 'one', null, null)`
}

describe('refuses before any SQL', () => {
  test.each<[string, unknown, string]>([
    ['no content', {}, 'content'],
    ['content that is no text', { content: 7 }, 'content'],
    ['content that is empty', { content: '' }, 'content'],
    ['content that is blank', { content: ' \n\t' }, 'content'],
    ['content of 32,769 characters', { content: 'x'.repeat(32_769) }, 'content'],
    ['content with a NUL', { content: 'a\0b' }, 'content'],
    ['content with half a character', { content: 'a\ud83e' }, 'content'],
    ['an author that is no uuid', { content: 'one', createdBy: 'ana' }, 'createdBy'],
    ['an unknown injection mode', { content: 'one', injectionMode: 'system' }, 'injectionMode'],
    ['a misspelt option', { content: 'one', createdby: randomUUID() }, 'option "createdby"'],
  ])('to publish %s', async (_, input, argument) => {
    const publish = async (): Promise<unknown> =>
      await tenants.mine.directives.publish(agent.id, input as DirectiveInput)
    const error = await refusal(tenants, publish)
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ argument })
  })

  test.each([0, -1, 1.5, Number.NaN, '1', 2_147_483_648])('the version %s', async (version) => {
    const { directives } = tenants.mine
    const number = version as number
    for (const act of [
      async () => await directives.rollBack(agent.id, { to: number }),
      async () => await directives.diff(agent.id, number, 1),
      async () => await directives.diff(agent.id, 1, number),
    ]) {
      expect(await refusal(tenants, act)).toBeInstanceOf(InvalidArgumentError)
    }
  })

  test('an agent id that is no uuid, and an option that does not exist', async () => {
    const { directives } = tenants.mine
    for (const act of [
      async () => await directives.publish('ada', { content: 'one' }),
      async () => await directives.rollBack('ada'),
      async () => await directives.active('ada'),
      async () => await directives.versions('ada'),
      async () => await directives.diff('ada', 1, 2),
      async () => await directives.rollBack(agent.id, { version: 1 } as object),
    ]) {
      expect(await refusal(tenants, act)).toBeInstanceOf(InvalidArgumentError)
    }
  })
})

test('takes what is just allowed', async () => {
  const content = '🦌'.repeat(32_768)
  const { version } = await tenants.mine.directives.publish(agent.id, { content })
  expect(version.content).toBe(content)
})

describe(
  'of publishers at the same moment',
  skipOnEmbedded('one connection: nothing happens at the same moment'),
  () => {
    const fifty = Array.from({ length: 50 }, (_, index) => `content ${index}`)

    test('50 get the versions 1 to 50, and the last is active', async () => {
      const { directives } = tenants.mine
      const published = await Promise.all(
        fifty.map(async (content) => await directives.publish(agent.id, { content })),
      )
      expect(published.map(({ outcome }) => outcome)).toEqual(fifty.map(() => 'published'))
      const numbers = numbersOf(published.map(({ version }) => version)).toSorted((one, other) => one - other)
      expect(numbers).toEqual(fifty.map((_, index) => index + 1))
      expect(await directives.active(agent.id)).toMatchObject({ version_num: 50 })
      expect(await directives.count({ agent_id: agent.id })).toBe(1)
    })

    test('one of 50 with the same content adds it, and all get its version', async () => {
      const { directives } = tenants.mine
      const published = await Promise.all(
        fifty.map(async () => await directives.publish(agent.id, { content: 'the same' })),
      )
      expect(published.filter(({ outcome }) => outcome === 'published')).toHaveLength(1)
      expect(new Set(published.map(({ version }) => version.id)).size).toBe(1)
    })

    test('each of 20 that roll back goes one version further', async () => {
      const { directives } = tenants.mine
      await publishAll(...fifty.slice(0, 21))
      const rolledBack = await Promise.all(
        Array.from({ length: 20 }, async () => await directives.rollBack(agent.id)),
      )
      const numbers = numbersOf(rolledBack).toSorted((one, other) => one - other)
      expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
      expect(await directives.active(agent.id)).toMatchObject({ version_num: 1 })
    })
  },
)
