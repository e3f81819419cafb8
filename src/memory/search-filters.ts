/** What a search of memories leaves out. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type {
  JsonObject,
  MemoryCategory,
  MemorySource,
  MemoryStatus,
  MemoryTier,
} from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import {
  checkDate,
  checkOptionalUuid,
  checkText,
  checkWholeNumber,
  isPlainObject,
} from '../tenancy/arguments.ts'
import { inRange, toTags } from './memory-input.ts'
import { categories, checkValues, sources, statuses, tiers } from './memory-values.ts'

/** Which memories are searched: those that are all of what is given. */
export interface MemoryFilters {
  /** This agent's memories and the shared ones (default: all of the organization). */
  readonly agentId?: string
  readonly userId?: string
  readonly sessionId?: string
  readonly category?: MemoryCategory | readonly MemoryCategory[]
  readonly source?: MemorySource | readonly MemorySource[]
  readonly tier?: MemoryTier | readonly MemoryTier[]
  /** Default: `active`. */
  readonly status?: MemoryStatus | readonly MemoryStatus[]
  /** Memories with any of these tags, at most 100. */
  readonly tags?: readonly string[]
  /** Memories with all of these tags, at most 100. */
  readonly allTags?: readonly string[]
  /** 0 to 1. */
  readonly minConfidence?: number
  /** A whole number of 1 to 10. */
  readonly minImportance?: number
  /** Memories that were created then or later. */
  readonly createdFrom?: Date
  /** Memories that were created earlier. */
  readonly createdBefore?: Date
  /** Whom or what they are about, letter for letter. */
  readonly subject?: string
  /** Memories whose metadata hold these keys and values, as `@>` compares them. */
  readonly metadata?: JsonObject
}

/** Filters that passed every check; null asks for nothing. */
export interface CheckedFilters {
  readonly agentId: string | null
  readonly userId: string | null
  readonly sessionId: string | null
  readonly categories: readonly string[] | null
  readonly sources: readonly string[] | null
  readonly tiers: readonly string[] | null
  readonly statuses: readonly string[]
  readonly tags: readonly string[] | null
  readonly allTags: readonly string[] | null
  readonly minConfidence: number | null
  readonly minImportance: number | null
  readonly createdFrom: Date | null
  readonly createdBefore: Date | null
  readonly subject: string | null
  /** JSON. */
  readonly metadata: string | null
}

/** The names of the filters, for the check of misspelt ones. */
export const filterNames: readonly (keyof MemoryFilters)[] = [
  'agentId',
  'userId',
  'sessionId',
  'category',
  'source',
  'tier',
  'status',
  'tags',
  'allTags',
  'minConfidence',
  'minImportance',
  'createdFrom',
  'createdBefore',
  'subject',
  'metadata',
]

/** @throws {InvalidArgumentError} when a filter is not what it should be. */
export function checkFilters(filters: MemoryFilters): CheckedFilters {
  const allTags = checkTags('allTags', filters.allTags)
  return {
    agentId: checkOptionalUuid('agentId', filters.agentId),
    userId: checkOptionalUuid('userId', filters.userId),
    sessionId: checkOptionalUuid('sessionId', filters.sessionId),
    categories: checkValues('category', filters.category, categories),
    sources: checkValues('source', filters.source, sources),
    tiers: checkValues('tier', filters.tier, tiers),
    statuses: checkValues('status', filters.status, statuses) ?? ['active'],
    tags: checkTags('tags', filters.tags),
    // every memory has all of no tags
    allTags: allTags?.length === 0 ? null : allTags,
    minConfidence: given(filters.minConfidence, (value) => inRange('minConfidence', value, 0, 1)),
    minImportance: given(filters.minImportance, (value) => checkWholeNumber('minImportance', value, 1, 10)),
    createdFrom: given(filters.createdFrom, (value) => checkDate('createdFrom', value)),
    createdBefore: given(filters.createdBefore, (value) => checkDate('createdBefore', value)),
    subject: given(filters.subject, (value) => checkText('subject', value)),
    metadata: given(filters.metadata, checkMetadata),
  }
}

const maxTags = 100

function checkTags(name: string, tags: readonly string[] | undefined): readonly string[] | null {
  if (tags === undefined) return null
  if (Array.isArray(tags) && tags.length > maxTags)
    throw new InvalidArgumentError(name, `are more than ${maxTags}: search by fewer`)
  return toTags(tags)
}

function checkMetadata(metadata: JsonObject): string | null {
  if (!isPlainObject(metadata))
    throw new InvalidArgumentError('metadata', 'must be an object of keys and values')
  return Object.keys(metadata).length === 0 ? null : checkText('metadata', JSON.stringify(metadata))
}

function given<T, R>(value: T | undefined, check: (value: T) => R): R | null {
  return value === undefined ? null : check(value)
}

/** The conditions of a select from `ibex_core.memories as memory`: the tenant, and what is neither deleted nor expired. */
export function filterConditions(orgId: string, filters: CheckedFilters): RawBuilder<unknown> {
  const { agentId, minConfidence, minImportance, createdFrom, createdBefore, subject, metadata } = filters
  const conditions = [
    sql`memory.org_id = ${orgId} and memory.deleted_at is null and (memory.expires_at is null or memory.expires_at > now())`,
    statusCondition(filters),
    agentId && sql`(memory.agent_id = ${agentId} or memory.agent_id is null)`,
    filters.userId && sql`memory.user_id = ${filters.userId}`,
    filters.sessionId && sql`memory.session_id = ${filters.sessionId}`,
    isOneOf('category', filters.categories),
    isOneOf('source', filters.sources),
    isOneOf('tier', filters.tiers),
    minConfidence !== null && sql`memory.confidence >= ${minConfidence}::real`,
    minImportance !== null && sql`memory.importance >= ${minImportance}::smallint`,
    createdFrom && sql`memory.created_at >= ${createdFrom}`,
    createdBefore && sql`memory.created_at < ${createdBefore}`,
    subject !== null && sql`memory.subject = ${subject}`,
    metadata && sql`memory.metadata @> ${metadata}::jsonb`,
    filters.tags && sql`exists (select ${tagsOf(orgId, filters.tags)})`,
    filters.allTags &&
      sql`(select count(*) ${tagsOf(orgId, filters.allTags)}) = ${filters.allTags.length}::int`,
  ]
  return sql.join(
    conditions.filter((condition) => typeof condition === 'object' && condition !== null),
    sql` and `,
  )
}

function isOneOf(column: string, values: readonly string[] | null): RawBuilder<unknown> | null {
  return values && sql`memory.${sql.ref(column)} = any(${values}::text[])`
}

/** True for what most searches are about: an index holds the active memories, and its condition must be met word for word. */
export function isActiveOnly({ statuses }: CheckedFilters): boolean {
  return statuses.length === 1 && statuses[0] === 'active'
}

function statusCondition(filters: CheckedFilters): RawBuilder<unknown> {
  return isActiveOnly(filters)
    ? sql`memory.status = 'active'`
    : sql`memory.status = any(${filters.statuses}::text[])`
}

function tagsOf(orgId: string, tags: readonly string[]): RawBuilder<unknown> {
  return sql`from ibex_core.memory_tags as tagged
    where tagged.org_id = ${orgId} and tagged.memory_id = memory.id and tagged.tag = any(${tags}::text[])`
}
