/** Conversations with an agent. */
import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import type { DB, JsonObject, Session } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import type { MessageWithAttachments } from './append-messages.ts'
import { silentSince, sweepExpiredOf } from './expired-sessions.ts'
import type { ExpiredSession, SweepOptions } from './expired-sessions.ts'

/** What a session begins with. */
export interface SessionStart {
  readonly agentId: string
  readonly userId?: string | null
  readonly projectId?: string | null
  /** The id that the caller knows it by; unique per agent. */
  readonly externalId?: string | null
  readonly directiveVersionId?: string | null
  readonly title?: string | null
  readonly model?: string | null
  readonly provider?: string | null
  readonly metadata?: JsonObject
}

/** A session with its last messages, in reading order. */
export type SessionWithMessages = Session & { readonly messages: readonly MessageWithAttachments[] }

/** Reads and writes sessions. */
export class SessionRepository extends BaseRepository<DB, 'ibex_core.sessions'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.sessions'])
  }

  /**
   * Starts a session.
   *
   * @throws {UniqueViolationError} when the agent has a session with this external id.
   * @throws {ForeignKeyViolationError} when this tenant has no such agent, user, project or directive version.
   */
  async start({
    agentId,
    userId,
    projectId,
    externalId,
    directiveVersionId,
    metadata,
    ...rest
  }: SessionStart): Promise<Session> {
    return await this.insert({
      agent_id: agentId,
      user_id: userId ?? null,
      project_id: projectId ?? null,
      external_id: externalId ?? null,
      directive_version_id: directiveVersionId ?? null,
      ...rest,
      ...(metadata === undefined ? {} : { metadata }),
    })
  }

  /** Reads the agent's session with the caller's own id, or `undefined`. */
  async findByExternalId(agentId: string, externalId: string): Promise<Session | undefined> {
    return await this.findOne({ agent_id: agentId, external_id: externalId })
  }

  /**
   * Reads a session with its last messages and their attachments, or `undefined`, in one query.
   *
   * The messages are in reading order, without summaries and soft-deleted ones; times are Dates and bigints strings, as in
   * a row that is read by itself.
   *
   * @throws {InvalidArgumentError} when the id is no uuid, or `last` no whole number of 1 to 10,000.
   */
  async findWithMessages(
    id: string,
    { last }: { readonly last: number },
  ): Promise<SessionWithMessages | undefined> {
    checkWholeNumber('last', last, 1, 10_000)
    checkUuid('id', id)
    const session = await this.findById(id, {
      related: ({ many }) => ({
        messages: many(tables['ibex_core.messages'], 'session_id', {
          where: { is_summary: false },
          // newest first, so that the limit takes them
          orderBy: { seq: 'desc' },
          limit: last,
          related: ({ many }) => ({
            attachments: many(tables['ibex_core.attachments'], 'message_id', {
              orderBy: { created_at: 'asc', id: 'asc' },
            }),
          }),
        }),
      }),
    })
    return session && { ...session, messages: session.messages.toReversed() }
  }

  /**
   * Marks a session as completed, with its summary where there is one, and returns it, or `undefined` when the tenant has
   * no such session. Completing it again keeps the first time.
   */
  async complete(id: string, { summary }: { readonly summary?: string } = {}): Promise<Session | undefined> {
    return await this.updateQuery()
      .set({
        status: 'completed',
        completed_at: sql<Date>`coalesce(completed_at, now())`,
        ...(summary === undefined ? {} : { summary }),
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst()
  }

  /**
   * Marks the sessions that were silent for longer than `idleSeconds` as abandoned and returns their ids.
   *
   * At most `limit` (default 1,000) at a time, oldest first; rows that another sweep holds are skipped, so several may run.
   *
   * @throws {InvalidArgumentError} when `idleSeconds` is negative or not finite, or `limit` no whole number of at least 1.
   */
  async abandonIdle({
    idleSeconds,
    limit = 1_000,
  }: {
    readonly idleSeconds: number
    readonly limit?: number
  }): Promise<string[]> {
    if (!(Number.isFinite(idleSeconds) && idleSeconds >= 0))
      throw new InvalidArgumentError('idleSeconds', 'must be at least 0')
    checkWholeNumber('limit', limit, 1)
    const silent = this.selectQuery()
      .select('id')
      .where('status', 'in', ['active', 'idle'])
      .where(silentSince, '<', sql<Date>`now() - make_interval(secs => ${idleSeconds})`)
      .orderBy(silentSince)
      .limit(limit)
      .forUpdate()
      .skipLocked()
    const rows = await this.updateQuery()
      .set({ status: 'abandoned' })
      // array(…) is evaluated once; a join with the subquery may run it again, and every run locks further rows
      .where(sql<SqlBool>`id = any(array(${silent}))`)
      .returning('id')
      .execute()
    return rows.map((row) => row.id)
  }

  /**
   * Deletes for good the sessions that were silent for longer than the team of their agent keeps conversations, oldest
   * first, and returns them with the paths of the files to delete.
   *
   * Messages, attachments and checkpoints go with them; memories stay, without their session. Agents without a team keep
   * their sessions; soft-deleted sessions, agents and teams make no difference. At most `limit` (default 1,000) at a time;
   * rows that another sweep or a writer holds are skipped, so several may run.
   *
   * @throws {InvalidArgumentError} when `limit` is no whole number of 1 to 10,000.
   */
  async sweepExpired(options: SweepOptions = {}): Promise<ExpiredSession[]> {
    return await sweepExpiredOf(this.scope.db, this.scope.orgId, options)
  }

  /**
   * Reads completed sessions with turns that no memories were extracted from, longest completed first.
   *
   * @throws {InvalidArgumentError} when `limit` (default 100) is no whole number of 1 to 10,000.
   */
  async forExtraction({ limit = 100 }: { readonly limit?: number } = {}): Promise<Session[]> {
    checkWholeNumber('limit', limit, 1, 10_000)
    return await this.selectQuery()
      .selectAll()
      // the condition of the index, whose status is no parameter: a plan for any status could not use it
      .where(sql<SqlBool>`status = 'completed' and last_extracted_turn < turn_count`)
      .orderBy('completed_at')
      .limit(limit)
      .execute()
  }

  /**
   * Marks the turns of a session up to this one, counted as `turn_count` counts them, as extracted, and returns the
   * session, or `undefined` when the tenant has no such one.
   *
   * Never backwards, and never beyond the last turn: a late or repeated call changes nothing.
   *
   * @throws {InvalidArgumentError} when the turn is no whole number of at least 0.
   */
  async markExtracted(id: string, turn: number): Promise<Session | undefined> {
    checkWholeNumber('turn', turn, 0, 2_147_483_647)
    return await this.updateQuery()
      .set({
        last_extracted_turn: sql<number>`greatest(last_extracted_turn, least(${turn}::int, turn_count))`,
      })
      .where('id', '=', checkUuid('id', id))
      .returningAll()
      .executeTakeFirst()
  }
}
