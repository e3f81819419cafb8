/** A complete PostgreSQL dialect for Kysely whose every statement carries a role and settings. */
import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import type { DatabaseIntrospector, Dialect, DialectAdapter, Driver, Kysely, QueryCompiler } from 'kysely'
import { resolveContext } from '../database/options.ts'
import type { ContextStyle, QueryEvent } from '../database/options.ts'
import { mapDatabaseError } from '../database/map-error.ts'
import { settingsStatements } from './settings.ts'
import type { Settings } from './settings.ts'
import { TenantDriver } from './tenant-driver.ts'
import type { TenantDriverConfig } from './tenant-driver.ts'
import type { TenantPool } from './wire.ts'

/** The setting that policies compare `org_id` with. */
export const tenantSetting = 'app.current_org_id'

/**
 * One for all dialects: it begins anew with each query and compiles it without a pause, so none meets another. It binds a
 * hundred methods, which would be four fifths of what a scope weighs.
 */
const queryCompiler: QueryCompiler = new PostgresQueryCompiler()

/** Makes Citus forward the `set local` statements that follow; a name without meaning to any other server. */
const forwarding = 'citus.propagate_set_commands'

/** The options of {@link TenantDialect}. */
export interface TenantDialectConfig {
  /** A `pg.Pool`, or a function that makes one. `db.destroy()` ends it. */
  readonly pool: TenantPool | (() => Promise<TenantPool>)
  /** Transaction-local settings that travel with every statement: `{ 'app.current_org_id': id }`. */
  readonly settings?: Settings
  /** The role that every statement runs as; the login must be a member of it. Default: the login itself. */
  readonly role?: string | undefined
  /** Named prepared statements (default true). */
  readonly prepare?: boolean
  /**
   * How role and settings are sent (default `set_config`); `set local` for Citus, which forwards `set local` statements to its
   * workers and nothing else. It costs the server a BEGIN and a COMMIT a statement, and still one round trip.
   */
  readonly context?: ContextStyle | undefined
  readonly onQuery?: ((event: QueryEvent) => void) | undefined
  /** Stops the statement in flight and refuses every later one; meant for one transaction. */
  readonly signal?: AbortSignal | undefined
  /** What {@link QueryEvent} tells about a system scope. */
  readonly systemReason?: string | undefined
  /** Turns an error of `pg` into what is thrown (default: the classes of this library). */
  readonly mapError?: (error: unknown) => unknown
  /** @internal Leaves in PostgreSQL's messages what it quotes of the parameters: only where their author reads them. */
  readonly quotesParameters?: boolean
}

/**
 * Kysely's PostgreSQL dialect, with a role and settings that travel in the same round trip as the statement.
 *
 * ```ts
 * const db = new Kysely<DB>({
 *   dialect: new TenantDialect({ pool, role: 'ibex_app', settings: { 'app.current_org_id': orgId } }),
 * })
 * ```
 */
export class TenantDialect implements Dialect {
  readonly #config: TenantDriverConfig

  constructor(config: TenantDialectConfig) {
    const {
      pool,
      settings = {},
      role,
      prepare = true,
      context: contextOption,
      onQuery,
      signal,
      systemReason,
      mapError = mapDatabaseError,
      quotesParameters = false,
    } = config
    const context = resolveContext(contextOption)
    const scoped = role === undefined ? settings : { role, ...settings }
    const isForwarded = context === 'set local' && Object.keys(scoped).length > 0
    const prefix = settingsStatements(isForwarded ? { [forwarding]: 'local', ...scoped } : scoped, context)
    this.#config = {
      pool,
      prepare,
      tenant: settings[tenantSetting],
      traits: { role, context, prefix, signal, systemReason, onQuery, mapError, quotesParameters },
    }
  }

  createDriver(): Driver {
    return new TenantDriver(this.#config)
  }

  createQueryCompiler(): QueryCompiler {
    return queryCompiler
  }

  createAdapter(): DialectAdapter {
    return new PostgresAdapter()
  }

  // Kysely's Dialect hands over a Kysely of any schema
  // oxlint-disable-next-line typescript/no-explicit-any
  createIntrospector(db: Kysely<any>): DatabaseIntrospector {
    return new PostgresIntrospector(db)
  }
}
