/** Puts the layers together: options, pool, tenancy, repositories. */
import type { Kysely } from 'kysely'
import type { DB as IbexDB } from '../types/database.d.ts'
import { ConnectionPool } from './database/connection-pool.ts'
import { resolveOptions } from './database/options.ts'
import type { DatabaseOptions, ResolvedOptions } from './database/options.ts'
import { ReplicaSet } from './database/replica-set.ts'
import { HotCache } from './hot-cache/hot-cache.ts'
import { resolveHotCacheOptions } from './hot-cache/options.ts'
import type { HotCacheOptions } from './hot-cache/options.ts'
import { recordUses } from './memory/record-uses.ts'
import { Retrievals } from './memory/retrievals.ts'
import { tokenTenant } from './identity/token-secret.ts'
import type { TokenVerification, VerifyTokenOptions } from './identity/verify-token.ts'
import { SystemScope } from './tenancy/system-scope.ts'
import { Tenancy, copyScopeOptions } from './tenancy/tenancy.ts'
import type { ScopeOptions } from './tenancy/tenancy.ts'
import { nobody, parseTenantId } from './tenancy/tenant-id.ts'
import type { IsolationReport } from './tenancy/verify-isolation.ts'
import { TenantScope } from './tenant-scope.ts'
import { Vector } from './vector/vector.ts'

/** The options of {@link createDatabase}. */
export interface CreateDatabaseOptions extends DatabaseOptions {
  /** Caches the ids of each agent's best memories, for `memories.hot`; `{}` for the defaults (default: no cache). */
  readonly hotCache?: HotCacheOptions | undefined
}

/** A database of many tenants: the way to each tenant's scope, and nothing that reaches a row without one. */
export class Database<DB extends IbexDB = IbexDB> {
  readonly #pool: ConnectionPool
  readonly #replicas: ReplicaSet | undefined
  readonly #tenancy: Tenancy<DB>
  readonly #hotCache: HotCache | undefined
  readonly #retrievals: Retrievals

  constructor({ hotCache, ...options }: CreateDatabaseOptions) {
    const resolved = resolveOptions(options)
    const cacheOptions = hotCache === undefined ? undefined : resolveHotCacheOptions(hotCache)
    this.#pool = openPool(resolved)
    this.#replicas = openReplicas(this.#pool, resolved)
    this.#tenancy = new Tenancy(this.#pool, resolved, this.#replicas)
    this.#hotCache = cacheOptions === undefined ? undefined : new HotCache(this.#pool, cacheOptions)
    this.#retrievals = new Retrievals(async (orgId, uses) => {
      // our tables are in a user's DB, which extends ours; Kysely's type is invariant and cannot say so
      const db = this.#tenancy.kyselyFor({ orgId }) as unknown as Kysely<IbexDB>
      await recordUses(db, orgId, 'retrieval', uses)
    })
  }

  /** A server, or the engine in this process, which has one connection and can neither cancel nor time out. */
  get kind(): 'server' | 'embedded' {
    return this.#pool.kind
  }

  /**
   * Makes the scope of one tenant: cheap, no I/O.
   *
   * Whether the organization exists is not looked up: reads of an unknown one find nothing, writes throw
   * `UnknownOrganizationError`, and `scope.organizations.requireActive()` asks once, at a service's door.
   *
   * @throws {MissingTenantError} when the id is undefined, null or empty.
   * @throws {InvalidTenantIdError} when it is not a uuid.
   */
  forTenant(orgId: string, options: ScopeOptions = {}): TenantScope<DB> {
    const resources = { tenancy: this.#tenancy, hotCache: this.#hotCache, retrievals: this.#retrievals }
    return new TenantScope(resources, parseTenantId(orgId), copyScopeOptions(options))
  }

  /**
   * Runs the callback across tenants, as the system role. The reason travels with every {@link QueryEvent} and with
   * every change.
   *
   * ```ts
   * await database.asSystem('nightly expiry sweep', async (system) => {
   *   await system.db.deleteFrom('ibex_core.memories').where('expires_at', '<', new Date()).execute()
   * })
   * ```
   *
   * @throws {InvalidArgumentError} when the reason says nothing.
   */
  async asSystem<T>(reason: string, callback: (system: SystemScope<DB>) => Promise<T>): Promise<T> {
    return await callback(new SystemScope(this.#tenancy, reason))
  }

  /**
   * Checks in one round trip to each server that the database really keeps tenants apart for this login; call it when a service starts.
   *
   * @throws {MissingMigrationsError} when the migrations were not run.
   * @throws {IsolationError} when isolation would not hold; the message says what to run.
   */
  async verifyIsolation(): Promise<IsolationReport> {
    return await this.#tenancy.verifyIsolation()
  }

  /**
   * Tells whether the secret of a token is good, and whom it acts for: what a service asks first about a request.
   *
   * ```ts
   * const verified = await database.verifyToken(secret, { address: request.socket.remoteAddress, permissions: 1n })
   * if (verified.outcome === 'refused') return unauthorized() // the same answer whatever the reason
   * const tenant = database.forTenant(verified.orgId)
   * ```
   *
   * The tenant is read out of the secret, so no role sees more than one tenant's rows. One statement, always the same, for a
   * secret that is good, unknown, malformed, revoked or expired.
   *
   * @throws {InvalidArgumentError} when an option does not exist or is not what it should be.
   */
  async verifyToken(secret: string, options: VerifyTokenOptions = {}): Promise<TokenVerification> {
    return await this.forTenant(tokenTenant(secret) ?? nobody).tokens.verify(secret, options)
  }

  /**
   * Writes down which memories searches have returned, which otherwise happens some seconds later.
   *
   * @throws what the database does; what was not written stays for the next time.
   */
  async flushRetrievals(): Promise<void> {
    await this.#retrievals.flush()
  }

  /**
   * Writes down which memories searches have returned, waits for the connections in use, closes all and stops the embedded
   * engine.
   */
  async close(): Promise<void> {
    // counts that cannot be written are no reason to keep the connections
    await this.#retrievals.flush().catch(() => undefined)
    await this.#hotCache?.close()
    await Promise.all([this.#pool, ...(this.#replicas?.pools ?? [])].map(async (pool) => await pool.end()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function openPool(options: ResolvedOptions): ConnectionPool {
  return new ConnectionPool(options, { vector: (text) => Vector.parse(text) })
}

function openReplicas(primary: ConnectionPool, options: ResolvedOptions): ReplicaSet | undefined {
  if (options.replicas.length === 0) return undefined
  const pools = options.replicas.map((url) => openPool({ ...options, target: { url } }))
  return new ReplicaSet({ primary, pools, wait: options.replicaWait, answerTimeout: options.connectTimeout })
}

/**
 * Opens a database; the first connection is made by the first statement.
 *
 * ```ts
 * const database = createDatabase({ url: process.env.DATABASE_URL })
 * await database.verifyIsolation()
 * const tenant = database.forTenant(orgId)
 * ```
 *
 * The type parameter takes a `DB` of your own that extends this package's: `interface MyDB extends DB { 'public.notes': Notes }`.
 *
 * @throws {InvalidOptionsError} when neither or both of `url` and `embedded` are given, or an option is unknown or out of range.
 */
export function createDatabase<DB extends IbexDB = IbexDB>(options: CreateDatabaseOptions): Database<DB> {
  return new Database(options)
}
