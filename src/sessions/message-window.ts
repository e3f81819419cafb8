/** What of a session fits into a budget of tokens. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { DB, Message } from '../../types/database.d.ts'

/** Whose messages, and how many tokens of them. */
export interface WindowRequest {
  readonly orgId: string
  readonly sessionId: string
  readonly tokens: number
}

/**
 * Reads the newest messages whose tokens add up to at most the budget, in reading order, and before them the latest summary
 * that fits when older messages are left out.
 *
 * The sum runs over the index from the newest message on, and `limit 1` stops it at the first message that is too much:
 * the cost is that of the window, however long the session is. `greatest` passes over null as `coalesce` would, but leaks
 * nothing, so that the comparison may use the index.
 */
export async function readWindow(db: Kysely<DB>, request: WindowRequest): Promise<Message[]> {
  const { orgId, sessionId, tokens } = request
  const ofSession = sql`org_id = ${orgId} and session_id = ${sessionId} and deleted_at is null`
  const budget = sql`${tokens}::bigint`
  const { rows } = await sql<Message>`with beyond as materialized (
      ${firstBeyond(ofSession, budget)}
    ), summary as materialized (
      select * from ibex_core.messages
      where ${ofSession} and is_summary and token_count <= ${budget} and exists (select from beyond)
      order by seq desc limit 1
    ), cut as materialized (
      ${firstBeyond(
        sql`${ofSession} and exists (select from beyond)`,
        sql`${budget} - coalesce((select token_count from summary), 0)`,
      )}
    )
    select * from summary
    union all
    select * from ibex_core.messages
    where ${ofSession} and not is_summary and seq > greatest((select seq from cut), 0)
    order by is_summary desc, seq`.execute(db)
  return rows
}

/**
 * The newest message with which the sum of tokens exceeds the budget.
 *
 * The order is the subquery's: an `order by` beside the limit would keep the planner from knowing that few rows are wanted, and
 * it would sort the whole session first.
 */
function firstBeyond(where: RawBuilder<unknown>, budget: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select seq from (
      select seq, sum(token_count) over (order by seq desc rows unbounded preceding) as used
      from ibex_core.messages where ${where} and not is_summary order by seq desc
    ) as counted
    where used > ${budget} limit 1`
}
