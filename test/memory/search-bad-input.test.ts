/** Searches that are refused before the first byte goes to the server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InvalidArgumentError, InvalidVectorError } from '../../src/errors.ts'
import type { MemorySearch } from '../../src/memory/search-input.ts'
import { type TwoTenants, openTwoTenants, refusal } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
const embedding = direction('good')

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterAll(async () => {
  await tenants.close()
})

async function refused(search: unknown): Promise<Error> {
  // what untyped code may pass
  return await refusal(tenants, async () => await tenants.mine.memories.search(search as MemorySearch))
}

describe('refuses an embedding of', () => {
  test.each<[string, unknown]>([
    ['a dimension less', Array.from(embedding).slice(1)],
    ['no dimension', []],
    ['another model’s dimension', new Float32Array(1536).fill(1)],
    ['NaN', Array.from(embedding).with(7, Number.NaN)],
    ['Infinity', Array.from(embedding).with(0, Number.POSITIVE_INFINITY)],
    ['zeros only', new Float32Array(384)],
    ['numbers that all round to zero', Array.from({ length: 384 }, () => 1e-60)],
    ['text', `[${embedding.join(',')}]`],
    ['null', null],
  ])('%s', async (_, bad) => {
    expect(await refused({ embedding: bad })).toBeInstanceOf(InvalidVectorError)
    expect(await refused({ embedding: bad, text: 'good' })).toBeInstanceOf(InvalidVectorError)
  })
})

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['a text alone', 'where?'],
  ['neither text nor embedding', {}],
  ['neither, but filters', { category: 'factual', limit: 5 }],
])('refuses to search for %s', async (_, search) => {
  expect(await refused(search)).toBeInstanceOf(InvalidArgumentError)
})

describe('refuses to search with', () => {
  test.each<[string, Record<string, unknown>]>([
    ['an empty text', { text: '' }],
    ['a blank text', { text: ' \n\t\u00a0' }],
    ['a text of 8,193 characters', { text: 'x'.repeat(8_193) }],
    ['a text with a NUL', { text: 'a\0b' }],
    ['a text that is none', { text: 7 }],
    ['a language that does not exist', { language: 'klingon' }],
    ['a language called toString', { language: 'toString' }],
    ['a model that is blank', { embeddingModel: ' ' }],
    ['a model without an embedding', { embedding: undefined, text: 'a', embeddingModel: 'm' }],
    ['limit 0', { limit: 0 }],
    ['limit 1,001', { limit: 1_001 }],
    ['limit 10,000', { limit: 10_000 }],
    ['limit 1.5', { limit: 1.5 }],
    ['limit NaN', { limit: Number.NaN }],
    ['a ranking that does not exist', { ranking: 'best' }],
    ['weights with the ranking relevance', { ranking: 'relevance', weights: { relevance: 1 } }],
    ['a negative weight', { weights: { relevance: 1, recency: -0.1 } }],
    ['a weight of NaN', { weights: { relevance: Number.NaN } }],
    ['a weight of Infinity', { weights: { relevance: Infinity } }],
    ['weights too large to add', { weights: { relevance: 1e308, recency: 1e308 } }],
    ['weights that sum to nothing', { weights: { relevance: 0, recency: 0 } }],
    ['no weights at all', { weights: {} }],
    ['an unknown weight', { weights: { relevance: 1, charm: 1 } }],
    ['weights that are a list', { weights: [1, 2] }],
    ['a weight that is a text', { weights: { relevance: '1' } }],
    ['a gate of 1.1', { relevanceGate: 1.1 }],
    ['a least relevance of -1', { minRelevance: -1 }],
    ['a lambda of 1.1', { mmrLambda: 1.1 }],
    ['a lambda of NaN', { mmrLambda: Number.NaN }],
    ['a reranker that is none', { rerank: 'cohere' }],
    ['exactBelow -1', { exactBelow: -1 }],
    ['exhaustive as a text', { exhaustive: 'yes' }],
    ['record as a number', { record: 1 }],
    ['100,000 tags', { tags: Array.from({ length: 100_000 }, (_, index) => `tag ${index}`) }],
    [
      '101 tags that must all be there',
      { allTags: Array.from({ length: 101 }, (_, index) => `tag ${index}`) },
    ],
    ['an empty tag', { tags: [''] }],
    ['a tag that is no list', { tags: 'home' }],
    ['an agent id that is no uuid', { agentId: 'ada' }],
    ['a user id that is no uuid', { userId: 'ana' }],
    ['a session id that is no uuid', { sessionId: 'chat' }],
    ['a category that does not exist', { category: 'gossip' }],
    ['a category among good ones that does not exist', { category: ['factual', 'gossip'] }],
    ['a source that is a number', { source: 7 }],
    ['a tier that does not exist', { tier: ['tepid'] }],
    ['a status that does not exist', { status: 'deleted' }],
    ['minConfidence 1.1', { minConfidence: 1.1 }],
    ['minConfidence NaN', { minConfidence: Number.NaN }],
    ['minImportance 0', { minImportance: 0 }],
    ['minImportance 5.5', { minImportance: 5.5 }],
    ['a time that is none', { createdFrom: new Date(Number.NaN) }],
    ['a time that is a text', { createdBefore: '2026-01-01' }],
    ['a subject with a NUL', { subject: 'a\0' }],
    ['metadata that are a list', { metadata: ['a'] }],
    ['an option that is misspelt', { agentID: '00000000-0000-4000-8000-000000000000' }],
  ])('%s', async (_, bad) => {
    const error = await refused({ embedding, ...bad })
    expect(error).toBeInstanceOf(InvalidArgumentError)
    // an error never carries a value
    const texts = Object.values(bad).filter((value) => typeof value === 'string' && value.trim().length > 3)
    expect(texts.filter((text) => error.message.includes(String(text)))).toEqual([])
  })
})

describe('refuses to record', () => {
  test.each<[string, unknown]>([
    ['an id that is no uuid', ['memory']],
    ['a text', '00000000-0000-4000-8000-000000000000'],
    ['10,001 ids', Array.from({ length: 10_001 }, () => '00000000-0000-4000-8000-000000000000')],
    ['nothing', undefined],
  ])('%s', async (_, ids) => {
    const { memories } = tenants.mine
    for (const record of ['recordRetrievals', 'recordInjections'] as const)
      expect(await refusal(tenants, async () => await memories[record](ids as string[]))).toBeInstanceOf(
        InvalidArgumentError,
      )
  })
})
