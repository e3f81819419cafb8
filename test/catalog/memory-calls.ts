/** The calls of the repositories of memories, for the test of their plans. */
import { randomUUID } from 'node:crypto'
import type { MemoryRepository } from '../../src/memory/memory-repository.ts'
import { Reembedding } from '../../src/memory/reembedding.ts'
import { switchModel } from '../../src/memory/switch-model.ts'
import type { Scope } from '../../src/tenancy/scope.ts'
import { Vector } from '../../src/vector/vector.ts'
import type { DB } from '../../types/database.d.ts'
import type { OwnCalls } from './own-calls.ts'

type Property =
  | 'memories'
  | 'memoryVersions'
  | 'memoryRelationships'
  | 'memoryTags'
  | 'memoryTombstones'
  | 'memoryUsage'
  | 'memoryVotes'
  | 'embeddingModels'
  | 'memoryReembeddings'
  | 'memoryEmbeddingsStaged'

const embedding = Array.from({ length: 384 }, (_, index) => Math.sin(index))

/** Near no memory of the fixture. */
const alone = Array.from({ length: 384 }, (_, index) => Math.cos(index * index))

async function beginReembedding(
  memories: MemoryRepository,
): Promise<{ readonly scope: Scope<DB>; readonly change: Reembedding }> {
  const scope = memories['scope']
  return { scope, change: await Reembedding.claim(scope, { model: 'new', holder: randomUUID() }) }
}

/** A call of every method that these repositories add to the base. */
export const memoryCalls: Pick<OwnCalls, Property> = {
  memories: {
    add: async (memories, ids) => {
      const agentId = ids.of('agents')
      const memory = { agentId, content: 'New.', embedding, category: 'factual', tags: ['a'] } as const
      await memories.add(memory)
      for (const onNearDuplicate of ['merge', 'supersede', 'report', 'ignore'] as const)
        await memories.add({ ...memory, content: onNearDuplicate }, { onNearDuplicate })
      const contrary = { ...memory, content: 'Contrary.', embedding: embedding.with(0, 8) }
      await memories.add([contrary, { ...contrary, content: 'Shared.', agentId: null }])
      await memories.add(contrary)
      await memories.add({ ...memory, content: 'Of a model.', embeddingModel: 'model-1' })
    },
    addMany: async (memories, ids) =>
      await memories.addMany([
        { agentId: ids.of('agents'), content: 'The user likes number 1.', embedding, category: 'factual' },
        { agentId: null, content: 'New.', embedding, category: 'factual', tags: ['a'] },
      ]),
    search: async (memories, ids) => {
      const agentId = ids.of('agents')
      await memories.search({ embedding, agentId, tags: ['tag-0'], minConfidence: 0.1 })
      await memories.search({ embedding, text: 'Who likes number 7?', ranking: 'composite', agentId })
      await memories.search({ embedding, userId: ids.of('users'), status: ['active', 'disputed'] })
      await memories.search({ embedding, sessionId: ids.of('sessions'), metadata: { none: 1 } })
      await memories.search({
        text: 'Who likes number 7?',
        status: 'pending_review',
        allTags: ['tag-0', 'tag-1'],
      })
    },
    recordRetrievals: async (memories, ids) =>
      await memories.recordRetrievals([ids.of('memories'), ids.last('memories')]),
    recordInjections: async (memories, ids) => await memories.recordInjections([ids.of('memories')]),
    hot: async (memories, ids) => await memories.hot({ agentId: ids.of('agents'), limit: 50 }),
    tagsOf: async (memories, ids) => await memories.tagsOf(ids.of('memories')),
    addTags: async (memories, ids) => await memories.addTags(ids.of('memories'), ['new']),
    removeTags: async (memories, ids) => await memories.removeTags(ids.of('memories'), ['tag-0']),
    history: async (memories, ids) => await memories.history(ids.of('memories')),
    asOf: async (memories, ids) => await memories.asOf(ids.of('memories'), new Date()),
    supersessionChain: async (memories, ids) => {
      const [from, to] = [ids.first('memories'), ids.of('memories')]
      await memories.update(from, { status: 'superseded', superseded_by: to })
      await memories.update(ids.last('memories'), { status: 'merged', merged_into: from })
      await memories.supersessionChain(from)
    },
    supersede: async (memories, ids) => {
      const by = { agentId: ids.of('agents'), content: 'New.', embedding, category: 'factual' } as const
      await memories.supersede(ids.of('memories'), by)
      await memories.supersede(ids.first('memories'), ids.last('memories'))
    },
    merge: async (memories, ids) =>
      await memories.merge([ids.of('memories'), ids.first('memories')], ids.last('memories')),
    archive: async (memories, ids) => await memories.archive(ids.of('memories')),
    resolveConflict: async (memories, ids) => {
      const memory = { agentId: ids.of('agents'), category: 'factual' } as const
      await memories.add({ ...memory, content: 'Old.', embedding: alone })
      for (const [index, resolution] of (['keep_both', 'keep_old', 'merge', 'keep_new'] as const).entries()) {
        const contrary = { ...memory, content: resolution, embedding: alone.with(index, 8) }
        const { id } = await memories.add(contrary, { thresholds: { duplicate: 0.99, conflict: 0.5 } })
        await memories.resolveConflict(id ?? '', resolution)
      }
    },
    pin: async (memories, ids) => await memories.pin(ids.of('memories')),
    unpin: async (memories, ids) => await memories.unpin(ids.of('memories')),
    // what it does in transactions of its own, in the one of the test
    reembed: async (memories) => {
      const { scope, change } = await beginReembedding(memories)
      await change.count()
      const contents = await change.unembedded({ after: undefined, limit: 1_000 })
      await change.stage(
        contents,
        contents.map(() => Vector.create(embedding, 384)),
      )
      await switchModel(scope, change)
    },
    cancelReembedding: async (memories) => {
      await beginReembedding(memories)
      await memories.cancelReembedding()
    },
    erase: async (memories, ids) => await memories.erase(ids.of('memories'), { reason: 'asked for' }),
    undo: async (memories, ids) => await memories.undo(ids.of('memories'), { to: 1, embedding }),
    vote: async (memories, ids) => {
      const voter = { type: 'user', id: ids.last('users') } as const
      await memories.vote({ memoryId: ids.of('memories'), voter, vote: 'positive' })
      await memories.vote({ memoryId: ids.of('memories'), voter, vote: 'negative', comment: 'No.' })
    },
    withdrawVote: async (memories, ids) =>
      await memories.withdrawVote(ids.of('memories'), { type: 'user', id: ids.of('users') }),
    retier: async (memories) => {
      await memories.retier({ dryRun: true })
      await memories.retier({ now: new Date(Date.now() + 365 * 86_400_000), batchSize: 100 })
    },
    sweepExpired: async (memories) => {
      await memories.sweepExpired({ dryRun: true })
      await memories.sweepExpired({ batchSize: 10 })
    },
  },
  memoryVersions: {},
  memoryRelationships: {
    relate: async (relationships, ids) =>
      await relationships.relate(ids.of('memories'), ids.last('memories'), 'refines'),
    unrelate: async (relationships, ids) =>
      await relationships.unrelate(ids.first('memories'), ids.of('memories'), 'supports'),
    neighbours: async (relationships, ids) => {
      const types = ['supports', 'refines'] as const
      for (const direction of ['out', 'in', 'both'] as const)
        await relationships.neighbours(ids.of('memories'), { depth: 5, direction, types })
    },
    contradictions: async (relationships, ids) => await relationships.contradictions(ids.of('memories')),
  },
  memoryTags: {},
  memoryTombstones: {},
  embeddingModels: {
    set: async (models) => await models.set({ name: 'model-1', dimension: 384, duplicateThreshold: 0.9 }),
    findByName: async (models) => await models.findByName('model-1'),
  },
  memoryUsage: {},
  memoryVotes: {},
  memoryReembeddings: {},
  memoryEmbeddingsStaged: {},
}
