/** Views and what else reads tenant tables. */
import type { CatalogRelation } from './catalog.ts'
import type { Examined } from './examine.ts'

/** True for what reads a tenant table, a partition of one, or something that does. */
export function readsTenants(
  schema: Examined,
  relation: CatalogRelation,
  seen: ReadonlySet<string> = new Set(),
): boolean {
  if (seen.has(relation.id)) return false
  const path = new Set([...seen, relation.id])
  return relation.reads.some((id) => {
    const read = schema.relation(id)
    return schema.tenantTable(id) !== undefined || (read !== undefined && readsTenants(schema, read, path))
  })
}
