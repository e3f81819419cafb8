import type { CatalogGrant } from '../catalog.ts'
import type { TenantTable } from '../examine.ts'
import { columnObject } from '../objects.ts'
import { granteesOf, revokeAll } from '../rights.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant columns that the app role may update. */
export const privilegeTenantUpdate: Rule = {
  code: 'privilege-tenant-update',
  severity: 'warning',
  problem: 'The app role may update the tenant column.',
  why: 'A row should never change hands. Only WITH CHECK stands between an UPDATE and another tenant; without the right there is a second line.',
  remedy: 'Grant UPDATE column by column, on all but the tenant column.',
  *find({ tenantTables }) {
    for (const table of tenantTables) {
      const { relation, tenantColumn, grants } = table
      const updating = grants.filter(
        ({ privilege, column }) =>
          privilege === 'UPDATE' && (column === null || column === tenantColumn.name),
      )
      if (updating.length === 0) continue
      yield {
        object: columnObject(relation, tenantColumn),
        detail: `UPDATE is granted to ${granteesOf(updating)}`,
        fix: [...revokeAll(updating, relation.sql), ...grantOthers(table, updating)],
      }
    }
  },
}

/** What a grantee of the whole table keeps: the right on every other column. */
function grantOthers(
  { relation, columns, tenantColumn }: TenantTable,
  updating: readonly CatalogGrant[],
): readonly string[] {
  const others = columns
    .filter((column) => column !== tenantColumn && !column.isGenerated)
    .map(({ sql }) => sql)
  if (others.length === 0) return []
  return updating
    .filter(({ column }) => column === null)
    .map(({ sql }) => `grant update (${others.join(', ')}) on ${relation.sql} to ${sql}`)
}
