import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Embedder } from '../../src/embedding/embedder.ts'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import { EmbeddingFailedError, ForeignKeyViolationError, InvalidArgumentError } from '../../src/errors.ts'
import type { BulkMemoryInput, BulkMemorySource } from '../../src/memory/add-many.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'
import { embedding, input, numbered, stopped, storedContents } from './bulk-memories.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  await tenants.theirs.memories.addMany(['0', '1'].map((content) => input(content)))
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.memory_versions')
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

test.each<[string, (rows: BulkMemoryInput[]) => BulkMemorySource]>([
  ['an array', (rows) => rows],
  ['a set', (rows) => new Set(rows)],
  ['a stream', (rows) => Readable.from(rows)],
])('counts what became of the rows of %s, and keeps apart what belongs to others', async (_, sourceOf) => {
  const report = await tenants.mine.memories.addMany(sourceOf([...numbered(5), input('3')]), { batchSize: 2 })
  expect(report).toMatchObject({ rows: 6, outcomes: { created: 5, duplicate: 1 } })
  expect(await storedContents(tenants.mine)).toEqual(['0', '1', '2', '3', '4'])
})

test('asks the source for more only when the rows before are written', async () => {
  const ahead: number[] = []
  async function* source(): AsyncGenerator<BulkMemoryInput> {
    for (let index = 0; index < 20; index++) {
      ahead.push(index - (await tenants.mine.memories.count()))
      yield input(String(index))
    }
  }
  await tenants.mine.memories.addMany(source(), { batchSize: 4 })
  expect(Math.max(...ahead)).toBe(3)
})

test('writes each batch in a statement of its own, one after the other', async () => {
  const before = tenants.statements.length
  await tenants.mine.memories.addMany(numbered(9), { batchSize: 4 })
  expect(tenants.statements.slice(before)).toHaveLength(3)
})

test('tells what became of each row with its place, waits for the callback, and then tells the progress', async () => {
  const told: unknown[] = []
  await tenants.mine.memories.addMany([input('a'), input('a'), input('b'), input('b'), input('c')], {
    batchSize: 2,
    onOutcomes: async (results, { firstIndex }) => {
      await new Promise(setImmediate)
      told.push([firstIndex, ...results.map(({ outcome }) => outcome)])
    },
    onProgress: ({ rows, outcomes: { created, duplicate } }) => told.push({ rows, created, duplicate }),
  })
  expect(told).toEqual([
    [0, 'created', 'duplicate'],
    { rows: 2, created: 1, duplicate: 1 },
    [2, 'created', 'duplicate'],
    { rows: 4, created: 2, duplicate: 2 },
    [4, 'created'],
    { rows: 5, created: 3, duplicate: 2 },
  ])
})

test.each([
  ['one that is checked before any SQL', { importance: 11 }, InvalidArgumentError],
  ['one that the server refuses', { agentId: randomUUID() }, ForeignKeyViolationError],
])('writes the rows before %s, names its index only, and can go on from there', async (_, bad, cause) => {
  const rows = numbered(23)
  rows[17] = input('secret', bad)
  const outcomes: number[] = []
  const error = await stopped(tenants.mine, rows, {
    batchSize: 10,
    onOutcomes: (results, { firstIndex }) => void outcomes.push(firstIndex, results.length),
  })
  expect(error).toMatchObject({ index: 17, written: 17, isRetryable: false })
  expect(error.cause).toBeInstanceOf(cause)
  expect(error.message).not.toContain('secret')
  expect(await storedContents(tenants.mine)).toEqual(rows.slice(0, 17).map(({ content }) => content))
  expect(sumOfLengths(outcomes)).toBe(17)

  const report = await tenants.mine.memories.addMany(rows.slice(error.written + 1))
  expect(report.rows).toBe(5)
  expect(await tenants.mine.memories.count()).toBe(22)
})

function sumOfLengths(pairs: readonly number[]): number {
  return pairs.reduce((sum, value, index) => (index % 2 === 1 ? sum + value : sum), 0)
}

test('stops where the source fails: what it gave in whole batches stays', async () => {
  let isClosed = false
  async function* source(): AsyncGenerator<BulkMemoryInput> {
    try {
      yield* numbered(7)
      throw new Error('the file ends here')
    } finally {
      isClosed = true
    }
  }
  const error = await stopped(tenants.mine, source(), { batchSize: 3 })
  expect(error).toMatchObject({ index: undefined, written: 6, cause: { message: 'the file ends here' } })
  expect(isClosed).toBe(true)
  expect(await storedContents(tenants.mine)).toHaveLength(6)
})

test('closes the source when a row is refused', async () => {
  let isClosed = false
  function* source(): Generator<BulkMemoryInput> {
    try {
      for (;;) yield input('x', { importance: 0 })
    } finally {
      isClosed = true
    }
  }
  await stopped(tenants.mine, source(), { batchSize: 3 })
  expect(isClosed).toBe(true)
})

test('stops when a callback fails, after the batch that it was told of', async () => {
  const error = await stopped(tenants.mine, numbered(9), {
    batchSize: 3,
    onOutcomes: (_, { firstIndex }) => {
      if (firstIndex === 3) throw new Error('the disk is full')
    },
  })
  expect(error).toMatchObject({ index: undefined, written: 6 })
  expect(await storedContents(tenants.mine)).toHaveLength(6)
})

test('stops between two batches when the signal says so, with its reason', async () => {
  const controller = new AbortController()
  const reason = new Error('closing time')
  const options = {
    batchSize: 3,
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  }
  const error = await failure(async () => await tenants.mine.memories.addMany(numbered(9), options))
  expect(error).toBe(reason)
  expect(await storedContents(tenants.mine)).toHaveLength(3)
})

test('embeds the memories that have no embedding, a batch at a time, and leaves the others as they are', async () => {
  const asked: number[] = []
  const embedder: Embedder<384> = {
    ...lexicalEmbedder,
    embed: async (texts) => {
      asked.push(texts.length)
      return await lexicalEmbedder.embed(texts)
    },
  }
  const bare = { embedding: undefined }
  const rows = [
    input('my cat', bare),
    input('own', { embeddingModel: 'mine' }),
    input('my dog', bare),
    input('my hat', bare),
  ]
  await tenants.mine.memories.addMany(rows, { embedder, batchSize: 3 })
  expect(asked).toEqual([2, 1])
  const stored = await tenants.mine.memories.find()
  const byContent = new Map(stored.map((memory) => [memory.content, memory]))
  const [cat] = await lexicalEmbedder.embed(['my cat'])
  expect(byContent.get('my cat')?.embedding).toEqual(cat)
  expect(byContent.get('my hat')?.embedding_model).toBe(lexicalEmbedder.model)
  expect(byContent.get('own')?.embedding).toEqual(embedding)
  expect(byContent.get('own')?.embedding_model).toBe('mine')
})

test.each<[string, Embedder<384>['embed']]>([
  [
    'fails',
    async () => {
      throw new Error('no model')
    },
  ],
  ['returns fewer vectors', async (texts) => texts.slice(1).map(() => embedding)],
  ['returns a vector of another dimension', async (texts) => texts.map(() => [1, 2, 3])],
  ['returns zeros', async (texts) => texts.map(() => new Float32Array(384))],
  ['returns NaN', async (texts) => texts.map(() => new Float32Array(384).fill(Number.NaN))],
])('writes nothing of a batch whose embedder %s', async (_, embed) => {
  let calls = 0
  const embedder: Embedder<384> = {
    ...lexicalEmbedder,
    embed: async (texts) => (calls++ === 0 ? await lexicalEmbedder.embed(texts) : await embed(texts)),
  }
  const rows = numbered(5, { embedding: undefined })
  const error = await stopped(tenants.mine, rows, { embedder, batchSize: 2 })
  expect(error).toMatchObject({ index: undefined, written: 2 })
  expect(error.cause).toBeInstanceOf(EmbeddingFailedError)
  expect(await storedContents(tenants.mine)).toEqual(['0', '1'])
})

test('does not embed for a row that is refused anyway', async () => {
  let texts = 0
  const embedder: Embedder<384> = {
    ...lexicalEmbedder,
    embed: async (batch) => {
      texts += batch.length
      return await lexicalEmbedder.embed(batch)
    },
  }
  const error = await stopped(tenants.mine, [input('', { embedding: undefined })], { embedder })
  expect(error).toMatchObject({ index: 0, written: 0 })
  expect(texts).toBe(0)
})

test('belongs to the transaction that surrounds it, with all its batches', async () => {
  const { mine } = tenants
  await failure(
    async () =>
      await mine.transaction(async (trx) => {
        await trx.memories.addMany(numbered(6), { batchSize: 2 })
        throw new Error('changed my mind')
      }),
  )
  expect(await storedContents(tenants.mine)).toEqual([])
  const refused = await failure(
    async () =>
      await mine.transaction(
        async (trx) =>
          await trx.memories.addMany([...numbered(2), input('x', { agentId: randomUUID() })], {
            batchSize: 2,
          }),
      ),
  )
  expect(refused).toMatchObject({ index: undefined, written: 2 })
  expect(await storedContents(tenants.mine)).toEqual([])
})

test('takes an empty source, without any SQL', async () => {
  const before = tenants.statements.length
  expect(await tenants.mine.memories.addMany([])).toMatchObject({
    rows: 0,
    outcomes: { created: 0, duplicate: 0 },
  })
  expect(tenants.statements).toHaveLength(before)
})

test.each<[string, unknown, object, string]>([
  ['a source that is a text', 'abc', {}, 'source'],
  ['no source', undefined, {}, 'source'],
  ['a memory alone', {}, {}, 'source'],
  ['a batch of none', [], { batchSize: 0 }, 'batchSize'],
  ['a batch that is too large', [], { batchSize: 5_001 }, 'batchSize'],
  ['an option that does not exist', [], { batchsize: 5 }, 'option "batchsize"'],
  ['an embedder that is a function', [], { embedder: () => [] }, 'embedder'],
  ['an embedder without a model', [], { embedder: { ...lexicalEmbedder, model: ' ' } }, 'embedder.model'],
  [
    'an embedder of another dimension',
    [],
    { embedder: { ...lexicalEmbedder, dimension: 1536 } },
    'embedder.dimension',
  ],
])('refuses before any SQL %s', async (_, source, options, argument) => {
  const error = await refusal(
    tenants,
    // what untyped code may pass
    async () => await tenants.mine.memories.addMany(source as BulkMemorySource, options),
  )
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})

test.each([
  ['nothing', undefined],
  ['a number', 7],
  [
    'a memory without an embedding, where nobody embeds',
    { agentId: null, content: 'a', category: 'factual' },
  ],
])('refuses %s among the rows, before any SQL', async (_, bad) => {
  const error = await refusal(
    tenants,
    // what untyped code may pass
    async () => await tenants.mine.memories.addMany([bad] as BulkMemoryInput[]),
  )
  expect(error).toMatchObject({ index: 0, written: 0 })
  expect(error.cause).toBeInstanceOf(InvalidArgumentError)
})
