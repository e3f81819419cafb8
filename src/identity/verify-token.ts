/** Tells whether the secret of a token is good, by the same statement whatever is wrong with it. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { DB, TokenType } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkOptionNames } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { toAddress } from './ip-address.ts'
import { checkPermissions } from './token-input.ts'
import { hashOf } from './token-secret.ts'

/** What a token is verified against. */
export interface VerifyTokenOptions {
  /**
   * The address that the request comes from, as the socket gives it, or a proxy that can be trusted. What is no address
   * counts as none, and is refused where the token allows some only.
   */
  readonly address?: string | undefined
  /** The bits that the token must all have (default 0n: none). */
  readonly permissions?: bigint | undefined
}

/** A token that is good, and whom it acts for. */
export interface VerifiedToken {
  readonly outcome: 'valid'
  readonly orgId: string
  readonly tokenId: string
  readonly userId: string | null
  readonly agentId: string | null
  readonly type: TokenType
  /** All bits that it has. */
  readonly permissions: bigint
}

/**
 * A token that is not good. The reason is for logs: tell whoever sent it the same thing each time, or a stolen token tells
 * what it takes to use it.
 */
export interface RefusedToken {
  readonly outcome: 'refused'
  readonly reason: TokenRefusal
}

/**
 * Why a token is refused, the first that applies in this order. `owner`: the user is not active or was deleted, the agent is
 * suspended or was deleted, or the organization is not served. `unknown` is also what has not the form of a secret.
 */
export type TokenRefusal = 'unknown' | 'revoked' | 'expired' | 'owner' | 'address' | 'permissions'

/** What a token turned out to be. */
export type TokenVerification = VerifiedToken | RefusedToken

/** The token with this hash and what is to be said of it; without one, a row whose columns are null. */
interface FoundToken {
  readonly id: string | null
  readonly user_id: string | null
  readonly agent_id: string | null
  readonly type: TokenType | null
  readonly permissions: string | null
  readonly is_revoked: boolean | null
  readonly is_expired: boolean | null
  readonly has_owner: boolean | null
  readonly is_allowed: boolean | null
}

const known: ReadonlySet<string> = new Set<keyof VerifyTokenOptions>(['address', 'permissions'])

/** More than a secret has: what is longer is none, and hashing all of it would be work that its sender chooses. */
const longest = 100

/**
 * Verifies a secret: one and the same statement, which returns one row, and the same comparisons, whatever the outcome.
 *
 * @throws {InvalidArgumentError} when an option does not exist or is not what it should be.
 */
export async function verifyToken(
  { db, orgId }: Scope<DB>,
  secret: string,
  options: VerifyTokenOptions = {},
): Promise<TokenVerification> {
  checkOptionNames('verify option', options, known)
  const required = checkPermissions(options.permissions ?? 0n)
  const text = typeof secret === 'string' ? secret.slice(0, longest) : ''
  const query = lookUp({ orgId, hash: hashOf(text), address: checkAddress(options.address) })
  const { rows } = await query.execute(db)
  return judge(rows[0] ?? {}, orgId, required)
}

function checkAddress(address: unknown): string | null {
  if (address === undefined || typeof address === 'string') return toAddress(address) ?? null
  throw new InvalidArgumentError('address', 'must be a text')
}

function lookUp({
  orgId,
  hash,
  address,
}: {
  readonly orgId: string
  readonly hash: string
  readonly address: string | null
}): RawBuilder<FoundToken> {
  // what is compared stands in the select list: in a condition it would decide how much work there is
  return sql<FoundToken>`select tokens.id, tokens.user_id, tokens.agent_id, tokens.type, tokens.permissions, tokens.is_revoked,
      tokens.expires_at <= now() as is_expired,
      organizations.status in ('active', 'trial') and organizations.deleted_at is null
        and (tokens.user_id is null or (users.status = 'active' and users.deleted_at is null))
        and (tokens.agent_id is null or (agents.status <> 'suspended' and agents.deleted_at is null)) as has_owner,
      cardinality(tokens.allowed_ips) = 0 or ${address}::inet <<= any (tokens.allowed_ips) as is_allowed
    from (select) as asked
    left join ibex_core.tokens on tokens.org_id = ${orgId} and tokens.hash = ${hash}
    left join ibex_core.organizations on organizations.id = tokens.org_id
    left join ibex_core.users on users.org_id = tokens.org_id and users.id = tokens.user_id
    left join ibex_core.agents on agents.org_id = tokens.org_id and agents.id = tokens.agent_id`
}

function judge(found: Partial<FoundToken>, orgId: string, required: bigint): TokenVerification {
  const { id: tokenId = null, type = null, user_id: userId = null, agent_id: agentId = null } = found
  const permissions = BigInt(found.permissions ?? 0)
  const fails: Readonly<Record<TokenRefusal, boolean>> = {
    unknown: tokenId === null || type === null,
    revoked: found.is_revoked === true,
    expired: found.is_expired === true,
    owner: found.has_owner !== true,
    address: found.is_allowed !== true,
    permissions: (permissions & required) !== required,
  }
  const reason = reasons.find((each) => fails[each])
  if (reason !== undefined || tokenId === null || type === null)
    return { outcome: 'refused', reason: reason ?? 'unknown' }
  return { outcome: 'valid', orgId, tokenId, userId, agentId, type, permissions }
}

const reasons: readonly TokenRefusal[] = ['unknown', 'revoked', 'expired', 'owner', 'address', 'permissions']
