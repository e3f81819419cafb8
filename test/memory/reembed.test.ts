import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import type { Embedder } from '../../src/embedding/embedder.ts'
import {
  CheckViolationError,
  EmbeddingFailedError,
  InvalidArgumentError,
  ReembeddingConflictError,
} from '../../src/errors.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { ReembedOptions } from '../../src/memory/reembed.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { Memory } from '../../types/database.d.ts'
import { insertOrganization } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let mine: TenantScope
let theirsUnchanged: () => Promise<void>

/** An embedder that remembers what it was asked for. */
interface Recorder extends Embedder<384> {
  readonly texts: string[]
}

beforeAll(async () => {
  tenants = await openTwoTenants()
  await tenants.theirs.memories.add([input('a'), input('b')])
  await tenants.theirs.memoryReembeddings.insert({ model: 'new', holder: tenants.theirs.orgId })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.memory_reembeddings')
})

beforeEach(async () => {
  // each with an organization of its own: a change of the model leaves a rule behind
  mine = tenants.database.forTenant((await insertOrganization(tenants.admin)).id)
})

afterEach(async () => {
  await theirsUnchanged()
})

afterAll(async () => {
  await tenants.close()
})

function input(content: string, values: Partial<MemoryInput> = {}): MemoryInput {
  const embedding = direction(`old ${content}`)
  return { agentId: null, content, embedding, embeddingModel: 'old', category: 'factual', ...values }
}

function recorder(
  model = 'new',
  act: (texts: readonly string[]) => Promise<void> = async () => {},
): Recorder {
  const texts: string[] = []
  return {
    model,
    dimension: 384,
    texts,
    embed: async (batch) => {
      await act(batch)
      texts.push(...batch)
      return batch.map((text) => direction(`${model} ${text}`))
    },
  }
}

async function addNumbered(count: number): Promise<void> {
  await mine.memories.addMany(Array.from({ length: count }, (_, index) => input(String(index))))
}

async function stored(): Promise<Memory[]> {
  return await mine.memories.find({ includeDeleted: true, orderBy: { content: 'asc' } })
}

/** Expects each memory to have the embedding that this model makes of its content. */
async function expectAllOf(model: string): Promise<void> {
  for (const memory of await stored())
    expect(memory).toMatchObject({
      embedding: direction(`${model} ${memory.content}`),
      embedding_model: model,
    })
}

function unembedded(memory: Memory): object {
  return { ...memory, embedding: null, embedding_model: null }
}

async function stagedCount(): Promise<number> {
  return await mine.memoryEmbeddingsStaged.count()
}

test('gives all memories the new embeddings, deleted and superseded ones too, and changes nothing else', async () => {
  await addNumbered(5)
  const [deleted, superseded, by] = await stored()
  await mine.memories.softDelete(deleted?.id ?? '')
  await mine.memories.update(superseded?.id ?? '', { status: 'superseded', superseded_by: by?.id ?? null })
  const [before, versions] = [await stored(), await mine.memoryVersions.count()]
  const progress: number[] = []

  const report = await mine.memories.reembed({
    embedder: recorder(),
    batchSize: 2,
    onProgress: ({ done, total }) => progress.push(done, total),
  })

  expect(report).toEqual({ model: 'new', memories: 5 })
  expect(progress).toEqual([2, 5, 4, 5, 5, 5])
  await expectAllOf('new')
  expect((await stored()).map(unembedded)).toEqual(before.map(unembedded))
  expect(await mine.memoryVersions.count()).toBe(versions)
  expect((await mine.organizations.findByIdOrThrow(mine.orgId)).embedding_model).toBe('new')
  expect(await stagedCount()).toBe(0)
  expect(await mine.memoryReembeddings.find()).toMatchObject([{ status: 'completed', embedded_count: '5' }])
})

test('shows no search the new model before the end', async () => {
  await addNumbered(3)
  const models = new Set<string | null>()
  await mine.memories.reembed({
    batchSize: 1,
    embedder: recorder('new', async () => {
      const search = { embedding: direction('old 1'), embeddingModel: 'old' }
      for (const { memory } of (await mine.memories.search(search)).hits) models.add(memory.embedding_model)
      expect((await mine.organizations.findByIdOrThrow(mine.orgId)).embedding_model).not.toBe('new')
    }),
  })
  expect([...models]).toEqual(['old'])
  const { hits } = await mine.memories.search({ embedding: direction('new 1'), limit: 1 })
  expect(hits).toMatchObject([{ memory: { content: '1', embedding_model: 'new' } }])
})

test('takes in what is added, changed and erased meanwhile, after it was embedded too', async () => {
  await addNumbered(4)
  const embedder = recorder('new', async () => {
    const [first, second] = embedder.texts
    if (embedder.texts.length !== 2 || first === undefined || second === undefined) return
    await mine.memories.add(input('added'))
    await change(first, { content: 'changed', content_hash: 'f'.repeat(64) })
    await mine.memories.delete(await idOf(second))
  })
  await mine.memories.reembed({ embedder, batchSize: 1 })
  await expectAllOf('new')
  const [first, second, ...others] = embedder.texts
  expect(others).toEqual(expect.arrayContaining(['added', 'changed']))
  const left = ['0', '1', '2', '3'].filter((content) => content !== first && content !== second)
  expect((await stored()).map(({ content }) => content)).toEqual([...left, 'added', 'changed'])
  expect(embedder.texts).toHaveLength(6)
})

async function idOf(content: string): Promise<string> {
  return (await mine.memories.findOne({ content }))?.id ?? ''
}

async function change(content: string, patch: Partial<Memory>): Promise<void> {
  await mine.memories.update(await idOf(content), patch)
}

test('goes on where another process stopped', async () => {
  await addNumbered(6)
  const failing = recorder('new', async (texts) => {
    if (failing.texts.length >= 4) throw new Error(`no answer for ${texts.length}`)
    await Promise.resolve()
  })
  const error = await failure(async () => await mine.memories.reembed({ embedder: failing, batchSize: 2 }))
  expect(error).toBeInstanceOf(EmbeddingFailedError)
  expect(await stagedCount()).toBe(4)
  expect(new Set((await stored()).map((memory) => memory.embedding_model))).toEqual(new Set(['old']))

  const embedder = recorder()
  const progress: number[] = []
  await mine.memories.reembed({ embedder, onProgress: ({ done, total }) => progress.push(done, total) })
  expect([...failing.texts, ...embedder.texts].toSorted()).toEqual(['0', '1', '2', '3', '4', '5'])
  expect(progress).toEqual([6, 6])
  await expectAllOf('new')
})

test.each<[string, Embedder<384>['embed']]>([
  ['one vector less', async (texts) => await Promise.resolve(texts.slice(1).map(() => direction('x')))],
  ['another dimension', async (texts) => await Promise.resolve(texts.map(() => [1, 2]))],
  ['zeros', async (texts) => await Promise.resolve(texts.map(() => new Float32Array(384)))],
  ['nothing', async () => await Promise.resolve(undefined as never)],
])('keeps nothing of a batch for which the embedder returns %s', async (_, embed) => {
  await addNumbered(2)
  const error = await failure(async () => await mine.memories.reembed({ embedder: { ...recorder(), embed } }))
  expect(error).toBeInstanceOf(EmbeddingFailedError)
  expect(await stagedCount()).toBe(0)
  await expectAllOf('old')
})

test('stops when the signal says so, and goes on later', async () => {
  await addNumbered(4)
  const controller = new AbortController()
  const reason = new Error('night is over')
  const stopped = await failure(
    async () =>
      await mine.memories.reembed({
        embedder: recorder(),
        batchSize: 1,
        signal: controller.signal,
        onProgress: ({ done }) => done === 2 && controller.abort(reason),
      }),
  )
  expect(stopped).toBe(reason)
  expect(await stagedCount()).toBe(2)
  const embedder = recorder()
  await mine.memories.reembed({ embedder })
  expect(embedder.texts).toHaveLength(2)
})

test('lets the later of two runs go on, and the earlier one fail at its next step', async () => {
  await addNumbered(4)
  const earlierEnds = Promise.withResolvers<void>()
  let later: Promise<unknown> | undefined
  const earlier = recorder('new', async () => {
    const laterEmbeds = Promise.withResolvers<void>()
    const embedder = recorder('new', async () => {
      laterEmbeds.resolve()
      await earlierEnds.promise
    })
    later = mine.memories.reembed({ embedder, batchSize: 2 })
    await laterEmbeds.promise
  })
  const error = await failure(async () => await mine.memories.reembed({ embedder: earlier, batchSize: 2 }))
  expect(error).toBeInstanceOf(ReembeddingConflictError)
  expect(await stagedCount()).toBe(0)
  earlierEnds.resolve()
  expect(await later).toEqual({ model: 'new', memories: 4 })
  await expectAllOf('new')
})

test('lets one of several that begin at once complete', async () => {
  await addNumbered(30)
  const runs = Array.from({ length: 4 }, async () => {
    return await mine.memories.reembed({ embedder: recorder(), batchSize: 3 })
  })
  const results = await Promise.allSettled(runs)
  const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  for (const error of failed) expect(error).toBeInstanceOf(ReembeddingConflictError)
  expect(failed.length).toBeLessThan(4)
  await expectAllOf('new')
})

test('refuses a change to another model while one is running, until it is cancelled', async () => {
  await addNumbered(3)
  const signal = AbortSignal.abort(new Error('later'))
  await failure(async () => await mine.memories.reembed({ embedder: recorder('first'), signal }))
  expect(await mine.memoryReembeddings.count()).toBe(0)
  const stop = recorder('first', async () => await Promise.reject(new Error('stop')))
  await failure(async () => await mine.memories.reembed({ embedder: stop }))

  const error = await failure(async () => await mine.memories.reembed({ embedder: recorder('second') }))
  expect(error).toBeInstanceOf(ReembeddingConflictError)
  expect(await mine.memories.cancelReembedding()).toBe(true)
  expect(await mine.memories.cancelReembedding()).toBe(false)
  await mine.memories.reembed({ embedder: recorder('second') })
  await expectAllOf('second')
  const statuses = (await mine.memoryReembeddings.find()).map(({ status }) => status)
  expect(statuses.toSorted()).toEqual(['cancelled', 'completed'])
})

test('drops what is ready when the change is cancelled, and its run fails', async () => {
  await addNumbered(3)
  const embedder = recorder('new', async (texts) => {
    if (texts.includes('') || embedder.texts.length === 0) return
    await mine.memories.cancelReembedding()
  })
  const error = await failure(async () => await mine.memories.reembed({ embedder, batchSize: 1 }))
  expect(error).toBeInstanceOf(ReembeddingConflictError)
  expect(await stagedCount()).toBe(0)
  await expectAllOf('old')
})

test('refuses a memory of the old model after the switch, and of none', async () => {
  await addNumbered(1)
  await mine.memories.reembed({ embedder: recorder() })
  for (const embeddingModel of ['old', null]) {
    const error = await failure(async () => await mine.memories.add(input('late', { embeddingModel })))
    expect(error).toBeInstanceOf(CheckViolationError)
    expect(error).toMatchObject({ constraint: 'memories_embedding_model_check' })
  }
  const [memory] = await stored()
  const undone = { embedding: direction('old x'), embedding_model: 'old' }
  expect(await failure(async () => await mine.memories.update(memory?.id ?? '', undone))).toBeInstanceOf(
    CheckViolationError,
  )
  await mine.memories.add(input('late', { embeddingModel: 'new', embedding: direction('new late') }))
  await expectAllOf('new')
})

test(
  'waits for a writer who began before, takes in what it wrote, and lets none slip in behind',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    await addNumbered(2)
    let change: Promise<unknown> | undefined
    await mine.transaction(async (trx) => {
      await trx.memories.add(input('before'))
      change = runOutsideTransaction(async () => await mine.memories.reembed({ embedder: recorder() }))
      await untilBlocked(tenants.admin)
    })
    await change
    expect(await stored()).toHaveLength(3)
    await expectAllOf('new')
  },
)

test(
  'lets writers go first instead of waiting for each other',
  skipOnEmbedded('one connection: writers take turns'),
  async () => {
    await addNumbered(3)
    const [memory] = await stored()
    let change: Promise<unknown> | undefined
    await mine.transaction(async (trx) => {
      // it holds a row, and then writes what waits for a switch
      await trx.memories.update(memory?.id ?? '', { importance: 9 })
      const before = tenants.statements.length
      change = runOutsideTransaction(async () => await mine.memories.reembed({ embedder: recorder() }))
      const triesToSwitch = (): boolean =>
        tenants.statements.slice(before).some((text) => text.includes('nowait'))
      await vi.waitUntil(triesToSwitch, { timeout: 10_000 })
      await trx.memories.add(input('in between'))
    })
    expect(await change).toMatchObject({ memories: 4 })
    await expectAllOf('new')
  },
)

test('belongs to its tenant: another one neither sees nor stops it', async () => {
  await addNumbered(2)
  const stop = recorder('mine', async () => await Promise.reject(new Error('stop')))
  await failure(async () => await mine.memories.reembed({ embedder: stop }))
  const other = tenants.database.forTenant((await insertOrganization(tenants.admin)).id)
  expect(await other.memories.cancelReembedding()).toBe(false)
  expect(await other.memories.reembed({ embedder: recorder('other') })).toEqual({
    model: 'other',
    memories: 0,
  })
  expect(await mine.memoryReembeddings.find()).toMatchObject([{ model: 'mine', status: 'running' }])
  await expectAllOf('old')
})

test.each<[string, object, string]>([
  ['no embedder', {}, 'embedder'],
  [
    'an embedder of another dimension',
    { embedder: { ...recorder(), dimension: 1536 } },
    'embedder.dimension',
  ],
  ['a model without a name', { embedder: recorder(' ') }, 'embedder.model'],
  ['a model whose name is too long', { embedder: recorder('x'.repeat(201)) }, 'embedder.model'],
  ['a batch of none', { embedder: recorder(), batchSize: 0 }, 'batchSize'],
  ['an option that does not exist', { embedder: recorder(), batch: 5 }, 'option "batch"'],
])('refuses before any SQL %s', async (_, options, argument) => {
  const error = await refusal(
    tenants,
    // what untyped code may pass
    async () => await mine.memories.reembed(options as ReembedOptions),
  )
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})

test('refuses to run inside a transaction', async () => {
  const error = await failure(
    async () => await mine.transaction(async (trx) => await trx.memories.reembed({ embedder: recorder() })),
  )
  expect(error).toMatchObject({ name: 'InvalidArgumentError', argument: 'scope' })
})

test('goes on in another process', skipOnEmbedded('one process has the engine'), async () => {
  await addNumbered(3)
  const stop = recorder('new', async () => {
    if (stop.texts.length > 0) throw new Error('killed')
    await Promise.resolve()
  })
  await failure(async () => await mine.memories.reembed({ embedder: stop, batchSize: 1 }))
  const other = createDatabase(tenants.test.target)
  const embedder = recorder()
  await other.forTenant(mine.orgId).memories.reembed({ embedder })
  await other.close()
  expect(embedder.texts).toHaveLength(2)
  await expectAllOf('new')
})
