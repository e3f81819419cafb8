/** What is refused, most of it before the first byte goes to the server; nothing is half-written. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  CheckViolationError,
  DataExceptionError,
  ForeignKeyViolationError,
  InvalidArgumentError,
  InvalidVectorError,
  NotNullViolationError,
} from '../../src/errors.ts'
import type { AddOptions } from '../../src/memory/add-options.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import { type TwoTenants, failure, openTwoTenants, refusal } from '../support/two-tenants.ts'
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
  ['101 tags', { tags: Array.from({ length: 101 }, (_, index) => `${index}`) }],
  ['100,000 tags', { tags: Array.from({ length: 100_000 }, (_, index) => `${index}`) }],
  ['tags that are no list', { tags: 'home' }],
  ['an end that is no date', { expiresAt: 'tomorrow' }],
  ['an end that is an invalid date', { expiresAt: new Date(Number.NaN) }],
  ['metadata that is a list', { metadata: [] }],
  ['metadata that is no object', { metadata: 'x' }],
  ['a source message that is no uuid', { sourceMessageIds: ['1'] }],
  ['source messages that are no list', { sourceMessageIds: 'x' }],
  ['a subject that is no text', { subject: 7 }],
  ['a subject with a NUL', { subject: 'a\0b' }],
  ['a model without a name', { embeddingModel: '' }],
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
    await refusal(tenants, async () => await memories.add([good, input, { ...good, content: 'other' }])),
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

describe('refuses to add', () => {
  test.each<[string, object]>([
    ['a policy that does not exist', { onNearDuplicate: 'keep' }],
    ['a policy that every object has', { onNearDuplicate: 'toString' }],
    ['an option that does not exist', { policy: 'merge' }],
    ['a threshold of 1.1', { thresholds: { duplicate: 1.1 } }],
    ['a threshold of -1', { thresholds: { conflict: -1 } }],
    ['a threshold that is NaN', { thresholds: { duplicate: Number.NaN } }],
    ['a threshold that does not exist', { thresholds: { merge: 1 } }],
    ['a threshold of conflicts above that of duplicates', { thresholds: { duplicate: 0.5, conflict: 0.6 } }],
    ['thresholds that are no object', { thresholds: 0.9 }],
  ])('by %s', async (_, bad) => {
    const options = bad as AddOptions
    const { memories } = tenants.mine
    for (const add of [
      async () => await memories.add(good, options),
      async () => await memories.add([good], options),
      async () => await memories.addMany([good], options),
    ])
      expect(await refusal(tenants, add)).toBeInstanceOf(InvalidArgumentError)
  })

  test('many without saying which of them is not what it should be', async () => {
    const { memories } = tenants.mine
    const bads: [string, Partial<MemoryInput>][] = [
      ['inputs[2].content must be a text that is not blank', { content: ' ' }],
      ['inputs[2]: vector is all zeros', { embedding: new Float32Array(384) }],
    ]
    for (const [message, bad] of bads) {
      const inputs = [good, good, { ...good, ...bad }]
      const add = async (): Promise<unknown> => await memories.add(inputs)
      expect((await refusal(tenants, add)).message).toContain(message)
    }
  })

  test('what is no memory', async () => {
    for (const bad of [null, undefined, 'x', [null]]) {
      const add = async () => await tenants.mine.memories.add(bad as unknown as MemoryInput)
      expect(await refusal(tenants, add)).toBeInstanceOf(InvalidArgumentError)
    }
  })

  test.each<[string, Record<string, unknown>, Function]>([
    ['the server refuses', { agentId: randomUUID() }, ForeignKeyViolationError],
    ['has no category', { category: undefined }, NotNullViolationError],
    ['has a category that does not exist', { category: 'gossip' }, CheckViolationError],
    ['holds what JSON can and PostgreSQL cannot', { metadata: { a: '\0' } }, DataExceptionError],
  ])('any of fifty when the 37th %s', async (_, bad, ErrorClass) => {
    const inputs = Array.from({ length: 50 }, (_, index) => ({
      ...good,
      ...(index === 36 ? bad : {}),
      content: `memory ${index}`,
      embedding: direction(index),
      tags: ['x'],
    })) as MemoryInput[]
    const { memories } = tenants.mine
    for (const add of [
      async () => await memories.add(inputs),
      async () => await memories.add(inputs, { onNearDuplicate: 'ignore' }),
    ])
      expect(await failure(add)).toBeInstanceOf(ErrorClass)
    await nothingWritten()
    expect(await tenants.mine.memoryTags.count()).toBe(0)
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
