/** The people of an organization. */
import { sql } from 'kysely'
import type { DB, User, UserRole, UserStatus } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { UserStatusError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkKeyValue } from '../repository/column-values.ts'
import type { Scope } from '../tenancy/scope.ts'
import { checkFilledText } from '../tenancy/arguments.ts'
import { checkEmail, signInColumns } from './identity-arguments.ts'
import type { SignIn } from './identity-arguments.ts'

/** Somebody who is invited. */
export interface UserInvitation {
  /** Unique among the living users of the organization, whatever the case. */
  readonly email: string
  readonly name?: string | null | undefined
  /** Default: `member`. */
  readonly role?: UserRole | undefined
}

/** What somebody who accepts an invitation adds; what is left out stays as it was. */
export type InvitationAcceptance = SignIn

/**
 * Reads and writes users.
 *
 * | status      | `acceptInvitation` | `suspend`   | `reactivate` |
 * | ----------- | ------------------ | ----------- | ------------ |
 * | invited     | active             | error       | error        |
 * | active      | error              | suspended   | error        |
 * | suspended   | error              | error       | active       |
 * | deactivated | error              | error       | error        |
 *
 * An invitation is withdrawn by `delete`. What is not in the table, deactivation above all, is a plain `update`.
 *
 * The last active owner of an organization cannot be suspended, demoted, soft-deleted or deleted, by whatever method:
 * the database refuses it with {@link LastOwnerError}, and of two owners who remove each other at once one stays.
 * A user who holds a team cannot be deleted either ({@link ForeignKeyViolationError}): hand the team over before. Soft deletion
 * leaves memberships and teams as they are, so that `restore` brings everything back; tokens are refused meanwhile.
 */
export class UserRepository extends BaseRepository<DB, 'ibex_core.users'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.users'])
  }

  /**
   * Reads the living user with this email address, whatever its case, or `undefined`.
   *
   * ```sql
   * select * from "ibex_core"."users" where "org_id" = $1 and "deleted_at" is null and "email_lower" = lower($2)
   * ```
   *
   * @throws {InvalidArgumentError} when it has not the form of an email address.
   */
  async findByEmail(email: string): Promise<User | undefined> {
    return await this.selectQuery()
      .selectAll()
      .where('email_lower', '=', sql<string>`lower(${checkEmail('email', email)}::text)`)
      .executeTakeFirst()
  }

  /**
   * Invites somebody: inserts a user who is not active yet.
   *
   * @throws {InvalidArgumentError} when the email address has not its form, or the name is blank.
   * @throws {UniqueViolationError} when a living user of the tenant has this email address.
   */
  async invite({ email, name, role }: UserInvitation): Promise<User> {
    return await this.insert({
      email: checkEmail('email', email),
      name: name === undefined || name === null ? null : checkFilledText('name', name),
      role,
      status: 'invited',
    })
  }

  /**
   * Makes an invited user active and verified, and returns the user, or `undefined` when the tenant has no such user.
   *
   * @throws {UserStatusError} when the user is not invited: an invitation is accepted once.
   * @throws {InvalidArgumentError} when only one of `ssoProvider` and `ssoSubject` is given.
   */
  async acceptInvitation(id: string, acceptance: InvitationAcceptance = {}): Promise<User | undefined> {
    const changes = { ...signInColumns(acceptance), is_verified: true, status: 'active' }
    return await this.#changeStatus(id, 'invited', changes)
  }

  /**
   * Suspends an active user and returns the user, or `undefined` when the tenant has no such user.
   *
   * @throws {UserStatusError} when the user is not active.
   * @throws {LastOwnerError} when the user is the last active owner.
   */
  async suspend(id: string): Promise<User | undefined> {
    return await this.#changeStatus(id, 'active', { status: 'suspended' })
  }

  /**
   * Makes a suspended user active again and returns the user, or `undefined` when the tenant has no such user.
   *
   * @throws {UserStatusError} when the user is not suspended.
   */
  async reactivate(id: string): Promise<User | undefined> {
    return await this.#changeStatus(id, 'suspended', { status: 'active' })
  }

  /** The row is locked before its status is looked at: of any number of concurrent calls one changes it, and the others see that. */
  async #changeStatus(
    id: string,
    from: UserStatus,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<User | undefined> {
    checkKeyValue(this.table, 'id', id)
    const { orgId, db } = this.scope
    const given = Object.entries(changes).filter(([, value]) => value !== undefined)
    const assignments = sql.join(given.map(([column, value]) => sql`${sql.ref(column)} = ${value}`))
    const { rows } = await sql<User & { readonly old_status: UserStatus }>`with found as (
      select id, status from ibex_core.users where org_id = ${orgId} and id = ${id} and deleted_at is null for no key update
    ), changed as (
      update ibex_core.users set ${assignments} from found
      where users.org_id = ${orgId} and users.id = found.id and found.status = ${from} returning users.*
    )
    select found.status as old_status, changed.* from found left join changed on true`.execute(db)
    const [found] = rows
    if (found === undefined) return undefined
    const { old_status: status, ...user } = found
    if (status !== from) throw new UserStatusError(status, from)
    return user
  }
}
