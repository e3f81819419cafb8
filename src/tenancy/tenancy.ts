/** Makes the Kysely of each scope: which role it runs as, and which settings travel with its statements. */
import { Kysely } from 'kysely'
import type { ConnectionPool } from '../database/connection-pool.ts'
import type { ResolvedOptions } from '../database/options.ts'
import type { ReplicaSet } from '../database/replica-set.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkOptionNames } from './arguments.ts'
import type { Actor } from './scope.ts'
import type { ErrorTraits } from './observe.ts'
import { TenantDialect, tenantSetting } from './tenant-dialect.ts'
import type { TransactionOptions } from './transaction.ts'
import { verifyIsolation } from './verify-isolation.ts'
import type { IsolationReport } from './verify-isolation.ts'
import { verifyReplicas } from './verify-replicas.ts'
import type { TenantPool } from './wire.ts'

/** Who acts in a scope, and why. */
export interface ScopeOptions {
  readonly actor?: Actor | undefined
  /** Why rows are changed: recorded with every version of a memory. */
  readonly changeReason?: string | undefined
}

/** One scope's identity: a tenant's, or the system's with its reason. */
export type ScopeIdentity = ScopeOptions & ({ readonly orgId: string } | { readonly systemReason: string })

/** Makes Kysely instances for scopes; one per database. */
export class Tenancy<DB> {
  /** The pool of the database, which a scope's `db.destroy()` does not end. */
  readonly pool: TenantPool
  readonly #replicas: ReplicaSet | undefined
  readonly #options: ResolvedOptions

  constructor(pool: ConnectionPool, options: ResolvedOptions, replicas?: ReplicaSet) {
    this.pool = lendingOf(async () => await pool.connect())
    this.#replicas = replicas
    this.#options = options
  }

  /** Checks that isolation holds for the role of its scopes, on the primary and on every replica that answers. */
  async verifyIsolation(): Promise<IsolationReport> {
    const { target, role, prepare } = this.#options
    const kind = 'url' in target ? 'server' : 'embedded'
    const check = { pool: this.pool, kind, role, prepare } as const
    const report = await verifyIsolation(check)
    if (this.#replicas === undefined) return report
    const pools = this.#replicas.pools.map((pool) => lendingOf(async () => await pool.connect(), this.pool))
    return await verifyReplicas(report, check, pools)
  }

  /** A Kysely for this scope; cheap, no I/O. The transaction's options override the scope's. */
  kyselyFor(
    identity: ScopeIdentity,
    transaction: TransactionOptions = {},
    errors: ErrorTraits = {},
  ): Kysely<DB> {
    const { role, systemRole, prepare, context, onQuery, statementTimeout } = this.#options
    const isSystem = 'systemReason' in identity
    const settings: Record<string, string> = { [tenantSetting]: isSystem ? '' : identity.orgId }
    const timeout = transaction.statementTimeout ?? statementTimeout
    if (timeout !== undefined) settings['statement_timeout'] = String(timeout)
    addActor(settings, transaction.actor ?? identity.actor)
    const reason = transaction.changeReason ?? identity.changeReason
    settings['app.change_reason'] = reason === undefined ? '' : checkText('changeReason', reason)
    return new Kysely<DB>({
      dialect: new TenantDialect({
        pool: this.#poolFor(transaction),
        role: isSystem ? systemRole : role,
        settings,
        prepare,
        context,
        onQuery,
        signal: transaction.signal,
        systemReason: isSystem ? identity.systemReason : undefined,
        ...errors,
      }),
    })
  }

  #poolFor(transaction: TransactionOptions): TenantPool {
    const replicas = this.#replicas
    if (replicas === undefined || !mayRunOnReplica(transaction)) return this.pool
    return lendingOf(async () => await replicas.connect(transaction.notBefore), this.pool)
  }
}

/** What a scope borrows from: its `db.destroy()` ends nothing. */
function lendingOf(connect: TenantPool['connect'], primary?: TenantPool): TenantPool {
  const pool = { connect, end: async () => {} }
  return primary === undefined ? pool : { ...pool, primary }
}

/** A standby has no serializable transactions. */
function mayRunOnReplica({ readOnly, on, isolationLevel }: TransactionOptions): boolean {
  return readOnly === true && on !== 'primary' && isolationLevel !== 'serializable'
}

/** True when a transaction's statements need other settings than its scope's, or may run on another server. */
export function needsOwnKysely(options: TransactionOptions): boolean {
  const { actor, changeReason, statementTimeout, signal } = options
  return (
    mayRunOnReplica(options) ||
    actor !== undefined ||
    changeReason !== undefined ||
    statementTimeout !== undefined ||
    signal !== undefined
  )
}

const scopeOptions: ReadonlySet<string> = new Set<keyof ScopeOptions>(['actor', 'changeReason'])

/**
 * Checks the options of a scope and copies them, so that the scope does not change with the caller's object.
 *
 * @throws {InvalidArgumentError} when one does not exist or is not what it should be.
 */
export function copyScopeOptions(options: ScopeOptions): ScopeOptions {
  checkOptionNames('scope option', options, scopeOptions)
  const { actor, changeReason } = options
  return { actor: actor === undefined ? undefined : copyActor(actor), changeReason }
}

function copyActor(actor: Actor): Actor {
  if (typeof actor === 'object' && actor !== null) return { type: actor.type, id: actor.id }
  throw new InvalidArgumentError('actor', 'must be an object with a type')
}

const actorTypes: ReadonlySet<string> = new Set<Actor['type']>([
  'user',
  'system',
  'extraction',
  'conflict_resolution',
])

function addActor(settings: Record<string, string>, actor: Actor | undefined): void {
  // sent when there is none, too: a value that somebody left in the session must not become this tenant's history
  settings['app.actor_type'] = settings['app.actor_id'] = ''
  if (actor === undefined) return
  if (!actorTypes.has(actor.type))
    throw new InvalidArgumentError('actor.type', `must be one of ${[...actorTypes].join(', ')}`)
  settings['app.actor_type'] = actor.type
  if (actor.id !== undefined) settings['app.actor_id'] = checkText('actor.id', actor.id)
}

/** Settings are kept with every row version, so what goes in is short and plain. */
function checkText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= 1_000 && !value.includes('\0'))
    return value
  throw new InvalidArgumentError(name, 'must be a text of 1 to 1,000 characters')
}
