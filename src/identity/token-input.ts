/** A token as it is handed in, and the row that it becomes. */
import type { TokenType } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkFilledText, checkOptionNames, checkOptionalUuid } from '../tenancy/arguments.ts'
import { toNetwork } from './ip-address.ts'
import { hashOf, makeSecret, prefixOf } from './token-secret.ts'

/** A token that is to be issued. */
export interface TokenInput {
  readonly type: TokenType
  readonly name: string
  readonly description?: string | null | undefined
  /** The user that it acts for, who must be active. */
  readonly userId?: string | null | undefined
  /** The agent that it acts for. */
  readonly agentId?: string | null | undefined
  /** A bitmap of 63 bits, whose meaning is the service's (default 0n: none). */
  readonly permissions?: bigint | undefined
  /** Default: it does not expire. */
  readonly expiresAt?: Date | null | undefined
  /** Addresses and networks that it may come from: `192.0.2.7`, `2001:db8::/32` (default: every address). */
  readonly allowedIps?: readonly string[] | undefined
}

/** A token that passed every check: its secret, and its row. */
export interface CheckedToken {
  readonly secret: string
  readonly row: TokenRow
}

interface TokenRow {
  readonly org_id: string
  readonly user_id: string | null
  readonly agent_id: string | null
  readonly type: TokenType
  readonly hash: string
  readonly prefix: string
  readonly name: string
  readonly description: string | null
  readonly permissions: bigint
  readonly expires_at: Date | null
  readonly allowed_ips: readonly string[]
}

const options: ReadonlySet<string> = new Set<keyof TokenInput>([
  'type',
  'name',
  'description',
  'userId',
  'agentId',
  'permissions',
  'expiresAt',
  'allowedIps',
])

/**
 * Checks a token and makes its secret and its row.
 *
 * @throws {InvalidArgumentError} when an option does not exist or is not what it should be: left aside, a limit that is
 *   misspelt would be no limit.
 */
export function makeToken(orgId: string, input: TokenInput): CheckedToken {
  checkOptionNames('token option', input, options)
  const secret = makeSecret(input.type, orgId)
  const row = {
    org_id: orgId,
    user_id: checkOptionalUuid('userId', input.userId),
    agent_id: checkOptionalUuid('agentId', input.agentId),
    type: input.type,
    hash: hashOf(secret),
    prefix: prefixOf(secret),
    name: checkFilledText('name', input.name),
    description: input.description ?? null,
    permissions: checkPermissions(input.permissions ?? 0n),
    expires_at: checkExpiry(input.expiresAt ?? null),
    allowed_ips: checkNetworks(input.allowedIps ?? []),
  }
  return { secret, row }
}

/** @throws {InvalidArgumentError} when it is no bigint, negative, or has more than 63 bits. */
export function checkPermissions(permissions: unknown): bigint {
  if (typeof permissions === 'bigint' && permissions >= 0n && permissions < 2n ** 63n) return permissions
  throw new InvalidArgumentError('permissions', 'must be a bigint of at most 63 bits, not negative')
}

function checkExpiry(expiresAt: unknown): Date | null {
  if (expiresAt === null) return null
  if (!(expiresAt instanceof Date) || Number.isNaN(expiresAt.getTime()))
    throw new InvalidArgumentError('expiresAt', 'must be a valid Date')
  if (expiresAt.getTime() > Date.now()) return expiresAt
  throw new InvalidArgumentError('expiresAt', 'has passed: the token would never be valid')
}

function checkNetworks(allowedIps: unknown): readonly string[] {
  if (!Array.isArray(allowedIps)) throw new InvalidArgumentError('allowedIps', 'must be a list of texts')
  return allowedIps.map((text: unknown) => {
    const network = toNetwork(text)
    if (network !== undefined) return network
    throw new InvalidArgumentError('allowedIps', 'must hold IP addresses, or networks such as 192.0.2.0/24')
  })
}
