/** The options of `createDatabase`, checked before anything is opened. */
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { InvalidOptionsError } from '../errors.ts'

/**
 * A PGlite instance, by the part of it that is used: its package is an optional peer, and these types must be readable
 * without it.
 */
export interface PGliteInstance {
  readonly waitReady: Promise<void>
  execProtocolStream(message: Uint8Array, options?: object): Promise<unknown>
}

/**
 * Where the database is: a server by its URL, or the embedded engine.
 *
 * `embedded` is a directory, `':memory:'` for nothing on disk, or a PGlite instance that the caller made, with the extensions
 * `btree_gin` and `vector`, and closes; an instance has one session, so one database at a time may use it.
 */
export type DatabaseTarget = { readonly url: string } | { readonly embedded: string | PGliteInstance }

/** What the query hook is told: never a value. */
export interface QueryEvent {
  readonly sql: string
  /** Milliseconds from sending the statement to its last row. */
  readonly duration: number
  /** Rows returned, or rows affected where none are returned. */
  readonly rowCount: number
  readonly role: string | undefined
  /** Which server has run it. */
  readonly server: 'primary' | 'replica'
  /** Why the system scope was opened; absent in a tenant's scope. */
  readonly systemReason?: string
  readonly error?: unknown
}

/**
 * How role, tenant and settings are sent: as parameters of `set_config` with the statement, in an implicit transaction, or as
 * `set local` statements in a transaction of their own, which is what Citus forwards to the nodes that hold the rows.
 */
export type ContextStyle = 'set_config' | 'set local'

/** The options of `createDatabase`: exactly one of `url` and `embedded`, and what may be left to its default. */
export interface DatabaseOptions {
  readonly url?: string | undefined
  readonly embedded?: string | PGliteInstance | undefined
  /** The URLs of streaming replicas, each of one server: `readOnly` transactions take turns on them (default: none). */
  readonly replicas?: readonly string[] | undefined
  /** Milliseconds to wait for a replica to replay what `notBefore` asks for; then the primary serves (default 100). */
  readonly replicaWait?: number | undefined
  /** Connections to each server at most (default 10); the embedded engine has one. */
  readonly poolSize?: number | undefined
  /** Milliseconds to wait for a connection before {@link ConnectionFailedError} (default 5,000). */
  readonly connectTimeout?: number | undefined
  /** Milliseconds after which an idle connection is closed (default 10,000; 0 = never). */
  readonly idleTimeout?: number | undefined
  /** Milliseconds that a statement may take; travels with each statement at no cost (default: the server's). */
  readonly statementTimeout?: number | undefined
  /** Named prepared statements (default true); `false` for PgBouncer below 1.21 in transaction mode. */
  readonly prepare?: boolean | undefined
  /** How role, tenant and settings are sent (default `set_config`); `set local` for Citus. */
  readonly context?: ContextStyle | undefined
  /** The role of a tenant's statements (default `ibex_app`). */
  readonly role?: string | undefined
  /** The role of `asSystem` (default `ibex_system`). */
  readonly systemRole?: string | undefined
  /** Shown in `pg_stat_activity` (default `ibex-db`). */
  readonly applicationName?: string | undefined
  /** TLS options of node:tls, or `true`; by default what `sslmode` in the URL says. */
  readonly ssl?: boolean | TlsOptions | undefined
  /** Called after every statement, for logs and metrics. It must not throw. */
  readonly onQuery?: ((event: QueryEvent) => void) | undefined
}

/** {@link DatabaseOptions} with every default filled in. */
export interface ResolvedOptions {
  readonly target: DatabaseTarget
  readonly replicas: readonly string[]
  readonly replicaWait: number
  readonly poolSize: number
  readonly connectTimeout: number
  readonly idleTimeout: number
  readonly statementTimeout: number | undefined
  readonly prepare: boolean
  readonly context: ContextStyle
  readonly role: string
  readonly systemRole: string
  readonly applicationName: string
  readonly ssl: boolean | TlsOptions | undefined
  readonly onQuery: ((event: QueryEvent) => void) | undefined
}

const known: ReadonlySet<string> = new Set<keyof DatabaseOptions>([
  'url',
  'embedded',
  'replicas',
  'replicaWait',
  'poolSize',
  'connectTimeout',
  'idleTimeout',
  'statementTimeout',
  'prepare',
  'context',
  'role',
  'systemRole',
  'applicationName',
  'ssl',
  'onQuery',
])

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {InvalidOptionsError} when neither or both of `url` and `embedded` are given, or an option is unknown or out of range.
 */
export function resolveOptions(options: DatabaseOptions): ResolvedOptions {
  for (const key of Object.keys(options)) {
    if (!known.has(key))
      throw new InvalidOptionsError(`option "${key}" does not exist: known are ${[...known].join(', ')}`)
  }
  const target = resolveTarget(options)
  return {
    target,
    replicas: resolveReplicas(options),
    replicaWait: wholeNumber('replicaWait', options.replicaWait, 100, 0),
    poolSize: 'embedded' in target ? 1 : wholeNumber('poolSize', options.poolSize, 10, 1),
    connectTimeout: wholeNumber('connectTimeout', options.connectTimeout, 5_000, 1),
    idleTimeout: wholeNumber('idleTimeout', options.idleTimeout, 10_000, 0),
    statementTimeout:
      options.statementTimeout === undefined
        ? undefined
        : wholeNumber('statementTimeout', options.statementTimeout, 0, 1),
    prepare: typed('prepare', 'boolean', options.prepare) ?? true,
    context: resolveContext(options.context),
    role: roleName('role', options.role, 'ibex_app'),
    systemRole: roleName('systemRole', options.systemRole, 'ibex_system'),
    applicationName: typed('applicationName', 'string', options.applicationName) ?? 'ibex-db',
    ssl: options.ssl,
    onQuery: typed('onQuery', 'function', options.onQuery),
  }
}

/** @throws {InvalidOptionsError} when it is neither. */
export function resolveContext(context: unknown): ContextStyle {
  if (context === undefined || context === 'set_config') return 'set_config'
  if (context === 'set local') return context
  throw new InvalidOptionsError("context must be 'set_config' or 'set local'")
}

function resolveTarget({ url, embedded }: DatabaseOptions): DatabaseTarget {
  if (url !== undefined && embedded !== undefined) {
    throw new InvalidOptionsError(
      'url and embedded are both given: pass the url of a server, or embedded for the engine in this process',
    )
  }
  if (url !== undefined) return { url: serverUrl('url', url) }
  if (embedded === undefined) {
    throw new InvalidOptionsError(
      "neither url nor embedded is given: pass the url of a server (is DATABASE_URL set?), or embedded: '<directory>' for the engine in this process",
    )
  }
  if (
    embedded === '' ||
    (typeof embedded !== 'string' && typeof embedded?.execProtocolStream !== 'function')
  ) {
    throw new InvalidOptionsError("embedded must be a directory, ':memory:', or a PGlite instance")
  }
  return { embedded }
}

function resolveReplicas({ replicas, embedded }: DatabaseOptions): readonly string[] {
  if (replicas === undefined) return []
  if (!Array.isArray(replicas)) throw new InvalidOptionsError('replicas must be an array of urls')
  // an empty list is a deployment without replicas: the same configuration serves it
  if (replicas.length > 0 && embedded !== undefined)
    throw new InvalidOptionsError('replicas need the url of a server: the engine in this process has none')
  return Array.from(replicas, (url, index) => serverUrl(`replicas[${index}]`, url))
}

function serverUrl(name: string, url: unknown): string {
  const expectation = `${name} must look like postgresql://user:password@host:5432/database`
  // the url holds a password: it is never quoted
  if (typeof url !== 'string' || !URL.canParse(url)) throw new InvalidOptionsError(expectation)
  const { protocol } = new URL(url)
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') throw new InvalidOptionsError(expectation)
  return url
}

function wholeNumber(name: string, value: unknown, fallback: number, least: number): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= 2_147_483_647)
    return value
  throw new InvalidOptionsError(`${name} must be a whole number of at least ${least}`)
}

function roleName(name: string, value: unknown, fallback: string): string {
  if (value === undefined) return fallback
  // set_config('role', 'none', …) would give the login's own rights back
  if (typeof value === 'string' && value !== '' && value.length < 64 && value !== 'none') return value
  throw new InvalidOptionsError(`${name} must be the name of a role, 1 to 63 characters, and not "none"`)
}

function typed<T>(
  name: string,
  type: 'boolean' | 'string' | 'function',
  value: T | undefined,
): T | undefined {
  if (value === undefined || typeof value === type) return value
  throw new InvalidOptionsError(`${name} must be a ${type}`)
}
