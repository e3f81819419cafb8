/** The replicas of a server: lends connections for reading, from one that serves and has replayed enough. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import {
  ConnectionFailedError,
  ConnectionLostError,
  ConnectionPoolTimeoutError,
  ServerUnavailableError,
} from '../errors.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { mapDatabaseError } from './map-error.ts'
import { toLsn } from './write-position.ts'
import type { WritePosition } from './write-position.ts'

/** Milliseconds for which a replica that does not answer is passed over. */
const rest = 2_000

/** What a {@link ReplicaSet} is made of. */
export interface ReplicaSetConfig {
  /** Serves when no replica does. */
  readonly primary: ConnectionPool
  readonly pools: readonly ConnectionPool[]
  /** Milliseconds to wait for a replica to replay a position. */
  readonly wait: number
  /** Milliseconds that a replica may take to say how far it is. */
  readonly answerTimeout: number
}

interface Replica {
  readonly pool: ConnectionPool
  /** When it is looked after again (`performance.now`); undefined while it serves. */
  nextLook: number | undefined
}

/** Connections stay with the pool that has opened them, so that it is enough to remember whose they are. */
const clients: WeakSet<pg.ClientBase> = new WeakSet()

/** Tells whether a connection leads to a replica. */
export function leadsToReplica(client: pg.ClientBase): boolean {
  return clients.has(client)
}

/** Replicas in turn, and the primary when there is none that serves. */
export class ReplicaSet {
  readonly pools: readonly ConnectionPool[]
  readonly #config: ReplicaSetConfig
  readonly #replicas: readonly Replica[]
  #turn = 0

  constructor(config: ReplicaSetConfig) {
    this.#config = config
    this.pools = config.pools
    this.#replicas = config.pools.map((pool) => ({ pool, nextLook: undefined }))
  }

  /**
   * Lends a connection of the next replica that serves; the borrower gives it back with its `release()`.
   *
   * With `notBefore` it is one that has replayed this position. While none has, each is asked again until `wait` is over;
   * then the primary, which has everything, lends it. Nothing is held during the wait.
   *
   * @throws {ConnectionPoolTimeoutError} when all connections to the replica stayed in use: its load is not the primary's.
   * @throws {ConnectionFailedError} when the primary does not answer either.
   * @throws {DatabaseClosedError} after the pools were closed.
   */
  async connect(notBefore?: WritePosition): Promise<pg.PoolClient> {
    const { primary, wait } = this.#config
    const end = performance.now() + wait
    for (let pause = 2; ; pause = Math.min(pause * 2, 20)) {
      const client = await this.#connectInTurn(notBefore)
      if (client !== undefined) return client
      const left = end - performance.now()
      const isWaiting = this.#replicas.some(({ nextLook }) => nextLook === undefined)
      if (!isWaiting || left <= 0) return await primary.connect()
      await delay(Math.min(pause, left))
    }
  }

  async #connectInTurn(notBefore: WritePosition | undefined): Promise<pg.PoolClient | undefined> {
    this.#turn = (this.#turn + 1) % this.#replicas.length
    const inTurn = [...this.#replicas.slice(this.#turn), ...this.#replicas.slice(0, this.#turn)]
    for (const replica of inTurn) {
      const client = this.#serves(replica) ? await this.#connectTo(replica, notBefore) : undefined
      if (client !== undefined) return client
    }
  }

  async #connectTo(
    replica: Replica,
    notBefore: WritePosition | undefined,
  ): Promise<pg.PoolClient | undefined> {
    try {
      const client = await replica.pool.connect()
      // behind a pooler a connection can be opened while the server is gone
      if (!clients.has(client)) await this.#ask(client, 'select')
      clients.add(client)
      if (notBefore === undefined || (await this.#hasReplayed(client, notBefore))) return client
      client.release()
    } catch (error) {
      if (!isAbsence(error) && !(await isQueuedInVain(replica, error))) throw error
      replica.nextLook = performance.now() + rest
    }
  }

  /**
   * Asks a replica how far it is. It is asked before the transaction begins, whose snapshot is then not older than the answer.
   *
   * A server that was promoted stays at what it replayed as a replica; one that never was a replica knows nothing (null), and
   * nothing it holds may be taken for the primary's.
   */
  async #hasReplayed(client: pg.PoolClient, position: WritePosition): Promise<boolean> {
    const row = await this.#ask(client, replayed, [toLsn(position)])
    return row?.['replayed'] === true
  }

  /** Runs a statement that may not take long; after an error the connection is gone. */
  async #ask(
    client: pg.PoolClient,
    text: string,
    values: string[] = [],
  ): Promise<pg.QueryResultRow | undefined> {
    // the option is pg's, for one query; its types know it for all queries of a client only
    const query = { text, values, query_timeout: this.#config.answerTimeout }
    try {
      return (await client.query(query)).rows[0]
    } catch (error) {
      client.release(true)
      if (error instanceof Error && error.message === 'Query read timeout')
        throw new ConnectionLostError('the replica does not answer', { cause: error })
      throw mapDatabaseError(error)
    }
  }

  /** Looks after an absent replica beside the caller, who need not wait for what does not answer. */
  #serves(replica: Replica): boolean {
    if (replica.nextLook === undefined) return true
    if (performance.now() >= replica.nextLook) {
      replica.nextLook = Infinity
      void this.#lookAfter(replica)
    }
    return false
  }

  async #lookAfter(replica: Replica): Promise<void> {
    try {
      const client = await replica.pool.connect()
      await this.#ask(client, 'select')
      client.release()
      replica.nextLook = undefined
    } catch {
      replica.nextLook = performance.now() + rest
    }
  }
}

const replayed = 'select pg_catalog.pg_last_wal_replay_lsn() >= $1::pg_catalog.pg_lsn as replayed'

/** Who has queued for a connection that nobody could open is told that the pool is too small, a little before the other hears. */
async function isQueuedInVain(replica: Replica, error: unknown): Promise<boolean> {
  if (!(error instanceof ConnectionPoolTimeoutError)) return false
  await delay(10)
  return replica.nextLook !== undefined
}

function isAbsence(error: unknown): boolean {
  return (
    error instanceof ConnectionFailedError ||
    error instanceof ConnectionLostError ||
    error instanceof ServerUnavailableError
  )
}
