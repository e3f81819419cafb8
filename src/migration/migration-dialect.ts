/** The connection of migrations: one, that refuses to be fooled by row-level security and waits for no lock for long. */
import { PostgresDialect } from 'kysely'
import type { Dialect, PostgresPool, PostgresPoolClient } from 'kysely'
import { ConnectionPool } from '../database/connection-pool.ts'
import { resolveOptions } from '../database/options.ts'
import type { DatabaseTarget } from '../database/options.ts'

/** Where migrations run, and how long they wait. */
export interface MigrationConnectionOptions {
  /** A server's direct URL (not a transaction pooler's), or the embedded database. */
  readonly target: DatabaseTarget
  /** Milliseconds to wait for a lock that traffic holds (default 5,000): every query behind a waiting migration waits too. */
  readonly lockTimeout?: number | undefined
}

/**
 * The Kysely dialect for migrations, also for a `kysely.config.ts` of your own.
 *
 * `row_security = off` does not switch row-level security off: it makes a statement fail where policies would hide rows
 * from it. Without it the owner of a table with FORCE updates no row, and PostgreSQL calls violated constraints valid.
 *
 * ```sql
 * select set_config('row_security', 'off', false), set_config('lock_timeout', '5000', false)
 * ```
 */
export function migrationDialect({ target, lockTimeout = 5_000 }: MigrationConnectionOptions): Dialect {
  return new PostgresDialect({ pool: new MigrationPool(target, lockTimeout) })
}

class MigrationPool implements PostgresPool {
  readonly options: object = {}
  readonly #pool: ConnectionPool
  readonly #lockTimeout: number
  #isUsed = false

  constructor(target: DatabaseTarget, lockTimeout: number) {
    this.#pool = new ConnectionPool(
      resolveOptions({ ...target, poolSize: 1, applicationName: 'ibex-db migrations' }),
    )
    this.#lockTimeout = lockTimeout
  }

  async connect(): Promise<PostgresPoolClient> {
    const client = await this.#pool.connect()
    this.#isUsed = true
    try {
      await client.query(
        "select set_config('row_security', 'off', false), set_config('lock_timeout', $1, false)",
        [String(this.#lockTimeout)],
      )
      return client
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  async end(): Promise<void> {
    // the embedded engine's one session outlives this pool when the caller brought the engine
    if (this.#isUsed && this.#pool.kind === 'embedded') await this.#reset()
    await this.#pool.end()
  }

  async #reset(): Promise<void> {
    const client = await this.#pool.connect()
    try {
      await client.query('reset row_security')
      await client.query('reset lock_timeout')
    } finally {
      client.release()
    }
  }
}
