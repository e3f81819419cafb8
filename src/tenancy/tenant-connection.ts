/** A borrowed connection that sends role, tenant and settings with the statement that needs them. */
import type { PoolClient } from 'pg'
import { AbortedTransactionError, CompiledQuery } from 'kysely'
import type { ControlConnectionProvider, DatabaseConnection, QueryResult } from 'kysely'
import { ConnectionLostError } from '../errors.ts'
import { checkWholeNumber } from './arguments.ts'
import { MessageBatch } from './message-batch.ts'
import type { BatchContext, BatchResult, BatchStatement } from './message-batch.ts'
import { observe } from './observe.ts'
import type { ScopeTraits } from './observe.ts'
import { readerOf } from './query-reader.ts'
import { settingsOf } from './query-settings.ts'
import { explainPrefix, isStalePlan, unknownStatement } from './server-refusals.ts'
import { settingsStatement } from './settings.ts'
import { changesSession, guardStatement, mayCommit } from './statement-guard.ts'
import { WireSession } from './wire-session.ts'
import type { WireClient } from './wire.ts'
import { toWireValue } from './wire-value.ts'

const writing: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

/**
 * Kysely's connection. Outside a transaction a statement travels as settings + statement + Sync; inside one, BEGIN and
 * the settings wait for the first statement and travel with it.
 */
export class TenantConnection implements DatabaseConnection {
  readonly #session: WireSession
  readonly #context: BatchContext
  readonly #traits: ScopeTraits
  #begin: string | undefined
  #isInTransaction = false
  #portals = 0
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
    const result = await this.#executeAtomically(query)
    const { command, rowCount, reader } = result
    const rows = readerOf(query)?.(result.rows, (column) => reader?.parserOf(column)) ?? result.rows
    if (writing.has(command)) return { rows: rows as R[], numAffectedRows: BigInt(rowCount) }
    // the rows are what the caller's query type says: Kysely's promise, not checked at run time
    return { rows: rows as R[] }
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
      const commit = [{ text: 'commit', values: [] }]
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
      if (this.#begin === undefined) await this.#session.run([{ text: 'rollback', values: [] }])
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
        const close = [{ text: `close ${portal}`, values: [] }]
        await observe(this.#traits, `close ${portal}`, async () => await this.#session.run(close))
      }
    }
  }

  async #executeAtomically(query: CompiledQuery): Promise<BatchResult> {
    const isOutside = !this.#isInTransaction && this.#session.status !== 'T'
    if (this.#traits.prefix === undefined || !isOutside || !mayCommit(query.sql))
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

  async #execute(
    query: CompiledQuery,
    portal?: { readonly portal: string; readonly maxRows: number },
  ): Promise<BatchResult> {
    const { sql, parameters } = query
    guardStatement(query, this.#isInTransaction && this.#traits.prefix !== undefined)
    const statement = { text: sql, values: parameters.map(toWireValue), ...portal }
    const settings = settingsOf(query)
    try {
      return await observe(
        this.#traits,
        sql,
        async () => await this.#runWithPrefix(statement, settings && settingsStatement(settings)),
      )
    } catch (error) {
      throw this.#isInTransaction && error instanceof ConnectionLostError ? lostBeforeCommit(error) : error
    }
  }

  async #runWithPrefix(
    statement: BatchStatement,
    settings: BatchStatement | undefined,
  ): Promise<BatchResult> {
    const begin = this.#begin
    const statements: BatchStatement[] = []
    if (begin !== undefined) statements.push({ text: begin, values: [] })
    if (this.#traits.prefix !== undefined && (begin !== undefined || !this.#isInTransaction))
      statements.push(this.#traits.prefix)
    if (settings !== undefined) statements.push(settings)
    statements.push(statement)
    this.#begin = undefined
    const isInside = this.#isInTransaction && begin === undefined && this.#traits.prefix !== undefined
    const refuse = isInside ? () => this.#session.refuseWithoutTransaction() : undefined
    const batch = new MessageBatch(this.#context, statements, { refuse })
    try {
      const result = await this.#session.submit(batch)
      if (changesSession(result.command, statement.text)) this.#session.isBroken = true
      return result
    } catch (error) {
      if (!this.#forgetRefused(error, batch, statements))
        throw batch.isInPrefix ? explainPrefix(error, this.#traits.role) : error
      // the statement did not run: outside a transaction nothing else did either, so it may be sent again, parsed anew
      if (this.#isInTransaction && begin === undefined) throw error
      if (begin !== undefined) await this.#session.run([{ text: 'rollback', values: [] }])
      return await this.#session.run(statements)
    }
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
