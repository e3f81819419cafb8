/** Makes the Kysely of each scope: which role it runs as, and which settings travel with its statements. */
import { Kysely } from 'kysely'
import type { ConnectionPool } from '../database/connection-pool.ts'
import type { ResolvedOptions } from '../database/options.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkOptionNames } from './arguments.ts'
import type { Actor } from './scope.ts'
import type { ErrorTraits } from './observe.ts'
import { TenantDialect, tenantSetting } from './tenant-dialect.ts'
import type { TransactionOptions } from './transaction.ts'
import { verifyIsolation } from './verify-isolation.ts'
import type { IsolationReport } from './verify-isolation.ts'
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
  readonly #options: ResolvedOptions

  constructor(pool: ConnectionPool, options: ResolvedOptions) {
    this.pool = { connect: async () => await pool.connect(), end: async () => {} }
    this.#options = options
  }

  /** Checks that isolation holds for the role of its scopes. */
  async verifyIsolation(): Promise<IsolationReport> {
    const { target, role, prepare } = this.#options
    const kind = 'url' in target ? 'server' : 'embedded'
    return await verifyIsolation({ pool: this.pool, kind, role, prepare })
  }

  /** A Kysely for this scope; cheap, no I/O. The transaction's options override the scope's. */
  kyselyFor(
    identity: ScopeIdentity,
    transaction: TransactionOptions = {},
    errors: ErrorTraits = {},
  ): Kysely<DB> {
    const { role, systemRole, prepare, onQuery, statementTimeout } = this.#options
    const isSystem = 'systemReason' in identity
    const settings: Record<string, string> = { [tenantSetting]: isSystem ? '' : identity.orgId }
    const timeout = transaction.statementTimeout ?? statementTimeout
    if (timeout !== undefined) settings['statement_timeout'] = String(timeout)
    addActor(settings, transaction.actor ?? identity.actor)
    const reason = transaction.changeReason ?? identity.changeReason
    settings['app.change_reason'] = reason === undefined ? '' : checkText('changeReason', reason)
    return new Kysely<DB>({
      dialect: new TenantDialect({
        pool: this.pool,
        role: isSystem ? systemRole : role,
        settings,
        prepare,
        onQuery,
        signal: transaction.signal,
        systemReason: isSystem ? identity.systemReason : undefined,
        ...errors,
      }),
    })
  }
}

/** True when a transaction's statements need other settings than its scope's. */
export function needsOwnKysely({
  actor,
  changeReason,
  statementTimeout,
  signal,
}: TransactionOptions): boolean {
  return (
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
