/** The pool of connections: one code path for a server and for the embedded engine. */
import type pg from 'pg'
import { ConnectionPoolTimeoutError, DatabaseClosedError } from '../errors.ts'
import { mapConnectError } from './map-error.ts'
import { startEmbeddedEngine } from './embedded-engine.ts'
import type { EmbeddedEngine } from './embedded-engine.ts'
import { openEmbeddedSession, openServerSession } from './notification-session.ts'
import type { NotificationHandler, NotificationSession } from './notification-session.ts'
import type { ResolvedOptions } from './options.ts'
import { TypeParsers } from './type-parsers.ts'
import type { TypeParser } from './type-parsers.ts'

/**
 * A `pg.Pool` that is opened on first use.
 *
 * It fits wherever Kysely takes a `PostgresPool`. A connection that breaks while idle is dropped quietly; the next
 * borrower gets a new one.
 */
export class ConnectionPool {
  readonly kind: 'server' | 'embedded'
  /** What Kysely's PostgresPool asks for; a connection for cancelling is never made from it. */
  readonly options: object = {}
  readonly #options: ResolvedOptions
  readonly #parsers: Readonly<Record<string, TypeParser>>
  #opening: Promise<pg.Pool> | undefined
  #pool: pg.Pool | undefined
  #engine: EmbeddedEngine | undefined
  #closing: Promise<void> | undefined
  /** True once the embedded session was used. */
  #hasConnected = false

  constructor(options: ResolvedOptions, parsers: Readonly<Record<string, TypeParser>> = {}) {
    this.kind = 'url' in options.target ? 'server' : 'embedded'
    this.#options = options
    this.#parsers = parsers
  }

  /**
   * Lends a connection; the borrower gives it back with its `release()`.
   *
   * @throws {ConnectionFailedError} when the server does not answer in time.
   * @throws {DatabaseClosedError} after `end()`.
   */
  async connect(): Promise<pg.PoolClient> {
    if (this.#closing !== undefined) throw new DatabaseClosedError()
    const pool = this.#pool ?? (await this.#open())
    try {
      return await pool.connect()
    } catch (error) {
      if (
        pool.totalCount >= pool.options.max &&
        error instanceof Error &&
        error.message.startsWith('timeout')
      ) {
        throw new ConnectionPoolTimeoutError(
          'no connection became free in time: raise poolSize, or look for a scope that is used inside a transaction',
          { cause: error },
        )
      }
      throw mapConnectError(error)
    }
  }

  /**
   * Opens a session that hears notifications, beside the pool; whoever opens it closes it before `end()`.
   *
   * `url` is used in place of the pool's own, with its other options; the embedded engine needs none.
   *
   * @throws {ConnectionFailedError} when the server does not answer in time.
   * @throws {DatabaseClosedError} after `end()`.
   */
  async openNotifications(onNotification: NotificationHandler, url?: string): Promise<NotificationSession> {
    if (this.#closing !== undefined) throw new DatabaseClosedError()
    const { target, connectTimeout, applicationName, ssl } = this.#options
    if ('url' in target) {
      const config = {
        connectionString: url ?? target.url,
        ...(ssl === undefined ? {} : { ssl }),
        application_name: applicationName,
        connectionTimeoutMillis: connectTimeout,
      }
      return await openServerSession(config, onNotification)
    }
    await this.#open()
    if (this.#engine === undefined) throw new DatabaseClosedError()
    return await openEmbeddedSession(async () => await this.connect(), this.#engine, onNotification)
  }

  /** Waits until every connection was given back, closes them and stops the embedded engine. Safe to call twice. */
  async end(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    if (this.#opening === undefined) return
    const pool = await this.#opening.catch(() => undefined)
    await pool?.end()
    await this.#engine?.close()
  }

  async #open(): Promise<pg.Pool> {
    this.#opening ??= this.#createPool().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    this.#pool = await this.#opening
    return this.#pool
  }

  async #createPool(): Promise<pg.Pool> {
    const { target, poolSize, connectTimeout, idleTimeout, applicationName, ssl } = this.#options
    // not before it is needed: a service starts sooner without it
    const { default: driver } = await import('pg')
    const parsers = new TypeParsers(driver.types, this.#parsers)
    if ('embedded' in target) this.#engine = await startEmbeddedEngine(target.embedded)
    const source = 'url' in target ? { connectionString: target.url } : this.#engine?.config
    const pool = new driver.Pool({
      ...source,
      ...(ssl === undefined ? {} : { ssl }),
      application_name: applicationName,
      max: poolSize,
      connectionTimeoutMillis: connectTimeout,
      idleTimeoutMillis: this.kind === 'embedded' ? 0 : idleTimeout,
      types: parsers,
      // pg-pool waits for the promise; its types say void
      // oxlint-disable-next-line typescript/no-misused-promises
      onConnect: async (client) => await this.#prepareClient(client, parsers),
    })
    // without a listener a connection that breaks while idle would end the process
    pool.on('error', () => {})
    return pool
  }

  async #prepareClient(client: pg.ClientBase, parsers: TypeParsers): Promise<void> {
    // likewise while it is lent: the statement in flight reports the error itself
    client.on('error', () => {})
    if (this.kind === 'embedded') await this.#cleanSession(client)
    // pg's own timeout is over by now, and a pooler lets clients in while its server is gone
    await parsers.load(client, this.#options.connectTimeout)
  }

  /** The embedded engine keeps one session behind all connections: ends and forgets what a destroyed one left behind. */
  async #cleanSession(client: pg.ClientBase): Promise<void> {
    await client.query('rollback')
    if (this.#hasConnected) await client.query('discard all')
    this.#hasConnected = true
  }
}
