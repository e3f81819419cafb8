/** Projects and the personas that work in them. */
import { sql } from 'kysely'
import type { DB, Project, Role } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { RowNotFoundError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkUuid } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'

/** Reads and writes projects, and links personas to them. */
export class ProjectRepository extends BaseRepository<DB, 'ibex_core.projects'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.projects'])
  }

  /** Reads the living project with this slug, or `undefined`. */
  async findBySlug(slug: string): Promise<Project | undefined> {
    return await this.findOne({ slug })
  }

  /**
   * Links a persona to a project, and tells whether it was not linked before.
   *
   * ```sql
   * with project as (select id from ibex_core.projects where org_id = $1 and id = $2 and deleted_at is null for key share)
   * insert into ibex_core.project_roles (org_id, project_id, role_id) select $1, id, $3 from project on conflict do nothing …
   * ```
   *
   * @throws {InvalidArgumentError} when an id is no uuid.
   * @throws {RowNotFoundError} when the tenant has no such living project.
   * @throws {ForeignKeyViolationError} when this tenant has no such role.
   */
  async linkRole(projectId: string, roleId: string): Promise<boolean> {
    const { orgId, db } = this.scope
    const { rows } = await sql<{ exists: boolean; isNew: boolean }>`with project as (
      select id from ibex_core.projects
      where org_id = ${orgId} and id = ${checkUuid('projectId', projectId)} and deleted_at is null for key share
    ), linked as (
      insert into ibex_core.project_roles (org_id, project_id, role_id)
      select ${orgId}::uuid, id, ${checkUuid('roleId', roleId)}::uuid from project on conflict do nothing returning id
    )
    select exists (select from project), exists (select from linked) as "isNew"`.execute(db)
    const [outcome] = rows
    if (outcome?.exists !== true) throw new RowNotFoundError(this.table.name)
    return outcome.isNew
  }

  /**
   * Takes a persona out of a project, and tells whether it was in.
   *
   * @throws {InvalidArgumentError} when an id is no uuid.
   */
  async unlinkRole(projectId: string, roleId: string): Promise<boolean> {
    const { numDeletedRows } = await this.scope.db
      .deleteFrom('ibex_core.project_roles')
      .where('org_id', '=', this.scope.orgId)
      .where('project_id', '=', checkUuid('projectId', projectId))
      .where('role_id', '=', checkUuid('roleId', roleId))
      .executeTakeFirst()
    return numDeletedRows > 0n
  }

  /**
   * Reads the personas that work in a project, by name.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async rolesOf(projectId: string): Promise<Role[]> {
    return await this.scope.db
      .selectFrom('ibex_core.roles as role')
      .innerJoin('ibex_core.project_roles as link', (join) =>
        join.onRef('link.org_id', '=', 'role.org_id').onRef('link.role_id', '=', 'role.id'),
      )
      .selectAll('role')
      .where('link.org_id', '=', this.scope.orgId)
      .where('link.project_id', '=', checkUuid('projectId', projectId))
      .orderBy('role.name')
      .execute()
  }

  /**
   * Reads the living projects that a persona works in, by name.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async projectsOf(roleId: string): Promise<Project[]> {
    return await this.selectQuery()
      .innerJoin('ibex_core.project_roles as link', (join) =>
        join
          .onRef('link.org_id', '=', 'ibex_core.projects.org_id')
          .onRef('link.project_id', '=', 'ibex_core.projects.id'),
      )
      .selectAll('ibex_core.projects')
      .where('link.role_id', '=', checkUuid('roleId', roleId))
      .orderBy('ibex_core.projects.name')
      .execute()
  }
}
