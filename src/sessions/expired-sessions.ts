/** Retention: sessions that were silent for longer than the team of their agent keeps them. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder, SqlBool } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { checkOptionNames, checkWholeNumber } from '../tenancy/arguments.ts'
import { checkSystemScope } from '../tenancy/system-scope.ts'
import type { SystemScope } from '../tenancy/system-scope.ts'

/** A session that was deleted for good, and the files that its attachments named, which are the caller's to delete. */
export interface ExpiredSession {
  readonly org_id: string
  readonly id: string
  readonly file_paths: readonly string[]
}

/** The options of a sweep. */
export interface SweepOptions {
  /** Sessions at most (default 1,000). */
  readonly limit?: number | undefined
}

/**
 * When a session was last heard of, in the words of its indexes.
 *
 * Not `coalesce`: PostgreSQL does not know that it leaks nothing, and under a policy would not use the indexes.
 */
export const silentSince: RawBuilder<Date> = sql<Date>`(case when sessions.last_message_at is null
  then sessions.created_at else sessions.last_message_at end)`

/**
 * Deletes the sessions of all tenants that were silent for longer than the team of their agent keeps them, oldest first.
 *
 * Messages, attachments and checkpoints go with them. Call it again until it returns fewer than `limit`; sessions that
 * another sweep or a writer holds are skipped, and those that a legal hold keeps.
 *
 * ```ts
 * await database.asSystem('nightly retention sweep', async (system) => {
 *   for (const { file_paths } of await sweepExpiredSessions(system)) await deleteFiles(file_paths)
 * })
 * ```
 *
 * @throws {InvalidArgumentError} when `limit` is no whole number of 1 to 10,000, or `system` is no system scope.
 */
export async function sweepExpiredSessions<D extends DB>(
  system: SystemScope<D>,
  options: SweepOptions = {},
): Promise<ExpiredSession[]> {
  // a user's DB extends ours, so our tables are in it; Kysely's type is invariant and cannot say so
  const db = checkSystemScope(system) as unknown as Kysely<DB>
  return await sweep(db, options, {
    team: sql<SqlBool>`true`,
    session: sql<SqlBool>`(sessions.org_id, sessions.id) in (select org_id, id from silent)`,
  })
}

/** Deletes those of one tenant. */
export async function sweepExpiredOf(
  db: Kysely<DB>,
  orgId: string,
  options: SweepOptions,
): Promise<ExpiredSession[]> {
  return await sweep(db, options, {
    team: sql<SqlBool>`teams.org_id = ${orgId}`,
    // an array, because the planner would rather read all sessions than look up as many as it thinks silent has
    session: sql<SqlBool>`sessions.org_id = ${orgId} and sessions.id = any(array(select id from silent))`,
  })
}

interface Reach {
  readonly team: RawBuilder<SqlBool>
  readonly session: RawBuilder<SqlBool>
}

const sweepOptions: ReadonlySet<string> = new Set<keyof SweepOptions>(['limit'])

/**
 * Each lateral subquery is a look-up by index that the planner cannot turn into a join, which it would answer by reading
 * whole tables. Candidates are twice as many as needed, so that one sweep beside this one leaves enough; the locks are taken
 * one by one, oldest first, and no more of them than `limit`.
 */
async function sweep(db: Kysely<DB>, options: SweepOptions, reach: Reach): Promise<ExpiredSession[]> {
  checkOptionNames('option', options, sweepOptions)
  const limit = checkWholeNumber('limit', options.limit ?? 1_000, 1, 10_000)
  const { rows } = await sql<ExpiredSession>`with expiring as materialized (
      select agents.org_id, agents.id as agent_id, ${cutoff} as cutoff
      from ibex_core.teams join ibex_core.agents
        on agents.org_id = teams.org_id and agents.team_id = teams.id and agents.team_id is not null
      where ${reach.team}
    ), candidate as materialized (
      select session.*, expiring.cutoff from expiring cross join lateral (
        select org_id, id, ${silentSince} as silent_since from ibex_core.sessions
        where org_id = expiring.org_id and agent_id = expiring.agent_id and ${silentSince} < expiring.cutoff
          and not exists ${standingHold}
        order by ${silentSince} limit ${2 * limit}
      ) as session
    ), silent as materialized (
      select oldest.org_id, oldest.id, oldest.silent_since
      from (select * from candidate order by silent_since) as oldest cross join lateral (
        select from ibex_core.sessions
        where org_id = oldest.org_id and id = oldest.id and ${silentSince} < oldest.cutoff
        for update skip locked
      ) as session
      order by oldest.silent_since limit ${limit}
    ), deleted as (
      delete from ibex_core.sessions where ${reach.session} returning org_id, id
    )
    select deleted.org_id, deleted.id, array(
      select attachment.file_path
      from ibex_core.messages cross join lateral (
        select id, file_path from ibex_core.attachments
        where org_id = messages.org_id and message_id = messages.id offset 0
      ) as attachment
      where messages.org_id = deleted.org_id and messages.session_id = deleted.id
      order by messages.seq, attachment.id
    ) as file_paths
    from deleted join silent on silent.org_id = deleted.org_id and silent.id = deleted.id
    order by silent.silent_since`.execute(db)
  return rows
}

/** A time of some million days ago would be out of range, and one team's setting end the sweep of all. */
const cutoff: RawBuilder<Date> = sql<Date>`now() - make_interval(days => least(teams.conversation_retention_days, 1000000))`

/** What covers a session: a hold of its user, its agent or the organization. `offset 0` keeps it a look-up for each session. */
const standingHold: RawBuilder<unknown> = sql`(select from ibex_core.legal_holds as hold
  where hold.org_id = sessions.org_id and hold.released_at is null
    and hold.subject_id in (sessions.org_id, sessions.user_id, sessions.agent_id) offset 0)`
