import { relationObject } from '../objects.ts'
import type { Rule } from '../rule.ts'
import { sharedTables } from '../shared-tables.ts'

/** Finds tables that belong to tenants and have no tenant column. */
export const tenantColumnMissing: Rule = {
  code: 'tenant-column-missing',
  severity: 'error',
  problem: 'A table refers to a tenant table and has no tenant column.',
  why: 'Its rows belong to tenants as much as those that they refer to, and no policy can tell which: the app role reads the rows of all.',
  remedy:
    'Add the tenant column, fill it from the table referred to, and protect the table like every other tenant table.',
  *find(schema) {
    for (const { relation, parents } of sharedTables(schema)) {
      if (parents.length === 0) continue
      yield {
        object: relationObject(relation),
        detail: `it refers to ${parents.map((parent) => parent.relation.sql).join(', ')}`,
      }
    }
  },
}
