/** One tenant's door: its repositories, plain Kysely, and transactions. */
import type { Kysely } from 'kysely'
import type { DB as IbexDB } from '../types/database.d.ts'
import type { WritePosition } from './database/write-position.ts'
import type { MemoryResources } from './memory/memory-repository.ts'
import type { Retrievals } from './memory/retrievals.ts'
import { InvalidArgumentError } from './errors.ts'
import { runBatch } from './tenancy/batch.ts'
import type { BatchResults } from './tenancy/batch.ts'
import type { Scope } from './tenancy/scope.ts'
import { needsOwnKysely } from './tenancy/tenancy.ts'
import type { ScopeOptions, Tenancy } from './tenancy/tenancy.ts'
import { checkTransactionOptions, runSavepoint, runTransaction } from './tenancy/transaction.ts'
import type { TransactionHandle, TransactionOptions } from './tenancy/transaction.ts'
import { checkUntrusted, runUntrusted, untrustedErrors } from './tenancy/untrusted.ts'
import type { UntrustedOptions, UntrustedResult } from './tenancy/untrusted.ts'
import { readWritePosition } from './tenancy/write-position.ts'
import { TenantRepositories } from './tenant-repositories.ts'

/** What the scopes of a database share. */
export interface TenantResources<DB> extends MemoryResources {
  readonly tenancy: Tenancy<DB>
}

/**
 * One tenant outside a transaction: every statement is a transaction of its own, in one round trip.
 *
 * Made by `database.forTenant(orgId)`; cheap, no I/O, safe to share between concurrent requests of the same tenant.
 */
export class TenantScope<DB extends IbexDB = IbexDB> extends TenantRepositories<DB> {
  override readonly isTransaction = false
  readonly #tenancy: Tenancy<DB>
  readonly #options: ScopeOptions

  readonly #retrievals: Retrievals | undefined

  constructor({ tenancy, ...memory }: TenantResources<DB>, orgId: string, options: ScopeOptions) {
    super(orgId, tenancy.kyselyFor({ ...options, orgId }), memory)
    this.#tenancy = tenancy
    this.#options = options
    this.#retrievals = memory.retrievals
  }

  /**
   * Runs the callback in a transaction: commits when it returns, rolls back when it throws.
   *
   * BEGIN and the tenant travel with the first statement, so n statements take n + 1 round trips.
   *
   * ```ts
   * await tenant.transaction(async (trx) => {
   *   const session = await trx.sessions.findByIdOrThrow(sessionId)
   *   await trx.memories.add({ agentId: session.agent_id, sessionId, content, embedding, category: 'preference' })
   * })
   * ```
   *
   * Kysely lets one statement at a time use the connection: a statement inside `for await (… of query.stream())` of the same
   * transaction waits for the stream, which waits for it.
   *
   * @throws {OuterScopeError} when the callback uses the outer scope instead of its argument.
   */
  async transaction<T>(
    callback: (trx: TenantTransaction<DB>) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    checkTransactionOptions(options)
    const { orgId } = this
    const db = needsOwnKysely(options)
      ? this.#tenancy.kyselyFor({ ...this.#options, orgId }, options)
      : this.db
    const ambient = { pool: this.#tenancy.pool, tenant: orgId }
    return await runTransaction(
      db,
      ambient,
      options,
      async (trx) => await callback(new TenantTransaction(orgId, trx, this.#retrievals)),
    )
  }

  /**
   * Reads how far the primary has written: a `readOnly` transaction with this `notBefore` sees everything committed until now,
   * also when a replica serves it.
   *
   * ```ts
   * await tenant.agents.update(agentId, { name })
   * const position = await tenant.writePosition()
   * await tenant.transaction(async (trx) => await trx.agents.findById(agentId), { readOnly: true, notBefore: position })
   * ```
   *
   * It may be kept outside the process, such as in a user's session. It tells how much the whole server has written, of all
   * tenants: sign or encrypt what leaves your service.
   *
   * @throws {OuterScopeError} inside the callback of a transaction, which is not committed yet.
   */
  async writePosition(): Promise<WritePosition> {
    return await readWritePosition(this.db)
  }

  /**
   * Runs one query that nobody has read, such as a model has written, and returns its rows; docs/untrusted-sql.md says what
   * it is held by.
   *
   * It reads the columns that were opened to it (`openToUntrusted`), of this tenant: the tenant is signed, so that a query
   * that calls `set_config` sees nothing instead of another tenant. In a transaction of its own, which is rolled back.
   *
   * ```ts
   * const { rows } = await tenant.untrusted('select category, count(*) from memories group by category', { maxRows: 100 })
   * ```
   *
   * @throws {UntrustedStatementError} when it is no single query, or PostgreSQL refuses it; the message is for its author.
   * @throws {QueryCanceledError} when it takes longer than `timeout`.
   * @throws {InvalidArgumentError} when the statement is blank, or an option is unknown or out of range.
   */
  async untrusted(statement: string, options: UntrustedOptions = {}): Promise<UntrustedResult> {
    const checked = checkUntrusted(statement, options)
    const identity = { ...this.#options, orgId: this.orgId }
    const limits = { statementTimeout: checked.timeout, signal: checked.signal }
    return await runUntrusted(this.#tenancy.kyselyFor(identity, limits, untrustedErrors), checked)
  }

  /**
   * Sends several statements in one round trip, as one transaction, and resolves with what each promise of the array does.
   *
   * ```ts
   * const [agent, sessions, memories] = await tenant.batch((batch) => [
   *   batch.agents.findById(agentId),
   *   batch.sessions.find({ where: { agent_id: agentId }, limit: 20 }),
   *   batch.memories.count(),
   * ])
   * ```
   *
   * They run in their order, and all or none take effect; a method that throws about its answer (`findByIdOrThrow`) undoes
   * nothing. A statement that needs another's answer, or a method of several statements, needs `transaction`.
   *
   * @throws the error of the statement that failed.
   * @throws {InvalidArgumentError} when a statement comes after the batch was sent, or a method needs a transaction.
   */
  async batch<const T extends readonly unknown[]>(
    callback: (batch: TenantBatch<DB>) => T,
  ): Promise<BatchResults<T>> {
    return await runBatch(this.db, (db) => new TenantBatch(this.orgId, db, this.#retrievals), callback)
  }

  override async atomically<T>(callback: (scope: Scope<DB>) => Promise<T>): Promise<T> {
    return await this.transaction(callback)
  }
}

/** One tenant inside a batch: statements that travel together. */
export class TenantBatch<DB extends IbexDB = IbexDB> extends TenantRepositories<DB> {
  // a batch is one transaction, or a part of one
  override readonly isTransaction = true
  readonly #isInside: boolean

  /** `isInside` is true when a transaction surrounds it. */
  constructor(orgId: string, db: Kysely<DB>, retrievals?: Retrievals, isInside = false) {
    super(orgId, db, { retrievals })
    this.#isInside = isInside
  }

  override async atomically<T>(callback: (scope: Scope<DB>) => Promise<T>): Promise<T> {
    if (this.#isInside) return await callback(this)
    throw new InvalidArgumentError(
      'batch',
      'holds a method of several statements: use transaction, or a batch inside one',
    )
  }
}

/** One tenant inside a transaction: the same repositories and the same `db`, on one connection. */
export class TenantTransaction<DB extends IbexDB = IbexDB> extends TenantRepositories<DB> {
  override readonly isTransaction = true
  readonly #trx: TransactionHandle<DB>

  readonly #retrievals: Retrievals | undefined

  constructor(orgId: string, trx: TransactionHandle<DB>, retrievals?: Retrievals) {
    // the hot cache is left out: a transaction must see its own writes
    super(orgId, trx, { retrievals })
    this.#trx = trx
    this.#retrievals = retrievals
  }

  /** Runs the callback in a savepoint: what it did is undone when it throws, the rest of the transaction stays. */
  async transaction<T>(callback: (trx: TenantTransaction<DB>) => Promise<T>): Promise<T> {
    return await runSavepoint(
      this.#trx,
      async (trx) => await callback(new TenantTransaction(this.orgId, trx, this.#retrievals)),
    )
  }

  /**
   * Sends several statements of the transaction in one round trip, and resolves with what each promise of the array does.
   *
   * Statements that wait for an answer follow in later round trips. An error aborts the transaction, as without a batch.
   */
  async batch<const T extends readonly unknown[]>(
    callback: (batch: TenantBatch<DB>) => T,
  ): Promise<BatchResults<T>> {
    const scopeOf = (db: Kysely<DB>): TenantBatch<DB> =>
      new TenantBatch(this.orgId, db, this.#retrievals, true)
    return await runBatch(this.#trx, scopeOf, callback)
  }

  override async atomically<T>(callback: (scope: Scope<DB>) => Promise<T>): Promise<T> {
    return await callback(this)
  }
}
