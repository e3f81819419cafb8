import type { CatalogRole } from '../catalog.ts'
import { roleObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds app roles that may do something to the whole cluster. */
export const roleAttributes: Rule = {
  code: 'role-attributes',
  severity: 'error',
  problem: 'The app role has an attribute that reaches beyond the database.',
  why: 'CREATEROLE lets it make itself a member of other roles, REPLICATION reads the changes of every tenant, CREATEDB copies a database as a template.',
  remedy: 'Take the attributes away: statements of a tenant need none.',
  *find({ appRoles }) {
    for (const role of appRoles) {
      const attributes = attributesOf(role)
      if (attributes.length === 0) continue
      yield {
        object: roleObject(role),
        detail: `it has ${attributes.join(', ').toUpperCase()}`,
        fix: [`alter role ${role.sql} ${attributes.map((attribute) => `no${attribute}`).join(' ')}`],
      }
    }
  },
}

function attributesOf({ canCreateRoles, canCreateDatabases, canReplicate }: CatalogRole): readonly string[] {
  return [
    ...(canCreateRoles ? ['createrole'] : []),
    ...(canCreateDatabases ? ['createdb'] : []),
    ...(canReplicate ? ['replication'] : []),
  ]
}
