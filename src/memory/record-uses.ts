/** Writes down that memories were retrieved, or became part of a prompt. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { ForeignKeyViolationError, InvalidArgumentError } from '../errors.ts'
import { checkUuid } from '../tenancy/arguments.ts'

/** What happened to a memory: a search returned it, or it became part of a prompt. */
export type MemoryUse = 'retrieval' | 'injection'

/** How often a memory was used since it was last written down, and when at last. */
export interface CountedUse {
  readonly memoryId: string
  readonly count: number
  readonly lastAt: Date
}

/** As many as the longest search returns, ten times over. */
const maxIds = 10_000

/**
 * Checks ids of memories that were used now; one that comes twice was used twice.
 *
 * @throws {InvalidArgumentError} when they are no list, more than 10,000, or one is no uuid.
 */
export function checkUses(ids: readonly string[]): CountedUse[] {
  if (!Array.isArray(ids)) throw new InvalidArgumentError('ids', 'must be an array of ids')
  if (ids.length > maxIds) throw new InvalidArgumentError('ids', 'are more than 10,000: record them in parts')
  const lastAt = new Date()
  const counts = new Map<string, number>()
  for (const id of ids) {
    const memoryId = checkUuid('ids', id).toLowerCase()
    counts.set(memoryId, (counts.get(memoryId) ?? 0) + 1)
  }
  return [...counts].map(([memoryId, count]) => ({ memoryId, count, lastAt }))
}

/** How often a memory may be erased between the look at it and the row that refers to it. */
const maxAttempts = 3

/**
 * Adds uses to `memory_usage` and returns of how many memories; those that the tenant does not have are passed over.
 *
 * One statement, which does not touch the rows of the memories. The rows are written in the order of their ids: two that count
 * the same memories at once would otherwise wait for each other.
 */
export async function recordUses(
  db: Kysely<DB>,
  orgId: string,
  use: MemoryUse,
  uses: readonly CountedUse[],
): Promise<number> {
  if (uses.length === 0) return 0
  const [count, lastAt] =
    use === 'retrieval'
      ? [sql.ref('retrieval_count'), sql.ref('last_retrieved_at')]
      : [sql.ref('injection_count'), sql.ref('last_injected_at')]
  const statement = sql`insert into ibex_core.memory_usage as usage (org_id, memory_id, ${count}, ${lastAt})
    select memory.org_id, memory.id, used.count, used.last_at from unnest(
      ${uses.map(({ memoryId }) => memoryId)}::uuid[], ${uses.map((each) => each.count)}::int[],
      ${uses.map((each) => each.lastAt)}::timestamptz[]
    ) as used (id, count, last_at) cross join lateral (
      select org_id, id from ibex_core.memories where org_id = ${orgId} and id = used.id offset 0
    ) as memory
    order by memory.id
    on conflict (org_id, memory_id) do update set ${count} = usage.${count} + excluded.${count},
      ${lastAt} = greatest(usage.${lastAt}, excluded.${lastAt})`
  for (let attempt = 1; ; attempt++) {
    try {
      return Number((await statement.execute(db)).numAffectedRows ?? 0)
    } catch (error) {
      // inside a transaction the second attempt fails too, for the transaction is over
      if (attempt >= maxAttempts || !(error instanceof ForeignKeyViolationError)) throw error
    }
  }
}
