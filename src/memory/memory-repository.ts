/** What agents remember. */
import { sql } from 'kysely'
import type { Kysely, SqlBool } from 'kysely'
import type { DB, Memory, MemoryVersion, MemoryVote } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import type { HotCache } from '../hot-cache/hot-cache.ts'
import type { ErasureOptions, ErasureResult } from '../erasure/erasure-receipt.ts'
import { eraseSubject } from '../erasure/erase-subject.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { BatchOptions } from '../repository/batch-options.ts'
import { checkDate, checkUuid } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { addMemories, addWholeMemories, isOneStatement } from './add-memories.ts'
import { addAll, checkAddMany } from './add-many.ts'
import type { AddManyOptions, AddManyReport, BulkMemorySource } from './add-many.ts'
import { checkAddOptions } from './add-options.ts'
import type { AddOptions } from './add-options.ts'
import { toAddResult } from './add-result.ts'
import type { AddResult } from './add-result.ts'
import { archiveMemory, mergeMemories, pinMemory, restoreMemory, supersedeMemory } from './memory-life.ts'
import { checkMemoryId, checkMerge, checkOther } from './life-input.ts'
import { checkHotOptions, readHotMemories } from './hot-memories.ts'
import type { HotOptions } from './hot-memories.ts'
import { readAsOf, readHistory, readSupersessionChain } from './memory-history.ts'
import type { PastMemory } from './memory-history.ts'
import { checkMemories, checkMemory, toTags } from './memory-input.ts'
import type { CheckedMemory, MemoryInput } from './memory-input.ts'
import { checkResolution, resolveConflict } from './resolve-conflict.ts'
import type { ConflictResolution } from './resolve-conflict.ts'
import { sweepExpiredMemoriesOf } from './expired-memories.ts'
import type { ExpirySweep } from './expired-memories.ts'
import { castVote, checkVote, checkVoteKey, withdrawVote } from './memory-votes.ts'
import type { Voter, VoteInput } from './memory-votes.ts'
import { retierMemoriesOf } from './retier-memories.ts'
import type { RetierOptions, RetierReport } from './retier-memories.ts'
import { cancelReembedding, checkReembed, reembed } from './reembed.ts'
import type { ReembedOptions, ReembedReport } from './reembed.ts'
import { checkUndo, undoMemory } from './undo-memory.ts'
import type { UndoOptions } from './undo-memory.ts'
import type { MemorySearchResult } from './memory-hit.ts'
import { searchMemories } from './memory-search.ts'
import { checkUses, recordUses } from './record-uses.ts'
import type { Retrievals } from './retrievals.ts'
import { checkSearch } from './search-input.ts'
import type { MemorySearch } from './search-input.ts'

/** What the memories of all scopes of a database share. */
export interface MemoryResources {
  /** Left out inside a transaction, which must see its own writes. */
  readonly hotCache?: HotCache | undefined
  /** Without it no search is counted. */
  readonly retrievals?: Retrievals | undefined
}

/** Adds, tags and finds memories, and tells their history. */
export class MemoryRepository extends BaseRepository<DB, 'ibex_core.memories'> {
  protected override readonly isPartitioned = true
  readonly #resources: MemoryResources

  constructor(scope: Scope<DB>, resources: MemoryResources = {}) {
    super(scope, tables['ibex_core.memories'])
    this.#resources = resources
  }

  /**
   * Adds a memory, or many in their order, and tells what became of each.
   *
   * A content that the agent has (normalised) is not stored again. One that is near an active memory of the same agent and
   * embedding model is merged into it, or what `onNearDuplicate` says; one that is less near and of the same category waits
   * as `pending_review`, with a `contradicts` relation to what it is in conflict with. What was erased is not learnt again.
   * Within an array, memories are compared with those before them too.
   *
   * One round trip, all or nothing. Whoever adds memories of the same agent waits until this transaction ends, so of any
   * number of concurrent writers of the same fact one creates it. In a transaction of an isolation level above `read
   * committed`, what others added meanwhile is not seen.
   *
   * ```ts
   * const { outcome, memory, others } = await tenant.memories.add(input, { onNearDuplicate: 'supersede' })
   * ```
   *
   * @throws {InvalidArgumentError} when the content is blank or longer than 8,192 characters, an id is no uuid, a number is
   *   out of range, a tag is empty or longer than 64 characters, there are more than 100 tags, or an option is not what it
   *   should be.
   * @throws {InvalidVectorError} when the embedding is not 384 finite numbers, or all zeros.
   * @throws {ForeignKeyViolationError} when this tenant has no such agent, user or session.
   */
  async add(input: MemoryInput, options?: AddOptions): Promise<AddResult>
  async add(inputs: readonly MemoryInput[], options?: AddOptions): Promise<AddResult[]>
  async add(
    given: MemoryInput | readonly MemoryInput[],
    options: AddOptions = {},
  ): Promise<AddResult | AddResult[]> {
    const checkedOptions = checkAddOptions(options)
    const { db, orgId } = this.scope
    if (!isMany(given)) {
      const [added] = await addWholeMemories(db, orgId, [checkMemory(given)], checkedOptions)
      return toAddResult(added)
    }
    const memories = checkMemories(given)
    if (memories.length === 0) return []
    const added = await this.#allOrNone(
      memories,
      async (db) => await addWholeMemories(db, orgId, memories, checkedOptions),
    )
    return added.map(toAddResult)
  }

  /**
   * Adds any number of memories in batches, each a transaction of its own, and counts what became of them.
   *
   * The source is asked for more only when the batch before is written, so a stream of millions needs the memory of one batch, or
   * of as many as `concurrency` lets be written at a time, which is quicker on a server with processors to spare.
   * Near duplicates and conflicts are looked for only where `onNearDuplicate` says what becomes of them.
   *
   * ```ts
   * const { rows, outcomes } = await tenant.memories.addMany(readStatements(file), { embedder, onProgress: console.log })
   * ```
   *
   * Inside a transaction all batches belong to it: the first that fails takes all of them with it.
   *
   * @throws {InvalidArgumentError} when the source cannot be iterated, or an option is not what it should be.
   * @throws {BulkAddError} when a row is refused, or the source, the embedder, a callback or the database fails; `written` says
   *   from where to go on.
   */
  async addMany(source: BulkMemorySource, options: AddManyOptions = {}): Promise<AddManyReport> {
    const { orgId, isTransaction } = this.scope
    const checkedOptions = checkAddMany(source, options, isTransaction)
    return await addAll(source, options, {
      isInTransaction: isTransaction,
      add: async (batch) =>
        await this.#allOrNone(batch, async (db) => await addMemories(db, orgId, batch, checkedOptions)),
    })
  }

  /**
   * Finds the memories nearest to an embedding, those that hold words of a text, or both in one order, in one statement.
   *
   * ```ts
   * const { hits } = await tenant.memories.search({ agentId, text: 'Where does Ana live?', embedding, limit: 5 })
   * for (const { memory, score } of hits) console.log(score, memory.content)
   * ```
   *
   * What expired, was deleted or is not active is left out. By vector, all of a small scope are compared, and of a large one the
   * HNSW index of the tenant's partition is asked: it is read on until enough rows pass the filters, and where it gives up, all
   * are compared, so a small tenant beside a large one, and a filter that few pass, still give `limit` rows. By text any word is
   * enough, in any form, and rare words count for more. Both are joined by reciprocal rank fusion.
   *
   * With `ranking: 'composite'` age, usefulness, confidence and use count too, but only of what is relevant: a memory whose
   * relevance is less than `relevanceGate` (0.6) of the best one's is not scored, however fresh it is.
   *
   * The hits are counted as retrieved, in the background: nothing waits for it, and `database.flushRetrievals()` does it at once.
   *
   * @throws {InvalidArgumentError} when neither a text nor an embedding is given, the text is blank, or an option does not exist
   *   or is not what it should be.
   * @throws {InvalidVectorError} when the embedding is not 384 finite numbers, or all zeros.
   * @throws {RerankError} when the reranker throws, or does not return one number for each hit.
   */
  async search(search: MemorySearch): Promise<MemorySearchResult> {
    const checked = checkSearch(search)
    const result = await searchMemories(this.scope, checked)
    if (checked.record) {
      const ids = result.hits.map(({ memory }) => memory.id)
      this.#resources.retrievals?.record(this.scope.orgId, ids)
    }
    return result
  }

  /**
   * Counts one retrieval of each memory, at once, and returns of how many; ids that the tenant does not have are passed over.
   *
   * For what was found another way; a search counts its hits itself.
   *
   * @throws {InvalidArgumentError} when the ids are no list, more than 10,000, or one is no uuid.
   */
  async recordRetrievals(ids: readonly string[]): Promise<number> {
    return await recordUses(this.scope.db, this.scope.orgId, 'retrieval', checkUses(ids))
  }

  /**
   * Counts that each memory became part of a prompt, and returns of how many; ids that the tenant does not have are passed over.
   *
   * @throws {InvalidArgumentError} when the ids are no list, more than 10,000, or one is no uuid.
   */
  async recordInjections(ids: readonly string[]): Promise<number> {
    return await recordUses(this.scope.db, this.scope.orgId, 'injection', checkUses(ids))
  }

  /**
   * Reads the memories that an agent needs most often, best first: active ones, its own and the shared, by
   * 0.40 x confidence + 0.35 / (1 + age in days) + 0.25 x min(retrievals / 10, 1).
   *
   * With `createDatabase({ hotCache })` the ids of the best 50 come from the cache: another memory may be among them a moment
   * after it was written (at the latest after the cache's `ttl`), and a retrieval counts when the list is made anew. The rows
   * are always read now, by this scope. Inside a transaction, and when the cache does not work, the database ranks.
   *
   * ```ts
   * const hot = await tenant.memories.hot({ agentId, limit: 20 })
   * ```
   *
   * @throws {InvalidArgumentError} when the id is no uuid, or the limit not 1 to 50.
   */
  async hot(options: HotOptions): Promise<Memory[]> {
    return await readHotMemories(this.scope, checkHotOptions(options), this.#resources.hotCache)
  }

  /** Reads the tags of a memory, in alphabetical order. */
  async tagsOf(memoryId: string): Promise<string[]> {
    const rows = await this.scope.db
      .selectFrom('ibex_core.memory_tags')
      .select('tag')
      .where('org_id', '=', this.scope.orgId)
      .where('memory_id', '=', memoryId)
      .orderBy('tag')
      .execute()
    return rows.map((row) => row.tag)
  }

  /**
   * Adds tags to a memory; those it has already stay.
   *
   * @throws {InvalidArgumentError} when a tag is empty or longer than 64 characters, or there are more than 100.
   * @throws {ForeignKeyViolationError} when this tenant has no such memory.
   */
  async addTags(memoryId: string, tags: readonly string[]): Promise<void> {
    const values = toTags(tags).map((tag) => ({ org_id: this.scope.orgId, memory_id: memoryId, tag }))
    if (values.length === 0) return
    await this.scope.db
      .insertInto('ibex_core.memory_tags')
      .values(values)
      .onConflict((oc) => oc.doNothing())
      .execute()
  }

  /** Takes tags from a memory and tells how many it had. */
  async removeTags(memoryId: string, tags: readonly string[]): Promise<number> {
    const result = await this.scope.db
      .deleteFrom('ibex_core.memory_tags')
      .where('org_id', '=', this.scope.orgId)
      .where('memory_id', '=', memoryId)
      .where(sql<SqlBool>`tag = any(${toTags(tags)})`)
      .executeTakeFirst()
    return Number(result.numDeletedRows)
  }

  /**
   * Reads the versions of a memory, also of a soft-deleted one, the first one first; none when the tenant has no such memory.
   *
   * A trigger writes one whenever content, category, status, tier, importance, confidence, metadata or deletion changes, with
   * the actor and the reason of the scope.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async history(id: string): Promise<MemoryVersion[]> {
    return await readHistory(this.scope.db, this.scope.orgId, checkUuid('id', id))
  }

  /**
   * Reads a memory as it was at a time, or `undefined` when it did not exist then; `isDeleted` tells of one that was deleted.
   *
   * A change counts from the beginning of its transaction, to the millisecond.
   *
   * @throws {InvalidArgumentError} when the id is no uuid, or the time no valid Date.
   */
  async asOf(id: string, time: Date): Promise<PastMemory | undefined> {
    const memory = { memoryId: checkUuid('id', id), time: checkDate('time', time) }
    return await readAsOf(this.scope.db, this.scope.orgId, memory)
  }

  /**
   * Reads the memories that led to this one, itself, and those that replaced it or took it in, the oldest first.
   *
   * Soft-deleted ones are among them, or the chain would break there. It is followed 1,000 steps each way, and a cycle gives
   * each memory once.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async supersessionChain(id: string): Promise<Memory[]> {
    return await readSupersessionChain(this.scope.db, this.scope.orgId, checkUuid('id', id))
  }

  /**
   * Takes a memory back to one of its versions and returns it; that is a new version, so it can be undone as well.
   *
   * An embedding belongs to its content and is in no version: give that of the content when it differs. A memory that becomes
   * active again is no longer superseded or merged. One that is as the version says gets no new version.
   *
   * ```ts
   * await tenant.memories.undo(id, { to: 1, embedding: await embed(firstVersion.content) })
   * ```
   *
   * @throws {RowNotFoundError} when the tenant has no such living memory (`table` says `memories`) or the memory no such version
   *   (`memory_versions`).
   * @throws {InvalidArgumentError} when the content differs and no embedding is given, or an argument is not what it should be.
   * @throws {UniqueViolationError} when the agent has another active memory with that content.
   */
  async undo(id: string, options: UndoOptions): Promise<Memory> {
    const undo = checkUndo(id, options)
    return await this.scope.atomically(async ({ db }) => await undoMemory(db, this.scope.orgId, undo))
  }

  /**
   * Replaces a memory by a newer one, and returns that: one that is there, or one that is added (exact duplicates only).
   *
   * The old one becomes `superseded`, with a `supersedes` relation from the newer one. One transaction; of two callers at
   * once the second gets the error.
   *
   * @throws {MemoryStatusError} when the old one is neither active nor disputed, or the newer one not active.
   * @throws {RowNotFoundError} when the tenant has no such living memory.
   * @throws {ErasedContentError} when the content of the newer one was erased.
   * @throws {InvalidArgumentError} when both are the same memory, or an argument is not what it should be.
   */
  async supersede(id: string, by: string | MemoryInput): Promise<Memory> {
    const change = { id: checkMemoryId('id', id), by: checkOther('by', by) }
    return await this.scope.atomically(async ({ db }) => await supersedeMemory(db, this.scope.orgId, change))
  }

  /**
   * Merges memories, at most 100, into another one and returns that: one that is there, or one that is added.
   *
   * It gets the highest confidence and importance, and all tags, source messages and metadata, of which its own keys win.
   * The others become `merged`, and what said that they contradict each other goes. One transaction.
   *
   * @throws {MemoryStatusError} when one is not active, disputed or waiting for a review, or that which takes them in not active.
   * @throws {RowNotFoundError} when the tenant has no such living memory.
   * @throws {ErasedContentError} when the content of the one to add was erased.
   * @throws {InvalidArgumentError} when there is none to merge, or an argument is not what it should be.
   */
  async merge(ids: readonly string[], into: string | MemoryInput): Promise<Memory> {
    const change = checkMerge(ids, into)
    return await this.scope.atomically(async ({ db }) => await mergeMemories(db, this.scope.orgId, change))
  }

  /**
   * Archives a memory: it is kept, and neither found nor compared any more. One that is archived stays as it is.
   *
   * @throws {RowNotFoundError} when the tenant has no such living memory.
   */
  async archive(id: string): Promise<Memory> {
    return await archiveMemory(this.scope.db, this.scope.orgId, checkMemoryId('id', id))
  }

  /**
   * Brings back a memory that was soft-deleted, with the status that it had, or one that is archived, which becomes active;
   * `undefined` when the tenant has no such memory, or it is neither.
   *
   * @throws {UniqueViolationError} when the agent has another active memory with that content.
   */
  override async restore(id: string): Promise<Memory | undefined> {
    return await restoreMemory(this.scope.db, this.scope.orgId, checkMemoryId('id', id))
  }

  /**
   * Resolves the conflict that a memory in `pending_review` is in, and returns the memory to go on with: this one, or with
   * `merge` the one that took it in.
   *
   * One transaction; of two callers at once the second gets the error. What the memory contradicts and is no longer active is
   * left as it is.
   *
   * @throws {MemoryStatusError} when the memory is not waiting for a review: another caller may have resolved the conflict.
   * @throws {RowNotFoundError} when the tenant has no such living memory.
   * @throws {UniqueViolationError} when the agent has another active memory with that content meanwhile.
   * @throws {InvalidArgumentError} when there is no such resolution, or nothing active to merge with.
   */
  async resolveConflict(id: string, resolution: ConflictResolution): Promise<Memory> {
    const conflict = { id: checkMemoryId('id', id), resolution: checkResolution(resolution) }
    return await this.scope.atomically(
      async ({ db }) => await resolveConflict(db, this.scope.orgId, conflict),
    )
  }

  /**
   * Pins a memory, so that it is always part of the context, and returns it.
   *
   * @throws {RowNotFoundError} when the tenant has no such living memory.
   */
  async pin(id: string): Promise<Memory> {
    return await pinMemory(this.scope.db, this.scope.orgId, { id: checkMemoryId('id', id), isPinned: true })
  }

  /**
   * Unpins a memory and returns it.
   *
   * @throws {RowNotFoundError} when the tenant has no such living memory.
   */
  async unpin(id: string): Promise<Memory> {
    return await pinMemory(this.scope.db, this.scope.orgId, { id: checkMemoryId('id', id), isPinned: false })
  }

  /**
   * Casts the vote of a user or an agent on a memory, or changes the one that was cast before, and returns it.
   *
   * A trigger derives `usefulness_score` of `memory_usage` from the votes in the same transaction: (positive votes + 1) /
   * (votes + 2), Laplace's rule of succession, so 0.5 without a vote, and one vote counts less than many that agree.
   *
   * ```ts
   * await tenant.memories.vote({ memoryId, voter: { type: 'user', id: userId }, vote: 'positive' })
   * ```
   *
   * @throws {InvalidArgumentError} when an id is no uuid, the voter neither a user nor an agent, the vote neither positive nor
   *   negative, or the comment blank or longer than 2,000 characters.
   * @throws {RowNotFoundError} when the tenant has no such living memory.
   * @throws {ForeignKeyViolationError} when the tenant has no such user or agent.
   */
  async vote(input: VoteInput): Promise<MemoryVote> {
    return await castVote(this.scope.db, this.scope.orgId, checkVote(input))
  }

  /**
   * Takes the vote of a user or an agent on a memory back, and tells whether there was one.
   *
   * @throws {InvalidArgumentError} when an id is no uuid, or the voter neither a user nor an agent.
   */
  async withdrawVote(memoryId: string, voter: Voter): Promise<boolean> {
    return await withdrawVote(this.scope.db, this.scope.orgId, checkVoteKey(memoryId, voter))
  }

  /**
   * Moves active memories to the tier that they should have by use, age, importance and pin, and tells how many moved where.
   *
   * The rules are in {@link tierRules}; only memories that change are written, each with a version. Each batch is a
   * statement of its own; rows that others hold are skipped and wait for the next time, so several may run.
   *
   * @throws {InvalidArgumentError} when `batchSize` is not 1 to 10,000, `limit` not at least 1, `now` no valid Date, or `dryRun` no boolean.
   */
  async retier(options: RetierOptions = {}): Promise<RetierReport> {
    return await retierMemoriesOf(this.scope, options)
  }

  /**
   * Soft-deletes the memories whose `expires_at` has passed, the longest expired first, and tells how many.
   *
   * Pinned ones too, and whatever their status: a time that somebody has set is not to be outlived, and no search finds them
   * any more. Each gets a version `delete`, with the reason of the scope or, without one, `expired`. Each batch is a statement
   * of its own; rows that others hold are skipped, so several may run.
   *
   * @throws {InvalidArgumentError} when `batchSize` is not 1 to 10,000, `limit` not at least 1, or `dryRun` no boolean.
   */
  async sweepExpired(options: BatchOptions = {}): Promise<ExpirySweep> {
    return await sweepExpiredMemoriesOf(this.scope, options)
  }

  /**
   * Embeds all memories of the organization with another model of the same dimension, and then searches with it.
   *
   * The new embeddings are kept aside, batch by batch, until all memories have one, those too that were added or changed
   * meanwhile and those that are soft-deleted or superseded; then all are exchanged in one transaction, with
   * `organizations.embedding_model`. A search sees the old model or the new one, never both. From then on a memory of another
   * model, or of none, is refused (`memories_embedding_model_check`), so set `embeddingModel` when you add.
   *
   * When it stops, whatever the reason, call it again: it goes on where it was, in another process too. Two runs at once:
   * the later one takes over.
   *
   * ```ts
   * await tenant.memories.reembed({ embedder, onProgress: ({ done, total }) => console.log(`${done} of ${total}`) })
   * ```
   *
   * While the embeddings are exchanged, writers of memories wait, about as long as adding as many memories takes: the index is
   * given each one. It writes no version and leaves `updated_at`, as the memories still say the same. `rag_documents` keep
   * theirs.
   *
   * @throws {InvalidArgumentError} when an option is not what it should be, or inside a transaction.
   * @throws {EmbeddingFailedError} when the embedder fails.
   * @throws {ReembeddingConflictError} when a change to another model is running, or another run has taken this one over.
   */
  async reembed(options: ReembedOptions): Promise<ReembedReport> {
    checkReembed(this.scope, options)
    return await reembed(this.scope, options)
  }

  /** Cancels the change of the embedding model that is running, drops what it has embedded, and tells whether there was one. */
  async cancelReembedding(): Promise<boolean> {
    return await cancelReembedding(this.scope)
  }

  /**
   * Erases a memory for good, with its versions, tags, edges, usage and votes, and returns the receipt.
   *
   * Earlier words of the same fact go with it: the memories that it superseded or that were merged into it, and those that
   * led to them; `includeDerived: false` keeps them, without the reference. What replaced it or took it in stays. None of
   * the contents, nor one of an earlier version, is learnt again unless `allowRelearning` says so.
   *
   * ```ts
   * const receipt = await tenant.memories.erase(id, { reason: 'asked by the user' })
   * ```
   *
   * @throws {RowNotFoundError} when the tenant has no such memory, soft-deleted ones included.
   * @throws {LegalHoldError} when a legal hold stands for a memory concerned, its user or agent, or the organization.
   * @throws {InvalidArgumentError} when the id is no uuid, the reason is blank, or the transaction is not read committed.
   */
  async erase(id: string, options: ErasureOptions): Promise<ErasureResult> {
    return await eraseSubject(this.scope.db, { type: 'memory', id: checkUuid('id', id) }, options)
  }

  async #allOrNone<T>(memories: readonly CheckedMemory[], add: (db: Kysely<DB>) => Promise<T>): Promise<T> {
    if (isOneStatement(memories)) return await add(this.scope.db)
    return await this.scope.atomically(async ({ db }) => await add(db))
  }
}

/** `Array.isArray` does not tell a readonly array from what is none. */
function isMany(given: MemoryInput | readonly MemoryInput[]): given is readonly MemoryInput[] {
  return Array.isArray(given)
}
