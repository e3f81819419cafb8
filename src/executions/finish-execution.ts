/** How executions end: once each, with a duration that the database has measured. */
import { sql } from 'kysely'
import type { RawBuilder, SqlBool } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import { InvalidArgumentError, NotRunningError } from '../errors.ts'
import { checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'

/** A sweep of executions that do not end. */
export interface StaleOptions {
  /** Executions that have run for longer are failed. */
  readonly runningSeconds: number
  /** Rows at most, oldest first (default 1,000). */
  readonly limit?: number
}

type ExecutionTable = 'ibex_core.agent_executions' | 'ibex_core.tool_executions'

/** One execution that is to end. */
export interface Finish {
  readonly table: ExecutionTable
  /** The column that names it, and its value. */
  readonly key: readonly [column: string, value: string]
  /** The columns to set; those that are undefined stay. */
  readonly changes: Readonly<Record<string, unknown>>
}

/**
 * Ends the execution if it is running and returns it, or `undefined` when the tenant has no such execution.
 *
 * The row is locked before it is looked at, so of any number of concurrent calls one ends it, and the others see that it
 * has ended and not that it is missing.
 *
 * @throws {NotRunningError} when it has ended before.
 */
export async function finishExecution<R>(
  { db, orgId }: Scope<DB>,
  { table, key: [column, value], changes }: Finish,
): Promise<R | undefined> {
  const { rows } = await sql<R & { readonly was_running: boolean }>`with found as (
    select id, status from ${sql.table(table)} where org_id = ${orgId} and ${sql.ref(column)} = ${value} for update
  ), finished as (
    update ${sql.table(table)} as execution set ${assignments(changes)}, duration_ms = ${elapsed}
    from found where execution.org_id = ${orgId} and execution.id = found.id and found.status = 'running'
    returning execution.*
  )
  select found.status = 'running' as was_running, finished.* from found left join finished on true`.execute(
    db,
  )
  const [found] = rows
  if (found === undefined) return undefined
  const { was_running: wasRunning, ...row } = found
  if (!wasRunning) throw new NotRunningError(table)
  // the columns of the table: only `was_running` was beside them
  return row as R
}

/**
 * Fails the executions that have run for longer than `runningSeconds` and returns their keys.
 *
 * Rows that another sweep holds, or that are ending at this moment, are skipped, so several may run.
 *
 * @throws {InvalidArgumentError} when `runningSeconds` is negative or not finite, or `limit` no whole number of at least 1.
 */
export async function failStaleExecutions(
  { db, orgId }: Scope<DB>,
  table: ExecutionTable,
  key: string,
  { runningSeconds, limit = 1_000 }: StaleOptions,
): Promise<string[]> {
  if (!(Number.isFinite(runningSeconds) && runningSeconds >= 0))
    throw new InvalidArgumentError('runningSeconds', 'must be at least 0')
  checkWholeNumber('limit', limit, 1)
  // array(…) is evaluated once; a join with the subquery may run it again, and every run locks further rows
  const stale = sql<SqlBool>`id = any(array(
    select id from ${sql.table(table)} where org_id = ${orgId} and status = 'running'
      and created_at < clock_timestamp() - make_interval(secs => ${runningSeconds})
    order by created_at limit ${limit} for update skip locked))`
  const changes = { status: 'failed', error_message: 'did not end in time' }
  const { rows } = await sql<{ readonly key: string }>`update ${sql.table(table)} as execution
    set ${assignments(changes)}, duration_ms = ${elapsed} where org_id = ${orgId} and ${stale}
    returning ${sql.ref(key)} as key`.execute(db)
  return rows.map((row) => row.key)
}

/** Milliseconds since the start; a clock that was set back in between makes no negative ones. */
const elapsed: RawBuilder<number> = sql`greatest(0, round(extract(epoch from clock_timestamp() - execution.created_at) * 1000))`

function assignments(changes: Readonly<Record<string, unknown>>): RawBuilder<unknown> {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined)
  return sql.join(given.map(([column, value]) => sql`${sql.ref(column)} = ${value}`))
}
