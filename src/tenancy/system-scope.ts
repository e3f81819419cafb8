/** The loud, named way across tenants. */
import type { Kysely } from 'kysely'
import type { WritePosition } from '../database/write-position.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Actor } from './scope.ts'
import type { Tenancy } from './tenancy.ts'
import { needsOwnKysely } from './tenancy.ts'
import { checkTransactionOptions, runTransaction } from './transaction.ts'
import type { TransactionHandle, TransactionOptions } from './transaction.ts'
import { readWritePosition } from './write-position.ts'

/**
 * A scope that sees every tenant's rows, as its own role under its own policy.
 *
 * It is made by `asSystem(reason, …)` only, and is no {@link Scope}: no repository takes it. Inserts must name `org_id`.
 */
export class SystemScope<DB> {
  /** Why it was opened; every {@link QueryEvent} of it carries the reason. */
  readonly reason: string
  readonly db: Kysely<DB>
  readonly #tenancy: Tenancy<DB>

  constructor(tenancy: Tenancy<DB>, reason: string) {
    this.#tenancy = tenancy
    this.reason = checkReason(reason)
    this.db = tenancy.kyselyFor(this.#identity())
  }

  /** Runs the callback in a transaction; options as in a tenant's scope. */
  async transaction<T>(
    callback: (trx: TransactionHandle<DB>) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    checkTransactionOptions(options)
    const db = needsOwnKysely(options) ? this.#tenancy.kyselyFor(this.#identity(), options) : this.db
    return await runTransaction(db, { pool: this.#tenancy.pool, tenant: '' }, options, callback)
  }

  /** Reads how far the primary has written, as `writePosition` of a tenant's scope does. */
  async writePosition(): Promise<WritePosition> {
    return await readWritePosition(this.db)
  }

  #identity(): { systemReason: string; changeReason: string; actor: Actor } {
    return { systemReason: this.reason, changeReason: this.reason, actor: { type: 'system' } }
  }
}

/**
 * Checks what a function of the system is handed, and returns its Kysely.
 *
 * @throws {InvalidArgumentError} when it is anything but the argument of the callback of `asSystem`.
 */
export function checkSystemScope<DB>(system: SystemScope<DB>): Kysely<DB> {
  if (system instanceof SystemScope) return system.db
  throw new InvalidArgumentError('system', 'must be the argument of the callback of asSystem')
}

function checkReason(reason: unknown): string {
  if (typeof reason === 'string' && reason.trim().length >= 3 && reason.length <= 1_000) return reason
  throw new InvalidArgumentError(
    'reason',
    'must say in 3 to 1,000 characters why all tenants are concerned: it is logged',
  )
}
