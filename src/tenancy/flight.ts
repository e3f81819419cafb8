/** Statements that travel together: what goes before each of them, and whose result or error is whose. */
import type { CompiledQuery } from 'kysely'
import type { ContextStyle } from '../database/options.ts'
import type { BatchResult, BatchStatement, MessageBatch } from './message-batch.ts'
import { settingsOf } from './query-settings.ts'
import { settingsStatements } from './settings.ts'
import { toWireValue } from './wire-value.ts'

/** How a statement is read in parts. */
export interface PortalOptions {
  readonly portal: string
  readonly maxRows: number
}

/** What goes around the queries of a flight. */
export interface FlightPlan {
  readonly first: readonly BatchStatement[]
  readonly last?: readonly BatchStatement[]
  /** How the settings of a query are sent. */
  readonly context: ContextStyle
  /** True when a query may bring the settings of a kept plan. */
  readonly canKeepPlan: boolean
  readonly portal?: PortalOptions | undefined
}

/** The statements of one round trip: role and settings first, then each query behind the settings of its own. */
export class Flight {
  readonly statements: readonly BatchStatement[]
  /** Where each query is among the statements. */
  readonly #places: readonly number[]

  constructor(
    queries: readonly CompiledQuery[],
    { first, last = [], context, canKeepPlan, portal }: FlightPlan,
  ) {
    const statements = [...first]
    this.#places = queries.map((query) => {
      const settings = settingsOf(query, canKeepPlan)
      if (settings !== undefined) statements.push(...settingsStatements(settings, context))
      return statements.push({ text: query.sql, values: query.parameters.map(toWireValue), ...portal }) - 1
    })
    this.statements = [...statements, ...last]
  }

  /** The first statement that is a query. */
  get from(): number {
    return this.#places[0] ?? this.statements.length
  }

  /** Of the results from the first query on, those of the queries. */
  resultsOf(results: readonly BatchResult[]): readonly BatchResult[] {
    if (results.length === this.#places.length) return results
    return this.#places.flatMap((place) => results[place - this.from] ?? [])
  }

  /** Which query an error is about; undefined when it concerns them all: the role, the tenant, the connection, the commit. */
  failedQuery(batch: MessageBatch, error: unknown): number | undefined {
    if (batch.isInPrefix || !(error instanceof Error) || !('severity' in error)) return undefined
    const failed = this.#places.findIndex((place) => place >= batch.place)
    return failed === -1 ? undefined : failed
  }
}

/** What became of a flight that failed. */
export class FlightError extends Error {
  override readonly name = 'FlightError'
  /** The query that failed; undefined when the error is about all of them. */
  readonly failed: number | undefined

  constructor(failed: number | undefined, cause: unknown) {
    super('a statement of the flight failed', { cause })
    this.failed = failed
  }
}
