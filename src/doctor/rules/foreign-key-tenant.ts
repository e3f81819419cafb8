import type { CatalogConstraint } from '../catalog.ts'
import type { TenantTable } from '../examine.ts'
import { replaceForeignKey } from '../keys.ts'
import { constraintObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds foreign keys between tenant tables that do not carry the tenant. */
export const foreignKeyTenant: Rule = {
  code: 'foreign-key-tenant',
  severity: 'error',
  problem: 'A foreign key between tenant tables does not carry the tenant.',
  why: 'Foreign keys ask no policy. A row can refer to a row of another tenant, whose deletion then cascades across; and the error tells whether an id exists over there.',
  remedy: 'Put the tenant column on both sides: (org_id, agent_id) references agents (org_id, id).',
  *find(schema) {
    for (const table of schema.tenantTables) {
      for (const key of table.constraints) {
        const relation = schema.relation(key.relation)
        const target = key.target === null ? undefined : schema.tenantTable(key.target)
        if (target === undefined || relation === undefined || carriesTenant(key, table, target)) continue
        yield {
          object: constraintObject(relation, key),
          detail: key.definition,
          fix: replaceForeignKey(schema, table, target, key),
        }
      }
    }
  },
}

function carriesTenant(
  { columns, targetColumns }: CatalogConstraint,
  table: TenantTable,
  target: TenantTable,
): boolean {
  return columns.some(
    (column, index) =>
      column === table.tenantColumn.name && targetColumns[index] === target.tenantColumn.name,
  )
}
