/** Appends a turn to a session, once per request. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Checkpoint, DB, JsonObject } from '../../types/database.d.ts'
import { RequestConflictError, RowNotFoundError } from '../errors.ts'

/** One turn of a session. */
export interface CheckpointInput {
  readonly sessionId: string
  /** Default: the turn after the session's last one. */
  readonly turnIndex?: number
  /** The caller's id of the request, up to 1,000 characters: appended again, it adds no second turn. */
  readonly requestId?: string | null
  readonly messagesHash?: string | null
  readonly completionHash?: string | null
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly model?: string | null
  readonly provider?: string | null
  readonly latencyMs?: number | null
  readonly providerRequestId?: string | null
  readonly isStreaming?: boolean
  readonly isComplete?: boolean
  /** What a resume from this turn needs. */
  readonly state?: JsonObject
}

/** Inserts a turn and adds it to the session's counters, in one statement. */
export async function appendCheckpoint(
  db: Kysely<DB>,
  orgId: string,
  input: CheckpointInput,
): Promise<Checkpoint> {
  const {
    inputTokens = 0,
    outputTokens = 0,
    latencyMs = null,
    turnIndex = null,
    isStreaming = false,
    isComplete = true,
  } = input
  const { rows } = await sql<Checkpoint>`with session as (
    update ibex_core.sessions set
      turn_count = greatest(turn_count, coalesce(${turnIndex}::int, turn_count) + 1),
      total_input_tokens = total_input_tokens + ${inputTokens},
      total_output_tokens = total_output_tokens + ${outputTokens},
      total_latency_ms = total_latency_ms + coalesce(${latencyMs}::int, 0)
    where org_id = ${orgId} and id = ${input.sessionId} and deleted_at is null
    returning id, agent_id, coalesce(${turnIndex}::int, turn_count - 1) as turn_index
  )
  insert into ibex_core.checkpoints (org_id, session_id, agent_id, turn_index, request_id, messages_hash, completion_hash,
    input_tokens, output_tokens, model, provider, latency_ms, provider_request_id, is_streaming, is_complete, state)
  select ${orgId}, id, agent_id, turn_index, ${input.requestId ?? null}, ${input.messagesHash ?? null},
    ${input.completionHash ?? null}, ${inputTokens}, ${outputTokens}, ${input.model ?? null}, ${input.provider ?? null},
    ${latencyMs}::int, ${input.providerRequestId ?? null}, ${isStreaming}, ${isComplete}, ${input.state ?? {}}
  from session returning *`.execute(db)
  const [checkpoint] = rows
  if (checkpoint === undefined) throw new RowNotFoundError('ibex_core.sessions')
  return checkpoint
}

/** Inserts the turn of a request, or returns the one that it made before; `db` is a transaction. */
export async function appendCheckpointOnce(
  db: Kysely<DB>,
  orgId: string,
  input: CheckpointInput & { readonly requestId: string },
): Promise<Checkpoint> {
  // a statement of its own: the snapshot of the next one then sees what the holder of the lock committed
  const session = await sql`select from ibex_core.sessions
    where org_id = ${orgId} and id = ${input.sessionId} and deleted_at is null for no key update`.execute(db)
  if (session.rows.length === 0) throw new RowNotFoundError('ibex_core.sessions')
  const { rows } = await sql<Checkpoint>`select * from ibex_core.checkpoints
    where org_id = ${orgId} and session_id = ${input.sessionId} and request_id = ${input.requestId}
    order by turn_index limit 1`.execute(db)
  const [checkpoint] = rows
  if (checkpoint === undefined) return await appendCheckpoint(db, orgId, input)
  if (!isRepetition(checkpoint, input)) throw new RequestConflictError('ibex_core.checkpoints')
  return checkpoint
}

function isRepetition(checkpoint: Checkpoint, input: CheckpointInput): boolean {
  return (
    (input.turnIndex ?? checkpoint.turn_index) === checkpoint.turn_index &&
    (input.messagesHash ?? null) === checkpoint.messages_hash &&
    (input.completionHash ?? null) === checkpoint.completion_hash
  )
}
