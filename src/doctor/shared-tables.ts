/** The tables without a tenant. */
import type { CatalogGrant, CatalogRelation } from './catalog.ts'
import type { Examined, TenantTable } from './examine.ts'
import { isDataRight } from './rights.ts'

/** A table without a tenant that the app role may read or write. */
export interface SharedTable {
  readonly relation: CatalogRelation
  /** The tenant tables that it refers to. */
  readonly parents: readonly TenantTable[]
  /** Reading and writing, its columns included. */
  readonly grants: readonly CatalogGrant[]
}

/** Finds them; partitions of tenant tables are none. */
export function* sharedTables(schema: Examined): Generator<SharedTable> {
  const constraints = Map.groupBy(schema.catalog.constraints, ({ relation }) => relation)
  for (const relation of schema.catalog.relations) {
    const { id, kind, partitionOf } = relation
    if (kind !== 'table' || partitionOf !== null || schema.tenantTable(id) !== undefined) continue
    const grants = [...schema.grantsOn('relation', id), ...schema.grantsOn('column', id)].filter(isDataRight)
    if (grants.length === 0) continue
    const targets = (constraints.get(id) ?? []).flatMap(({ target }) => (target === null ? [] : [target]))
    const parents = targets.flatMap((target) => schema.tenantTable(target) ?? [])
    yield { relation, parents: [...new Set(parents)], grants }
  }
}
