/** Prunes the checkpoints that no session needs to go on from. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder, SqlBool } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { batchOptionNames, batchSettings, checkBatchOptions } from '../repository/batch-options.ts'
import type { BatchOptions, CheckedBatches } from '../repository/batch-options.ts'
import { checkDate, checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'
import { withSettings } from '../tenancy/query-settings.ts'
import type { Settings } from '../tenancy/settings.ts'
import { checkSystemScope } from '../tenancy/system-scope.ts'
import type { SystemScope } from '../tenancy/system-scope.ts'

/** Which checkpoints go: at least one of `keepLatest` and `olderThan` is needed, and with both of them both must hold. */
export interface PruneOptions extends BatchOptions {
  /** Of this tenant alone. */
  readonly orgId?: string | undefined
  /** Of this session alone; needs the tenant, because two may have a session with the same id. */
  readonly sessionId?: string | undefined
  /** The last so many turns of each session stay, at least 1. */
  readonly keepLatest?: number | undefined
  /** What was appended at this time or later stays. */
  readonly olderThan?: Date | undefined
  /** Called after each batch, and awaited. A batch is so many checkpoints that are looked at. */
  readonly onProgress?: ((progress: PruneProgress) => void | Promise<void>) | undefined
}

/** How far a prune has come. */
export interface PruneProgress {
  /** Checkpoints that were looked at. */
  readonly examined: number
  /** Checkpoints that were deleted, or in a dry run would be. */
  readonly pruned: number
}

/** What a prune did, or in a dry run would do. */
export interface PruneReport extends PruneProgress {
  /** False when it ended because of the limit. */
  readonly isComplete: boolean
}

/**
 * Deletes checkpoints for good: old ones, or all but the last ones of each session.
 *
 * The last complete turn of a session always stays, whatever the options say: a resume begins with it. So do the session's
 * counters and number of turns. A fork needs the turn that it forks at, and a request whose turn is gone is appended again as
 * a new one: keep as many turns as are gone back to or sent again. Each batch is a transaction of its own; checkpoints that
 * another prune holds are skipped, so several may run.
 *
 * ```ts
 * await database.asSystem('weekly prune', async (system) => {
 *   const plan = { keepLatest: 20, olderThan: new Date(Date.now() - 90 * 86_400_000) }
 *   console.log(await pruneCheckpoints(system, { ...plan, dryRun: true }))
 *   await pruneCheckpoints(system, { ...plan, onProgress: ({ pruned }) => console.log(pruned) })
 * })
 * ```
 *
 * @throws {InvalidArgumentError} when neither `keepLatest` nor `olderThan` is given, a session without its tenant, an option
 *   is not what it should be, or `system` is no system scope.
 */
export async function pruneCheckpoints<D extends DB>(
  system: SystemScope<D>,
  options: PruneOptions,
): Promise<PruneReport> {
  // a user's DB extends ours, so our tables are in it; Kysely's type is invariant and cannot say so
  const db = checkSystemScope(system) as unknown as Kysely<DB>
  const { onProgress, batchSize, limit, ...prune } = checkPrune(options)
  let [examined, pruned] = [0, 0]
  let after: Place | undefined = { org_id: nil, session_id: nil, turn_index: -1 }
  while (after !== undefined && pruned < limit) {
    const most = Math.min(batchSize, limit - pruned)
    const batch: Batch = await pruneBatch(db, { ...prune, batchSize, most, after })
    examined += batch.examined
    pruned += batch.pruned
    after = batch.examined < batchSize ? undefined : batch.last
    await onProgress?.({ examined, pruned })
  }
  return { examined, pruned, isComplete: pruned < limit }
}

const nil = '00000000-0000-0000-0000-000000000000'

const optionNames: ReadonlySet<string> = new Set<string>([
  ...batchOptionNames,
  ...(['orgId', 'sessionId', 'keepLatest', 'olderThan', 'onProgress'] satisfies (keyof PruneOptions)[]),
])

/** What goes, in SQL: conditions on `checkpoint`. */
interface Pruned {
  readonly reach: RawBuilder<SqlBool>
  readonly isPrunable: RawBuilder<SqlBool>
}

type CheckedPrune = CheckedBatches & Pruned & Pick<PruneOptions, 'onProgress'>

function checkPrune(options: PruneOptions): CheckedPrune {
  const batches = checkBatchOptions(options, optionNames)
  const { orgId, sessionId, keepLatest, olderThan, onProgress } = options
  if (keepLatest === undefined && olderThan === undefined)
    throw new InvalidArgumentError('keepLatest', 'or olderThan is required: nothing says what may go')
  if (sessionId !== undefined && orgId === undefined)
    throw new InvalidArgumentError('orgId', 'is required with a sessionId')
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new InvalidArgumentError('onProgress', 'must be a function')
  const reach = [sql<SqlBool>`true`]
  if (orgId !== undefined) reach.push(sql<SqlBool>`org_id = ${checkUuid('orgId', orgId)}`)
  if (sessionId !== undefined) reach.push(sql<SqlBool>`session_id = ${checkUuid('sessionId', sessionId)}`)
  const prunable = [isNeverResumed]
  if (olderThan !== undefined)
    prunable.push(sql<SqlBool>`checkpoint.created_at < ${checkDate('olderThan', olderThan)}`)
  if (keepLatest !== undefined)
    prunable.push(hasLater(checkWholeNumber('keepLatest', keepLatest, 1, 2_147_483_647)))
  return {
    ...batches,
    onProgress,
    reach: sql<SqlBool>`${sql.join(reach, sql` and `)}`,
    isPrunable: sql<SqlBool>`${sql.join(prunable, sql` and `)}`,
  }
}

/** A trigger refuses to delete any other one. */
const isNeverResumed: RawBuilder<SqlBool> = sql<SqlBool>`(not checkpoint.is_complete or exists (
        select from ibex_core.checkpoints as later
        where later.org_id = checkpoint.org_id and later.session_id = checkpoint.session_id
          and later.turn_index > checkpoint.turn_index and later.is_complete
        order by later.turn_index desc offset 0))`

/** Turns go from the first one on, so those that are counted here are there still when this one's turn comes. */
function hasLater(count: number): RawBuilder<SqlBool> {
  return sql<SqlBool>`exists (
        select from ibex_core.checkpoints as later
        where later.org_id = checkpoint.org_id and later.session_id = checkpoint.session_id
          and later.turn_index > checkpoint.turn_index
        order by later.turn_index offset ${count - 1}::bigint)`
}

/** The last checkpoint that was looked at. */
interface Place {
  readonly org_id: string
  readonly session_id: string
  readonly turn_index: number
}

interface Batch {
  readonly examined: number
  readonly pruned: number
  readonly last: Place | undefined
}

interface BatchInput extends Pruned {
  readonly after: Place
  readonly batchSize: number
  readonly most: number
  readonly dryRun: boolean
}

async function pruneBatch(db: Kysely<DB>, { dryRun, most, ...input }: BatchInput): Promise<Batch> {
  const deleted = sql`, locked as materialized (
      select row.org_id, row.id from prunable cross join lateral (
        select org_id, id from ibex_core.checkpoints
        where org_id = prunable.org_id and id = prunable.id for update skip locked
      ) as row
    ), deleted as (
      delete from ibex_core.checkpoints where (org_id, id) in (select org_id, id from locked) returning 1
    )`
  const statement = sql<Place & { examined: number; pruned: number }>`with page as materialized (
      select org_id, id, session_id, turn_index, is_complete, created_at from ibex_core.checkpoints
      where ${input.reach} and (org_id, session_id, turn_index)
        > (${input.after.org_id}::uuid, ${input.after.session_id}::uuid, ${input.after.turn_index}::int)
      order by org_id, session_id, turn_index limit ${input.batchSize}::bigint
    ), prunable as materialized (
      select org_id, id from page as checkpoint where ${input.isPrunable}
      order by org_id, session_id, turn_index limit ${most}::bigint
    )${dryRun ? sql`` : deleted}
    select (select count(*) from page)::int as examined,
      (select count(*) from ${dryRun ? sql`prunable` : sql`deleted`})::int as pruned, org_id, session_id, turn_index
    from page order by org_id desc, session_id desc, turn_index desc limit 1`
  const { rows } = await db.executeQuery(withSettings(statement.compile(db), pruning))
  const [row] = rows
  return { examined: row?.examined ?? 0, pruned: row?.pruned ?? 0, last: row }
}

/** What lets a checkpoint go, for as long as the statement runs. */
const pruning: Settings = { ...batchSettings, 'app.prune_checkpoints': 'on' }
