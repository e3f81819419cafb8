/** Adds any number of memories in batches, several at a time, as fast as they are written and no faster. */
import { checkEmbedder, embedTexts } from '../embedding/embed-texts.ts'
import type { Embedder } from '../embedding/embedder.ts'
import { BulkAddError, DatabaseError, IbexError, InvalidArgumentError } from '../errors.ts'
import { checkOptionNames, checkWholeNumber } from '../tenancy/arguments.ts'
import { Vector } from '../vector/vector.ts'
import type { VectorInput } from '../vector/vector.ts'
import type { AddedMemory, AddOutcome } from './add-memories.ts'
import { checkAddOptions } from './add-options.ts'
import type { AddOptions, CheckedAddOptions } from './add-options.ts'
import { checkMemory, memoryDimension } from './memory-input.ts'
import type { CheckedMemory, MemoryInput } from './memory-input.ts'

/** A memory among many: one that comes without an embedding is embedded on the way. */
export type BulkMemoryInput = Omit<MemoryInput, 'embedding'> & {
  readonly embedding?: VectorInput | undefined
}

/** Where many memories come from: an array, a generator, a stream in object mode. */
export type BulkMemorySource = Iterable<BulkMemoryInput> | AsyncIterable<BulkMemoryInput>

/** How many memories are added; without `onNearDuplicate` they are not compared. */
export interface AddManyOptions extends AddOptions {
  /** Rows of one transaction, 1 to 5,000 (default 500). */
  readonly batchSize?: number | undefined
  /**
   * Batches that are written at the same time, each on a connection of its own: 1 to 32 (default 1).
   *
   * The index of vectors takes most of the time, on one processor of the server for each connection. What is near depends on
   * what was added before, so more than 1 needs `onNearDuplicate: 'ignore'`; of two rows that are the same, either may be the
   * one that is created. When a row is refused, some behind it may have been written: who goes on from `written` finds them
   * as duplicates. Not inside a transaction, which has one connection.
   */
  readonly concurrency?: number | undefined
  /** Embeds the memories that come without an embedding, a batch at a time; its model is stored with them. */
  readonly embedder?: Embedder<typeof memoryDimension> | undefined
  /** Called after each batch with what was added since the beginning. */
  readonly onProgress?: ((report: AddManyReport) => void) | undefined
  /** Called with what became of each row, in their order, and awaited; `firstIndex` is the place of the first in the source. */
  readonly onOutcomes?:
    | ((results: readonly AddedMemory[], batch: { readonly firstIndex: number }) => Promise<void> | void)
    | undefined
  /** Stops between two batches and rejects with the signal's reason; what was added before stays. */
  readonly signal?: AbortSignal | undefined
}

/** How many memories were added and what became of them: counts only, so that it is as small for a million. */
export interface AddManyReport {
  readonly rows: number
  readonly outcomes: Readonly<Record<AddOutcome, number>>
}

/** Writes a batch, all or nothing. */
export interface BatchWriter {
  /** True in a transaction that surrounds it all: a batch that failed cannot be tried again in parts there. */
  readonly isInTransaction: boolean
  add(batch: readonly CheckedMemory[]): Promise<readonly AddedMemory[]>
}

const defaultBatchSize = 500
const optionNames: ReadonlySet<string> = new Set<keyof AddManyOptions>([
  'onNearDuplicate',
  'thresholds',
  'batchSize',
  'concurrency',
  'embedder',
  'onProgress',
  'onOutcomes',
  'signal',
])

/**
 * Checks where the memories come from, and how they are to be added, which it returns.
 *
 * @throws {InvalidArgumentError} when the source cannot be iterated, or an option is not what it should be.
 */
export function checkAddMany(
  source: BulkMemorySource,
  options: AddManyOptions,
  isInTransaction: boolean,
): CheckedAddOptions {
  const isSource =
    typeof source === 'object' &&
    source !== null &&
    (Symbol.iterator in source || Symbol.asyncIterator in source)
  if (!isSource)
    throw new InvalidArgumentError('source', 'must be an array, an iterable or a stream of memories')
  checkOptionNames('option', options, optionNames)
  checkWholeNumber('batchSize', options.batchSize ?? defaultBatchSize, 1, 5_000)
  if (options.embedder !== undefined) checkEmbedder('embedder', options.embedder, memoryDimension)
  const { onNearDuplicate = 'ignore', thresholds = {}, concurrency = 1 } = options
  if (checkWholeNumber('concurrency', concurrency, 1, 32) > 1) {
    if (isInTransaction)
      throw new InvalidArgumentError(
        'concurrency',
        'must be 1 inside a transaction, which has one connection',
      )
    if (onNearDuplicate !== 'ignore')
      throw new InvalidArgumentError(
        'concurrency',
        "must be 1 unless onNearDuplicate is 'ignore': what is near depends on what was added before",
      )
  }
  return checkAddOptions({ onNearDuplicate, thresholds })
}

/**
 * Adds what a source gives: the next rows are asked for when those before them are written, or being written when several
 * batches are at a time.
 *
 * @throws {BulkAddError} when anything goes wrong; the cause says what.
 */
export async function addAll(
  source: BulkMemorySource,
  options: AddManyOptions,
  writer: BatchWriter,
): Promise<AddManyReport> {
  const run = new BulkRun(options, writer)
  const { batchSize = defaultBatchSize } = options
  let batch: BulkMemoryInput[] = []
  try {
    options.signal?.throwIfAborted()
    for await (const input of source) {
      batch.push(input)
      if (batch.length < batchSize) continue
      await run.write(batch)
      batch = []
    }
    if (batch.length > 0) await run.write(batch)
    await run.finish()
  } catch (error) {
    // what was being written when the source failed counts, and where it failed too, it failed earlier
    const first = await run.finish().then(
      () => error,
      (earlier: unknown) => earlier,
    )
    throw run.explain(first)
  }
  return run.report
}

/** What became of a batch: of the rows before the one that was in the way, when there is an error. */
interface WrittenBatch {
  readonly results: readonly AddedMemory[]
  readonly failure?: { readonly error: unknown; readonly isRow: boolean }
}

/** Counts what was written, and knows which row was in the way. */
class BulkRun {
  readonly #options: AddManyOptions
  readonly #writer: BatchWriter
  readonly #outcomes: Record<AddOutcome, number> = {
    created: 0,
    duplicate: 0,
    merged: 0,
    superseded: 0,
    pending_review: 0,
    erased: 0,
  }
  /** Those that are being written, in the order of the source; none rejects. */
  readonly #pending: Promise<WrittenBatch>[] = []
  #rows = 0
  #failedRow: number | undefined
  /** True once a batch has a failure, counted or not. */
  #isStopping = false

  constructor(options: AddManyOptions, writer: BatchWriter) {
    this.#options = options
    this.#writer = writer
  }

  get report(): AddManyReport {
    return { rows: this.#rows, outcomes: { ...this.#outcomes } }
  }

  /** Begins to write a batch, and waits until another one may begin. */
  async write(inputs: readonly BulkMemoryInput[]): Promise<void> {
    const { signal, embedder, concurrency = 1 } = this.#options
    signal?.throwIfAborted()
    const { memories, refusal } = checkUntilRefused(inputs, embedder)
    this.#pending.push(this.#writeBatch(memories, refusal))
    // once a row is in the way no more is begun
    while (this.#pending.length >= (this.#isStopping ? 1 : concurrency)) await this.#countOldest()
  }

  /** Waits for what is being written. */
  async finish(): Promise<void> {
    while (this.#pending.length > 0) await this.#countOldest()
  }

  /** What the caller gets to see of an error. */
  explain(error: unknown): unknown {
    const { signal } = this.#options
    if (signal?.aborted === true && error === signal.reason) return error
    const isRetryable = error instanceof IbexError && error.isRetryable
    return new BulkAddError({ index: this.#failedRow, written: this.#rows, isRetryable }, { cause: error })
  }

  async #writeBatch(
    memories: readonly UnembeddedMemory[],
    refusal: { readonly error: unknown } | undefined,
  ): Promise<WrittenBatch> {
    this.#isStopping ||= refusal !== undefined
    const written = await this.#embedAndInsert(memories)
    if (written.failure !== undefined) this.#isStopping = true
    if (written.failure !== undefined || refusal === undefined) return written
    return { results: written.results, failure: { error: refusal.error, isRow: true } }
  }

  async #embedAndInsert(memories: readonly UnembeddedMemory[]): Promise<WrittenBatch> {
    try {
      return await this.#insert(await this.#embedded(memories))
    } catch (error) {
      return { results: [], failure: { error, isRow: false } }
    }
  }

  /** Inserts the rows at once; when one is refused, those before it all the same. */
  async #insert(memories: readonly CheckedMemory[]): Promise<WrittenBatch> {
    if (memories.length === 0) return { results: [] }
    try {
      return { results: await this.#writer.add(memories) }
    } catch (error) {
      if (this.#writer.isInTransaction || !isRefusedRow(error))
        return { results: [], failure: { error, isRow: false } }
      if (memories.length === 1) return { results: [], failure: { error, isRow: true } }
    }
    // PostgreSQL does not say which row of a statement it refuses, and halving finds it in few steps
    const middle = Math.ceil(memories.length / 2)
    const first = await this.#insert(memories.slice(0, middle))
    if (first.failure !== undefined) return first
    const second = await this.#insert(memories.slice(middle))
    return { ...second, results: [...first.results, ...second.results] }
  }

  async #countOldest(): Promise<void> {
    const batch = await this.#pending.shift()
    if (batch === undefined) return
    try {
      await this.#count(batch)
    } catch (error) {
      // none of those behind it counts, because rows before them are missing
      await Promise.all(this.#pending.splice(0))
      throw error
    }
  }

  async #count({ results, failure }: WrittenBatch): Promise<void> {
    const firstIndex = this.#rows
    this.#rows += results.length
    for (const { outcome } of results) this.#outcomes[outcome] += 1
    if (results.length > 0) await this.#options.onOutcomes?.(results, { firstIndex })
    if (failure === undefined) return this.#options.onProgress?.(this.report)
    if (failure.isRow) this.#failedRow = this.#rows
    throw failure.error
  }

  async #embedded(memories: readonly UnembeddedMemory[]): Promise<readonly CheckedMemory[]> {
    const { embedder, signal } = this.#options
    if (embedder === undefined) return memories
    const texts = memories.filter(({ isEmbedded }) => !isEmbedded).map(({ row }) => row.content)
    const vectors = (await embedTexts(embedder, texts, signal)).values()
    return memories.map(({ row, tags, isEmbedded }) => {
      if (isEmbedded) return { row, tags }
      const { value: embedding = row.embedding } = vectors.next()
      return { row: { ...row, embedding, embedding_model: embedder.model }, tags }
    })
  }
}

/** A checked memory that may hold a stand-in where its embedding will be. */
interface UnembeddedMemory extends CheckedMemory {
  readonly isEmbedded: boolean
}

/** Any vector: a memory is checked before it is embedded, so that no model works for one that is refused. */
const standIn = Vector.create(new Float32Array(memoryDimension).fill(1), memoryDimension)

/** Checks the rows until one is refused: those before it are still to be written. */
function checkUntilRefused(
  inputs: readonly BulkMemoryInput[],
  embedder: Embedder | undefined,
): { readonly memories: readonly UnembeddedMemory[]; readonly refusal?: { readonly error: unknown } } {
  const memories: UnembeddedMemory[] = []
  for (const input of inputs) {
    try {
      memories.push(checkOne(input, embedder !== undefined))
    } catch (error) {
      return { memories, refusal: { error } }
    }
  }
  return { memories }
}

function checkOne(input: BulkMemoryInput, canEmbed: boolean): UnembeddedMemory {
  if (typeof input !== 'object' || input === null)
    throw new InvalidArgumentError('memory', 'must be an object')
  const { embedding } = input
  if (embedding !== undefined) return { ...checkMemory({ ...input, embedding }), isEmbedded: true }
  if (!canEmbed)
    throw new InvalidArgumentError('embedding', 'is missing: give it, or an embedder that makes it')
  return { ...checkMemory({ ...input, embedding: standIn }), isEmbedded: false }
}

/** True when the database refused what a row holds: a constraint (class 23) or a value that does not fit (22). */
function isRefusedRow(error: unknown): boolean {
  return error instanceof DatabaseError && /^2[23]/.test(error.sqlState)
}
