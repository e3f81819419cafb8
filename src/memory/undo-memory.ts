/** Takes a memory back to one of its versions. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB, Memory } from '../../types/database.d.ts'
import { InvalidArgumentError, RowNotFoundError } from '../errors.ts'
import { checkOptionNames, checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'
import { toEmbedding } from '../vector/similarity-search.ts'
import type { Vector, VectorInput } from '../vector/vector.ts'
import { contentHash } from './memory-content.ts'
import { memoryDimension } from './memory-input.ts'

/** To which version a memory goes back. */
export interface UndoOptions {
  /** The `version_num` of the version. */
  readonly to: number
  /** The embedding of that version's content: required when the content differs, because versions hold no embedding. */
  readonly embedding?: VectorInput
  /** The model that made the embedding. */
  readonly embeddingModel?: string | null
}

/** An undo that passed every check. */
export interface CheckedUndo {
  readonly memoryId: string
  readonly to: number
  readonly embedding: Vector<typeof memoryDimension> | null
  readonly embeddingModel: string | null
}

const optionNames: ReadonlySet<string> = new Set<keyof UndoOptions>(['to', 'embedding', 'embeddingModel'])

/**
 * Checks what is to be undone.
 *
 * @throws {InvalidArgumentError} when the id is no uuid, the version no whole number of at least 1, or a model is given
 *   without an embedding.
 * @throws {InvalidVectorError} when the embedding has another dimension, is not finite, or is all zeros.
 */
export function checkUndo(memoryId: string, options: UndoOptions): CheckedUndo {
  checkOptionNames('option', options, optionNames)
  const { to, embedding, embeddingModel = null } = options
  if (embedding === undefined && embeddingModel !== null)
    throw new InvalidArgumentError('embeddingModel', 'needs the embedding that the model made')
  return {
    memoryId: checkUuid('id', memoryId),
    to: checkWholeNumber('to', to, 1, 2_147_483_647),
    embedding: embedding === undefined ? null : toEmbedding(embedding, memoryDimension),
    embeddingModel,
  }
}

/** Takes a memory back to a version. Needs a transaction: the memory stays as it was read until it is written. */
export async function undoMemory(db: Kysely<DB>, orgId: string, undo: CheckedUndo): Promise<Memory> {
  const version = await lockForUndo(db, orgId, undo)
  if (!version.isContentOfNow && undo.embedding === null)
    throw new InvalidArgumentError('embedding', 'is required: the content of that version is another one')
  return await writeVersion(db, orgId, { ...undo, hash: contentHash(version.content) })
}

interface FoundVersion {
  readonly content: string
  readonly isContentOfNow: boolean
}

async function lockForUndo(
  db: Kysely<DB>,
  orgId: string,
  { memoryId, to }: CheckedUndo,
): Promise<FoundVersion> {
  const { rows } = await sql<FoundVersion | { readonly content: null }>`
    select version.content, version.content = memory.content as "isContentOfNow"
    from ibex_core.lock_memories(${orgId}, array[${memoryId}::uuid], '{}') as memory
    left join ibex_core.memory_versions as version
      on version.org_id = ${orgId} and version.memory_id = memory.id and version.version_num = ${to}
    where memory.deleted_at is null`.execute(db)
  const [found] = rows
  if (found === undefined) throw new RowNotFoundError('ibex_core.memories')
  if (found.content === null) throw new RowNotFoundError('ibex_core.memory_versions')
  return found
}

/** Sets what the version holds; a memory that is active again was neither superseded nor merged. */
async function writeVersion(
  db: Kysely<DB>,
  orgId: string,
  { memoryId, to, embedding, embeddingModel, hash }: CheckedUndo & { readonly hash: string },
): Promise<Memory> {
  const newEmbedding = sql`, embedding = ${embedding}, embedding_model = ${embeddingModel}`
  const { rows } = await sql<Memory>`update ibex_core.memories as memory set
      content = version.content, content_hash = ${hash}, category = version.category, status = version.status,
      tier = version.tier, importance = version.importance, confidence = version.confidence, metadata = version.metadata,
      superseded_by = case when version.status <> 'active' then memory.superseded_by end,
      merged_into = case when version.status <> 'active' then memory.merged_into end
      ${embedding === null ? sql`` : newEmbedding}
    from ibex_core.memory_versions as version
    where memory.org_id = ${orgId} and memory.id = ${memoryId}
      and version.org_id = ${orgId} and version.memory_id = ${memoryId} and version.version_num = ${to}
    returning memory.*`.execute(db)
  const [memory] = rows
  if (memory === undefined) throw new RowNotFoundError('ibex_core.memories')
  return memory
}
