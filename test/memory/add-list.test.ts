import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ForeignKeyViolationError } from '../../src/errors.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { Agent } from '../../types/database.d.ts'
import { insertAgent } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let agent: Agent
let theirsUnchanged: () => Promise<void>
const embedding = direction('any')
/** All have one embedding here: what is near is not looked for. */
const exact = { onNearDuplicate: 'ignore' } as const

beforeAll(async () => {
  tenants = await openTwoTenants()
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  await tenants.theirs.memories.add(['a', 'b'].map((content) => input(content, { agentId: null })))
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories')
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function input(content: string, values: Partial<MemoryInput> = {}): MemoryInput {
  return { agentId: agent.id, content, embedding, category: 'factual', ...values }
}

test("keeps what agents share in words apart, the tenant's own too", async () => {
  const { memories } = tenants.mine
  const other = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  const inputs = [agent.id, other.id, null, agent.id].map((agentId) => input('shared', { agentId }))
  const outcomes = ['created', 'created', 'created', 'duplicate']
  for (const expected of [outcomes, outcomes.map(() => 'duplicate')]) {
    const results = await memories.add(inputs, exact)
    expect(results.map(({ outcome }) => outcome)).toEqual(expected)
    const rows = await memories.find({ where: { id: results.map(({ id }) => id ?? '') } })
    const agentOf = new Map(rows.map(({ id, agent_id }) => [id, agent_id]))
    expect(results.map(({ id }) => agentOf.get(id ?? ''))).toEqual([agent.id, other.id, null, agent.id])
  }
})

test('tells what became of each, in their order, however often one comes', async () => {
  const { memories } = tenants.mine
  const { memory: before } = await memories.add(input('b'))
  const contents = ['c', 'b', 'a', ' c ', 'd', 'B', 'a']
  const results = await memories.add(
    contents.map((content) => input(content)),
    exact,
  )
  expect(results.map(({ outcome }) => outcome)).toEqual([
    'created',
    'duplicate',
    'created',
    'duplicate',
    'created',
    'created',
    'duplicate',
  ])
  const rows = await memories.find({ where: { id: results.map(({ id }) => id ?? '') } })
  const contentOf = new Map(rows.map(({ id, content }) => [id, content]))
  expect(results.map(({ id }) => contentOf.get(id ?? ''))).toEqual(['c', 'b', 'a', 'c', 'd', 'B', 'a'])
  expect(results[1]?.id).toBe(before.id)
  expect(await memories.count()).toBe(5)
})

test('stores the same as add does', async () => {
  const { memories } = tenants.mine
  const values = {
    importance: 3,
    confidence: 0.5,
    subject: 'it\'s "quoted" \\ {',
    sourceMessageIds: [randomUUID()],
    expiresAt: new Date('2999-01-01T00:00:00.123Z'),
    metadata: { list: ['a', null, { b: '"' }] },
    embedding: direction('own'),
  }
  const { memory } = await memories.add(input('one', values))
  const [other] = await memories.add([input('two', values), input('three')], exact)
  const row = await memories.findByIdOrThrow(other?.id ?? '')
  const { id, content, content_hash, search_vector, created_at, updated_at } = row
  expect(row).toEqual({ ...memory, id, content, content_hash, search_vector, created_at, updated_at })
})

test('keeps agents and what they share apart', async () => {
  const other = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  const agentIds = [agent.id, other.id, null, agent.id.toUpperCase()]
  const results = await tenants.mine.memories.add(agentIds.map((agentId) => input('a', { agentId })))
  expect(results.map(({ outcome }) => outcome)).toEqual(['created', 'created', 'created', 'duplicate'])
  expect(results[3]?.id).toBe(results[0]?.id)
})

test('tags what it creates, and leaves the tags of what is there', async () => {
  const { memories } = tenants.mine
  const { memory } = await memories.add(input('old', { tags: ['kept'] }))
  const inputs = [
    input('new', { tags: ['y', 'x', 'x'] }),
    input('old', { tags: ['lost'] }),
    input('new', { tags: ['lost'] }),
    input('bare'),
  ]
  const results = await memories.add(inputs, exact)
  const tags = []
  for (const { id } of results) tags.push(await memories.tagsOf(id ?? ''))
  expect(tags).toEqual([['x', 'y'], ['kept'], ['x', 'y'], []])
  expect(results[1]?.id).toBe(memory.id)
})

test('adds nothing, without any SQL, when there is nothing to add', async () => {
  const before = tenants.statements.length
  expect(await tenants.mine.memories.add([])).toEqual([])
  expect(tenants.statements).toHaveLength(before)
})

test('adds all or none when the server refuses one', async () => {
  const bad = input('bad', { agentId: randomUUID() })
  const batch = [input('a', { tags: ['x'] }), bad, input('b')]
  const error = await failure(async () => await tenants.mine.memories.add(batch))
  expect(error).toBeInstanceOf(ForeignKeyViolationError)
  expect(await tenants.mine.memories.count(undefined, { includeDeleted: true })).toBe(0)
})

test('belongs to the transaction that surrounds it', async () => {
  const { memories } = tenants.mine
  await failure(
    async () =>
      await tenants.mine.transaction(async (trx) => {
        await trx.memories.add([input('a')])
        throw new Error('changed my mind')
      }),
  )
  expect(await memories.count()).toBe(0)
})

test(
  'lets concurrent batches of the same memories in any order create each once',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    const contents = Array.from({ length: 10 }, (_, index) => `memory ${index}`)
    const batches = Array.from({ length: 8 }, (_, index) =>
      index % 2 === 0 ? contents : contents.toReversed(),
    )
    const results = await Promise.all(
      batches.map(
        async (batch) =>
          await tenants.mine.memories.add(
            batch.map((content) => input(content)),
            exact,
          ),
      ),
    )
    const all = results.flat()
    expect(all.filter(({ outcome }) => outcome === 'created')).toHaveLength(10)
    expect(new Set(all.map(({ id }) => id)).size).toBe(10)
    expect(await tenants.mine.memories.count()).toBe(10)
  },
)

test(
  'makes no deadlock of two batches that hold the same memories in opposite orders',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    const { memories } = tenants.mine
    const [forwards, backwards] = [
      ['a', 'held', 'b'],
      ['b', 'held', 'a'],
    ].map((batch) => batch.map((content) => input(content)))
    let batches: Promise<unknown> | undefined
    await failure(
      async () =>
        await tenants.mine.transaction(async (trx) => {
          // both stop in the middle, at a memory whose fate is open
          await trx.memories.add(input('held'))
          batches = runOutsideTransaction(
            async () => await Promise.all([memories.add(forwards ?? []), memories.add(backwards ?? [])]),
          )
          await untilBlocked(tenants.admin, 2)
          throw new Error('changed my mind')
        }),
    )
    await batches
    expect((await memories.find()).map(({ content }) => content).toSorted()).toEqual(['a', 'b', 'held'])
  },
)
