/** Teams and their members. */
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { DB, Team, TeamMembership, TeamMembershipRole, User } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { RowNotFoundError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkKeyValue } from '../repository/column-values.ts'
import type { Scope } from '../tenancy/scope.ts'

/** A member of a team: who, and as what. */
export interface TeamMember extends Pick<User, 'name' | 'email' | 'status'> {
  readonly user_id: string
  readonly role: TeamMembershipRole
}

/** A team, and what the user is in it. */
export type TeamOfUser = Team & { readonly role: TeamMembershipRole }

/** What became of an insert: without a user there is no membership. */
type Added = (TeamMembership | { readonly [C in keyof TeamMembership]: null }) & {
  readonly has_team: boolean
}

const memberships = tables['ibex_core.team_memberships']

/**
 * Reads and writes teams and their members.
 *
 * The database keeps two promises, whoever writes and however: `owner_id` is an owner among the members, so an insert, or an
 * update of `owner_id`, makes that membership; and a team never is without an owner. When the one who holds it (`owner_id`)
 * leaves or is demoted, it goes to the owner who has been a member longest, active ones first; when there is no other, the
 * change is refused with {@link LastOwnerError}. Of two owners who leave at once one stays.
 *
 * Suspended users can be members, and stay it; soft-deleted ones cannot become it, and are not shown.
 */
export class TeamRepository extends BaseRepository<DB, 'ibex_core.teams'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.teams'])
  }

  /**
   * Adds a member and returns the membership.
   *
   * @throws {RowNotFoundError} when the tenant has no such living team, or no such living user; `table` says which.
   * @throws {UniqueViolationError} when the user is a member already.
   */
  async addMember(
    teamId: string,
    userId: string,
    role: TeamMembershipRole = 'member',
  ): Promise<TeamMembership> {
    checkMember(teamId, userId)
    const { orgId, db } = this.scope
    const { rows } = await sql<Added>`with team as (${livingTeam(orgId, teamId)}), added as (
      insert into ibex_core.team_memberships (org_id, team_id, user_id, role)
      select ${orgId}, team.id, users.id, ${role} from team, ibex_core.users
      where users.org_id = ${orgId} and users.id = ${userId} and users.deleted_at is null returning *
    )
    select exists (select from team) as has_team, added.* from (select) as asked left join added on true`.execute(
      db,
    )
    const [added] = rows
    if (added?.has_team !== true) throw new RowNotFoundError('ibex_core.teams')
    const { has_team: _, ...membership } = added
    if (membership.id === null) throw new RowNotFoundError('ibex_core.users')
    return membership
  }

  /**
   * Gives a member another role and returns the membership, or `undefined` when the user is no member of a living team.
   *
   * @throws {LastOwnerError} when the last owner would no longer be one.
   */
  async changeRole(
    teamId: string,
    userId: string,
    role: TeamMembershipRole,
  ): Promise<TeamMembership | undefined> {
    checkMember(teamId, userId)
    const { orgId, db } = this.scope
    const { rows } = await sql<TeamMembership>`update ibex_core.team_memberships set role = ${role}
      where org_id = ${orgId} and team_id = (${livingTeam(orgId, teamId)}) and user_id = ${userId} returning *`.execute(
      db,
    )
    return rows[0]
  }

  /**
   * Takes a member out of a team, and tells whether the user was one of a living team.
   *
   * @throws {LastOwnerError} when it is the last owner.
   */
  async removeMember(teamId: string, userId: string): Promise<boolean> {
    checkMember(teamId, userId)
    const { orgId, db } = this.scope
    const { rows } = await sql`delete from ibex_core.team_memberships
      where org_id = ${orgId} and team_id = (${livingTeam(orgId, teamId)}) and user_id = ${userId} returning id`.execute(
      db,
    )
    return rows.length > 0
  }

  /** Reads the living members of a living team, by email address. */
  async members(teamId: string): Promise<TeamMember[]> {
    checkKeyValue(memberships, 'team_id', teamId)
    return await this.selectQuery()
      .innerJoin('ibex_core.team_memberships as member', (join) =>
        join
          .onRef('member.org_id', '=', 'ibex_core.teams.org_id')
          .onRef('member.team_id', '=', 'ibex_core.teams.id'),
      )
      .innerJoin('ibex_core.users as user', (join) =>
        join.onRef('user.org_id', '=', 'member.org_id').onRef('user.id', '=', 'member.user_id'),
      )
      .select(['user.id as user_id', 'user.name', 'user.email', 'user.status', 'member.role'])
      .where('ibex_core.teams.id', '=', teamId)
      .where('user.deleted_at', 'is', null)
      .orderBy('user.email_lower')
      .execute()
  }

  /** Reads the living teams of a living user, with the user's role in each, by slug. */
  async teamsOf(userId: string): Promise<TeamOfUser[]> {
    checkKeyValue(memberships, 'user_id', userId)
    return await this.selectQuery()
      .innerJoin('ibex_core.team_memberships as member', (join) =>
        join
          .onRef('member.org_id', '=', 'ibex_core.teams.org_id')
          .onRef('member.team_id', '=', 'ibex_core.teams.id'),
      )
      .innerJoin('ibex_core.users as user', (join) =>
        join.onRef('user.org_id', '=', 'member.org_id').onRef('user.id', '=', 'member.user_id'),
      )
      .selectAll('ibex_core.teams')
      .select('member.role')
      .where('member.user_id', '=', userId)
      .where('user.deleted_at', 'is', null)
      .orderBy('slug')
      .execute()
  }

  /**
   * Hands a team to another user, who becomes an owner among its members, and returns it, or `undefined` when the tenant has
   * no such team. The former holder stays an owner: `changeRole` or `removeMember` comes after.
   *
   * @throws {ForeignKeyViolationError} when the tenant has no such living user.
   */
  async transferOwnership(teamId: string, userId: string): Promise<Team | undefined> {
    checkKeyValue(memberships, 'user_id', userId)
    return await this.update(teamId, { owner_id: userId })
  }
}

/** The id of the team, unless it was deleted. */
function livingTeam(orgId: string, teamId: string): RawBuilder<unknown> {
  return sql`select id from ibex_core.teams where org_id = ${orgId} and id = ${teamId} and deleted_at is null`
}

function checkMember(teamId: string, userId: string): void {
  checkKeyValue(memberships, 'team_id', teamId)
  checkKeyValue(memberships, 'user_id', userId)
}
