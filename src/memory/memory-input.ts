/** A memory as it is handed in, and the row that it becomes. */
import type { JsonObject, MemoryCategory, MemoryLanguage, MemorySource } from '../../types/database.d.ts'
import { InvalidArgumentError, InvalidVectorError } from '../errors.ts'
import {
  characterCount,
  checkDate,
  checkObject,
  checkText,
  checkUuid,
  checkWholeNumber,
  isUuid,
} from '../tenancy/arguments.ts'
import { toEmbedding } from '../vector/similarity-search.ts'
import type { Vector, VectorInput } from '../vector/vector.ts'
import { checkContent, contentHash } from './memory-content.ts'
import { checkValue, languages } from './memory-values.ts'

/** The dimension of `memories.embedding`. */
export const memoryDimension = 384

/** A memory to add. */
export interface MemoryInput {
  /** Null for what all agents of the organization share. */
  readonly agentId: string | null
  readonly userId?: string | null
  readonly sessionId?: string | null
  /** 1 to 8,192 characters. */
  readonly content: string
  /** By whose rules the words of the content are found (default `english`); `simple` takes each as it is. */
  readonly language?: MemoryLanguage
  /** 384 finite numbers, not all zero. */
  readonly embedding: VectorInput
  /**
   * The model that made the embedding: vectors of two models cannot be compared. Memories without one are compared with
   * each other only, and never taken for those of the organization's model: nobody has said that they are.
   */
  readonly embeddingModel?: string | null
  readonly category: MemoryCategory
  /** Default: `extracted`. */
  readonly source?: MemorySource
  readonly subject?: string | null
  /** A whole number of 1 to 10 (default 5). */
  readonly importance?: number
  /** 0 to 1 (default 0.8). */
  readonly confidence?: number
  readonly isPinned?: boolean
  readonly sourceMessageIds?: readonly string[]
  readonly expiresAt?: Date | null
  readonly metadata?: JsonObject
  /** At most 100, of 1 to 64 characters each; repeated ones count once. */
  readonly tags?: readonly string[]
}

/** The columns of a memory to insert; the same ones for every memory, so that many fit one statement. */
export interface MemoryRow {
  readonly agent_id: string | null
  readonly user_id: string | null
  readonly session_id: string | null
  readonly content: string
  readonly content_hash: string
  readonly language: MemoryLanguage
  readonly embedding: Vector<typeof memoryDimension>
  readonly embedding_model: string | null
  readonly category: MemoryCategory
  readonly source: MemorySource
  readonly subject: string | null
  readonly importance: number
  readonly confidence: number
  readonly is_pinned: boolean
  readonly source_message_ids: readonly string[]
  readonly expires_at: Date | null
  readonly metadata: JsonObject
}

/** A memory that passed every check, as it is stored: its row and its tags. */
export interface CheckedMemory {
  readonly row: MemoryRow
  readonly tags: readonly string[]
}

/**
 * Checks a memory and makes its row.
 *
 * @throws {InvalidArgumentError} when the content is blank or too long, an id is no uuid, a number is out of range, or a tag
 *   is empty or too long.
 * @throws {InvalidVectorError} when the embedding has another dimension, is not finite, or is all zeros.
 */
export function checkMemory(input: MemoryInput): CheckedMemory {
  checkObject('memory', input)
  return { row: toMemoryRow(input), tags: toTags(input.tags) }
}

/**
 * Checks many memories; the error says which one is not what it should be.
 *
 * @throws as {@link checkMemory}.
 */
export function checkMemories(inputs: readonly MemoryInput[]): CheckedMemory[] {
  if (!Array.isArray(inputs)) throw new InvalidArgumentError('inputs', 'must be an array of memories')
  return inputs.map((input, index) => {
    try {
      return checkMemory(input)
    } catch (error) {
      throw withPlace(error, `inputs[${index}]`)
    }
  })
}

function withPlace(error: unknown, place: string): unknown {
  if (error instanceof InvalidVectorError) return new InvalidVectorError(`${place}: ${error.message}`)
  if (!(error instanceof InvalidArgumentError)) return error
  // its message is the argument and what is expected of it
  return new InvalidArgumentError(
    `${place}.${error.argument}`,
    error.message.slice(error.argument.length + 1),
  )
}

function toMemoryRow(input: MemoryInput): MemoryRow {
  const content = checkContent(input.content)
  return {
    // not `?? null`: an agent id that got lost must not make the memory everybody's
    agent_id: checkId('agentId', input.agentId),
    user_id: checkId('userId', input.userId ?? null),
    session_id: checkId('sessionId', input.sessionId ?? null),
    content,
    content_hash: contentHash(content),
    language: checkValue('language', input.language ?? 'english', languages),
    embedding: toEmbedding(input.embedding, memoryDimension),
    embedding_model: optionalText('embeddingModel', input.embeddingModel, 200),
    category: input.category,
    source: input.source ?? 'extracted',
    subject: optionalText('subject', input.subject),
    importance: checkWholeNumber('importance', input.importance ?? 5, 1, 10),
    confidence: inRange('confidence', input.confidence ?? 0.8, 0, 1),
    is_pinned: input.isPinned ?? false,
    source_message_ids: toIds('sourceMessageIds', input.sourceMessageIds ?? []),
    expires_at: isGiven(input.expiresAt) ? checkDate('expiresAt', input.expiresAt) : null,
    metadata: checkObject('metadata', input.metadata ?? {}),
  }
}

/**
 * Checks the tags of a memory and drops repeated ones.
 *
 * @throws {InvalidArgumentError} when one is empty or longer than 64 characters, or there are more than 100.
 */
export function toTags(tags: readonly string[] = []): readonly string[] {
  if (!Array.isArray(tags)) throw new InvalidArgumentError('tags', 'must be an array of texts')
  for (const tag of tags) {
    if (typeof tag !== 'string' || tag === '' || characterCount(tag) > 64) {
      throw new InvalidArgumentError('tag', 'must be a text of 1 to 64 characters')
    }
  }
  const distinct = [...new Set(tags)]
  if (distinct.length > maxTags) throw new InvalidArgumentError('tags', `must be ${maxTags} at most`)
  return distinct
}

const maxTags = 100

function isGiven<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null
}

function optionalText(name: string, value: unknown, most?: number): string | null {
  if (!isGiven(value)) return null
  return checkText(name, value, most === undefined ? {} : { least: 1, most })
}

function toIds(name: string, ids: readonly unknown[]): readonly string[] {
  if (!Array.isArray(ids)) throw new InvalidArgumentError(name, 'must be an array of uuids')
  return ids.map((id) => checkUuid(name, id))
}

/** @throws {InvalidArgumentError} when the number is not within the range. */
export function inRange(name: string, value: number, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw new InvalidArgumentError(name, `must be ${least} to ${most}`)
}

/** @throws {InvalidArgumentError} when the id is neither a uuid nor null. */
function checkId(name: string, id: string | null): string | null {
  if (id === null || isUuid(id)) return id
  throw new InvalidArgumentError(name, 'must be a uuid or null')
}
