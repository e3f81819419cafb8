import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ForeignKeyViolationError, UnknownOrganizationError } from '../../src/errors.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { Agent } from '../../types/database.d.ts'
import { insertAgent, insertSession, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  shown,
  watchTheirs,
} from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let agent: Agent
let theirsUnchanged: () => Promise<void>
const content = 'Ana likes Zo\u00eb’s café'

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  await tenants.theirs.memories.add(input({ agentId: null, tags: ['theirs'] }))
  theirsUnchanged = await watchTheirs(
    tenants,
    ...['memories', 'memory_tags', 'memory_versions'].map((name) => `ibex_core.${name}`),
  )
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function input(values: Partial<MemoryInput> = {}): MemoryInput {
  return { agentId: agent.id, content, embedding: direction('ana'), category: 'preference', ...values }
}

/** How often the content is stored for me, as the owner sees it. */
async function storedCount(): Promise<number> {
  return (await ownersView(tenants.admin, 'ibex_core.memories', tenants.mine.orgId)).length
}

test('creates a memory with everything that is given', async () => {
  const { admin, mine } = tenants
  const user = await insertUser(admin, { org_id: mine.orgId })
  const session = await insertSession(admin, { org_id: mine.orgId, agent_id: agent.id })
  const ids = [randomUUID(), randomUUID()]
  const expiresAt = new Date('2999-01-01T00:00:00.123Z')
  const { outcome, memory } = await mine.memories.add(
    input({
      userId: user.id,
      sessionId: session.id,
      embeddingModel: 'm',
      category: 'episodic',
      source: 'user_provided',
      subject: 'Ana',
      importance: 9,
      confidence: 0.25,
      isPinned: true,
      sourceMessageIds: ids,
      expiresAt,
      metadata: { a: [1, { b: null }] },
      tags: ['b', 'a', 'b'],
    }),
  )
  expect(outcome).toBe('created')
  expect(memory).toMatchObject({
    org_id: mine.orgId,
    agent_id: agent.id,
    user_id: user.id,
    session_id: session.id,
    content,
    embedding: direction('ana'),
    embedding_model: 'm',
    category: 'episodic',
    source: 'user_provided',
    status: 'active',
    subject: 'Ana',
    importance: 9,
    confidence: 0.25,
    is_pinned: true,
    source_message_ids: ids,
    expires_at: expiresAt,
    metadata: { a: [1, { b: null }] },
  })
  expect(memory).not.toHaveProperty('is_new')
  expect(await mine.memories.findByIdOrThrow(memory.id)).toEqual(memory)
  expect(await mine.memories.tagsOf(memory.id)).toEqual(['a', 'b'])
})

test('finds the memory that is there, unchanged, when the same agent adds it again', async () => {
  const { memories } = tenants.mine
  const first = await memories.add(input({ tags: ['a'] }))
  const second = await memories.add(
    input({ category: 'factual', importance: 10, embedding: direction('other'), tags: ['b'] }),
  )
  expect(second).toEqual({ ...first, outcome: 'duplicate' })
  expect(await memories.tagsOf(first.memory.id)).toEqual(['a'])
  expect(await storedCount()).toBe(1)
})

test('creates the same content once for each agent and once for all of them', async () => {
  const { admin, mine } = tenants
  const other = await insertAgent(admin, { org_id: mine.orgId })
  const agentIds = [agent.id, other.id, null]
  for (const outcome of ['created', 'duplicate'] as const) {
    for (const agentId of agentIds) {
      const added = await mine.memories.add(input({ agentId }))
      expect(added).toMatchObject({ outcome, memory: { agent_id: agentId, org_id: mine.orgId } })
    }
  }
  expect(await storedCount()).toBe(3)
})

describe('takes for the same a content that differs in', () => {
  test.each([
    ['spaces', `  ${content.replaceAll(' ', '   ')}\t`],
    ['line ends', content.replaceAll(' ', '\r\n')],
    ['the form of its letters', content.normalize('NFD')],
  ])('%s', async (_, text) => {
    expect(text).not.toBe(content)
    const first = await tenants.mine.memories.add(input())
    const second = await tenants.mine.memories.add(input({ content: text }))
    expect(second).toEqual({ ...first, outcome: 'duplicate' })
  })
})

test('takes for another a content that differs in case or punctuation', async () => {
  await tenants.mine.memories.add(input())
  for (const text of [content.toUpperCase(), `${content}!`]) {
    const other = input({ content: text, embedding: direction(text) })
    expect((await tenants.mine.memories.add(other)).outcome).toBe('created')
  }
  expect(await storedCount()).toBe(3)
})

test('adds again what was soft-deleted, archived, superseded or merged', async () => {
  const { memories } = tenants.mine
  const seen = new Set<string>()
  const add = async (): Promise<string> => {
    const { outcome, memory } = await memories.add(input())
    expect(outcome).toBe('created')
    expect(seen).not.toContain(memory.id)
    seen.add(memory.id)
    return memory.id
  }
  await memories.softDelete(await add())
  for (const status of ['archived', 'superseded', 'merged'] as const)
    await memories.update(await add(), { status })
  await add()
  expect(await storedCount()).toBe(5)
})

test('says the same of an agent, user or session of another tenant as of one that does not exist', async () => {
  const { admin, mine, theirs: other } = tenants
  const org = { org_id: other.orgId }
  const foreign = {
    agentId: (await insertAgent(admin, org)).id,
    userId: (await insertUser(admin, org)).id,
    sessionId: (await insertSession(admin, org)).id,
  }
  for (const [name, id] of Object.entries(foreign)) {
    const errors: Error[] = []
    for (const each of [id, randomUUID()]) {
      const bad = input({ [name]: each })
      errors.push(await failure(async () => await mine.memories.add(bad)))
      errors.push(await failure(async () => await mine.memories.add([input({ content: 'good' }), bad])))
    }
    for (const error of errors) {
      expect(error).toBeInstanceOf(ForeignKeyViolationError)
      expect(shown(error)).toEqual(shown(errors[0]))
    }
  }
  expect(await storedCount()).toBe(0)
})

test('throws UnknownOrganizationError when the tenant does not exist', async () => {
  const nobody = tenants.database.forTenant(randomUUID())
  const shared = input({ agentId: null })
  expect(await failure(async () => await nobody.memories.add(shared))).toBeInstanceOf(
    UnknownOrganizationError,
  )
  expect(await failure(async () => await nobody.memories.add([shared]))).toBeInstanceOf(
    UnknownOrganizationError,
  )
})

test(
  'lets one of 50 concurrent writers create the memory, and gives all of them its id',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, async () => await tenants.mine.memories.add(input({ tags: ['once'] }))),
    )
    expect(results.filter(({ outcome }) => outcome === 'created')).toHaveLength(1)
    expect(new Set(results.map(({ memory }) => memory.id)).size).toBe(1)
    expect(await storedCount()).toBe(1)
  },
)

test('is undone with the transaction that surrounds it', async () => {
  const undone = tenants.mine.transaction(async (trx) => {
    expect((await trx.memories.add(input())).outcome).toBe('created')
    expect((await trx.memories.add(input())).outcome).toBe('duplicate')
    throw new Error('changed my mind')
  })
  await expect(undone).rejects.toThrow('changed my mind')
  expect(await storedCount()).toBe(0)
})
