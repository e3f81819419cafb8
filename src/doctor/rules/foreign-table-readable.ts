import { relationObject } from '../objects.ts'
import { granteesOf, isReachable, revokeAll } from '../rights.ts'
import type { Rule } from '../rule.ts'

/** Finds foreign tables with tenant rows that the app role may reach. */
export const foreignTableReadable: Rule = {
  code: 'foreign-table-readable',
  severity: 'error',
  problem: 'The app role may reach a foreign table with tenant rows.',
  why: 'A foreign table cannot have policies, and the server behind it is asked with one login for all tenants.',
  remedy: 'Revoke the rights, and show it through a function that compares the tenant.',
  *find(schema) {
    const withTenant = new Set(
      schema.catalog.columns
        .filter(({ name }) => name === schema.options.tenantColumn)
        .map(({ relation }) => relation),
    )
    for (const relation of schema.catalog.relations) {
      if (relation.kind !== 'foreign table' || !withTenant.has(relation.id)) continue
      const grants = [...schema.grantsOn('relation', relation.id), ...schema.grantsOn('column', relation.id)]
      if (!isReachable(grants)) continue
      yield {
        object: relationObject(relation),
        detail: `it is open to ${granteesOf(grants)}`,
        fix: revokeAll(grants, relation.sql),
      }
    }
  },
}
