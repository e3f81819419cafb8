/** Conversations with an agent. */
import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import type { DB, JsonObject, Session } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'

/** What a session begins with. */
export interface SessionStart {
  readonly agentId: string
  readonly userId?: string | null
  /** The id that the caller knows it by; unique per agent. */
  readonly externalId?: string | null
  readonly directiveVersionId?: string | null
  readonly title?: string | null
  readonly model?: string | null
  readonly provider?: string | null
  readonly metadata?: JsonObject
}

/** Reads and writes sessions. */
export class SessionRepository extends BaseRepository<DB, 'ibex_core.sessions'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.sessions'])
  }

  /**
   * Starts a session.
   *
   * @throws {UniqueViolationError} when the agent has a session with this external id.
   * @throws {ForeignKeyViolationError} when this tenant has no such agent, user or directive version.
   */
  async start({
    agentId,
    userId,
    externalId,
    directiveVersionId,
    metadata,
    ...rest
  }: SessionStart): Promise<Session> {
    return await this.insert({
      agent_id: agentId,
      user_id: userId ?? null,
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
      .where(
        sql<Date>`coalesce(last_message_at, created_at)`,
        '<',
        sql<Date>`now() - make_interval(secs => ${idleSeconds})`,
      )
      .orderBy(sql`coalesce(last_message_at, created_at)`)
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
}
