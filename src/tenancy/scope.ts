/** What a repository is bound to: one tenant, and the Kysely that carries it. */
import type { Kysely } from 'kysely'
import { InvalidArgumentError } from '../errors.ts'

/** Who acts: recorded with every version of a memory. Names and ids only, never a secret. */
export interface Actor {
  readonly type: 'user' | 'system' | 'extraction' | 'conflict_resolution'
  readonly id?: string | undefined
}

/**
 * A tenant as a value: its id, and a Kysely whose every statement carries it.
 *
 * Repositories take a scope and never a bare Kysely, so no repository can exist without a tenant; a class with a private
 * field is nominal, so no look-alike object can either.
 */
export abstract class Scope<DB> {
  /** The tenant's id: a uuid in lower case. */
  readonly orgId: string
  /** Plain Kysely, raw SQL included, held by the same role and policies. */
  readonly db: Kysely<DB>
  /** True inside `transaction`. */
  abstract readonly isTransaction: boolean
  readonly #brand = 'scope'

  constructor(orgId: string, db: Kysely<DB>) {
    this.orgId = orgId
    this.db = db
  }

  /** Runs the callback in a transaction: a new one, or the one that surrounds it. */
  abstract atomically<T>(callback: (scope: Scope<DB>) => Promise<T>): Promise<T>

  /**
   * Makes a key for what lies outside PostgreSQL (caches, queues, advisory locks, channels) that no other tenant shares.
   *
   * ```ts
   * tenant.scopeKey('hot-cache', agentId)   // 'org:8f14…:hot-cache:6b1e…'
   * ```
   *
   * Parts are escaped, so `('a', 'b')` and `('a:b')` differ.
   *
   * @throws {InvalidArgumentError} when a part is empty or not a string.
   */
  scopeKey(...parts: readonly [string, ...(readonly string[])]): string {
    return scopeKey(this.orgId, ...parts)
  }

  /** @internal Keeps the brand from being unused. */
  get [Symbol.toStringTag](): string {
    return `ibex ${this.#brand}`
  }
}

/** The key of {@link Scope.scopeKey} where there is the id of a tenant and no scope: in what a notification says. */
export function scopeKey(orgId: string, ...parts: readonly [string, ...(readonly string[])]): string {
  for (const part of parts) {
    if (typeof part !== 'string' || part === '')
      throw new InvalidArgumentError('scopeKey part', 'must be a string that is not empty')
  }
  return ['org', orgId, ...parts.map((part) => encodeURIComponent(part))].join(':')
}
