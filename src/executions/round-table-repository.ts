/** Which language model answered best. */
import { sql } from 'kysely'
import type { SelectQueryBuilder } from 'kysely'
import type { DB, JsonObject, JsonValue, LlmRoundTableResult } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkDate, checkText, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { toJsonText } from './execution-arguments.ts'

/** The result of a round table. */
export interface RoundTableResult {
  /** As the service calls it, in 1 to 100 characters; unique in the organization. */
  readonly resultId: string
  readonly prompt: string
  /** Reasoning, creative, qa and the like, in 1 to 50 characters. */
  readonly taskCategory: string
  /** 1 to 50 characters. */
  readonly winnerProvider: string
  readonly winnerResponse: string
  /** Everybody who took part, with scores. */
  readonly participants: readonly JsonObject[]
  readonly metadata?: JsonObject
}

/** A span of time that may be open: `from` belongs to it, `to` does not. */
interface OpenRange {
  readonly from?: Date | undefined
  readonly to?: Date | undefined
}

/** Which results of a category are read. */
export interface RoundTableFilter extends OpenRange {
  /** Those that this provider has won. */
  readonly winner?: string
  /** Rows at most (default 100). */
  readonly limit?: number
}

/** Which wins are counted. */
export interface RoundTableWinsOptions extends OpenRange {
  readonly category?: string
}

/** How often a provider won in a category. */
export interface RoundTableWins {
  readonly category: string
  readonly winner: string
  readonly wins: number
}

/** Records and reads results of round tables. */
export class RoundTableRepository extends BaseRepository<DB, 'ibex_core.llm_round_table_results'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.llm_round_table_results'])
  }

  /**
   * Records a result: as `insert`, with the participants as the array that they are.
   *
   * @throws {InvalidArgumentError} when a text is empty or too long, or `participants` is no array of objects.
   * @throws {UniqueViolationError} when the organization has a result of this id.
   */
  async record(result: RoundTableResult): Promise<LlmRoundTableResult> {
    const { metadata } = result
    return await this.insert({
      result_id: checkText('resultId', result.resultId, { least: 1, most: 100 }),
      prompt: checkText('prompt', result.prompt),
      task_category: checkText('taskCategory', result.taskCategory, { least: 1, most: 50 }),
      winner_provider: checkText('winnerProvider', result.winnerProvider, { least: 1, most: 50 }),
      winner_response: checkText('winnerResponse', result.winnerResponse),
      participants: toJsonText('participants', checkParticipants(result.participants)),
      ...(metadata === undefined ? {} : { metadata }),
    })
  }

  /** Reads the result that the service knows by this id, or `undefined`. */
  async findByResultId(resultId: string): Promise<LlmRoundTableResult | undefined> {
    return await this.findOne({ result_id: resultId })
  }

  /**
   * Reads the results of a category, newest first.
   *
   * @throws {InvalidArgumentError} when a date is invalid, or the limit no whole number.
   */
  async byCategory(category: string, filter: RoundTableFilter = {}): Promise<LlmRoundTableResult[]> {
    const { winner, limit = 100 } = filter
    let query = this.#within(filter).selectAll().where('task_category', '=', category)
    if (winner !== undefined) query = query.where('winner_provider', '=', winner)
    return await query
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(checkWholeNumber('limit', limit, 0))
      .execute()
  }

  /**
   * Counts who won how often in which category, most first.
   *
   * @throws {InvalidArgumentError} when a date is invalid.
   */
  async wins({ category, ...range }: RoundTableWinsOptions = {}): Promise<RoundTableWins[]> {
    let query = this.#within(range).select([
      'task_category as category',
      'winner_provider as winner',
      sql<number>`count(*)::int`.as('wins'),
    ])
    if (category !== undefined) query = query.where('task_category', '=', category)
    return await query
      .groupBy(['task_category', 'winner_provider'])
      .orderBy('wins', 'desc')
      .orderBy('task_category')
      .orderBy('winner_provider')
      .execute()
  }

  #within({ from, to }: OpenRange): SelectQueryBuilder<DB, 'ibex_core.llm_round_table_results', object> {
    let query = this.selectQuery()
    if (from !== undefined) query = query.where('created_at', '>=', checkDate('from', from))
    if (to !== undefined) query = query.where('created_at', '<', checkDate('to', to))
    return query
  }
}

function checkParticipants(participants: readonly JsonObject[]): JsonValue {
  for (const participant of Array.isArray(participants) ? participants : [undefined]) {
    if (typeof participant !== 'object' || participant === null || Array.isArray(participant))
      throw new InvalidArgumentError('participants', 'must be an array of objects')
  }
  return [...participants]
}
