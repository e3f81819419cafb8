/** Indexes whose operators row-level security keeps from them. */
import type { CatalogFunction, CatalogIndex } from './catalog.ts'
import type { Examined, TenantTable } from './examine.ts'
import { isReadable } from './rights.ts'

/** An index of a tenant table with the columns that find nothing under row-level security. */
export interface LeakyIndex {
  readonly index: CatalogIndex
  /** True when nothing is left that it could search by. */
  readonly isUseless: boolean
  /** The columns as they stand in it. */
  readonly columns: readonly string[]
}

/**
 * Finds them on the tables that an app role reads.
 *
 * A search function takes the place of the app role: SECURITY DEFINER, callable by it, naming the table, and owned by a
 * role whose own policy there has no condition. The indexes of such a table that the owner may read serve that function.
 */
export function* leakyIndexes(schema: Examined): Generator<LeakyIndex> {
  for (const table of schema.tenantTables) {
    if (!table.relation.hasRls || !isReadable(schema, table.relation.id)) continue
    const isSearched = schema.catalog.functions.some((fn) => searches(schema, fn, table))
    for (const index of table.indexes) {
      const leaky = index.columns.filter((_, place) => index.isLeaky[place] === true)
      if (leaky.length === 0 || (isSearched && !index.definition.startsWith('btree'))) continue
      const isUseless = index.definition.startsWith('btree')
        ? index.isLeaky[0] === true
        : index.isLeaky.every(Boolean)
      yield { index, isUseless, columns: leaky.map((column) => column ?? 'an expression') }
    }
  }
}

function searches(schema: Examined, fn: CatalogFunction, { relation, policies }: TenantTable): boolean {
  if (!fn.isDefiner || !fn.source.includes(relation.name)) return false
  if (!schema.grantsOn('function', fn.id).some(({ privilege }) => privilege === 'EXECUTE')) return false
  return policies.some(
    ({ roles, isPermissive, using, command }) =>
      isPermissive && using === 'true' && ['all', 'select'].includes(command) && roles.includes(fn.owner),
  )
}
