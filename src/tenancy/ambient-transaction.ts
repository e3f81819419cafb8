/** Notices a scope that is used inside a transaction callback to which it does not belong. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { OuterScopeError, TenantMismatchError } from '../errors.ts'
import type { TenantPool } from './wire.ts'

interface AmbientTransaction {
  readonly pool: TenantPool
  readonly tenant: string | undefined
}

interface RunningTransaction extends AmbientTransaction {
  /** False once the callback has ended: what it started and left behind (a timer, a listener) may use the outer scope. */
  isRunning: boolean
}

const ambient: AsyncLocalStorage<RunningTransaction | undefined> = new AsyncLocalStorage()

/** Runs the callback of a transaction; every connection that is borrowed from the same pool inside it is a mistake. */
export async function runInsideTransaction<T>(
  transaction: AmbientTransaction,
  callback: () => Promise<T>,
): Promise<T> {
  const running = { ...transaction, isRunning: true }
  try {
    return await ambient.run(running, callback)
  } finally {
    running.isRunning = false
  }
}

/**
 * Runs `callback` as if no transaction surrounded it: the outer scope may then be used on purpose, on a connection and in
 * a transaction of its own.
 *
 * It needs a second connection while the transaction holds the first: on the embedded database, which has one, it fails
 * with {@link ConnectionPoolTimeoutError}.
 */
export function runOutsideTransaction<T>(callback: () => T): T {
  return ambient.run(undefined, callback)
}

/**
 * Refuses to borrow a connection inside the callback of a transaction of the same pool.
 *
 * @throws {OuterScopeError} when the scope is the transaction's own tenant's.
 * @throws {TenantMismatchError} when it is another tenant's.
 */
export function assertOutsideTransaction(pool: TenantPool, tenant: string | undefined): void {
  const transaction = ambient.getStore()
  if (transaction?.isRunning !== true || transaction.pool !== (pool.primary ?? pool)) return
  if (transaction.tenant === tenant) throw new OuterScopeError()
  throw new TenantMismatchError(
    'another scope is used inside the transaction of a tenant: finish the transaction first, or use runOutsideTransaction(…)',
  )
}
