/** The proof that the ledger of points adds up to the accounts. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { DB } from '../../types/database.d.ts'

/** An account that is not what its ledger adds up to. */
export interface PointsDifference {
  readonly userId: string
  /**
   * What differs: columns of the account, `balance_after` and `frozen_after` of a movement, or `sequence` where the versions
   * of the movements have a gap.
   */
  readonly differences: readonly string[]
}

/**
 * Compares each account of a tenant, or of one user, with the sums of its ledger, and each movement with the sum so far.
 *
 * balance = credits but releases - debits but freezes; frozen = freezes - releases - settlements; version = movements.
 * The sums are computed here from amount, direction and kind alone, and not as the triggers do, step by step.
 */
export async function reconcilePoints(
  db: Kysely<DB>,
  orgId: string,
  userId: string | undefined,
): Promise<PointsDifference[]> {
  const mine = userId === undefined ? sql`org_id = ${orgId}` : sql`org_id = ${orgId} and user_id = ${userId}`
  const { rows } = await sql<PointsDifference>`with movements as (${movements(mine)}), ledger as (
    select user_id, sum(earned) as earned, sum(spent) as spent, sum(frozen) as frozen, count(*) as movements,
      bool_or(version <> seq) as has_gap, bool_or(balance_after <> balance_so_far) as has_wrong_balance,
      bool_or(frozen_after <> frozen_so_far) as has_wrong_frozen
    from movements group by user_id
  ), accounts as (
    select user_id, balance, frozen_balance, lifetime_earned, lifetime_spent, version
    from ibex_core.point_accounts where ${mine}
  ), compared as (
    select user_id, array_remove(array[
      case when coalesce(balance, 0) <> coalesce(earned - spent, 0) then 'balance' end,
      case when coalesce(frozen_balance, 0) <> coalesce(frozen, 0) then 'frozen_balance' end,
      case when coalesce(lifetime_earned, 0) <> coalesce(earned, 0) then 'lifetime_earned' end,
      case when coalesce(lifetime_spent, 0) <> coalesce(spent, 0) then 'lifetime_spent' end,
      case when coalesce(version, 0) <> coalesce(movements, 0) then 'version' end,
      case when has_gap then 'sequence' end,
      case when has_wrong_balance then 'balance_after' end,
      case when has_wrong_frozen then 'frozen_after' end], null) as differences
    from accounts full join ledger using (user_id)
  )
  select user_id as "userId", differences from compared where differences <> '{}' order by user_id`.execute(
    db,
  )
  return rows
}

function movements(mine: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select user_id, version, balance_after, frozen_after, earned, spent, frozen,
      row_number() over so_far as seq, sum(earned - spent) over so_far as balance_so_far, sum(frozen) over so_far as frozen_so_far
    from ibex_core.points_ledger, lateral (select
      case when direction = 'credit' and change_type <> 'release' then amount else 0 end as earned,
      case when direction = 'debit' and change_type <> 'freeze' then amount else 0 end as spent,
      case change_type when 'freeze' then amount when 'release' then -amount when 'settle' then -amount else 0 end as frozen
    ) as kind
    where ${mine} window so_far as (partition by user_id order by version rows unbounded preceding)`
}
