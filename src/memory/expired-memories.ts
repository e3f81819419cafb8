/** The sweep of memories whose time has come. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder, SqlBool } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { batchOptionNames, batchSettings, checkBatchOptions } from '../repository/batch-options.ts'
import type { BatchOptions, CheckedBatches } from '../repository/batch-options.ts'
import { withSettings } from '../tenancy/query-settings.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkSystemScope } from '../tenancy/system-scope.ts'
import type { SystemScope } from '../tenancy/system-scope.ts'
import { keepingReason, reasonUnlessGiven } from './change-reason.ts'

/** What a sweep did, or in a dry run would do. */
export interface ExpirySweep {
  /** Memories that it soft-deleted. */
  readonly expired: number
  /** False when it ended because of the limit. */
  readonly isComplete: boolean
}

const optionNames: ReadonlySet<string> = new Set(batchOptionNames)

/**
 * Soft-deletes the memories of all tenants whose `expires_at` has passed, the longest expired first.
 *
 * As {@link MemoryRepository.sweepExpired}, with the reason of `asSystem` in the versions.
 *
 * ```ts
 * await database.asSystem('nightly expiry sweep', async (system) => await sweepExpiredMemories(system))
 * ```
 *
 * @throws {InvalidArgumentError} when an option is not what it should be, or `system` is no system scope.
 */
export async function sweepExpiredMemories<D extends DB>(
  system: SystemScope<D>,
  options: BatchOptions = {},
): Promise<ExpirySweep> {
  // a user's DB extends ours, so our tables are in it; Kysely's type is invariant and cannot say so
  const db = checkSystemScope(system) as unknown as Kysely<DB>
  return await sweep(db, checkBatchOptions(options, optionNames), {
    candidate: sql<SqlBool>`true`,
    swept: sql<SqlBool>`(memories.org_id, memories.id) in (select org_id, id from expired)`,
  })
}

/** Soft-deletes those of one tenant. */
export async function sweepExpiredMemoriesOf(scope: Scope<DB>, options: BatchOptions): Promise<ExpirySweep> {
  const batches = checkBatchOptions(options, optionNames)
  const reach = {
    candidate: sql<SqlBool>`memories.org_id = ${scope.orgId}`,
    // an array, because the planner would rather read all memories than look up as many as it thinks have expired
    swept: sql<SqlBool>`memories.org_id = ${scope.orgId} and memories.id = any(array(select id from expired))`,
  }
  return await keepingReason(scope, async (db) => await sweep(db, batches, reach))
}

interface Reach {
  readonly candidate: RawBuilder<SqlBool>
  readonly swept: RawBuilder<SqlBool>
}

async function sweep(
  db: Kysely<DB>,
  { batchSize, limit, dryRun }: CheckedBatches,
  reach: Reach,
): Promise<ExpirySweep> {
  if (dryRun) {
    const expired = await countExpired(db, limit, reach)
    return { expired, isComplete: expired < limit }
  }
  let expired = 0
  while (expired < limit) {
    const size = Math.min(batchSize, limit - expired)
    const swept = await sweepBatch(db, size, reach)
    expired += swept
    if (swept < size) return { expired, isComplete: true }
  }
  return { expired, isComplete: false }
}

/** The conditions of the indexes on `expires_at`. */
const hasExpired: RawBuilder<SqlBool> = sql<SqlBool>`expires_at <= now() and deleted_at is null`

async function countExpired(db: Kysely<DB>, limit: number, { candidate }: Reach): Promise<number> {
  const { rows } = await sql<{ count: string }>`select count(*) from (
    select from ibex_core.memories where ${candidate} and ${hasExpired}
    limit ${Number.isFinite(limit) ? limit : null}::bigint) as expired`.execute(db)
  return Number(rows[0]?.count)
}

/** A row that is locked is as its last version says: one that was given more time meanwhile is spared. */
async function sweepBatch(db: Kysely<DB>, size: number, { candidate, swept }: Reach): Promise<number> {
  const statement = sql<{ count: string }>`with expired as materialized (
      select org_id, id from ibex_core.memories where ${candidate} and ${hasExpired}
      order by expires_at limit ${size}::bigint for no key update skip locked
    ), reason as materialized (
      ${reasonUnlessGiven('expired')}
    ), deleted as (
      update ibex_core.memories set deleted_at = now() from reason where ${swept} returning 1
    )
    select count(*) from deleted`
  const { rows } = await db.executeQuery(withSettings(statement.compile(db), batchSettings))
  return Number(rows[0]?.count)
}
