/** Access tokens. */
import { sql } from 'kysely'
import type { DB, Token } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InactiveUserError, InvalidArgumentError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkKeyValue } from '../repository/column-values.ts'
import { checkOptionalUuid, checkWholeNumber, isUuid } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { toAddress } from './ip-address.ts'
import { makeToken } from './token-input.ts'
import type { TokenInput } from './token-input.ts'
import { verifyToken } from './verify-token.ts'
import type { TokenVerification, VerifyTokenOptions } from './verify-token.ts'

/** A token, and the secret that is shown once: only its SHA-256 is stored. */
export interface IssuedToken {
  readonly token: Token
  readonly secret: string
}

/** Why a token is revoked, and by whom. */
export interface TokenRevocation {
  readonly reason?: string | null | undefined
  /** The user who revokes it. */
  readonly revokedBy?: string | null | undefined
}

/** How often a token was used since it was last written down, and when and from where last. */
export interface TokenUse {
  readonly tokenId: string
  readonly count: number
  readonly lastUsedAt: Date
  /** Null leaves the address that is known. */
  readonly lastUsedIp: string | null
}

/** Issues, verifies and revokes access tokens. */
export class TokenRepository extends BaseRepository<DB, 'ibex_core.tokens'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.tokens'])
  }

  /**
   * Issues a token and returns it with its secret, which cannot be had again.
   *
   * The secret, `ibx_pat_<organization>_<43 characters>`, holds 256 random bits and the id of the organization, so that
   * `database.verifyToken` needs no other tenant's rows to find it.
   *
   * @throws {InactiveUserError} when the user is not active, or was soft-deleted.
   * @throws {InvalidArgumentError} when the name is blank, an id is no uuid, the permissions are negative or have more than 63
   *   bits, the expiry has passed, or an address is none.
   * @throws {ForeignKeyViolationError} when this tenant has no such user or agent.
   */
  async issue(input: TokenInput): Promise<IssuedToken> {
    const { secret, row } = makeToken(this.scope.orgId, input)
    const columns = Object.keys(row).map((column) => sql.ref(column))
    const { rows } = await sql<Token>`insert into ibex_core.tokens (${sql.join(columns)})
      select ${sql.join(Object.values(row))} where not exists (
        select from ibex_core.users where org_id = ${row.org_id} and id = ${row.user_id}
          and not (status = 'active' and deleted_at is null)
      ) returning *`.execute(this.scope.db)
    const [token] = rows
    if (token === undefined) throw new InactiveUserError()
    return { token, secret }
  }

  /**
   * Tells whether a secret is that of a good token of this tenant, and whom it acts for. Where the tenant is not known yet,
   * `database.verifyToken` reads it out of the secret.
   *
   * It writes nothing: hand what it returns to a {@link TokenUses}. Unknown, malformed, revoked and expired secrets and wrong
   * addresses cost the same statement and the same comparisons.
   *
   * @throws {InvalidArgumentError} when an option does not exist or is not what it should be.
   */
  async verify(secret: string, options: VerifyTokenOptions = {}): Promise<TokenVerification> {
    return await verifyToken(this.scope, secret, options)
  }

  /**
   * Revokes a token and returns it, or `undefined` when the tenant has no such token. Revoking it again keeps the first time,
   * reason and user.
   *
   * @throws {ForeignKeyViolationError} when this tenant has no user `revokedBy`.
   */
  async revoke(id: string, revocation: TokenRevocation = {}): Promise<Token | undefined> {
    checkKeyValue(this.table, 'id', id)
    const { reason, revokedBy } = checkRevocation(revocation)
    return await this.updateQuery()
      // read from the row that the update has locked: of two who revoke at once the first counts
      .set({
        is_revoked: true,
        revoked_at: sql<Date>`case when is_revoked then revoked_at else now() end`,
        revoked_by: sql<string | null>`case when is_revoked then revoked_by else ${revokedBy}::uuid end`,
        revoke_reason: sql<string | null>`case when is_revoked then revoke_reason else ${reason}::text end`,
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst()
  }

  /**
   * Revokes all tokens of a user that are not revoked yet, and tells how many.
   *
   * @throws {ForeignKeyViolationError} when this tenant has no user `revokedBy`.
   */
  async revokeAllOf(userId: string, revocation: TokenRevocation = {}): Promise<number> {
    checkKeyValue(this.table, 'user_id', userId)
    const { reason, revokedBy } = checkRevocation(revocation)
    const { orgId, db } = this.scope
    // in one order, as in addUses: two statements that lock the same tokens in different orders would wait for each other
    const { rows } = await sql`update ibex_core.tokens
      set is_revoked = true, revoked_at = now(), revoked_by = ${revokedBy}, revoke_reason = ${reason}
      where org_id = ${orgId} and not is_revoked and id = any(array(
        select id from ibex_core.tokens where org_id = ${orgId} and user_id = ${userId} and not is_revoked
        order by id for no key update)) returning id`.execute(db)
    return rows.length
  }

  /**
   * Adds uses to tokens, in one statement: what {@link TokenUses} flushes. Tokens that are gone are left out.
   *
   * Counts are added up, also of two entries for one token; the last use only moves forward.
   *
   * @throws {InvalidArgumentError} when an id is no uuid, a count no whole number of at least 1, or an address none.
   */
  async addUses(uses: readonly TokenUse[]): Promise<void> {
    for (const use of uses) checkUse(use)
    if (uses.length === 0) return
    const { orgId, db } = this.scope
    const ids = uses.map(({ tokenId }) => tokenId)
    await sql`update ibex_core.tokens set use_count = use_count + used.count,
        last_used_ip = case when used.ip is null or used.at < last_used_at then last_used_ip else used.ip end,
        last_used_at = greatest(last_used_at, used.at)
      from (
        select id, sum(count)::bigint as count, max(at) as at, (array_agg(ip order by at desc) filter (where ip is not null))[1] as ip
        from unnest(${ids}::uuid[], ${uses.map(({ count }) => count)}::bigint[], ${uses.map(({ lastUsedAt }) => lastUsedAt)}::timestamptz[],
          ${uses.map(({ lastUsedIp }) => lastUsedIp)}::inet[]) as use (id, count, at, ip)
        group by id
      ) as used
      where tokens.org_id = ${orgId} and tokens.id = used.id and tokens.id = any(array(
        select id from ibex_core.tokens where org_id = ${orgId} and id = any(${ids}::uuid[]) order by id for no key update
      ))`.execute(db)
  }
}

function checkRevocation({ reason, revokedBy }: TokenRevocation): Required<TokenRevocation> {
  return { reason: reason ?? null, revokedBy: checkOptionalUuid('revokedBy', revokedBy) }
}

function checkUse({ tokenId, count, lastUsedIp }: TokenUse): void {
  if (!isUuid(tokenId)) throw new InvalidArgumentError('tokenId', 'must be a uuid')
  checkWholeNumber('count', count, 1)
  if (lastUsedIp !== null && toAddress(lastUsedIp) === undefined)
    throw new InvalidArgumentError('lastUsedIp', 'must be an IP address or null')
}
