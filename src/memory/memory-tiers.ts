/** The rules by which a memory is hot, warm or cold: this file is the one place where they are written. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { MemoryTier } from '../../types/database.d.ts'

/**
 * The numbers of the rules.
 *
 * A memory is silent since it was added, last retrieved or last injected, whichever came last. It was used as often as it
 * was retrieved or injected, whichever is more: a search that leads to an injection is one use. The first line that holds
 * decides:
 *
 * | tier | a memory that                                                                                 |
 * | ---- | --------------------------------------------------------------------------------------------- |
 * | hot  | is pinned                                                                                     |
 * | hot  | was used at least 5 times, the last time within 7 days                                        |
 * | hot  | has an importance of 9 or 10, and is silent for less than 30 days                             |
 * | cold | is silent for more than 18 days times its importance: 18 days for 1, 90 for 5, 180 for 10     |
 * | warm | is none of these                                                                              |
 *
 * One that is hot already stays so for twice the 7 and the 30 days, so that it does not go to and fro at the border. The same
 * time gives the same tier: to apply the rules twice is to apply them once.
 */
export const tierRules: {
  readonly hotUses: number
  readonly hotUseDays: number
  readonly hotImportance: number
  readonly hotImportanceDays: number
  readonly staysHotFactor: number
  readonly coldDaysPerImportance: number
} = {
  hotUses: 5,
  hotUseDays: 7,
  hotImportance: 9,
  hotImportanceDays: 30,
  staysHotFactor: 2,
  coldDaysPerImportance: 18,
}

/**
 * Builds the tier that a memory should have at a time, of the tables `memory` and `usage`, which may have no row for it.
 *
 * The numbers are written into the statement: they are no parameters, so its text is always the same.
 */
export function tierAt(now: RawBuilder<Date>): RawBuilder<MemoryTier> {
  const rule = tierRules
  // greatest() passes over nulls
  const silentSince = sql`greatest(memory.created_at, usage.last_retrieved_at, usage.last_injected_at)`
  const lastUsed = sql`greatest(usage.last_retrieved_at, usage.last_injected_at)`
  const within = (days: number): RawBuilder<unknown> =>
    sql`${now} - make_interval(days => ${sql.lit(days)}
      * case when memory.tier = 'hot' then ${sql.lit(rule.staysHotFactor)} else 1 end)`
  return sql<MemoryTier>`(case
      when memory.is_pinned then 'hot'
      when greatest(usage.retrieval_count, usage.injection_count) >= ${sql.lit(rule.hotUses)}
        and ${lastUsed} > ${within(rule.hotUseDays)} then 'hot'
      when memory.importance >= ${sql.lit(rule.hotImportance)}
        and ${silentSince} > ${within(rule.hotImportanceDays)} then 'hot'
      when ${silentSince} < ${now}
        - make_interval(days => ${sql.lit(rule.coldDaysPerImportance)} * memory.importance) then 'cold'
      else 'warm'
    end)`
}
