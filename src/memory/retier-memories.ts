/** Moves memories to the tier that they should have. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder, SqlBool } from 'kysely'
import type { DB, MemoryTier } from '../../types/database.d.ts'
import { batchOptionNames, batchSettings, checkBatchOptions } from '../repository/batch-options.ts'
import type { BatchOptions, CheckedBatches } from '../repository/batch-options.ts'
import { checkDate } from '../tenancy/arguments.ts'
import { withSettings } from '../tenancy/query-settings.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkSystemScope } from '../tenancy/system-scope.ts'
import type { SystemScope } from '../tenancy/system-scope.ts'
import { keepingReason, reasonUnlessGiven } from './change-reason.ts'
import { tierAt } from './memory-tiers.ts'

/** The options of moving memories between tiers. A batch is so many memories that are looked at. */
export interface RetierOptions extends BatchOptions {
  /** The time at which the tiers are right (default: that of the database). */
  readonly now?: Date | undefined
}

/** How many memories went from one tier to another. */
export interface TierMove {
  readonly from: MemoryTier
  readonly to: MemoryTier
  readonly count: number
}

/** What moving memories between tiers did, or in a dry run would do. */
export interface RetierReport {
  /** Memories that were looked at. */
  readonly examined: number
  readonly moved: number
  /** The moves that happened, most frequent first; others are left out. */
  readonly moves: readonly TierMove[]
  /** False when it ended because of the limit. */
  readonly isComplete: boolean
}

const optionNames: ReadonlySet<string> = new Set<string>([...batchOptionNames, 'now'])

/**
 * Moves the memories of all tenants to the tier that they should have.
 *
 * As {@link MemoryRepository.retier}, with the reason of `asSystem` in the versions.
 *
 * ```ts
 * await database.asSystem('nightly tiering', async (system) => await retierMemories(system))
 * ```
 *
 * @throws {InvalidArgumentError} when an option is not what it should be, or `system` is no system scope.
 */
export async function retierMemories<D extends DB>(
  system: SystemScope<D>,
  options: RetierOptions = {},
): Promise<RetierReport> {
  // a user's DB extends ours, so our tables are in it; Kysely's type is invariant and cannot say so
  const db = checkSystemScope(system) as unknown as Kysely<DB>
  return await retier(db, checkRetier(options), sql<SqlBool>`true`)
}

/** Moves those of one tenant. */
export async function retierMemoriesOf(scope: Scope<DB>, options: RetierOptions): Promise<RetierReport> {
  const job = checkRetier(options)
  const reach = sql<SqlBool>`memory.org_id = ${scope.orgId}`
  return await keepingReason(scope, async (db) => await retier(db, job, reach))
}

type CheckedRetier = CheckedBatches & { readonly tier: RawBuilder<MemoryTier> }

function checkRetier(options: RetierOptions): CheckedRetier {
  const batches = checkBatchOptions(options, optionNames)
  const { now } = options
  return {
    ...batches,
    tier: tierAt(now === undefined ? sql<Date>`now()` : sql<Date>`${checkDate('now', now)}::timestamptz`),
  }
}

/** Whose memories: a condition on `memory`, which prunes the partitions where it names a tenant. */
type Reach = RawBuilder<SqlBool>

/** The last memory that was looked at. */
interface Place {
  readonly org_id: string
  readonly id: string
}

const nil = '00000000-0000-0000-0000-000000000000'

async function retier(
  db: Kysely<DB>,
  { batchSize, limit, dryRun, tier }: CheckedRetier,
  reach: Reach,
): Promise<RetierReport> {
  const counts = new Map<string, TierMove>()
  let [examined, moved] = [0, 0]
  let after: Place | undefined = { org_id: nil, id: nil }
  while (after !== undefined && moved < limit) {
    const page = pageAfter(after, reach, { batchSize, tier })
    const most = Math.min(batchSize, limit - moved)
    const batch: Batch = await runBatch(
      db,
      dryRun ? counted(page, most) : changed(page, { most, tier, reach }),
    )
    for (const move of batch.moves) {
      const key = `${move.from} ${move.to}`
      counts.set(key, { ...move, count: move.count + (counts.get(key)?.count ?? 0) })
      moved += move.count
    }
    examined += batch.examined
    after = batch.examined < batchSize ? undefined : batch.last
  }
  const moves = [...counts.values()].toSorted((one, other) => other.count - one.count)
  return { examined, moved, moves, isComplete: moved < limit }
}

interface Batch {
  readonly examined: number
  readonly last: Place | undefined
  readonly moves: readonly TierMove[]
}

async function runBatch(db: Kysely<DB>, statement: RawBuilder<BatchRow>): Promise<Batch> {
  const { rows } = await db.executeQuery(withSettings(statement.compile(db), batchSettings))
  const [first] = rows
  return {
    examined: first?.examined ?? 0,
    last: first?.org_id && first.id ? { org_id: first.org_id, id: first.id } : undefined,
    moves: rows.flatMap(({ from, to, count }) =>
      from === null || to === null ? [] : [{ from, to, count: Number(count) }],
    ),
  }
}

/** A move of the batch, or one row without a move. */
interface BatchRow {
  readonly examined: number
  readonly org_id: string | null
  readonly id: string | null
  readonly from: MemoryTier | null
  readonly to: MemoryTier | null
  readonly count: string
}

/** The next memories in the order of their key, with the tier that they have and the one that they should have. */
function pageAfter(
  after: Place,
  reach: Reach,
  { batchSize, tier }: Pick<CheckedRetier, 'batchSize' | 'tier'>,
): RawBuilder<unknown> {
  return sql`page as materialized (
      select memory.org_id, memory.id, memory.tier as "from", ${tier} as "to" from (
        select org_id, id, tier, is_pinned, importance, created_at from ibex_core.memories as memory
        where ${reach} and (org_id, id) > (${after.org_id}::uuid, ${after.id}::uuid)
          and status = 'active' and deleted_at is null
        order by org_id, id limit ${batchSize}::bigint
      ) as memory ${withUsage}
    )`
}

/** `offset 0` keeps it a look-up by its index, which the planner would turn into a join that reads all. */
const withUsage: RawBuilder<unknown> = sql`left join lateral (
        select * from ibex_core.memory_usage where org_id = memory.org_id and memory_id = memory.id offset 0
      ) as usage on true`

function counted(page: RawBuilder<unknown>, most: number): RawBuilder<BatchRow> {
  return summed(
    page,
    sql`move as (select "from", "to" from page where "from" <> "to" order by org_id, id limit ${most}::bigint)`,
  )
}

/**
 * The rows are locked one by one, and those that others hold are skipped. What is locked is as its last version says: the
 * tier is decided once more, so a memory that was pinned meanwhile is not taken for an unpinned one.
 */
function changed(
  page: RawBuilder<unknown>,
  {
    most,
    tier,
    reach,
  }: { readonly most: number; readonly tier: RawBuilder<MemoryTier>; readonly reach: Reach },
): RawBuilder<BatchRow> {
  const moves = sql`moving as materialized (
      select locked.* from (select org_id, id from page where "from" <> "to" order by org_id, id) as stale
      cross join lateral (
        select memory.org_id, memory.id, memory.tier as "from", ${tier} as "to"
        from ibex_core.memories as memory ${withUsage}
        where ${reach} and memory.org_id = stale.org_id and memory.id = stale.id
          and memory.status = 'active' and memory.deleted_at is null and memory.tier <> ${tier}
        for no key update of memory skip locked
      ) as locked
      limit ${most}::bigint
    ), reason as materialized (
      ${reasonUnlessGiven('tier by use, age, importance and pin')}
    ), move as (
      update ibex_core.memories as memory set tier = moving."to" from moving, reason
      where ${reach} and memory.org_id = moving.org_id and memory.id = moving.id
      returning moving."from", moving."to"
    )`
  return summed(page, moves)
}

function summed(page: RawBuilder<unknown>, moves: RawBuilder<unknown>): RawBuilder<BatchRow> {
  return sql<BatchRow>`with ${page}, ${moves}
    select total.examined, last.org_id, last.id, summed.*
    from (select count(*)::int as examined from page) as total
    left join (select org_id, id from page order by org_id desc, id desc limit 1) as last on true
    left join (select "from", "to", count(*) as count from move group by "from", "to") as summed on true`
}
