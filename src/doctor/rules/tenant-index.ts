import { relationObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant tables without an index that begins with the tenant. */
export const tenantIndex: Rule = {
  code: 'tenant-index',
  severity: 'warning',
  problem: 'No index of a tenant table begins with the tenant column.',
  why: 'Every statement compares the tenant; without an index each one reads the rows of all tenants and throws most away.',
  remedy:
    'Begin the primary key or an index with the tenant column; on a big table create it concurrently, outside of the script.',
  *find({ tenantTables }) {
    for (const { relation, tenantColumn, indexes } of tenantTables) {
      const hasIndex = indexes.some(
        (index) =>
          index.relation === relation.id &&
          index.isValid &&
          index.columns[0] === tenantColumn.name &&
          !index.isPartial,
      )
      if (hasIndex) continue
      yield {
        object: relationObject(relation),
        detail: `no whole index begins with ${tenantColumn.sql}`,
        fix: [`create index on ${relation.sql} (${tenantColumn.sql})`],
      }
    }
  },
}
