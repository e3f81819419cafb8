/** The tenant's own organization. */
import type { DB, Organization } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InactiveOrganizationError, UnknownOrganizationError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import type { Scope } from '../tenancy/scope.ts'

const served: ReadonlySet<string> = new Set(['active', 'trial'])

/**
 * Reads the tenant's own organization, and updates its name, billing email, embedding model and settings.
 *
 * Everything else (its slug, tier, status and quotas) takes `asSystem`, as does `createOrganization`: the database refuses
 * it to a tenant.
 */
export class OrganizationRepository extends BaseRepository<DB, 'ibex_core.organizations'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.organizations'])
  }

  /**
   * Reads the organization of this scope if it may be served: the check at a service's door, once per request.
   *
   * @throws {UnknownOrganizationError} when it does not exist or was deleted.
   * @throws {InactiveOrganizationError} when it is suspended or cancelled.
   */
  async requireActive(): Promise<Organization> {
    const organization = await this.findById(this.scope.orgId)
    if (organization === undefined) throw new UnknownOrganizationError()
    if (!served.has(organization.status)) throw new InactiveOrganizationError(organization.status)
    return organization
  }
}
