import type { CatalogRole } from '../catalog.ts'
import { reachOf } from '../examine.ts'
import type { Examined } from '../examine.ts'
import type { Rule } from '../rule.ts'

/** Finds memberships with which the app role gets around the policies. */
export const roleMember: Rule = {
  code: 'role-member',
  severity: 'error',
  problem: 'The app role is a member of a role that policies do not hold.',
  why: 'A member may SET ROLE to it, or has its rights at once: what a superuser, a role with BYPASSRLS, an owner of tenant tables or one of the roles pg_… may do, every tenant may do.',
  remedy: 'Revoke the membership.',
  *find(schema) {
    for (const role of schema.appRoles) {
      for (const name of role.memberOf) {
        const danger = dangerOf(schema, name)
        const group = schema.catalog.roles.find((other) => other.name === name)
        if (danger === undefined || group === undefined) continue
        yield {
          object: `membership of ${role.sql} in ${group.sql}`,
          detail: danger,
          fix: [`revoke ${group.sql} from ${role.sql}`],
        }
      }
    }
  },
}

const predefined: ReadonlySet<string> = new Set([
  'pg_read_all_data',
  'pg_write_all_data',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
  'pg_database_owner',
  'pg_maintain',
  'pg_create_subscription',
])

function dangerOf({ catalog, tenantTables, options }: Examined, name: string): string | undefined {
  const owners = new Set(tenantTables.map(({ relation }) => relation.owner))
  const reached = catalog.roles.filter((role) => reachOf(catalog.roles, [name]).has(role.name))
  for (const role of reached) {
    if (options.roles.includes(role.name)) continue
    const danger = dangerOfRole(role, owners)
    if (danger !== undefined) return role.name === name ? danger : `through it, ${role.sql}: ${danger}`
  }
  return undefined
}

function dangerOfRole(
  { name, isSuperuser, bypassesRls }: CatalogRole,
  owners: ReadonlySet<string>,
): string | undefined {
  if (isSuperuser) return 'it is a superuser'
  if (bypassesRls) return 'it bypasses row-level security'
  if (owners.has(name)) return 'it owns tenant tables'
  return predefined.has(name) ? 'it reaches beyond tenant tables' : undefined
}
