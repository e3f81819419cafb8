/** Batches of many memories that are written at the same time: what is told stays in the order of the source. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Embedder } from '../../src/embedding/embedder.ts'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import { ForeignKeyViolationError, InvalidArgumentError } from '../../src/errors.ts'
import type { AddManyOptions, BulkMemoryInput } from '../../src/memory/add-many.ts'
import { insertAgent } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'
import { embedding, input, numbered, stopped, storedContents } from './bulk-memories.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 8 })
  await tenants.theirs.memories.addMany([input('0')])
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.memory_versions')
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('ibex_core.memories').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

/** A source that fails when it has given these. */
function* endingAfter(rows: readonly BulkMemoryInput[]): Generator<BulkMemoryInput> {
  yield* rows
  throw new Error('the file ends here')
}

/** A slow source of memories without embeddings. */
async function* drip(count: number): AsyncGenerator<BulkMemoryInput> {
  for (let index = 0; index < count; index++) {
    await delay(5)
    yield input(String(index), { embedding: undefined })
  }
}

/** An embedder that takes the longer the earlier it is called, and knows how often it ran at once. */
function slowEmbedder(): { readonly embedder: Embedder<384>; readonly most: () => number } {
  let [running, most, calls] = [0, 0, 0]
  const embed = async (texts: readonly string[]): Promise<readonly Float32Array[]> => {
    most = Math.max(most, ++running)
    await delay(Math.max(0, 40 - 10 * calls++))
    running -= 1
    return texts.map(() => Float32Array.from(embedding))
  }
  return { embedder: { ...lexicalEmbedder, embed }, most: () => most }
}

test('tells outcomes and progress in the order of the source, whichever batch is written first', async () => {
  const { embedder, most } = slowEmbedder()
  const rows = numbered(17, { embedding: undefined })
  const told: number[][] = []
  const report = await tenants.mine.memories.addMany(rows, {
    embedder,
    batchSize: 2,
    concurrency: 4,
    onOutcomes: async (results, { firstIndex }) => {
      await delay(1)
      told.push([firstIndex, results.length])
    },
    onProgress: (progress) => told.push([progress.rows]),
  })
  expect(report).toMatchObject({ rows: 17, outcomes: { created: 17 } })
  expect(most()).toBe(4)
  expect(told).toEqual(
    Array.from({ length: 9 }, (_, batch) => [
      [batch * 2, batch === 8 ? 1 : 2],
      [Math.min(17, batch * 2 + 2)],
    ]).flat(),
  )
  expect(await storedContents(tenants.mine)).toEqual(rows.map(({ content }) => content))
})

test('asks the source for more only when one of the batches that may be written is', async () => {
  let asked = 0
  let ahead = 0
  async function* source(): AsyncGenerator<BulkMemoryInput> {
    for (; asked < 40; asked++) {
      ahead = Math.max(ahead, asked - counted)
      yield await Promise.resolve(input(String(asked)))
    }
  }
  let counted = 0
  const onProgress = ({ rows }: { readonly rows: number }): void => void (counted = rows)
  await tenants.mine.memories.addMany(source(), { batchSize: 4, concurrency: 3, onProgress })
  expect(ahead).toBe(11)
  expect(await tenants.mine.memories.count()).toBe(40)
})

test(
  'writes as many batches at once as it is told to',
  skipOnEmbedded('one connection: batches take turns'),
  async () => {
    const agent = await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })
    const held = Promise.withResolvers<void>()
    const isHeld = Promise.withResolvers<void>()
    const holding = tenants.admin.transaction().execute(async (trx) => {
      await sql`select from ibex_core.agents where id = ${agent.id} for update`.execute(trx)
      isHeld.resolve()
      await held.promise
    })
    await isHeld.promise
    const adding = tenants.mine.memories.addMany(numbered(20, { agentId: agent.id }), {
      batchSize: 2,
      concurrency: 5,
    })
    const waiting = async (): Promise<number> => {
      const { rows } = await sql`select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like '%add_memories%'`.execute(
        tenants.admin,
      )
      return rows.length
    }
    try {
      await expect.poll(waiting).toBe(5)
      await delay(100)
      // at the moment at which one looks for a deadlock it does not count as waiting
      expect(await waiting()).toBeLessThanOrEqual(5)
    } finally {
      held.resolve()
      await holding
    }
    expect(await adding).toMatchObject({ rows: 20 })
  },
)

test.each([
  ['one that is checked before any SQL', { importance: 11 }, InvalidArgumentError],
  ['one that the server refuses', { agentId: randomUUID() }, ForeignKeyViolationError],
])('counts the rows before %s, begins no more, and can go on from there', async (_, bad, cause) => {
  const rows = numbered(200)
  rows[17] = input('secret', bad)
  const outcomes: number[] = []
  const error = await stopped(tenants.mine, rows, {
    batchSize: 4,
    concurrency: 3,
    onOutcomes: (results, { firstIndex }) => void outcomes.push(firstIndex, results.length),
  })
  expect(error).toMatchObject({ index: 17, written: 17, isRetryable: false })
  expect(error.cause).toBeInstanceOf(cause)
  expect(outcomes).toEqual([0, 4, 4, 4, 8, 4, 12, 4, 16, 1])
  const stored = await storedContents(tenants.mine)
  expect(stored.slice(0, 17)).toEqual(rows.slice(0, 17).map(({ content }) => content))
  // of what the server refuses it is known late: two batches behind it may be there, whole
  expect(cause === InvalidArgumentError ? [17] : [17, 21, 25]).toContain(stored.length)

  const report = await tenants.mine.memories.addMany(rows.slice(error.written + 1), { concurrency: 3 })
  expect(report.rows).toBe(182)
  expect(report.outcomes).toMatchObject({ created: 199 - stored.length, duplicate: stored.length - 17 })
  expect(await tenants.mine.memories.count()).toBe(199)
})

test('names the first row of the source that is refused, though a later one is refused sooner', async () => {
  const rows = numbered(12)
  rows[2] = input('first', { agentId: randomUUID() })
  rows[9] = input('second', { importance: 11 })
  expect(await stopped(tenants.mine, rows, { batchSize: 4, concurrency: 3 })).toMatchObject({
    index: 2,
    written: 2,
  })
})

test('counts what was being written when the source fails, and leaves nothing running', async () => {
  const error = await stopped(tenants.mine, endingAfter(numbered(11)), { batchSize: 2, concurrency: 4 })
  expect(error).toMatchObject({ index: undefined, written: 10, cause: { message: 'the file ends here' } })
  expect(await storedContents(tenants.mine)).toHaveLength(10)
})

test('names the row that is refused rather than the source that fails after it', async () => {
  const rows = [...numbered(3), input('x', { agentId: randomUUID() })]
  const error = await stopped(tenants.mine, endingAfter(rows), { batchSize: 2, concurrency: 8 })
  expect(error).toMatchObject({ index: 3, written: 3 })
  expect(error.cause).toBeInstanceOf(ForeignKeyViolationError)
})

test('begins no more once one has failed, though those before it are still being written', async () => {
  let calls = 0
  const embed: Embedder<384>['embed'] = async (texts) => {
    calls += 1
    if (calls === 2) throw new Error('no model')
    await delay(150)
    return texts.map(() => embedding)
  }
  const embedder = { ...lexicalEmbedder, embed }
  const error = await stopped(tenants.mine, drip(8), { embedder, batchSize: 1, concurrency: 8 })
  expect(error).toMatchObject({ index: undefined, written: 1 })
  expect(calls).toBeLessThanOrEqual(3)
})

test('stops when a callback fails, and waits for what is being written', async () => {
  const error = await stopped(tenants.mine, numbered(60), {
    batchSize: 3,
    concurrency: 4,
    onOutcomes: (_, { firstIndex }) => {
      if (firstIndex === 3) throw new Error('the disk is full')
    },
  })
  expect(error).toMatchObject({ index: undefined, written: 6, cause: { message: 'the disk is full' } })
  const stored = await tenants.mine.memories.count()
  expect(stored).toBeLessThanOrEqual(18)
  await delay(100)
  expect(await tenants.mine.memories.count()).toBe(stored)
})

test('stops when the signal says so, with its reason, and has counted what it began', async () => {
  const controller = new AbortController()
  const reason = new Error('closing time')
  const told: number[] = []
  const options: AddManyOptions = {
    batchSize: 3,
    concurrency: 2,
    signal: controller.signal,
    onProgress: ({ rows }) => {
      told.push(rows)
      controller.abort(reason)
    },
  }
  const error = await failure(async () => await tenants.mine.memories.addMany(numbered(30), options))
  expect(error).toBe(reason)
  expect(await storedContents(tenants.mine)).toHaveLength(told.at(-1) ?? 0)
  expect(told.at(-1)).toBe(6)
})

test('creates what several batches hold once', async () => {
  const rows = Array.from({ length: 60 }, (_, index) => input(String(index % 7)))
  const report = await tenants.mine.memories.addMany(rows, { batchSize: 5, concurrency: 6 })
  expect(report).toMatchObject({ rows: 60, outcomes: { created: 7, duplicate: 53 } })
  expect(await storedContents(tenants.mine)).toEqual(['0', '1', '2', '3', '4', '5', '6'])
})

test.each<[string, object]>([
  ['none at a time', { concurrency: 0 }],
  ['too many', { concurrency: 33 }],
  ['a part', { concurrency: 1.5 }],
  ['a text', { concurrency: '2' }],
  ['several where near ones are merged', { concurrency: 2, onNearDuplicate: 'merge' }],
])('refuses before any SQL %s', async (_, options) => {
  const error = await refusal(tenants, async () => await tenants.mine.memories.addMany([], options))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument: 'concurrency' })
})

test('refuses several at a time inside a transaction, which has one connection', async () => {
  const error = await failure(
    async () =>
      await tenants.mine.transaction(
        async (trx) => await trx.memories.addMany(numbered(4), { concurrency: 2 }),
      ),
  )
  expect(error).toMatchObject({ argument: 'concurrency' })
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(await storedContents(tenants.mine)).toEqual([])
})
