/** What happened in each turn of a session. */
import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import type { Checkpoint, DB, Session } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkFilledText, checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { appendCheckpoint, appendCheckpointOnce } from './append-checkpoint.ts'
import type { CheckpointInput } from './append-checkpoint.ts'
import { forkSession } from './fork-session.ts'
import type { ForkOptions } from './fork-session.ts'

/** The session counts its turns in an integer, one more than the last index. */
const maxTurn = 2_147_483_646

/** Appends and reads checkpoints; they never change. */
export class CheckpointRepository extends BaseRepository<DB, 'ibex_core.checkpoints'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.checkpoints'])
  }

  /**
   * Appends a turn and adds it to the session's counters, in one statement; with a `requestId`, in one transaction.
   *
   * The session's row is locked first, so concurrent turns get consecutive numbers. A request that was appended to the
   * session before adds nothing: the checkpoint of the first time is returned, whatever tokens and state are given now.
   *
   * @throws {InvalidArgumentError} when the session is no uuid, the turn no whole number of at least 0, or the request blank.
   * @throws {RequestConflictError} when the request was appended before with another turn or other hashes.
   * @throws {RowNotFoundError} when the tenant has no such session.
   * @throws {UniqueViolationError} when the session has a checkpoint of this turn.
   */
  async append(input: CheckpointInput): Promise<Checkpoint> {
    checkUuid('sessionId', input.sessionId)
    if (input.turnIndex !== undefined) checkWholeNumber('turnIndex', input.turnIndex, 0, maxTurn)
    const { requestId = null } = input
    if (requestId === null) return await appendCheckpoint(this.scope.db, this.scope.orgId, input)
    const request = { ...input, requestId: checkFilledText('requestId', requestId, 1_000) }
    return await this.scope.atomically(
      async ({ db }) => await appendCheckpointOnce(db, this.scope.orgId, request),
    )
  }

  /** Reads the last turn of a session, or `undefined` before the first. */
  async latest(sessionId: string): Promise<Checkpoint | undefined> {
    return await this.findOne({ session_id: sessionId }, { orderBy: { turn_index: 'desc' } })
  }

  /**
   * Reads the checkpoint to go on from: the last complete turn of a session, or `undefined` when it has none.
   *
   * Turns after it broke off. A soft-deleted session has nothing to resume.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async resume(sessionId: string): Promise<Checkpoint | undefined> {
    const living = sql<SqlBool>`exists (select from ibex_core.sessions
      where org_id = ${this.scope.orgId} and id = ${checkUuid('sessionId', sessionId)} and deleted_at is null)`
    return await this.selectQuery()
      .selectAll()
      .where('session_id', '=', sessionId)
      .where('is_complete', '=', true)
      .where(living)
      .orderBy('turn_index', 'desc')
      .limit(1)
      .executeTakeFirst()
  }

  /**
   * Starts a session of the same agent, user and project with copies of the turns up to `atTurn`, and returns it.
   *
   * One statement. Its counters are those of the copied turns, `forked_from` and `forked_at_turn` are added to its
   * metadata. Messages stay with the first session: what a resume needs is in the state of its checkpoints.
   *
   * @throws {InvalidArgumentError} when the id is no uuid, or the turn no whole number of at least 0.
   * @throws {RowNotFoundError} when the tenant has no such session, or the session no checkpoint of this turn.
   * @throws {UniqueViolationError} when the agent has a session with this external id.
   */
  async fork(sessionId: string, options: ForkOptions): Promise<Session> {
    checkUuid('sessionId', sessionId)
    checkWholeNumber('atTurn', options.atTurn, 0, maxTurn)
    return await forkSession(this.scope.db, this.scope.orgId, { sessionId, ...options })
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
