/** The memories that an agent needs most often, without a question: by confidence, age and use. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder, SqlBool } from 'kysely'
import type { DB, Memory } from '../../types/database.d.ts'
import type { HotCache, Ranking } from '../hot-cache/hot-cache.ts'
import { checkObject, checkOptionNames, checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'
import { withSettings } from '../tenancy/query-settings.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Whose hot memories, and how many. */
export interface HotOptions {
  /** This agent's memories and the shared ones. */
  readonly agentId: string
  /** Rows at most, 1 to 50 (default 10). */
  readonly limit?: number
}

/** Options that passed every check. */
export interface CheckedHotOptions {
  readonly agentId: string
  readonly limit: number
}

/** How many ids a list holds: the contract that memory services were promised. */
const listLength = 50

const known: ReadonlySet<string> = new Set<keyof HotOptions>(['agentId', 'limit'])

/** @throws {InvalidArgumentError} when an option is not what it should be. */
export function checkHotOptions(options: HotOptions): CheckedHotOptions {
  checkOptionNames('option', checkObject('options', options), known)
  return {
    // in one spelling, or the same agent would have two lists, one of which no change reaches
    agentId: checkUuid('agentId', options.agentId).toLowerCase(),
    limit: checkWholeNumber('limit', options.limit ?? 10, 1, listLength),
  }
}

/**
 * Reads the hot memories of an agent: by the ids of the cache, or from the database where there is none.
 *
 * The rows are read in any case, by the caller's own scope: what was archived, deleted or expired meanwhile is left out, and
 * when rows are missing then, the list is made anew.
 */
export async function readHotMemories(
  scope: Scope<DB>,
  options: CheckedHotOptions,
  cache: HotCache | undefined,
): Promise<Memory[]> {
  const { db, orgId } = scope
  const { agentId, limit } = options
  const owner = { orgId, agentId }
  if (cache === undefined) return await readBest(db, owner, limit)
  const query = async (): Promise<Ranking> => await rankMemories(db, owner)
  const { ids, isCached } = await cache.rank(owner, query)
  const rows = await readByIds(db, { ...owner, ids, limit })
  const isShort = rows.length < Math.min(limit, ids.length)
  if (!isCached || !isShort) return rows
  await cache.drop(owner)
  const { ids: newIds } = await cache.rank(owner, query)
  return await readByIds(db, { ...owner, ids: newIds, limit })
}

interface Owner {
  readonly orgId: string
  readonly agentId: string
}

// the sort of 60,000 rows is cheap, a nested loop into their usage, which a generic plan takes, is not
const settings = { plan_cache_mode: 'force_custom_plan' }

async function readBest(db: Kysely<DB>, owner: Owner, limit: number): Promise<Memory[]> {
  const query = sql<Memory>`with best as (${best(owner, limit)})
    select memory.* from best cross join lateral (
      select * from ibex_core.memories where org_id = ${owner.orgId} and id = best.id offset 0
    ) as memory order by best.score desc, best.id`
  const { rows } = await db.executeQuery(withSettings(query.compile(db), settings))
  return rows
}

async function rankMemories(db: Kysely<DB>, owner: Owner): Promise<Ranking> {
  const query = sql<{ ids: string[]; horizon: string }>`
    select array(select id::text from (${best(owner, listLength)}) as best order by score desc, id) as ids,
      pg_snapshot_xmax(pg_current_snapshot())::text as horizon`
  const { rows } = await db.executeQuery(withSettings(query.compile(db), settings))
  const { ids = [], horizon = '0' } = rows[0] ?? {}
  return { ids, horizon: BigInt(horizon) }
}

async function readByIds(
  db: Kysely<DB>,
  { orgId, agentId, ids, limit }: Owner & { readonly ids: readonly string[]; readonly limit: number },
): Promise<Memory[]> {
  if (ids.length === 0) return []
  const { rows } =
    await sql<Memory>`select memory.* from unnest(${ids}::uuid[]) with ordinality as best (id, place)
    cross join lateral (
      select * from ibex_core.memories where org_id = ${orgId} and id = best.id offset 0
    ) as memory
    where ${isLive} and (agent_id = ${agentId} or agent_id is null)
    order by best.place limit ${limit}`.execute(db)
  return rows
}

const isLive: RawBuilder<SqlBool> = sql<SqlBool>`status = 'active' and deleted_at is null
  and (expires_at is null or expires_at > now())`

/** Two arms, because the index finds an agent or none, and not one of both. */
function best({ orgId, agentId }: Owner, limit: number): RawBuilder<{ id: string; score: number }> {
  return sql`select id, rank + ${useScore} as score from (
      ${ranked(orgId, sql<SqlBool>`agent_id = ${agentId}`)} union all ${ranked(orgId, sql<SqlBool>`agent_id is null`)}
    ) as live left join ibex_core.memory_usage as usage on usage.org_id = ${orgId} and usage.memory_id = live.id
    order by score desc, id limit ${limit}`
}

function ranked(orgId: string, isOfAgent: RawBuilder<SqlBool>): RawBuilder<{ id: string; rank: number }> {
  return sql`select id, ${confidenceAndAge} as rank from ibex_core.memories
    where org_id = ${orgId} and ${isOfAgent} and ${isLive}`
}

// 0.40 x confidence + 0.35 / (1 + age in days) + 0.25 x min(retrievals / 10, 1), in floating point: numeric is five times slower
const confidenceAndAge = sql`0.40::float8 * confidence
  + 0.35::float8 / (1 + greatest(date_part('epoch', now() - created_at), 0) / 86400)`
const useScore = sql`0.025::float8 * least(coalesce(usage.retrieval_count, 0), 10)`
