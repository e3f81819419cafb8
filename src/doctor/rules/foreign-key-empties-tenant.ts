import { replaceForeignKey } from '../keys.ts'
import { constraintObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds foreign keys that empty the tenant column. */
export const foreignKeyEmptiesTenant: Rule = {
  code: 'foreign-key-empties-tenant',
  severity: 'warning',
  problem: 'A foreign key empties the tenant column when the other row is deleted.',
  why: 'ON DELETE SET NULL without a list of columns empties all of them: the deletion fails on a tenant column that is NOT NULL, and leaves a row of nobody on one that is not.',
  remedy: 'Name the columns: on delete set null (agent_id).',
  *find(schema) {
    for (const table of schema.tenantTables) {
      const tenant = table.tenantColumn.name
      for (const key of table.constraints) {
        if (key.onDelete !== 'set null' && key.onDelete !== 'set default') continue
        const relation = schema.relation(key.relation)
        const target = key.target === null ? undefined : schema.tenantTable(key.target)
        const emptied = key.emptied.length === 0 ? key.columns : key.emptied
        if (relation === undefined || !key.columns.includes(tenant) || !emptied.includes(tenant)) continue
        const isMendable = target !== undefined && key.columns.length > 1
        yield {
          object: constraintObject(relation, key),
          detail: key.definition,
          ...(isMendable ? { fix: replaceForeignKey(schema, table, target, key) } : {}),
        }
      }
    }
  },
}
