/** The one connection of migrations, prepared. */
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { PoolClient } from 'pg'
import { ConnectionPool } from '../database/connection-pool.ts'
import { resolveOptions } from '../database/options.ts'
import type { DatabaseTarget, ResolvedOptions } from '../database/options.ts'
import { goesThroughTransactionPooler } from '../database/transaction-pooler.ts'
import { TransactionPoolerError } from '../errors.ts'

/** A pool of one connection, that is not handed out before it is known to be the session's own. */
export class MigrationPool implements PostgresPool {
  readonly options: object = {}
  readonly #resolved: ResolvedOptions
  readonly #pool: ConnectionPool
  readonly #lockTimeout: number
  readonly #known: WeakSet<PoolClient> = new WeakSet()
  #isUsed = false

  constructor(target: DatabaseTarget, lockTimeout: number) {
    this.#resolved = resolveOptions({ ...target, poolSize: 1, applicationName: 'ibex-db migrations' })
    this.#pool = new ConnectionPool(this.#resolved)
    this.#lockTimeout = lockTimeout
  }

  async connect(): Promise<PostgresPoolClient> {
    const client = await this.#pool.connect()
    this.#isUsed = true
    try {
      if (this.#pool.kind === 'server' && !this.#known.has(client)) await this.#examine(client)
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

  /** Before the first setting: behind a transaction pooler it would reach other clients. */
  async #examine(client: PoolClient): Promise<void> {
    if (await goesThroughTransactionPooler(client, this.#resolved)) throw new TransactionPoolerError()
    await noticeLostClients(client)
    this.#known.add(client)
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

/**
 * Lets the server look every second whether this process still lives.
 *
 * Otherwise a statement that runs for an hour holds its locks, and the migration lock, for an hour after a runner was killed.
 */
async function noticeLostClients(client: PoolClient): Promise<void> {
  // PostgreSQL 14; refused where the operating system cannot tell
  await client
    .query(
      "select set_config(name, '1000', false) from pg_catalog.pg_settings where name = 'client_connection_check_interval'",
    )
    .catch(() => {})
}
