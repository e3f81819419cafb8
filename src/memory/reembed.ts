/** Gives all memories of a tenant the embeddings of another model, which takes effect at once. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { DB } from '../../types/database.d.ts'
import { checkEmbedder, embedTexts } from '../embedding/embed-texts.ts'
import type { Embedder } from '../embedding/embedder.ts'
import { InvalidArgumentError, LockNotAvailableError } from '../errors.ts'
import { checkOptionNames, checkText, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { memoryDimension } from './memory-input.ts'
import { Reembedding } from './reembedding.ts'
import { switchModel } from './switch-model.ts'

/** How memories are embedded anew. */
export interface ReembedOptions {
  /** The new model, of 384 dimensions as the column has them. */
  readonly embedder: Embedder<typeof memoryDimension>
  /** Memories that are embedded and kept at once, 1 to 1,000 (default 100). */
  readonly batchSize?: number | undefined
  /** Called after each batch; `total` grows with memories that are added meanwhile. */
  readonly onProgress?: ((progress: ReembedProgress) => void) | undefined
  /** Stops after the batch and rejects with the signal's reason; what is done stays for the next run. */
  readonly signal?: AbortSignal | undefined
}

/** How far a change of the model is. */
export interface ReembedProgress {
  /** Memories whose new embedding is ready, by this run and those before it. */
  readonly done: number
  readonly total: number
}

/** A change of the model that is complete. */
export interface ReembedReport {
  readonly model: string
  /** Memories whose embedding was exchanged. */
  readonly memories: number
}

const defaultBatchSize = 100
const optionNames: ReadonlySet<string> = new Set<keyof ReembedOptions>([
  'embedder',
  'batchSize',
  'onProgress',
  'signal',
])

/**
 * Checks how memories are to be embedded anew.
 *
 * @throws {InvalidArgumentError} when an option is not what it should be, or the scope is a transaction's.
 */
export function checkReembed({ isTransaction }: Scope<DB>, options: ReembedOptions): void {
  if (isTransaction)
    throw new InvalidArgumentError(
      'scope',
      'must not be a transaction: the embedder would hold its locks for hours',
    )
  checkOptionNames('option', options, optionNames)
  checkEmbedder('embedder', options.embedder, memoryDimension)
  checkText('embedder.model', options.embedder.model, { least: 1, most: 200 })
  checkWholeNumber('batchSize', options.batchSize ?? defaultBatchSize, 1, 1_000)
}

/** Embeds what is not embedded by the model yet, until all is, and then switches. The arguments are checked. */
export async function reembed(scope: Scope<DB>, options: ReembedOptions): Promise<ReembedReport> {
  const { embedder, signal } = options
  signal?.throwIfAborted()
  const change = await Reembedding.claim(scope, { model: embedder.model, holder: randomUUID() })
  for (;;) {
    await stageAll(change, options)
    const memories = await trySwitch(scope, change)
    if (memories !== undefined) return { model: embedder.model, memories }
    signal?.throwIfAborted()
  }
}

/** Cancels the change that is running, drops what it has embedded, and tells whether there was one. */
export async function cancelReembedding(scope: Scope<DB>): Promise<boolean> {
  return await scope.atomically(async ({ db, orgId }) => await Reembedding.cancel(db, orgId))
}

async function stageAll(
  change: Reembedding,
  { embedder, batchSize = defaultBatchSize, onProgress, signal }: ReembedOptions,
): Promise<void> {
  let { done, remaining } = await change.count()
  let after: string | undefined
  for (;;) {
    signal?.throwIfAborted()
    const page = await change.unembedded({ after, limit: batchSize })
    const last = page.at(-1)
    if (last === undefined) return
    const texts = page.map(({ content }) => content)
    await change.stage(page, await embedTexts(embedder, texts, signal))
    after = last.id
    done += page.length
    remaining = Math.max(0, remaining - page.length)
    onProgress?.({ done, total: done + remaining })
  }
}

/** Switches, or returns undefined when memories came or changed meanwhile, or one was being written at this moment. */
async function trySwitch(scope: Scope<DB>, change: Reembedding): Promise<number | undefined> {
  try {
    return await switchModel(scope, change)
  } catch (error) {
    if (!(error instanceof LockNotAvailableError)) throw error
    // who writes the row may wait for the switch: it lets go, and comes back
    await delay(20 + Math.random() * 80)
    return undefined
  }
}
