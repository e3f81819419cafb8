/** Many writers of the same or similar memories at once: each fact once, and nobody waits in a circle. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { AddedMemory } from '../../src/memory/add-memories.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { Agent } from '../../types/database.d.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { insertAgent } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { direction, near } from './embeddings.ts'

let tenants: TwoTenants
let agent: Agent
let theirsUnchanged: () => Promise<void>

const center = direction('home')
const writers = 50

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: writers })
  agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
  await tenants.theirs.memories.add({
    agentId: null,
    content: 'same',
    embedding: center,
    category: 'factual',
  })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.memory_versions')
})

afterEach(async () => {
  await theirsUnchanged()
  const { orgId } = tenants.mine
  for (const table of ['ibex_core.memories', 'ibex_core.memory_tombstones'] as const)
    await tenants.admin.deleteFrom(table).where('org_id', '=', orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

function input(content: string, values: Partial<MemoryInput> = {}): MemoryInput {
  return { agentId: agent.id, content, embedding: center, category: 'factual', ...values }
}

/** A statement of the fact in words of its own. */
function nearly(index: number): MemoryInput {
  return input(`same ${index}`, { embedding: near(center, index, 0.1), tags: [`tag-${index}`] })
}

async function concurrently<T>(count: number, run: (index: number) => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: count }, async (_, index) => await run(index)))
}

function tally(results: readonly Pick<AddedMemory, 'outcome'>[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

describe('of 50 writers at once', skipOnEmbedded('one connection: writers take turns'), () => {
  test.each(['merge', 'supersede', 'report', 'ignore'] as const)(
    'one creates what all say in the same words (%s)',
    async (onNearDuplicate) => {
      const { memories } = tenants.mine
      const results = await concurrently(
        writers,
        async () => await memories.add(input('same'), { onNearDuplicate }),
      )
      expect(tally(results)).toEqual({ created: 1, duplicate: 49 })
      expect(new Set(results.map(({ id }) => id)).size).toBe(1)
      expect(await memories.count()).toBe(1)
    },
  )

  test('one creates what all say in other words, and takes in what the others say', async () => {
    const { memories } = tenants.mine
    const results = await concurrently(writers, async (index) => await memories.add(nearly(index)))
    expect(tally(results)).toEqual({ created: 1, merged: 49 })
    const [holder, ...others] = await memories.find({ where: { status: 'active' } })
    expect(others).toEqual([])
    expect(new Set(results.map(({ id }) => id))).toEqual(new Set([holder?.id]))
    expect(await memories.count({ status: 'merged', merged_into: holder?.id ?? '' })).toBe(49)
    expect(await memories.tagsOf(holder?.id ?? '')).toHaveLength(writers)
  })

  test('each supersedes the one before, and one is active in the end', async () => {
    const { memories } = tenants.mine
    const results = await concurrently(
      writers,
      async (index) => await memories.add(nearly(index), { onNearDuplicate: 'supersede' }),
    )
    expect(tally(results)).toEqual({ created: 1, superseded: 49 })
    const [active, ...others] = await memories.find({ where: { status: 'active' } })
    expect(others).toEqual([])
    expect(await memories.supersessionChain(active?.id ?? '')).toHaveLength(writers)
  })

  test('one opens the conflict that all have with what is there', async () => {
    const { memories } = tenants.mine
    await memories.add(input('other'))
    const contrary = input('contrary', { embedding: near(center, 'contrary', 0.5) })
    const results = await concurrently(writers, async () => await memories.add(contrary))
    expect(tally(results)).toEqual({ pending_review: 1, duplicate: 49 })
    expect(await tenants.mine.memoryRelationships.count()).toBe(1)
  })
})

test(
  'lets batches over several agents in any order, and bulk batches beside them, end without a deadlock',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    const { admin, mine } = tenants
    const agents = [
      agent,
      await insertAgent(admin, { org_id: mine.orgId }),
      await insertAgent(admin, { org_id: mine.orgId }),
    ]
    const facts = agents.flatMap(({ id: agentId }) =>
      Array.from({ length: 6 }, (_, index) => {
        const embedding = near(direction(`fact ${index % 3}`), `${index} ${agentId}`, 0.1)
        return input(`fact ${index}`, { agentId, embedding })
      }),
    )
    const results = await concurrently(24, async (index) => {
      const batch = index % 2 === 0 ? facts : facts.toReversed()
      const onNearDuplicate = (['ignore', 'merge', 'supersede'] as const)[index % 3] ?? 'ignore'
      return await mine.memories.add(batch, { onNearDuplicate })
    })
    expect(results.flat()).toHaveLength(24 * facts.length)
    // each content is active once at most, and each agent knows each fact
    const active = await mine.memories.find({ where: { status: 'active' } })
    const keys = active.map(({ agent_id: id, content }) => `${id} ${content}`)
    expect(new Set(keys).size).toBe(keys.length)
    for (const { id } of agents)
      expect(active.filter((memory) => memory.agent_id === id).length).toBeGreaterThanOrEqual(3)
  },
)

test(
  'does not learn what is erased at this moment, nor erases before those who learn it are done',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    const {
      mine,
      test: { admin },
    } = tenants
    let late: Promise<unknown> | undefined
    await mine.transaction(async (trx) => {
      await trx.memoryTombstones.insert({ content_hash: contentHash('same') })
      late = runOutsideTransaction(async () => await mine.memories.add(input('same')))
      await untilBlocked(admin)
    })
    expect(await late).toMatchObject({ outcome: 'erased', id: null })
    expect(await mine.memories.count()).toBe(0)

    let erasure: Promise<unknown> | undefined
    await mine.transaction(async (trx) => {
      expect((await trx.memories.add(input('other'))).outcome).toBe('created')
      erasure = runOutsideTransaction(
        async () => await mine.memoryTombstones.insert({ content_hash: contentHash('other') }),
      )
      await untilBlocked(admin)
    })
    await erasure
    expect(await mine.memories.count()).toBe(1)
  },
)
