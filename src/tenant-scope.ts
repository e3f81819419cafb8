/** One tenant's door: its repositories, plain Kysely, and transactions. */
import type { DB as IbexDB } from '../types/database.d.ts'
import { tables } from '../types/tables.ts'
import { OrganizationRepository } from './identity/organization-repository.ts'
import { MemoryRepository } from './memory/memory-repository.ts'
import { BaseRepository } from './repository/base-repository.ts'
import type { TableOf } from './repository/row-types.ts'
import type { DefinitionOf } from './repository/table-definition.ts'
import { CheckpointRepository } from './sessions/checkpoint-repository.ts'
import { SessionRepository } from './sessions/session-repository.ts'
import { Scope } from './tenancy/scope.ts'
import { needsOwnKysely } from './tenancy/tenancy.ts'
import type { ScopeOptions, Tenancy } from './tenancy/tenancy.ts'
import { checkTransactionOptions, runSavepoint, runTransaction } from './tenancy/transaction.ts'
import type { TransactionHandle, TransactionOptions } from './tenancy/transaction.ts'

/** A table that needs no query of its own is served by the plain repository. */
type PlainRepository<TB extends TableOf<IbexDB>> = BaseRepository<IbexDB, TB>

/** The repositories of a tenant, each made when it is first used. */
abstract class TenantRepositories<DB extends IbexDB> extends Scope<DB> {
  readonly #made: Map<string, unknown> = new Map()

  get organizations(): OrganizationRepository {
    return this.#make('organizations', (scope) => new OrganizationRepository(scope))
  }

  get users(): PlainRepository<'ibex_core.users'> {
    return this.#plain(tables['ibex_core.users'])
  }

  get tokens(): PlainRepository<'ibex_core.tokens'> {
    return this.#plain(tables['ibex_core.tokens'])
  }

  get agents(): PlainRepository<'ibex_core.agents'> {
    return this.#plain(tables['ibex_core.agents'])
  }

  get directives(): PlainRepository<'ibex_core.directives'> {
    return this.#plain(tables['ibex_core.directives'])
  }

  get directiveVersions(): PlainRepository<'ibex_core.directive_versions'> {
    return this.#plain(tables['ibex_core.directive_versions'])
  }

  get sessions(): SessionRepository {
    return this.#make('sessions', (scope) => new SessionRepository(scope))
  }

  get checkpoints(): CheckpointRepository {
    return this.#make('checkpoints', (scope) => new CheckpointRepository(scope))
  }

  get memories(): MemoryRepository {
    return this.#make('memories', (scope) => new MemoryRepository(scope))
  }

  get memoryVersions(): PlainRepository<'ibex_core.memory_versions'> {
    return this.#plain(tables['ibex_core.memory_versions'])
  }

  get memoryRelationships(): PlainRepository<'ibex_core.memory_relationships'> {
    return this.#plain(tables['ibex_core.memory_relationships'])
  }

  get memoryUsage(): PlainRepository<'ibex_core.memory_usage'> {
    return this.#plain(tables['ibex_core.memory_usage'])
  }

  #plain<TB extends TableOf<IbexDB>>(table: DefinitionOf<TB>): BaseRepository<IbexDB, TB> {
    return this.#make(table.name, (scope) => new BaseRepository<IbexDB, TB>(scope, table))
  }

  #make<R>(name: string, create: (scope: Scope<IbexDB>) => R): R {
    // a user's DB extends ours, so our repositories find their tables in it; Kysely's type is invariant and cannot say so
    if (!this.#made.has(name)) this.#made.set(name, create(this as unknown as Scope<IbexDB>))
    // only `create` of the same name has put it there
    return this.#made.get(name) as R
  }
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

  constructor(tenancy: Tenancy<DB>, orgId: string, options: ScopeOptions) {
    super(orgId, tenancy.kyselyFor({ ...options, orgId }))
    this.#tenancy = tenancy
    this.#options = options
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
      async (trx) => await callback(new TenantTransaction(orgId, trx)),
    )
  }

  override async atomically<T>(callback: (scope: Scope<DB>) => Promise<T>): Promise<T> {
    return await this.transaction(callback)
  }
}

/** One tenant inside a transaction: the same repositories and the same `db`, on one connection. */
export class TenantTransaction<DB extends IbexDB = IbexDB> extends TenantRepositories<DB> {
  override readonly isTransaction = true
  readonly #trx: TransactionHandle<DB>

  constructor(orgId: string, trx: TransactionHandle<DB>) {
    super(orgId, trx)
    this.#trx = trx
  }

  /** Runs the callback in a savepoint: what it did is undone when it throws, the rest of the transaction stays. */
  async transaction<T>(callback: (trx: TenantTransaction<DB>) => Promise<T>): Promise<T> {
    return await runSavepoint(
      this.#trx,
      async (trx) => await callback(new TenantTransaction(this.orgId, trx)),
    )
  }

  override async atomically<T>(callback: (scope: Scope<DB>) => Promise<T>): Promise<T> {
    return await callback(this)
  }
}
