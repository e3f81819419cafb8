/** Runs a callback in a transaction or a savepoint, with isolation level, read-only mode and retries. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ControlledTransaction, IsolationLevel, Kysely } from 'kysely'
import { checkWritePosition } from '../database/write-position.ts'
import type { WritePosition } from '../database/write-position.ts'
import { ConnectionLostError, IbexError, InvalidArgumentError } from '../errors.ts'
import { runInsideTransaction } from './ambient-transaction.ts'
import { checkOptionNames, checkWholeNumber } from './arguments.ts'
import type { Actor } from './scope.ts'
import type { TenantPool } from './wire.ts'

/** The options of `transaction`. */
export interface TransactionOptions {
  /** Default: the server's, normally `read committed`. */
  readonly isolationLevel?: Exclude<IsolationLevel, 'snapshot'> | undefined
  /**
   * The transaction cannot write. With `replicas` it runs on one, which may lag behind what was committed last; `serializable`
   * ones run on the primary, because a standby has none.
   */
  readonly readOnly?: boolean | undefined
  /** Keeps a `readOnly` transaction off the replicas. */
  readonly on?: 'primary' | undefined
  /**
   * What `writePosition()` returned: a `readOnly` transaction sees everything that was committed before. A replica that does
   * not get there within `replicaWait` leaves it to the primary. Without replicas it changes nothing.
   */
  readonly notBefore?: WritePosition | undefined
  /**
   * Runs the callback again after a serialization failure, a deadlock, a lock that was not free in time, or a connection that
   * broke before COMMIT: how many times at most (`true` = 3). The callback must have no other effects than its statements.
   */
  readonly retry?: boolean | number | undefined
  /** Milliseconds that each statement may take; PostgreSQL counts none for the deferred constraints of COMMIT. */
  readonly statementTimeout?: number | undefined
  /** Ends the wait for a connection or cancels the statement in flight, rolls back, and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Who acts, for this transaction. */
  readonly actor?: Actor | undefined
  /** Why, for this transaction: recorded with every version of a memory. */
  readonly changeReason?: string | undefined
}

/** The database handle of a transaction. */
export type TransactionHandle<DB> = ControlledTransaction<DB>

const known: ReadonlySet<string> = new Set<keyof TransactionOptions>([
  'isolationLevel',
  'readOnly',
  'on',
  'notBefore',
  'retry',
  'statementTimeout',
  'signal',
  'actor',
  'changeReason',
])
const isolationLevels: ReadonlySet<string> = new Set([
  'read uncommitted',
  'read committed',
  'repeatable read',
  'serializable',
])

/**
 * Checks the options of `transaction`.
 *
 * @throws {InvalidArgumentError} when one is unknown or out of range.
 */
export function checkTransactionOptions(options: TransactionOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgumentError('transaction options', 'must be an object')
  checkOptionNames('transaction option', options, known)
  const { isolationLevel, readOnly, on, notBefore, retry, statementTimeout } = options
  if (isolationLevel !== undefined && !isolationLevels.has(isolationLevel)) {
    throw new InvalidArgumentError('isolationLevel', `must be one of ${[...isolationLevels].join(', ')}`)
  }
  if (readOnly !== undefined && typeof readOnly !== 'boolean') {
    throw new InvalidArgumentError('readOnly', 'must be true or false')
  }
  if (on !== undefined && on !== 'primary') {
    throw new InvalidArgumentError('on', 'must be "primary", or left out')
  }
  if (notBefore !== undefined) {
    checkWritePosition('notBefore', notBefore)
    if (readOnly !== true)
      throw new InvalidArgumentError('notBefore', 'needs readOnly: true, others run on the primary')
  }
  const isCount = typeof retry === 'number' && Number.isSafeInteger(retry) && retry >= 0
  if (retry !== undefined && typeof retry !== 'boolean' && !isCount) {
    throw new InvalidArgumentError('retry', 'must be true, false or a whole number of at least 0')
  }
  if (statementTimeout !== undefined) checkWholeNumber('statementTimeout', statementTimeout, 1)
}

/** Runs `callback` in a transaction of its own: commits when it returns, rolls back when it throws. */
export async function runTransaction<DB, T>(
  db: Kysely<DB>,
  ambient: { readonly pool: TenantPool; readonly tenant: string | undefined },
  options: TransactionOptions,
  callback: (trx: TransactionHandle<DB>) => Promise<T>,
): Promise<T> {
  const retries = options.retry === true ? 3 : Number(options.retry ?? 0)
  for (let attempt = 0; ; attempt++) {
    try {
      return await runOnce(db, ambient, options, callback)
    } catch (error) {
      if (attempt >= retries || !mayRunAgain(error)) throw error
      // exponential back-off with jitter: two that met once would otherwise meet again
      await delay(Math.random() * 10 * 2 ** attempt)
      options.signal?.throwIfAborted()
    }
  }
}

/** Runs `callback` in a savepoint of an open transaction: what it did is undone when it throws, the rest stays. */
export async function runSavepoint<DB, T>(
  trx: TransactionHandle<DB>,
  callback: (trx: TransactionHandle<DB>) => Promise<T>,
): Promise<T> {
  savepointCount += 1
  const name = `ibex_savepoint_${savepointCount}`
  const nested = await trx.savepoint(name).execute()
  try {
    const result = await callback(nested)
    await nested.releaseSavepoint(name).execute()
    return result
  } catch (error) {
    // when this fails the transaction cannot go on either; the first error says why
    await nested
      .rollbackToSavepoint(name)
      .execute()
      .catch(() => {})
    throw error
  }
}

let savepointCount = 0

async function runOnce<DB, T>(
  db: Kysely<DB>,
  ambient: { readonly pool: TenantPool; readonly tenant: string | undefined },
  options: TransactionOptions,
  callback: (trx: TransactionHandle<DB>) => Promise<T>,
): Promise<T> {
  options.signal?.throwIfAborted()
  let builder = db.startTransaction()
  if (options.isolationLevel !== undefined) builder = builder.setIsolationLevel(options.isolationLevel)
  if (options.readOnly === true) builder = builder.setAccessMode('read only')
  const trx = await builder.execute()
  try {
    const result = await runInsideTransaction(ambient, async () => await callback(trx))
    await commit(trx, options)
    return result
  } catch (error) {
    // a rollback that fails destroys the connection, which rolls back too; the first error says why
    if (!trx.isCommitted)
      await trx
        .rollback()
        .execute()
        .catch(() => {})
    throw error
  }
}

/** A reader whose COMMIT gets no answer loses nothing: a replica may end its session as soon as it stands in the way. */
async function commit<DB>(trx: TransactionHandle<DB>, { readOnly }: TransactionOptions): Promise<void> {
  try {
    await trx.commit().execute()
  } catch (error) {
    if (readOnly !== true || !(error instanceof ConnectionLostError)) throw error
    const message = 'the connection broke before a transaction that only reads had ended: run it again'
    throw new ConnectionLostError(message, { cause: error.cause, isRetryable: true })
  }
}

const retried: ReadonlySet<string> = new Set([
  'serialization_failure',
  'deadlock_detected',
  'lock_not_available',
  'connection_lost',
])

function mayRunAgain(error: unknown): boolean {
  return error instanceof IbexError && error.isRetryable && retried.has(error.code)
}
