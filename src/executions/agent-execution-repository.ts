/** Runs of agents. */
import type { AgentExecution, DB, JsonObject, JsonValue } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkOptionalUuid, checkText, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { toJsonText } from './execution-arguments.ts'
import { failStaleExecutions, finishExecution } from './finish-execution.ts'
import type { StaleOptions } from './finish-execution.ts'

/** What a run of an agent begins with. */
export interface AgentExecutionStart {
  /** As the service calls it, in 1 to 100 characters; unique in the organization. */
  readonly executionId: string
  readonly agentId?: string | null
  /** 1 to 100 characters; kept when the agent is deleted. */
  readonly agentName: string
  readonly prompt: string
  readonly metadata?: JsonObject
}

/** What a run of an agent ends with. */
export interface AgentExecutionResult {
  /** Any JSON. */
  readonly result?: JsonValue
  readonly tokensUsed?: number
}

/** Why a run of an agent failed, and what it came to before. */
export interface AgentExecutionFailure extends AgentExecutionResult {
  readonly error: string
}

/** Records runs of agents. */
export class AgentExecutionRepository extends BaseRepository<DB, 'ibex_core.agent_executions'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.agent_executions'])
  }

  /**
   * Records that a run begins: the database's clock runs from here.
   *
   * @throws {InvalidArgumentError} when a text is empty or too long, or the agent's id is no uuid.
   * @throws {UniqueViolationError} when the organization has an execution of this id.
   * @throws {ForeignKeyViolationError} when this tenant has no such agent.
   */
  async start({
    executionId,
    agentId,
    agentName,
    prompt,
    metadata,
  }: AgentExecutionStart): Promise<AgentExecution> {
    return await this.insert({
      execution_id: checkText('executionId', executionId, { least: 1, most: 100 }),
      agent_id: checkOptionalUuid('agentId', agentId),
      agent_name: checkText('agentName', agentName, { least: 1, most: 100 }),
      prompt: checkText('prompt', prompt),
      ...(metadata === undefined ? {} : { metadata }),
    })
  }

  /**
   * Records that a run succeeded and returns it, or `undefined` when the tenant has no such execution.
   *
   * One statement: of any number of concurrent workers one ends the run. The duration is the database's, also where
   * beginning and end are in one transaction.
   *
   * @throws {NotRunningError} when it has ended before, by another worker or {@link failStale}.
   * @throws {InvalidArgumentError} when the tokens are no whole number of at least 0, or the result is no JSON.
   */
  async succeed(executionId: string, result: AgentExecutionResult = {}): Promise<AgentExecution | undefined> {
    return await this.#finish(executionId, { status: 'completed', ...toChanges(result) })
  }

  /**
   * Records that a run failed and returns it, or `undefined` when the tenant has no such execution.
   *
   * The error is kept as it is: leave out of it what the tenant's users should not read.
   *
   * @throws as {@link succeed}.
   */
  async fail(
    executionId: string,
    { error, ...result }: AgentExecutionFailure,
  ): Promise<AgentExecution | undefined> {
    const message = checkText('error', error)
    return await this.#finish(executionId, {
      status: 'failed',
      error_message: message,
      ...toChanges(result),
    })
  }

  /** Reads the run that the service knows by this id, or `undefined`. */
  async findByExecutionId(executionId: string): Promise<AgentExecution | undefined> {
    return await this.findOne({ execution_id: executionId })
  }

  /**
   * Fails the runs that began more than `runningSeconds` ago and did not end, and returns their execution ids.
   *
   * At most `limit` (default 1,000) at a time, oldest first; rows that another sweep holds are skipped, so several may run.
   *
   * @throws {InvalidArgumentError} when `runningSeconds` is negative or not finite, or `limit` no whole number of at least 1.
   */
  async failStale(options: StaleOptions): Promise<string[]> {
    return await failStaleExecutions(this.scope, this.table.name, 'execution_id', options)
  }

  async #finish(
    executionId: string,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<AgentExecution | undefined> {
    const key = ['execution_id', checkText('executionId', executionId, { least: 1, most: 100 })] as const
    return await finishExecution<AgentExecution>(this.scope, { table: this.table.name, key, changes })
  }
}

function toChanges({ result, tokensUsed }: AgentExecutionResult): Readonly<Record<string, unknown>> {
  return {
    result: result === undefined ? undefined : toJsonText('result', result),
    tokens_used:
      tokensUsed === undefined ? undefined : checkWholeNumber('tokensUsed', tokensUsed, 0, maxInteger),
  }
}

/** The greatest `integer` of PostgreSQL. */
const maxInteger = 2_147_483_647
