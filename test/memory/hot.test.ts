import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { insertHotAgent, hotContents } from '../hot-cache/hot-agent.ts'
import { insertAgent, insertMemory } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants, refusal } from '../support/two-tenants.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants()
})

afterAll(async () => {
  await bundle.close()
})

/** The contract's score. */
function scoreOf(confidence: number, hours: number, retrievals: number): number {
  return 0.4 * confidence + 0.35 / (1 + hours / 24) + 0.25 * Math.min(retrievals / 10, 1)
}

test('ranks by confidence, age and use as the contract says', async () => {
  const { admin, mine } = bundle
  const agent = await insertAgent(admin, { org_id: mine.orgId })
  const scores = new Map<string, number>()
  for (let index = 0; index < 60; index++) {
    const [confidence, hours, retrievals] = [
      ((index * 37) % 60) / 60,
      ((index * 13) % 40) * 9,
      (index * 7) % 16,
    ]
    const content = `memory ${index}`
    const created_at = new Date(Date.now() - hours * 3_600_000)
    const row = { org_id: mine.orgId, agent_id: agent.id }
    const { id } = await insertMemory(admin, { ...row, content, confidence, created_at })
    // every fourth was never used and has no row
    const retrieval_count = index % 4 === 0 ? 0 : retrievals
    if (index % 4 !== 0)
      await admin
        .insertInto('ibex_core.memory_usage')
        .values({ org_id: mine.orgId, memory_id: id, retrieval_count })
        .execute()
    scores.set(content, scoreOf(confidence, hours, retrieval_count))
  }
  const best = [...scores.values()].toSorted((one, other) => other - one)
  for (const limit of [50, 10]) {
    const seen = await hotContents(mine, agent.id, limit)
    expect(new Set(seen).size).toBe(limit)
    // two that are as good as equal may change places: confidence is a real, and time goes on
    for (const [place, content] of seen.entries())
      expect(scores.get(content)).toBeCloseTo(best[place] ?? 0, 4)
  }
})

test('gives living, active memories of the agent and shared ones, and no other tenant or agent sees them', async () => {
  const { admin, mine, theirs } = bundle
  const agentId = await insertHotAgent(admin, mine.orgId, { contents: ['own'] })
  const otherAgent = await insertHotAgent(admin, mine.orgId, { contents: ['of another agent'] })
  await insertHotAgent(admin, theirs.orgId, { id: agentId, contents: ['of another tenant'] })
  const row = { org_id: mine.orgId, agent_id: agentId, confidence: 1 }
  await insertMemory(admin, { ...row, content: 'archived', status: 'archived' })
  await insertMemory(admin, { ...row, content: 'deleted', deleted_at: new Date() })
  await insertMemory(admin, { ...row, content: 'expired', expires_at: new Date(0) })
  await insertMemory(admin, { ...row, content: 'expires', expires_at: new Date(Date.now() + 3_600_000) })
  await insertMemory(admin, { ...row, content: 'shared', agent_id: null, confidence: 0.9 })
  expect(await hotContents(mine, agentId)).toEqual(['expires', 'shared', 'own'])
  expect(await hotContents(mine, agentId.toUpperCase())).toEqual(['expires', 'shared', 'own'])
  expect(await hotContents(mine, otherAgent)).toEqual(['shared', 'of another agent'])
  expect(await hotContents(theirs, agentId)).toEqual(['of another tenant'])
  expect(await hotContents(theirs, randomUUID())).toEqual([])
})

test('sees what its own transaction has written', async () => {
  const { admin, mine } = bundle
  const agentId = await insertHotAgent(admin, mine.orgId, { contents: ['kept', 'archived now'] })
  const seen = await mine.transaction(async (trx) => {
    await trx.db
      .updateTable('ibex_core.memories')
      .set({ status: 'archived' })
      .where('content', '=', 'archived now')
      .execute()
    return (await trx.memories.hot({ agentId })).map(({ content }) => content)
  })
  expect(seen).not.toContain('archived now')
  expect(seen).toContain('kept')
})

const refused: readonly (readonly [string, unknown])[] = [
  ['no options', undefined],
  ['no agent', {}],
  ['an agent that is no uuid', { agentId: 'ana' }],
  ['null for the agent', { agentId: null }],
  ['a limit of 0', { agentId: randomUUID(), limit: 0 }],
  ['a limit of 51', { agentId: randomUUID(), limit: 51 }],
  ['a limit of NaN', { agentId: randomUUID(), limit: Number.NaN }],
  ['an option that does not exist', { agentId: randomUUID(), tags: ['a'] }],
]

test.each(refused)('refuses %s before any SQL', async (_, options) => {
  // what a service without types passes
  const error = await refusal(
    bundle,
    async () => await bundle.mine.memories.hot(options as { agentId: string }),
  )
  expect(error).toBeInstanceOf(InvalidArgumentError)
})
