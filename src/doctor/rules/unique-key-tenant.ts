import { quoteName } from '../../database/quote.ts'
import type { CatalogIndex, CatalogRelation } from '../catalog.ts'
import type { Examined, TenantTable } from '../examine.ts'
import { isRoot, keysAcrossTenants, mayWrite } from '../keys.ts'
import { indexObject } from '../objects.ts'
import type { Fault, Rule } from '../rule.ts'

/** Finds unique keys and unique indexes without the tenant. */
export const uniqueKeyTenant: Rule = {
  code: 'unique-key-tenant',
  severity: 'error',
  problem: 'A unique key of a tenant table does not hold the tenant.',
  why: 'Keys ask no policy: the error tells that another tenant has the value (an address, a name), and ON CONFLICT DO NOTHING silently drops the row.',
  remedy:
    'Begin every unique key with the tenant column. A value that must be unique among all tenants belongs where a tenant cannot write it.',
  *find(schema) {
    yield* keysAcrossTenants(schema, 'unique')
    yield* indexesAcrossTenants(schema)
  },
}

function* indexesAcrossTenants(schema: Examined): Generator<Fault> {
  for (const table of schema.tenantTables) {
    for (const index of table.indexes) {
      if (!index.isUnique || index.isOfConstraint) continue
      if (index.columns.includes(table.tenantColumn.name) || !mayWrite(table, index.columns)) continue
      const relation = schema.relation(index.relation)
      yield {
        object: indexObject(index),
        detail: `unique ${index.definition} holds across tenants`,
        ...(isRoot(table) ? {} : { fix: replaceIndex(table, relation, index) }),
      }
    }
  }
}

function replaceIndex(
  { tenantColumn }: TenantTable,
  relation: CatalogRelation | undefined,
  { sql, name, definition }: CatalogIndex,
): readonly string[] {
  const first = definition.indexOf('(') + 1
  const widened = `${definition.slice(0, first)}${tenantColumn.sql}, ${definition.slice(first)}`
  // the name without the schema, which is the table's
  const quoted = quoteName(name)
  return [`drop index ${sql}`, `create unique index ${quoted} on ${relation?.sql ?? ''} using ${widened}`]
}
