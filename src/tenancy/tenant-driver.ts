/** Kysely's driver over a pool: borrows, begins, ends and gives back. */
import { once } from 'node:events'
import type { PoolClient } from 'pg'
import { IdentifierNode, RawNode, createQueryId } from 'kysely'
import type { DatabaseConnection, Driver, QueryCompiler, TransactionSettings } from 'kysely'
import { leadsToReplica } from '../database/replica-set.ts'
import { assertOutsideTransaction } from './ambient-transaction.ts'
import type { BatchContext } from './message-batch.ts'
import { StatementCache } from './statement-cache.ts'
import { TenantConnection } from './tenant-connection.ts'
import type { ScopeTraits } from './observe.ts'
import type { TenantPool, WireClient } from './wire.ts'

/** What the driver needs besides the traits of its scope. */
export interface TenantDriverConfig {
  readonly pool: TenantPool | (() => Promise<TenantPool>)
  readonly traits: ScopeTraits
  readonly tenant: string | undefined
  readonly prepare: boolean
}

/** Statements prepared on a connection outlive the scope that borrowed it, so they are kept beside the client. */
const statementCaches: WeakMap<PoolClient, StatementCache> = new WeakMap()

/** The driver of {@link TenantDialect}. */
export class TenantDriver implements Driver {
  readonly #config: TenantDriverConfig
  #pool: TenantPool | undefined

  constructor(config: TenantDriverConfig) {
    this.#config = config
    if (typeof config.pool !== 'function') this.#pool = config.pool
  }

  async init(): Promise<void> {
    if (typeof this.#config.pool === 'function') this.#pool = await this.#config.pool()
  }

  async acquireConnection(): Promise<TenantConnection> {
    const { traits, tenant } = this.#config
    const pool = this.#pool
    if (pool === undefined) throw new Error('the driver is destroyed')
    assertOutsideTransaction(pool, tenant)
    const client = await borrow(pool, traits.signal)
    if (this.#pool === undefined) {
      client.release()
      throw new Error('the driver was destroyed while it waited for a connection')
    }
    const isOnReplica = pool.primary !== undefined && leadsToReplica(client)
    return new TenantConnection(
      client,
      this.#contextOf(client),
      isOnReplica ? { ...traits, server: 'replica' } : traits,
    )
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const isolation =
      settings.isolationLevel === undefined ? '' : ` isolation level ${settings.isolationLevel}`
    const access = settings.accessMode === undefined ? '' : ` ${settings.accessMode}`
    const options = `${isolation}${access}`
    await own(connection).beginTransaction(options === '' ? 'begin' : `start transaction${options}`)
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).commit()
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).rollback()
  }

  async savepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler['compileQuery'],
  ): Promise<void> {
    await runCommand(connection, 'savepoint', name, compile)
  }

  async rollbackToSavepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler['compileQuery'],
  ): Promise<void> {
    await runCommand(connection, 'rollback to', name, compile)
  }

  async releaseSavepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler['compileQuery'],
  ): Promise<void> {
    await runCommand(connection, 'release', name, compile)
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    own(connection).release()
  }

  async destroy(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await pool?.end()
  }

  #contextOf(client: PoolClient): BatchContext {
    let statements = statementCaches.get(client)
    if (statements === undefined) {
      statements = new StatementCache()
      statementCaches.set(client, statements)
      // a client without a listener that loses its connection while it is lent ends the process
      client.on('error', () => {})
    }
    // pg's client has getTypeParser; its types leave the method out
    const wire = client as WireClient
    return {
      statements: this.#config.prepare ? statements : undefined,
      role: this.#config.traits.role ?? '',
      parserOf: (oid) => wire.getTypeParser(oid, 'text'),
    }
  }
}

/** Waits for a connection until the signal is aborted; one that comes after that goes back unused. */
async function borrow(pool: TenantPool, signal: AbortSignal | undefined): Promise<PoolClient> {
  signal?.throwIfAborted()
  const arriving = pool.connect()
  if (signal === undefined) return await arriving
  const end = new AbortController()
  const aborted = once(signal, 'abort', { signal: end.signal }).then(() => {
    throw signal.reason
  })
  try {
    return await Promise.race([arriving, aborted])
  } catch (error) {
    void arriving.then(
      (client) => client.release(),
      () => {},
    )
    throw error
  } finally {
    end.abort()
  }
}

function own(connection: DatabaseConnection): TenantConnection {
  if (connection instanceof TenantConnection) return connection
  throw new TypeError('the connection was not borrowed from this driver')
}

async function runCommand(
  connection: DatabaseConnection,
  command: string,
  name: string,
  compile: QueryCompiler['compileQuery'],
): Promise<void> {
  const node = RawNode.createWithChildren([RawNode.createWithSql(`${command} `), IdentifierNode.create(name)])
  await connection.executeQuery(compile(node, createQueryId()))
}
