/** A borrowed connection that sends role, tenant and settings with the statement that needs them. */
import type { PoolClient } from 'pg'
import { AbortedTransactionError, CompiledQuery } from 'kysely'
import type { ControlConnectionProvider, DatabaseConnection, QueryResult } from 'kysely'
import type { QueryEvent } from '../database/options.ts'
import { InsufficientPrivilegeError, InvalidArgumentError, MissingMigrationsError } from '../errors.ts'
import { cancelRequest } from './cancel-request.ts'
import { MessageBatch } from './message-batch.ts'
import type { BatchContext, BatchResult, BatchStatement, PortalStep } from './message-batch.ts'
import { settingsOf } from './query-settings.ts'
import { settingsStatement } from './settings.ts'
import type { WireClient } from './wire.ts'
import { toWireValue } from './wire-value.ts'

/** What the statements of one scope have in common. */
export interface ScopeTraits {
  readonly role: string | undefined
  /** Role and settings as one statement; undefined when there are none. */
  readonly prefix: BatchStatement | undefined
  readonly signal: AbortSignal | undefined
  readonly systemReason: string | undefined
  readonly onQuery: ((event: QueryEvent) => void) | undefined
  readonly mapError: (error: unknown) => unknown
}

/** The most parameters that the protocol's 16-bit count can say; more would wrap around silently. */
const maxParameters = 65_535

const writing: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

/**
 * Statements that end the transaction, and its settings with it; `rollback to` a savepoint does not.
 *
 * What this misses (a comment before it) is noticed when the next statement is sent.
 */
const ending =
  /^\s*(?:(?:rollback|abort)\b(?!\s+(?:(?:work|transaction)\s+)?to\b)|commit\b|end\b|prepare\s+transaction\b)/i

/**
 * Kysely's connection. Outside a transaction a statement travels as settings + statement + Sync; inside one, BEGIN and
 * the settings wait for the first statement and travel with it.
 */
export class TenantConnection implements DatabaseConnection {
  readonly #client: WireClient
  readonly #context: BatchContext
  readonly #traits: ScopeTraits
  #begin: string | undefined
  #isInTransaction = false
  #isBroken = false
  /** Batches that are in flight or queued: more than one when a transaction's statements run concurrently. */
  #running = 0
  #portals = 0
  #command: { readonly query: CompiledQuery; readonly run: () => Promise<void> } | undefined

  constructor(client: PoolClient, context: BatchContext, traits: ScopeTraits) {
    // pg's client has these fields; its types leave them out
    this.#client = client as WireClient
    this.#context = context
    this.#traits = traits
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (query === this.#command?.query) {
      await this.#command.run()
      return { rows: [] }
    }
    const { rows, command, rowCount } = await this.#execute(query)
    if (writing.has(command)) return { rows: rows as R[], numAffectedRows: BigInt(rowCount) }
    // the rows are what the caller's query type says: Kysely's promise, not checked at run time
    return { rows: rows as R[] }
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    if (!Number.isSafeInteger(chunkSize) || chunkSize < 1) {
      throw new InvalidArgumentError('chunkSize', 'must be a whole number of at least 1')
    }
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
    if (this.#running === 0) return
    // whether the request arrives before the statement ends is unknown; it must not hit the next borrower's
    this.#isBroken = true
    await cancelRequest(this.#client)
  }

  async killSession(_provider?: ControlConnectionProvider): Promise<void> {
    // a session whose socket is gone ends with its statement; terminating it by id would need another role's rights
    await this.cancelQuery()
  }

  /** Gives the connection back; one that is broken or still inside a transaction is destroyed instead. */
  release(): void {
    const status = this.#client.getTransactionStatus()
    this.#client.release(this.#isBroken || this.#running > 0 || (status !== null && status !== 'I'))
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
      const { command } = await this.#observe('commit', async () => await this.#run(commit))
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
      if (this.#begin === undefined) await this.#run([{ text: 'rollback', values: [] }])
    } catch (error) {
      this.#isBroken = true
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
        result = await this.#observe(
          query.sql,
          async () => await this.#run([], { portal, maxRows, reader: result.reader }),
        )
      }
    } finally {
      const isOpen = result.isSuspended && this.#client.getTransactionStatus() === 'T'
      if (isOpen) {
        const close = [{ text: `close ${portal}`, values: [] }]
        await this.#observe(`close ${portal}`, async () => await this.#run(close))
      }
    }
  }

  async #execute(
    query: CompiledQuery,
    portal?: { readonly portal: string; readonly maxRows: number },
  ): Promise<BatchResult> {
    const { sql, parameters } = query
    if (parameters.length > maxParameters) {
      throw new InvalidArgumentError(
        'query',
        `has ${parameters.length} parameters, PostgreSQL takes ${maxParameters}: use insertMany, or one array`,
      )
    }
    if (this.#isInTransaction && this.#traits.prefix !== undefined && ending.test(sql)) {
      throw new InvalidArgumentError(
        'query',
        'ends the transaction, and the scope with it: return from the callback to commit, throw to roll back',
      )
    }
    const statement = { text: sql, values: parameters.map(toWireValue), ...portal }
    const settings = settingsOf(query)
    return await this.#observe(
      sql,
      async () => await this.#runWithPrefix(statement, settings && settingsStatement(settings)),
    )
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
    const refuse = isInside ? () => this.#refuseWithoutTransaction() : undefined
    const batch = new MessageBatch(this.#context, statements, { refuse })
    try {
      return await this.#submit(batch)
    } catch (error) {
      if (!isStalePlan(error) || !batch.usedPrepared)
        throw batch.isInPrefix ? this.#explainPrefix(error) : error
      // the statement did not run: outside a transaction nothing else did either, so it may be sent again, parsed anew
      if (error.code === unknownStatement) this.#context.statements?.clear()
      for (const { text } of statements) this.#context.statements?.forget(this.#context.role, text)
      if (this.#isInTransaction && begin === undefined) throw error
      if (begin !== undefined) await this.#run([{ text: 'rollback', values: [] }])
      return await this.#run(statements)
    }
  }

  async #run(statements: readonly BatchStatement[], step?: PortalStep): Promise<BatchResult> {
    return await this.#submit(new MessageBatch(this.#context, statements, { step }))
  }

  /** The last word on a statement without settings: in the transaction that carried them, or not at all. */
  #refuseWithoutTransaction(): Error | undefined {
    if (this.#client.getTransactionStatus() !== 'I') return undefined
    return new InvalidArgumentError(
      'query',
      'cannot run: a statement ended the transaction, and the scope with it; return from the callback to commit, throw to roll back',
    )
  }

  async #submit(batch: MessageBatch): Promise<BatchResult> {
    const { signal } = this.#traits
    this.#running += 1
    try {
      if (signal === undefined) return await this.#query(batch)
      return await this.#queryUntilAborted(batch, signal)
    } finally {
      this.#running -= 1
    }
  }

  async #query(batch: MessageBatch): Promise<BatchResult> {
    // pg takes any object with submit(); its types know only pg-cursor's
    this.#client.query(batch as never)
    return await batch.result
  }

  async #queryUntilAborted(batch: MessageBatch, signal: AbortSignal): Promise<BatchResult> {
    let cancelling: Promise<void> | undefined
    const cancel = (): void => {
      cancelling = this.cancelQuery().catch(() => {})
    }
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await this.#query(batch)
    } finally {
      signal.removeEventListener('abort', cancel)
      await cancelling
    }
  }

  async #observe(sql: string, run: () => Promise<BatchResult>): Promise<BatchResult> {
    const { onQuery, signal, mapError } = this.#traits
    signal?.throwIfAborted()
    const start = onQuery === undefined ? 0 : performance.now()
    try {
      const result = await run()
      if (onQuery !== undefined) onQuery(this.#event(sql, start, result.rowCount))
      return result
    } catch (cause) {
      const error = signal?.aborted === true ? signal.reason : withCallers(mapError(cause), cause)
      if (onQuery !== undefined) onQuery({ ...this.#event(sql, start, 0), error })
      throw error
    }
  }

  /** Says what to do about a role or a setting that the server refuses. */
  #explainPrefix(error: unknown): unknown {
    const { role } = this.#traits
    if (!(error instanceof Error) || !('code' in error)) return error
    // the server quotes the name of what it refuses: the role's, or a setting's
    if (role === undefined || !error.message.includes(`"${role}"`)) {
      if (error.code !== '22023' && error.code !== '42704') return error
      return new InvalidArgumentError(
        'settings',
        `hold a name or a value that the server does not take (${error.code})`,
      )
    }
    if (error.code === '22023') {
      return new MissingMigrationsError(`role "${role}" does not exist: run the migrations first`, {
        cause: error,
      })
    }
    if (error.code !== '42501') return error
    return new InsufficientPrivilegeError(
      `the login may not take the role "${role}": an administrator must run: grant ${role} to <login>`,
      { sqlState: '42501' },
      { cause: error },
    )
  }

  #event(sql: string, start: number, rowCount: number): QueryEvent {
    const { role, systemReason } = this.#traits
    const event = { sql, duration: performance.now() - start, rowCount, role }
    return systemReason === undefined ? event : { ...event, systemReason }
  }

  #endTransaction(): void {
    this.#begin = undefined
    this.#isInTransaction = false
  }
}

/** An error of `pg` was made when the socket was read: what its stack lacks is who asked. */
function withCallers(error: unknown, cause: unknown): unknown {
  if (error === cause && error instanceof Error && error.stack !== undefined) {
    const callers = new Error('callers').stack?.split('\n').slice(2) ?? []
    error.stack = [error.stack, ...callers].join('\n')
  }
  return error
}

const unknownStatement = '26000'

/** True when a named statement is gone (DISCARD, a pooler) or its plan no longer fits the table (a migration). */
function isStalePlan(error: unknown): error is Error & { readonly code: unknown } {
  if (!(error instanceof Error) || !('code' in error) || !('routine' in error)) return false
  if (error.code === unknownStatement)
    return error.routine === 'FetchPreparedStatement' || error.routine === 'exec_bind_message'
  return error.code === '0A000' && error.routine === 'RevalidateCachedQuery'
}
