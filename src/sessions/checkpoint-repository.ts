/** What happened in each turn of a session. */
import { sql } from 'kysely'
import type { Checkpoint, DB, JsonObject } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { RowNotFoundError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'

/** One turn of a session. */
export interface CheckpointInput {
  readonly sessionId: string
  /** Default: the turn after the session's last one. */
  readonly turnIndex?: number
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

/** Appends and reads checkpoints; they never change. */
export class CheckpointRepository extends BaseRepository<DB, 'ibex_core.checkpoints'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.checkpoints'])
  }

  /**
   * Appends a turn and adds it to the session's counters, in one statement.
   *
   * The session's row is locked first, so concurrent turns get consecutive numbers.
   *
   * @throws {InvalidArgumentError} when the turn is no whole number of at least 0.
   * @throws {RowNotFoundError} when the tenant has no such session.
   * @throws {UniqueViolationError} when the session has a checkpoint of this turn.
   */
  async append(input: CheckpointInput): Promise<Checkpoint> {
    const {
      inputTokens = 0,
      outputTokens = 0,
      latencyMs = null,
      turnIndex = null,
      isStreaming = false,
      isComplete = true,
    } = input
    if (turnIndex !== null) checkWholeNumber('turnIndex', turnIndex, 0)
    const { rows } = await sql<Checkpoint>`with session as (
      update ibex_core.sessions set
        turn_count = greatest(turn_count, coalesce(${turnIndex}::int, turn_count) + 1),
        total_input_tokens = total_input_tokens + ${inputTokens},
        total_output_tokens = total_output_tokens + ${outputTokens},
        total_latency_ms = total_latency_ms + coalesce(${latencyMs}::int, 0)
      where org_id = ${this.scope.orgId} and id = ${input.sessionId} and deleted_at is null
      returning id, agent_id, coalesce(${turnIndex}::int, turn_count - 1) as turn_index
    )
    insert into ibex_core.checkpoints (org_id, session_id, agent_id, turn_index, request_id, messages_hash, completion_hash,
      input_tokens, output_tokens, model, provider, latency_ms, provider_request_id, is_streaming, is_complete, state)
    select ${this.scope.orgId}, id, agent_id, turn_index, ${input.requestId ?? null}, ${input.messagesHash ?? null},
      ${input.completionHash ?? null}, ${inputTokens}, ${outputTokens}, ${input.model ?? null}, ${input.provider ?? null},
      ${latencyMs}::int, ${input.providerRequestId ?? null}, ${isStreaming}, ${isComplete}, ${input.state ?? {}}
    from session returning *`.execute(this.scope.db)
    const [checkpoint] = rows
    if (checkpoint === undefined) throw new RowNotFoundError('ibex_core.sessions')
    return checkpoint
  }

  /** Reads the last turn of a session, or `undefined` before the first. */
  async latest(sessionId: string): Promise<Checkpoint | undefined> {
    return await this.findOne({ session_id: sessionId }, { orderBy: { turn_index: 'desc' } })
  }

  /** Reads the turns after `turnIndex`, in order; -1 gives all of them. */
  async since(sessionId: string, turnIndex: number): Promise<Checkpoint[]> {
    return await this.selectQuery()
      .selectAll()
      .where('session_id', '=', sessionId)
      .where('turn_index', '>', turnIndex)
      .orderBy('turn_index')
      .execute()
  }
}
