/** Calls of tools. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { DB, JsonObject, JsonValue, ToolExecution } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkKeyValue } from '../repository/column-values.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkOptionalUuid, checkText } from '../tenancy/arguments.ts'
import { checkRange, toJsonText } from './execution-arguments.ts'
import type { TimeRange } from './execution-arguments.ts'
import { failStaleExecutions, finishExecution } from './finish-execution.ts'
import type { StaleOptions } from './finish-execution.ts'

/** What a call of a tool begins with. */
export interface ToolExecutionStart {
  /** What all calls of one request share, in 1 to 100 characters. */
  readonly correlationId: string
  /** 1 to 100 characters. */
  readonly toolName: string
  readonly agentId?: string | null
  readonly userId?: string | null
  readonly inputs?: JsonObject
  readonly metadata?: JsonObject
}

/** Which calls are counted. */
export interface ToolStatisticsOptions extends TimeRange {
  /** Default: all tools. */
  readonly toolName?: string
}

/** The calls of one tool that began on one day. */
export interface ToolStatistics {
  /** In UTC: `2026-11-24`. */
  readonly day: string
  readonly toolName: string
  readonly calls: number
  /** Those of the calls that have not ended. */
  readonly running: number
  readonly failures: number
  /** Failures among the calls that have ended, 0 to 1; null before the first has. */
  readonly errorRate: number | null
  /** Milliseconds that half of the calls that have ended took at most; null before the first has. */
  readonly p50Ms: number | null
  /** The same of 95 in 100. */
  readonly p95Ms: number | null
}

/** Records calls of tools, and tells how they fare. */
export class ToolExecutionRepository extends BaseRepository<DB, 'ibex_core.tool_executions'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.tool_executions'])
  }

  /**
   * Records that a call begins: the database's clock runs from here.
   *
   * @throws {InvalidArgumentError} when a text is empty or too long, or an id is no uuid.
   * @throws {ForeignKeyViolationError} when this tenant has no such agent or user.
   */
  async start(start: ToolExecutionStart): Promise<ToolExecution> {
    const { inputs, metadata } = start
    return await this.insert({
      correlation_id: checkText('correlationId', start.correlationId, { least: 1, most: 100 }),
      tool_name: checkText('toolName', start.toolName, { least: 1, most: 100 }),
      agent_id: checkOptionalUuid('agentId', start.agentId),
      user_id: checkOptionalUuid('userId', start.userId),
      ...(inputs === undefined ? {} : { inputs }),
      ...(metadata === undefined ? {} : { metadata }),
    })
  }

  /**
   * Records that a call succeeded and returns it, or `undefined` when the tenant has no such call.
   *
   * One statement: of any number of concurrent workers one ends the call. The duration is the database's.
   *
   * @throws {NotRunningError} when it has ended before, by another worker or {@link failStale}.
   * @throws {InvalidArgumentError} when the id is no uuid, or the output no JSON.
   */
  async succeed(
    id: string,
    { output }: { readonly output?: JsonValue } = {},
  ): Promise<ToolExecution | undefined> {
    return await this.#finish(id, { status: 'completed', output: toOutput(output) })
  }

  /**
   * Records that a call failed and returns it, or `undefined` when the tenant has no such call.
   *
   * The error is kept as it is: leave out of it what the tenant's users should not read.
   *
   * @throws as {@link succeed}.
   */
  async fail(
    id: string,
    { error, output }: { readonly error: string; readonly output?: JsonValue },
  ): Promise<ToolExecution | undefined> {
    const message = checkText('error', error)
    return await this.#finish(id, { status: 'failed', error_message: message, output: toOutput(output) })
  }

  /** Reads the calls of one request, in the order in which they began. */
  async byCorrelationId(correlationId: string): Promise<ToolExecution[]> {
    return await this.find({
      where: { correlation_id: correlationId },
      orderBy: { created_at: 'asc', id: 'asc' },
    })
  }

  /**
   * Counts the calls that began within a time, per tool and UTC day, and tells how often they failed and how long they took.
   *
   * Days come in order; the first and the last one are counted from `from` and up to `to`, not as a whole.
   *
   * ```sql
   * select "tool_name", to_char(created_at at time zone 'UTC', 'YYYY-MM-DD'), count(*), …,
   *   percentile_cont(0.95) within group (order by duration_ms) filter (where status <> 'running')
   * from "ibex_core"."tool_executions" where "org_id" = $1 and "created_at" >= $2 and "created_at" < $3 group by 1, 2
   * ```
   *
   * @throws {InvalidArgumentError} when `from` or `to` is no valid date, or `to` is before `from`.
   */
  async statistics({ toolName, ...range }: ToolStatisticsOptions): Promise<ToolStatistics[]> {
    const { from, to } = checkRange(range)
    const inRange = this.selectQuery().where('created_at', '>=', from).where('created_at', '<', to)
    const counted = toolName === undefined ? inRange : inRange.where('tool_name', '=', toolName)
    return await counted
      .select([
        day.as('day'),
        'tool_name as toolName',
        sql<number>`count(*)::int`.as('calls'),
        sql<number>`(count(*) filter (where status = 'running'))::int`.as('running'),
        sql<number>`(count(*) filter (where status = 'failed'))::int`.as('failures'),
        errorRate.as('errorRate'),
        percentile(0.5).as('p50Ms'),
        percentile(0.95).as('p95Ms'),
      ])
      .groupBy(['day', 'tool_name'])
      .orderBy('day')
      .orderBy('tool_name')
      .execute()
  }

  /**
   * Fails the calls that began more than `runningSeconds` ago and did not end, and returns their ids.
   *
   * At most `limit` (default 1,000) at a time, oldest first; rows that another sweep holds are skipped, so several may run.
   *
   * @throws {InvalidArgumentError} when `runningSeconds` is negative or not finite, or `limit` no whole number of at least 1.
   */
  async failStale(options: StaleOptions): Promise<string[]> {
    return await failStaleExecutions(this.scope, this.table.name, 'id', options)
  }

  async #finish(id: string, changes: Readonly<Record<string, unknown>>): Promise<ToolExecution | undefined> {
    checkKeyValue(this.table, 'id', id)
    return await finishExecution<ToolExecution>(this.scope, {
      table: this.table.name,
      key: ['id', id],
      changes,
    })
  }
}

const day: RawBuilder<string> = sql`to_char(created_at at time zone 'UTC', 'YYYY-MM-DD')`

const errorRate: RawBuilder<number | null> = sql`
  (count(*) filter (where status = 'failed'))::float8 / nullif(count(*) filter (where status <> 'running'), 0)`

function percentile(fraction: number): RawBuilder<number | null> {
  return sql`percentile_cont(${sql.lit(fraction)}) within group (order by duration_ms) filter (where status <> 'running')`
}

function toOutput(output: JsonValue | undefined): string | undefined {
  return output === undefined ? undefined : toJsonText('output', output)
}
