/** Forks a session at a turn, in one statement. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB, Session } from '../../types/database.d.ts'
import { RowNotFoundError } from '../errors.ts'

/** Where a session forks, and what the new one is called. */
export interface ForkOptions {
  /** The last turn that is copied. */
  readonly atTurn: number
  /** The id that the caller knows the new session by; unique per agent. */
  readonly externalId?: string | null
  /** Default: the title of the first session. */
  readonly title?: string | null
}

/**
 * Inserts a session with copies of the turns of another one up to `atTurn`.
 *
 * @throws {RowNotFoundError} when the tenant has no such session, or the session no checkpoint of this turn.
 */
export async function forkSession(
  db: Kysely<DB>,
  orgId: string,
  { sessionId, atTurn, externalId = null, title }: ForkOptions & { readonly sessionId: string },
): Promise<Session> {
  const newTitle = title === undefined ? sql`title` : sql`${title}::text`
  // checkpoints never change, so one snapshot of them is right without a lock
  const { rows } = await sql<Session>`with source as (
      select * from ibex_core.sessions where org_id = ${orgId} and id = ${sessionId} and deleted_at is null
    ), turn as (
      select * from ibex_core.checkpoints
      where org_id = ${orgId} and session_id = ${sessionId} and turn_index <= ${atTurn}::int
    ), forked as (
      insert into ibex_core.sessions (org_id, agent_id, user_id, project_id, directive_version_id, external_id, title, model,
        provider, turn_count, total_input_tokens, total_output_tokens, total_latency_ms, last_extracted_turn, metadata)
      select org_id, agent_id, user_id, project_id, directive_version_id, ${externalId}, ${newTitle}, model, provider,
        ${atTurn}::int + 1, input_tokens, output_tokens, latency_ms, least(last_extracted_turn, ${atTurn}::int + 1),
        metadata || jsonb_build_object('forked_from', id, 'forked_at_turn', ${atTurn}::int)
      from source, (
        select sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
          coalesce(sum(latency_ms), 0) as latency_ms, max(turn_index) as last_turn
        from turn
      ) as total
      where last_turn = ${atTurn}::int
      returning *
    ), copied as (
      insert into ibex_core.checkpoints (org_id, session_id, agent_id, turn_index, request_id, messages_hash,
        completion_hash, input_tokens, output_tokens, model, provider, latency_ms, provider_request_id, is_streaming,
        is_complete, state, created_at)
      select turn.org_id, forked.id, turn.agent_id, turn_index, request_id, messages_hash, completion_hash, input_tokens,
        output_tokens, turn.model, turn.provider, latency_ms, provider_request_id, is_streaming, is_complete, state,
        turn.created_at
      from turn, forked
    )
    select forked.* from source left join forked on true`.execute(db)
  const [session] = rows
  if (session === undefined) throw new RowNotFoundError('ibex_core.sessions')
  // a session is there, and no row of the fork to go with it
  if (session.id === null) throw new RowNotFoundError('ibex_core.checkpoints')
  return session
}
