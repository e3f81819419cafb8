/** Collects the statements of a batch, and sends those that do not wait for one another together. */
import { setImmediate as afterMicrotasks } from 'node:timers/promises'
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import { BatchFailedError, InvalidArgumentError } from '../errors.ts'
import { TenantConnection } from './tenant-connection.ts'

/** What a batch resolves with: what each of its promises does. */
export type BatchResults<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> }

interface Waiting {
  readonly query: CompiledQuery
  readonly resolve: (result: QueryResult<unknown>) => void
  readonly reject: (error: unknown) => void
}

/**
 * Runs the callback with a scope whose statements wait for each other, and sends them in one round trip.
 *
 * What the callback starts without waiting for an answer travels together; when one of its promises is rejected before (bad
 * input), nothing is sent. Inside a transaction, statements that wait for an answer follow in later round trips; outside, the
 * batch is the transaction, and they come too late.
 *
 * @throws the error of the statement that failed; {@link InvalidArgumentError} when the callback does not return an array.
 */
export async function runBatch<DB, S, const T extends readonly unknown[]>(
  db: Kysely<DB>,
  scopeOf: (db: Kysely<DB>) => S,
  callback: (scope: S) => T,
): Promise<BatchResults<T>> {
  if (typeof callback !== 'function') throw new InvalidArgumentError('batch', 'must be a function')
  // Kysely's type is invariant: of which tables it knows makes no difference here
  const connection = new BatchConnection(db as unknown as Kysely<unknown>)
  const collected = callback(scopeOf(new Kysely<DB>({ dialect: dialectOf(connection) })))
  if (!Array.isArray(collected)) throw new InvalidArgumentError('batch', 'must return an array of promises')
  connection.open()
  for (const promise of collected)
    Promise.resolve(promise).catch((reason: unknown) => connection.refuse(reason))
  const outcomes = await Promise.allSettled(collected)
  await connection.close()
  if (connection.failure !== undefined) throw connection.failure.reason
  const results = outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
  // one for each of the callback's promises, in their order
  return results as BatchResults<T>
}

/** The connection of a batch: keeps statements until no more come, and borrows a real one for their flight. */
class BatchConnection implements DatabaseConnection {
  /** The error of the first statement that failed of itself, and not because another one did. */
  failure: { readonly reason: unknown } | undefined
  readonly #send: (queries: readonly CompiledQuery[]) => Promise<PromiseSettledResult<QueryResult<unknown>>[]>
  readonly #isTransaction: boolean
  #waiting: Waiting[] = []
  #flight: Promise<void> | undefined
  #hasSent = false
  #state: 'collecting' | 'open' | 'closed' = 'collecting'

  constructor(db: Kysely<unknown>) {
    this.#isTransaction = db.isTransaction
    this.#send = async (queries) =>
      await db.getExecutor().provideConnection(async (connection) => {
        if (connection instanceof TenantConnection) return await connection.executeTogether(queries)
        throw new TypeError('the connection was not borrowed from this driver')
      })
  }

  /** Lets statements go. Those of a callback that threw before are never sent, and never settled. */
  open(): void {
    this.#state = 'open'
    this.#flight = this.#sendSoon()
  }

  /** Keeps everything from being sent, unless something was. */
  refuse(reason: unknown): void {
    if (!this.#hasSent) this.failure ??= { reason }
  }

  /** Waits for what is under way; what comes later is refused. */
  async close(): Promise<void> {
    await this.#flight
    this.#state = 'closed'
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#state === 'closed') {
      throw new InvalidArgumentError(
        'batch',
        'was sent before this statement came, which waits for the answer of another: use transaction, or a batch inside one',
      )
    }
    const result = new Promise<QueryResult<unknown>>((resolve, reject) => {
      this.#waiting.push({ query, resolve, reject })
    })
    if (this.#state === 'open') this.#flight ??= this.#sendSoon()
    // the rows are what the caller's query type says: Kysely's promise, not checked at run time
    return (await result) as QueryResult<R>
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new InvalidArgumentError('batch', 'holds a stream, which is read in parts: use transaction')
  }

  /** Every statement that can be made without an answer is there when all that was promised has been worked off. */
  async #sendSoon(): Promise<void> {
    await afterMicrotasks()
    this.#flight = undefined
    const sent = this.#waiting
    if (sent.length === 0) return
    this.#waiting = []
    if (!this.#isTransaction) this.#state = 'closed'
    try {
      if (this.failure !== undefined && !this.#hasSent) throw new BatchFailedError()
      this.#hasSent = true
      const outcomes = await this.#send(sent.map(({ query }) => query))
      for (const [index, outcome] of outcomes.entries()) this.#settle(sent[index], outcome)
    } catch (reason) {
      this.failure ??= { reason }
      for (const { reject } of sent) reject(reason)
    }
  }

  #settle(waiting: Waiting | undefined, outcome: PromiseSettledResult<QueryResult<unknown>>): void {
    if (outcome.status === 'fulfilled') return waiting?.resolve(outcome.value)
    if (!(outcome.reason instanceof BatchFailedError)) this.failure ??= outcome
    waiting?.reject(outcome.reason)
  }
}

/** The dialect of a batch: one connection for all, and no transaction of its own. */
function dialectOf(connection: BatchConnection): Dialect {
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => await Promise.resolve(connection),
    beginTransaction: refuseTransaction,
    commitTransaction: refuseTransaction,
    rollbackTransaction: refuseTransaction,
    releaseConnection: async () => {},
    destroy: async () => {},
  }
  return {
    createDriver: () => driver,
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  }
}

async function refuseTransaction(): Promise<never> {
  return await Promise.reject(
    new InvalidArgumentError('batch', 'cannot begin a transaction: it is one, or a part of one'),
  )
}
