/** What is refused before the first byte goes to the server. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { InvalidArgumentError, InvalidVectorError } from '../../src/errors.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { SimilarOptions } from '../../src/memory/memory-repository.ts'
import { type TwoTenants, openTwoTenants, refusal } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
const embedding = direction('good')
const good: MemoryInput = { agentId: null, content: 'good', embedding, category: 'factual' }

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterEach(async () => {
  await nothingWritten()
})

afterAll(async () => {
  await tenants.close()
})

async function nothingWritten(): Promise<void> {
  expect(await tenants.mine.memories.count(undefined, { includeDeleted: true })).toBe(0)
}

const withNaN = Array.from(embedding).with(7, Number.NaN)
const badVectors: [string, unknown][] = [
  ['a dimension less', Array.from(embedding).slice(1)],
  ['no dimension', []],
  ['another model’s dimension', new Float32Array(1536).fill(1)],
  ['NaN', withNaN],
  ['Infinity', Array.from(embedding).with(0, Number.POSITIVE_INFINITY)],
  ['zeros only', new Float32Array(384)],
  ['numbers that all round to zero', Array.from({ length: 384 }, () => 1e-60)],
  ['text', `[${embedding.join(',')}]`],
  ['nothing', undefined],
]

const badInputs: [string, Record<string, unknown>][] = [
  ['content that is empty', { content: '' }],
  ['content that is blank', { content: ' \n\t\u00a0' }],
  ['content of 9,000 characters', { content: 'x'.repeat(9_000) }],
  ['content of 8,193 emoji', { content: '🦌'.repeat(8_193) }],
  ['content with a NUL', { content: 'a\0b' }],
  ['content that is no text', { content: 7 }],
  ['no content', { content: undefined }],
  ['importance 0', { importance: 0 }],
  ['importance 11', { importance: 11 }],
  ['importance 5.5', { importance: 5.5 }],
  ['importance NaN', { importance: Number.NaN }],
  ['importance as text', { importance: '5' }],
  ['confidence -0.1', { confidence: -0.1 }],
  ['confidence 1.1', { confidence: 1.1 }],
  ['confidence NaN', { confidence: Number.NaN }],
  ['an empty tag', { tags: ['fine', ''] }],
  ['a tag of 65 characters', { tags: ['x'.repeat(65)] }],
  ['a tag that is no text', { tags: [7] }],
  ['an agent id that got lost', { agentId: undefined }],
  ['an agent id that is no uuid', { agentId: 'ada' }],
  ['a user id that is no uuid', { userId: 'ana' }],
  ['a session id that is no uuid', { sessionId: 'chat' }],
]

/** The errors of adding a memory alone and among good ones. */
async function refusals(bad: Record<string, unknown>): Promise<readonly [Error, Error]> {
  const input = { ...good, ...bad } as MemoryInput
  const { memories } = tenants.mine
  return [
    await refusal(tenants, async () => await memories.add(input)),
    await refusal(tenants, async () => await memories.addMany([good, input, { ...good, content: 'other' }])),
  ]
}

describe('refuses to add, alone or among good ones, a memory with', () => {
  test.each(badInputs)('%s', async (_, bad) => {
    for (const error of await refusals(bad)) expect(error).toBeInstanceOf(InvalidArgumentError)
  })

  test.each(badVectors)('an embedding of %s', async (_, bad) => {
    for (const error of await refusals({ embedding: bad })) expect(error).toBeInstanceOf(InvalidVectorError)
  })
})

describe('refuses to search', () => {
  test.each(badVectors)('with an embedding of %s', async (_, bad) => {
    const options = { embedding: bad } as SimilarOptions
    const error = await refusal(tenants, async () => await tenants.mine.memories.findSimilar(options))
    expect(error).toBeInstanceOf(InvalidVectorError)
  })

  test.each<[string, object]>([
    ['limit 0', { limit: 0 }],
    ['limit 1,001', { limit: 1_001 }],
    ['limit 1.5', { limit: 1.5 }],
    ['limit NaN', { limit: Number.NaN }],
    ['minConfidence 1.1', { minConfidence: 1.1 }],
    ['minConfidence NaN', { minConfidence: Number.NaN }],
    ['an empty tag', { tags: [''] }],
    ['an agent id that is no uuid', { agentId: 'ada' }],
  ])('with %s', async (_, bad) => {
    const search = async (): Promise<unknown> =>
      await tenants.mine.memories.findSimilar({ embedding, ...bad })
    expect(await refusal(tenants, search)).toBeInstanceOf(InvalidArgumentError)
  })
})

test('takes what is just allowed', async () => {
  const { memories } = tenants.mine
  const least = { ...good, importance: 1, confidence: 0, tags: [] }
  const most = {
    ...good,
    content: '🦌'.repeat(8_192),
    importance: 10,
    confidence: 1,
    tags: ['🦌'.repeat(64), 'x', 'x'],
  }
  const { memory } = await memories.add(most)
  expect(memory).toMatchObject({ content: most.content, importance: 10, confidence: 1 })
  expect(await memories.tagsOf(memory.id)).toHaveLength(2)
  expect((await memories.add(least, { onNearDuplicate: 'ignore' })).memory).toMatchObject({
    importance: 1,
    confidence: 0,
  })
  await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', tenants.mine.orgId).execute()
})
