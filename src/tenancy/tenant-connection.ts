/** A borrowed connection that sends role, tenant and settings with the statement that needs them. */
import type { PoolClient } from 'pg'
import { AbortedTransactionError, CompiledQuery } from 'kysely'
import type { ControlConnectionProvider, DatabaseConnection, QueryResult } from 'kysely'
import { BatchFailedError, ConnectionLostError, InvalidArgumentError } from '../errors.ts'
import { checkWholeNumber } from './arguments.ts'
import { Flight, FlightError } from './flight.ts'
import type { FlightPlan, PortalOptions } from './flight.ts'
import { MessageBatch } from './message-batch.ts'
import type { BatchContext, BatchResult, BatchStatement } from './message-batch.ts'
import { observe } from './observe.ts'
import type { ScopeTraits } from './observe.ts'
import { readerOf } from './query-reader.ts'
import { settingsOf } from './query-settings.ts'
import { explainPrefix, isStalePlan, unknownStatement } from './server-refusals.ts'
import { changesSession, guardStatement, mayCommit, refuseBegin } from './statement-guard.ts'
import { WireSession, lastOf } from './wire-session.ts'
import type { WireClient } from './wire.ts'

const writing: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

/**
 * Kysely's connection. Outside a transaction a statement travels as settings + statement + Sync, or with `set local` as
 * BEGIN + settings + statement + COMMIT + Sync; inside one, BEGIN and the settings wait for the first statement and travel
 * with it.
 */
export class TenantConnection implements DatabaseConnection {
  readonly #session: WireSession
  readonly #context: BatchContext
  readonly #traits: ScopeTraits
  #begin: string | undefined
  #isInTransaction = false
  #portals = 0
  /** The end of the last flight that had a transaction of its own: the next one's BEGIN must find it closed. */
  #turn: Promise<unknown> = Promise.resolve()
  #command: { readonly query: CompiledQuery; readonly run: () => Promise<void> } | undefined

  constructor(client: PoolClient, context: BatchContext, traits: ScopeTraits) {
    // pg's client has these fields; its types leave them out
    this.#session = new WireSession(client as WireClient, context, traits.signal)
    this.#context = context
    this.#traits = traits
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (query === this.#command?.query) {
      await this.#command.run()
      return { rows: [] }
    }
    return toQueryResult(query, await this.#executeAtomically(query))
  }

  /**
   * Runs several statements in one round trip: outside a transaction as one of their own.
   *
   * One outcome each. When one fails, none has an effect: the others' outcome is {@link BatchFailedError}.
   */
  async executeTogether(
    queries: readonly CompiledQuery[],
  ): Promise<PromiseSettledResult<QueryResult<unknown>>[]> {
    for (const query of queries) {
      // what ended or began a transaction would leave the others without role and tenant
      guardStatement(query, true)
      refuseBegin(query.sql)
      if (mayCommit(query.sql))
        throw new InvalidArgumentError('batch', 'holds a DO or CALL, which may commit: run it alone')
    }
    const flight = this.#fly(queries)
    const resultOf = async (index: number): Promise<BatchResult> => {
      try {
        return lastOf((await flight).slice(index, index + 1))
      } catch (error) {
        if (!(error instanceof FlightError)) throw error
        if (error.failed === undefined || error.failed === index) throw error.cause
        throw new BatchFailedError()
      }
    }
    return await Promise.allSettled(
      queries.map(async (query, index) =>
        toQueryResult(query, await this.#observe(query, async () => await resultOf(index))),
      ),
    )
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    checkWholeNumber('chunkSize', chunkSize, 1)
    if (this.#isInTransaction) return yield* this.#readPortal<R>(query, chunkSize)
    // a portal lives as long as its transaction, so a stream outside one gets one of its own
    this.#rememberBegin('begin')
    try {
      yield* this.#readPortal<R>(query, chunkSize)
    } catch (error) {
      await this.#rollback().catch(() => {})
      throw error
    } finally {
      if (this.#isInTransaction) await this.#commit()
    }
  }

  /** Remembers BEGIN; nothing is sent before the first statement. */
  async beginTransaction(sql: string): Promise<void> {
    await this.#runCommand(sql, async () => await Promise.resolve(this.#rememberBegin(sql)))
  }

  async commit(): Promise<void> {
    await this.#runCommand('commit', async () => await this.#commit())
  }

  async rollback(): Promise<void> {
    await this.#runCommand('rollback', async () => await this.#rollback())
  }

  async cancelQuery(): Promise<void> {
    await this.#session.cancel()
  }

  async killSession(_provider?: ControlConnectionProvider): Promise<void> {
    // a session whose socket is gone ends with its statement; terminating it by id would need another role's rights
    await this.#session.cancel()
  }

  release(): void {
    this.#session.release()
  }

  /** Passes a command through `executeQuery`, which Kysely wraps to log what runs. */
  async #runCommand(sql: string, run: () => Promise<void>): Promise<void> {
    const query = CompiledQuery.raw(sql)
    this.#command = { query, run }
    await this.executeQuery(query)
  }

  #rememberBegin(sql: string): void {
    this.#begin = sql
    this.#isInTransaction = true
  }

  async #commit(): Promise<void> {
    this.#traits.signal?.throwIfAborted()
    if (this.#begin === undefined) {
      const commit = [toCommand('commit')]
      // a deferred constraint or a serialization failure may show only now
      const { command } = await observe(this.#traits, 'commit', async () => await this.#session.run(commit))
      // COMMIT answers ROLLBACK when an earlier error had aborted the transaction
      if (command === 'ROLLBACK') {
        this.#isInTransaction = false
        throw new AbortedTransactionError()
      }
    }
    this.#endTransaction()
  }

  async #rollback(): Promise<void> {
    try {
      if (this.#begin === undefined) await this.#session.run([toCommand('rollback')])
    } catch (error) {
      this.#session.isBroken = true
      throw this.#traits.mapError(error)
    } finally {
      this.#endTransaction()
    }
  }

  async *#readPortal<R>(query: CompiledQuery, maxRows: number): AsyncIterableIterator<QueryResult<R>> {
    this.#portals += 1
    const portal = `ibex_portal_${this.#portals}`
    let result = await this.#execute(query, { portal, maxRows })
    try {
      while (true) {
        if (result.rows.length > 0) yield { rows: result.rows as R[] }
        if (!result.isSuspended) return
        result = await observe(
          this.#traits,
          query.sql,
          async () => await this.#session.run([], { portal, maxRows, reader: result.reader }),
        )
      }
    } finally {
      const isOpen = result.isSuspended && this.#session.status === 'T'
      if (isOpen) {
        const close = [toCommand(`close ${portal}`)]
        await observe(this.#traits, `close ${portal}`, async () => await this.#session.run(close))
      }
    }
  }

  async #executeAtomically(query: CompiledQuery): Promise<BatchResult> {
    if (this.#traits.prefix.length === 0 || !this.#isOutside || !mayCommit(query.sql))
      return await this.#execute(query)
    this.#rememberBegin('begin')
    try {
      const result = await this.#execute(query)
      await this.#commit()
      return result
    } catch (error) {
      if (this.#isInTransaction) await this.#rollback().catch(() => {})
      throw error
    }
  }

  async #execute(query: CompiledQuery, portal?: PortalOptions): Promise<BatchResult> {
    this.#guard(query)
    const flight = async (): Promise<BatchResult> => {
      try {
        return lastOf(await this.#fly([query], portal))
      } catch (error) {
        throw error instanceof FlightError ? error.cause : error
      }
    }
    return await this.#observe(query, flight)
  }

  async #observe(query: CompiledQuery, run: () => Promise<BatchResult>): Promise<BatchResult> {
    try {
      return await observe(this.#traits, query.sql, run)
    } catch (error) {
      throw this.#isInTransaction && error instanceof ConnectionLostError ? lostBeforeCommit(error) : error
    }
  }

  get #isOutside(): boolean {
    return !this.#isInTransaction && this.#session.status !== 'T'
  }

  /** True when the query needs a transaction that is begun and committed around it, in its own flight. */
  #isAlone(query: CompiledQuery): boolean {
    const { context, prefix } = this.#traits
    const hasSettings = prefix.length > 0 || settingsOf(query, false) !== undefined
    return context === 'set local' && hasSettings && this.#isOutside
  }

  #guard(query: CompiledQuery): void {
    const isAlone = this.#isAlone(query)
    guardStatement(query, isAlone || (this.#isInTransaction && this.#traits.prefix.length > 0))
    if (isAlone) refuseBegin(query.sql)
  }

  /**
   * Sends the queries, behind what has to go before them, in one round trip, and gives back one result for each.
   *
   * @throws {FlightError} which of them failed, and why.
   */
  async #fly(queries: readonly CompiledQuery[], portal?: PortalOptions): Promise<readonly BatchResult[]> {
    if (queries.some((query) => this.#isAlone(query))) return await this.#flyAlone(queries)
    const { prefix, context } = this.#traits
    const begin = this.#begin
    const isFirst = begin !== undefined || !this.#isInTransaction
    const first = [...(begin === undefined ? [] : [toCommand(begin)]), ...(isFirst ? prefix : [])]
    this.#begin = undefined
    const refuse = isFirst || prefix.length === 0 ? undefined : () => this.#session.refuseWithoutTransaction()
    return await this.#send(queries, { first, context, portal }, { opens: begin !== undefined, refuse })
  }

  /** BEGIN and COMMIT in the same flight. After an error the server skips the COMMIT, so a rollback follows before anything else. */
  async #flyAlone(queries: readonly CompiledQuery[]): Promise<readonly BatchResult[]> {
    const { prefix, context } = this.#traits
    const plan = { first: [toCommand('begin'), ...prefix], last: [toCommand('commit')], context }
    const flight = this.#turn.then(async () => {
      try {
        return await this.#send(queries, plan, { opens: true })
      } catch (error) {
        await this.#closeAborted()
        throw error
      }
    })
    this.#turn = flight.catch(() => {})
    return await flight
  }

  /** Rolls a failed transaction back; where that fails too, the connection is not lent again. */
  async #closeAborted(): Promise<void> {
    if (this.#session.status === 'I') return
    try {
      await this.#session.run([toCommand('rollback')])
    } catch {
      this.#session.isBroken = true
    }
  }

  /** Sends a flight; again, parsed anew, when the server no longer knows a name in it. `opens`: its first statement is BEGIN. */
  async #send(
    queries: readonly CompiledQuery[],
    plan: Omit<FlightPlan, 'canKeepPlan'>,
    { opens, refuse }: { readonly opens: boolean; readonly refuse?: (() => Error | undefined) | undefined },
  ): Promise<readonly BatchResult[]> {
    const flight = new Flight(queries, { ...plan, canKeepPlan: this.#canKeepPlan(queries) })
    for (let isAgain = false; ; isAgain = true) {
      const batch = new MessageBatch(this.#context, flight.statements, { from: flight.from, refuse })
      try {
        const results = flight.resultsOf(await this.#session.submit(batch))
        for (const [index, { command }] of results.entries()) {
          if (changesSession(command, queries[index]?.sql ?? '')) this.#session.isBroken = true
        }
        return results
      } catch (error) {
        const isStale = !isAgain && this.#forgetRefused(error, batch, flight.statements)
        // what did not run has no effect, so it may be sent again, parsed anew: in a transaction only if it began it
        if (!isStale || (this.#isInTransaction && !opens)) {
          const explained = batch.isInPrefix ? explainPrefix(error, this.#traits.role) : error
          throw new FlightError(flight.failedQuery(batch, error), explained)
        }
        if (opens) await this.#session.run([toCommand('rollback')])
      }
    }
  }

  /** A plan may be kept for what is sent often and alone: the settings would be those of others in its transaction, too. */
  #canKeepPlan([query, ...others]: readonly CompiledQuery[]): boolean {
    if (query === undefined || others.length > 0 || !this.#isOutside) return false
    const { statements, role } = this.#context
    return statements?.isFrequent(role, query.sql) === true
  }

  /** Forgets the names that the server refused; false when the error is about something else. */
  #forgetRefused(error: unknown, batch: MessageBatch, sent: readonly BatchStatement[]): boolean {
    const { statements, role } = this.#context
    if (!isStalePlan(error) || !batch.usedPrepared) return false
    if (error.code === unknownStatement) statements?.clear()
    for (const { text } of sent) statements?.forget(role, text)
    return true
  }

  #endTransaction(): void {
    this.#begin = undefined
    this.#isInTransaction = false
  }
}

function lostBeforeCommit({ cause }: ConnectionLostError): ConnectionLostError {
  return new ConnectionLostError(
    'the connection broke before the transaction was committed: nothing of it took effect, run it again',
    { cause, isRetryable: true },
  )
}

function toQueryResult<R>(
  query: CompiledQuery,
  { command, rowCount, rows, reader }: BatchResult,
): QueryResult<R> {
  const read = readerOf(query)?.(rows, (column) => reader?.parserOf(column)) ?? rows
  // the rows are what the caller's query type says: Kysely's promise, not checked at run time
  if (writing.has(command)) return { rows: read as R[], numAffectedRows: BigInt(rowCount) }
  return { rows: read as R[] }
}

function toCommand(text: string): BatchStatement {
  return { text, values: [] }
}
