/** The uses of tokens, counted in this process until they are written down. */
import { checkOptionNames, checkWholeNumber } from '../tenancy/arguments.ts'
import { TenantCounts } from '../tenancy/tenant-counts.ts'
import { toAddress } from './ip-address.ts'
import type { TokenRepository, TokenUse } from './token-repository.ts'
import type { VerifiedToken } from './verify-token.ts'

/** The options of {@link TokenUses}. */
export interface TokenUsesOptions {
  /** Tokens at most between two flushes (default 10,000); the uses of further ones are not counted. */
  readonly maxTokens?: number | undefined
}

/** What gives the tokens of each tenant: a `Database`. */
interface TokensOfTenants {
  forTenant(orgId: string): { readonly tokens: TokenRepository }
}

const known: ReadonlySet<string> = new Set<keyof TokenUsesOptions>(['maxTokens'])

/**
 * Counts the uses of tokens, so that a request writes nothing: make one per process, and flush it every few seconds.
 *
 * ```ts
 * const uses = new TokenUses()
 * const timer = setInterval(() => void uses.flush(database).catch(report), 10_000)
 *
 * uses.record(verified, address)   // after each verification that was good
 *
 * clearInterval(timer)             // when the service stops: the last uses, before database.close()
 * await uses.flush(database)
 * ```
 *
 * It has no timer of its own. What a process has not flushed is lost with it: `use_count` and `last_used_at` are for people
 * who look for tokens that nobody needs, not for bills.
 */
export class TokenUses {
  readonly #counts: TenantCounts<TokenUse>

  /** @throws {InvalidArgumentError} when `maxTokens` is no whole number of at least 1. */
  constructor(options: TokenUsesOptions = {}) {
    checkOptionNames('option', options, known)
    const most = checkWholeNumber('maxTokens', options.maxTokens ?? 10_000, 1)
    this.#counts = new TenantCounts({ keyOf: ({ tokenId }) => tokenId, together, most })
  }

  /** How many tokens have uses that are not written down: a service may flush when there are many. */
  get size(): number {
    return this.#counts.size
  }

  /** Counts one use of a token; what is no address counts as none. */
  record({ orgId, tokenId }: Pick<VerifiedToken, 'orgId' | 'tokenId'>, address?: string): void {
    this.#counts.add(orgId, {
      tokenId,
      count: 1,
      lastUsedAt: new Date(),
      lastUsedIp: toAddress(address) ?? null,
    })
  }

  /**
   * Writes the uses down, one statement a tenant, and returns of how many tokens.
   *
   * It stops at the first tenant that fails; what was not written stays for the next time. When a connection breaks it is not
   * known whether the statement took effect, and that tenant's uses are counted again.
   */
  async flush(database: TokensOfTenants): Promise<number> {
    return await this.#counts.flush(
      async (orgId, uses) => await database.forTenant(orgId).tokens.addUses(uses),
    )
  }
}

function together(one: TokenUse, other: TokenUse): TokenUse {
  const [earlier, later] = one.lastUsedAt <= other.lastUsedAt ? [one, other] : [other, one]
  return {
    ...later,
    count: one.count + other.count,
    lastUsedIp: later.lastUsedIp ?? earlier.lastUsedIp,
  }
}
