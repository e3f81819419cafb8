/** The one statement of a search: arms that find candidates, and their score. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { keptPlanSettings, searchSettings } from '../vector/similarity-search.ts'
import type { Settings } from '../tenancy/settings.ts'
import { fusedScore } from '../vector/rank-fusion.ts'
import { filterConditions, isActiveOnly } from './search-filters.ts'
import type { CheckedFilters } from './search-filters.ts'
import type { CheckedSearch } from './search-input.ts'
import { scoreOfShares, shareColumns, signalColumns, weightsQuery } from './search-score.ts'

/** What the statement returns with each hit: its columns are beside those of the memory, which is null when there is no hit. */
export interface SearchRow {
  /** The nearest were asked of the index, which is approximate. */
  readonly 'is ann': boolean
  /** The index gave as many as were asked for, or every vector was compared. */
  readonly 'is near complete': boolean
  /** No memory that was passed over can have a better rank than those found. */
  readonly 'are words complete': boolean
  readonly 'hit score': number
  readonly 'hit relevance': number
  readonly 'hit similarity': number | null
  readonly 'hit coverage': number | null
  readonly 'hit near place': number | null
  readonly 'hit word place': number | null
}

/** How many candidates each arm finds: what is ranked anew afterwards needs more than the limit. */
function candidateCount({ text, embedding, limit, isComposite, mmrLambda, rerank }: CheckedSearch): number {
  const isFinal =
    !isComposite && mmrLambda === null && rerank === null && (text === null || embedding === null)
  return isFinal ? limit : Math.min(1_000, Math.max(50, limit * 3))
}

/** Of 60,000 memories around 200 topics it finds 1.00 of the nearest ten; with 100 and 200, a whole topic is missed now and then. */
const effort = 300

/** The settings that ride in the statement's round trip. */
export function settingsOf(search: CheckedSearch): Settings {
  return searchSettings(candidateCount(search), effort)
}

/**
 * The settings with which the server keeps the plan of a search, or undefined when each search needs a plan of its own.
 *
 * A plan that is kept knows no values. Words are found by a function, which plans for itself. By vector it is right where the
 * scope alone decides, which the statement counts itself: other filters may leave few memories of many, and of two kinds of
 * ids the plan cannot know which leaves fewer. Planning takes longer than searching a small tenant.
 */
export function keptPlanOf(search: CheckedSearch): Settings | undefined {
  if (!leavesMany(search.filters)) return undefined
  if (search.embedding === null) return keptPlanSettings
  const { agentId, userId, sessionId, ...others } = search.filters
  const ids = [agentId, userId, sessionId].filter((id) => id !== null)
  const isScopeOnly =
    isActiveOnly(search.filters) &&
    Object.entries(others).every(([name, value]) => name === 'statuses' || value === null)
  return isScopeOnly && ids.length <= 1 ? keptPlanSettings : undefined
}

/** How many hits the statement returns: all candidates when MMR or a reranker chooses among them. */
function hitCount(search: CheckedSearch): number {
  return search.mmrLambda === null && search.rerank === null ? search.limit : candidateCount(search)
}

/**
 * Builds the statement.
 *
 * Only what runs costs more than its planning: an arm whose turn it is not stands behind a condition without columns, which
 * PostgreSQL evaluates once, before it reads anything (a one-time filter).
 */
export function searchStatement(orgId: string, search: CheckedSearch): RawBuilder<SearchRow> {
  const parts: Parts = { orgId, search, most: candidateCount(search) }
  if (isPlain(search)) return plainStatement(parts)
  const arms = [...askedFor(parts), fewArm(parts), ...nearArms(parts), ...wordArm(parts), candidates(search)]
  const order = search.isComposite
    ? sql`"hit score" desc, id`
    : sql`"hit order" desc, "hit relevance" desc, id`
  return sql<SearchRow>`with ${sql.join([...arms, scores(parts)])}
    select fact.*, hit.* from (${facts(parts)}) as fact
    left join (select * from hit order by ${order} limit ${hitCount(search)}) as hit on true
    order by ${order}`
}

/** A search by vector alone, which most are: what is ranked and joined otherwise would cost as much again to plan. */
function isPlain({ text, isComposite, filters }: CheckedSearch): boolean {
  return text === null && !isComposite && leavesMany(filters)
}

/** True without the filters that may leave few memories, which an index leads to. */
function leavesMany({ tags, allTags, metadata, statuses }: CheckedFilters): boolean {
  return tags === null && allTags === null && metadata === null && statuses.includes('active')
}

function plainStatement(parts: Parts): RawBuilder<SearchRow> {
  const { orgId, search, most } = parts
  const { exactBelow, exhaustive, filters, minRelevance } = search
  const where = sql`${filterConditions(orgId, filters)} and ${ofModel(search)}`
  const isLarge = sql`(select size from scope) > ${exactBelow}::int`
  const isFilled = sql`(select count(*) from ann) >= ${most}::int`
  const isAnn = exhaustive ? sql`${isLarge} and ${isFilled}` : isLarge
  return sql<SearchRow>`with ${sql.join(askedFor(parts))}, scope (size) as materialized (${scopeSize(orgId, filters, exactBelow)}),
    ann as materialized (
      select memory.id, ${distance} as distance from ibex_core.memories as memory
      where ${where} and ${isLarge} order by ${distance} limit ${most}
    ), near as (
      select id, distance from ann where ${isAnn}
      union all
      (select memory.id, ${distance} from ibex_core.memories as memory
        where ${where} and not (${isAnn}) order by ${distance} + 0, memory.id limit ${most})
    ), hit as (
      select memory.*, 1 - distance as "hit similarity", row_number() over (order by distance, near.id)::int as "hit near place"
      from near cross join lateral (${memoryOf(orgId, sql`near.id`)}) as memory
    )
    select ${isAnn} as "is ann", ${exhaustive ? sql`true` : sql`not ${isLarge} or ${isFilled}`} as "is near complete",
      true as "are words complete", hit.*, "hit similarity" as "hit score",
      least(greatest("hit similarity", 0), 1) as "hit relevance", null as "hit coverage", null as "hit word place"
    from (select) as always left join hit on "hit similarity" >= ${minRelevance === 0 ? -2 : minRelevance}::float8
    order by "hit near place"`
}

interface Parts {
  readonly orgId: string
  readonly search: CheckedSearch
  /** Candidates of each arm. */
  readonly most: number
}

/** The embedding, sent and read once, and the model of those that it may be compared with. */
function askedFor({ orgId, search: { embedding, embeddingModel } }: Parts): RawBuilder<unknown>[] {
  if (embedding === null) return []
  const asked = sql`asked (embedding) as materialized (select ${embedding}::vector)`
  if (embeddingModel !== null) return [asked]
  return [
    asked,
    sql`model (name) as materialized (select embedding_model from ibex_core.organizations where id = ${orgId})`,
  ]
}

/**
 * The memories that a selective filter leaves, when they are few: tags, metadata and what is not active have indexes that lead
 * to them, where the index of vectors would be read in vain. Null when they are many, or no such filter is given.
 */
function fewArm({ orgId, search: { filters, exactBelow } }: Parts): RawBuilder<unknown> {
  const most = exactBelow + 1
  const lists: RawBuilder<unknown>[] = []
  const { tags, allTags, metadata } = filters
  if (tags !== null)
    lists.push(sql`select distinct memory_id as id from ibex_core.memory_tags
      where org_id = ${orgId} and tag = any(${tags}::text[]) limit ${most}`)
  if (allTags !== null) lists.push(rarestTag(orgId, allTags, most))
  if (metadata !== null)
    lists.push(
      sql`select found.id from ibex_core.memories_containing(${metadata}::jsonb, ${most}::int) as found`,
    )
  if (!filters.statuses.includes('active'))
    lists.push(sql`select id from ibex_core.memories
      where org_id = ${orgId} and status = any(${filters.statuses}::text[]) and status <> 'active' and deleted_at is null
      limit ${most}`)
  if (lists.length === 0) return sql`few (ids) as (select null::uuid[])`
  const counted = lists.map(
    (list) => sql`select array_agg(id) as ids, count(*) as size from (${list}) as listed`,
  )
  return sql`few (ids) as materialized (select (
    select coalesce(ids, '{}') from (${sql.join(counted, sql` union all `)}) as lists
    where size <= ${exactBelow} order by size limit 1
  ))`
}

/** The memories with the tag that the fewest have: those with all of the tags are among them. */
function rarestTag(orgId: string, tags: readonly string[], most: number): RawBuilder<unknown> {
  return sql`select memory_id as id from ibex_core.memory_tags where org_id = ${orgId} and tag = (
      select wanted.tag from unnest(${tags}::text[]) as wanted (tag) cross join lateral (
        select count(*) as size from (
          select from ibex_core.memory_tags as tagged
          where tagged.org_id = ${orgId} and tagged.tag = wanted.tag limit ${most}
        ) as limited
      ) as counted order by counted.size, wanted.tag limit 1
    ) limit ${most}`
}

/** The nearest by vector: of few memories, and of a small scope, all are compared; of a large one the index is asked. */
function nearArms(parts: Parts): RawBuilder<unknown>[] {
  const { orgId, search, most } = parts
  if (search.embedding === null) return []
  const { exactBelow, filters } = search
  const where = sql`${filterConditions(orgId, filters)} and ${ofModel(search)}`
  const areMany = sql`(select ids from few) is null`
  const isLarge = sql`(select size from scope) > ${exactBelow}`
  const tooFew = search.exhaustive ? sql`(select count(*) from ann) < ${most}` : sql`false`
  return [
    sql`scope (size) as materialized (${scopeSize(orgId, filters, exactBelow)})`,
    sql`ann as materialized (
      select memory.id, ${distance} as distance from ibex_core.memories as memory
      where ${where} and ${areMany} and ${isLarge} order by ${distance} limit ${most})`,
    // the sum keeps the planner from the index, which is not exact
    sql`exact as materialized (
      select memory.id, ${distance} as distance from ibex_core.memories as memory
      where ${where} and ${areMany} and (not ${isLarge} or ${tooFew}) order by ${distance} + 0, memory.id limit ${most})`,
    sql`near as materialized (
      select id, distance, row_number() over (order by distance, id) as place from (
        select * from exact
        union all
        select * from ann where not exists (select from exact)
        union all
        (select memory.id, ${distance} from unnest((select ids from few)) as listed (id)
          cross join lateral (${memoryOf(orgId, sql`listed.id`)}) as memory where ${where} order by 2, 1 limit ${most})
      ) as found)`,
  ]
}

/** How many memories there are to compare, counted up to one more than matters, by indexes alone. */
function scopeSize(orgId: string, filters: CheckedFilters, exactBelow: number): RawBuilder<unknown> {
  const most = exactBelow + 1
  const isActive = isActiveOnly(filters) ? sql`and status = 'active' and deleted_at is null` : sql``
  const some = (condition: RawBuilder<unknown>): RawBuilder<unknown> =>
    sql`(select from ibex_core.memories where org_id = ${orgId} ${condition} limit ${most})`
  const { agentId, userId, sessionId } = filters
  const sizes = [
    agentId === null
      ? count(some(isActive))
      : sql`${count(some(sql`and agent_id = ${agentId} ${isActive}`))} + ${count(some(sql`and agent_id is null ${isActive}`))}`,
  ]
  if (userId !== null) sizes.push(count(some(sql`and user_id = ${userId}`)))
  if (sessionId !== null) sizes.push(count(some(sql`and session_id = ${sessionId}`)))
  return sql`select least(${sql.join(sizes)})`
}

function count(list: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(select count(*) from ${list} as counted)`
}

/**
 * The memory of an id, looked up. Those that are compared are sorted by their ids and distances alone: a row is 2 KB, and
 * copying all of a tenant's took as long as comparing them.
 */
function memoryOf(orgId: string, id: RawBuilder<unknown>): RawBuilder<unknown> {
  // the offset keeps the planner from a join, for which it would read all of the tenant's
  return sql`select * from ibex_core.memories where org_id = ${orgId} and id = ${id} offset 0`
}

const distance = sql`(memory.embedding <=> (select embedding from asked))`

/** Vectors of two models are never compared. */
function ofModel({ embeddingModel }: CheckedSearch): RawBuilder<unknown> {
  if (embeddingModel !== null) return sql`memory.embedding_model = ${embeddingModel}`
  return sql`(memory.embedding_model is null or memory.embedding_model = (select name from model))`
}

/** What holds words of the text. */
function wordArm({ search: { text, language, filters }, most }: Parts): RawBuilder<unknown>[] {
  if (text === null) return []
  return [
    sql`word as materialized (
      select found.*, row_number() over (order by rank desc, id) as place from ibex_core.search_memories(
        ${text}, ${language}, ${filters.statuses}::text[], (select ids from few), ${filters.agentId}::uuid,
        ${filters.userId}::uuid, ${filters.sessionId}::uuid, ${filters.categories}::text[], ${filters.sources}::text[],
        ${filters.tiers}::text[], ${filters.minConfidence}::real, ${filters.minImportance}::int,
        ${filters.createdFrom}::timestamptz, ${filters.createdBefore}::timestamptz, ${filters.subject}::text,
        ${filters.metadata}::jsonb, ${filters.tags}::text[], ${filters.allTags}::text[], ${most}::int) as found)`,
  ]
}

/** The candidates of both arms, each once; "hit order" is what they are ranked by when relevance alone counts. */
function candidates({ text, embedding }: CheckedSearch): RawBuilder<unknown> {
  // materialized: the full join makes coalesce() of the ids, which is not leakproof and would keep the primary key from use
  if (text === null)
    return sql`candidate as materialized (select id, distance, place as near_place, null::float8 as coverage, null::bigint as word_place,
      -distance as "hit order" from near)`
  if (embedding === null)
    return sql`candidate as materialized (select id, null::float8 as distance, null::bigint as near_place, coverage::float8,
      place as word_place, rank::float8 as "hit order" from word)`
  return sql`candidate as materialized (select id, near.distance, near.place as near_place, word.coverage::float8, word.place as word_place,
    ${fusedScore([sql`near.place`, sql`word.place`])} as "hit order" from near full join word using (id))`
}

/** The hits with all that is told of them. */
function scores(parts: Parts): RawBuilder<unknown> {
  const { orgId, search } = parts
  const { isComposite, weights, relevanceGate, minRelevance, filters } = search
  const usage = isComposite
    ? sql`left join lateral (
        select * from ibex_core.memory_usage where org_id = ${orgId} and memory_id = memory.id offset 0
      ) as usage on true`
    : sql``
  const compared = sql`compared as materialized (
    select memory.*, ${similarityOf(search)} as "hit similarity", candidate.coverage as "hit coverage",
      candidate.near_place::int as "hit near place", candidate.word_place::int as "hit word place", candidate."hit order"
      ${isComposite ? sql`, ${signalColumns}` : sql``}
    from candidate cross join lateral (${memoryOf(orgId, sql`candidate.id`)}) as memory ${usage}
  ), scored as (
    select *, ${relevance(search)} as "hit relevance", ${relevance(search)} as relevance from compared
  )`
  if (!isComposite)
    return sql`${compared}, hit as (
      select *, ${relevanceScore(search)} as "hit score" from scored where "hit relevance" >= ${minRelevance}::float8)`
  return sql`${compared}, weight as materialized (${weightsQuery(orgId, weights, filters.agentId)}), hit as (
    select *, ${scoreOfShares} as "hit score" from (
      select scored.*, ${shareColumns} from scored cross join weight
      where scored.relevance >= greatest(${minRelevance}::float8, ${relevanceGate}::float8 * (select max(scored.relevance) from scored))
    ) as passed)`
}

/** Also of what only the words have found, if its vector can be compared. */
function similarityOf(search: CheckedSearch): RawBuilder<unknown> {
  if (search.embedding === null) return sql`null::float8`
  if (search.text === null) return sql`1 - candidate.distance`
  return sql`1 - coalesce(candidate.distance, case when ${ofModel(search)} then ${distance} end)`
}

/**
 * How relevant a hit is, 0 to 1: its similarity, the share of the text that it covers, or of both what is left when each takes
 * its part of the doubt. One that is near is relevant without the words, and the other way round; both are more than one.
 */
function relevance({ text, embedding }: CheckedSearch): RawBuilder<unknown> {
  const similarity = sql`greatest(coalesce("hit similarity", 0), 0)`
  const coverage = sql`least(coalesce("hit coverage", 0), 1)`
  if (text === null) return sql`least(${similarity}, 1)`
  if (embedding === null) return coverage
  return sql`1 - (1 - least(${similarity}, 1)) * (1 - ${coverage})`
}

/** Similarity, rank of the words, or the fused score; of 1 at most but for the rank. */
function relevanceScore({ text }: CheckedSearch): RawBuilder<unknown> {
  return text === null ? sql`"hit similarity"` : sql`"hit order"`
}

function facts({ search, most }: Parts): RawBuilder<unknown> {
  const { exactBelow, exhaustive } = search
  const isAnn =
    search.embedding !== null &&
    sql`(select ids from few) is null and (select size from scope) > ${exactBelow}`
  const isFilled = sql`(select count(*) from ann) >= ${most}`
  const near =
    isAnn === false
      ? sql`false as "is ann", true as "is near complete"`
      : sql`${isAnn} and ${exhaustive ? isFilled : sql`true`} as "is ann",
          ${exhaustive ? sql`true` : sql`not (${isAnn}) or ${isFilled}`} as "is near complete"`
  // of fewer than asked for, or of a rank that one passed over may have too, others may be missing
  const words =
    search.text === null
      ? sql`true`
      : sql`coalesce((select case when count(*) < ${most} then max(skipped) = 0 else min(rank) >= max(skipped) end from word), true)`
  return sql`select ${near}, ${words} as "are words complete"`
}
