/** Finds the tenant tables, by the column that ties a row to its tenant. */
import type { Catalog, CatalogColumn, CatalogPolicy } from './catalog.ts'
import { comparisonsIn, readsSetting } from './judge-policy.ts'
import type { ResolvedDoctorOptions } from './options.ts'

/**
 * The tenant column of each tenant table, by the table's id; partitions are left to their parents.
 *
 * It is the conventional column; else the one that a policy compares with the current tenant; else, of the table of the
 * tenants themselves, the key to which the tenant columns of others refer.
 */
export function findTenantColumns(
  catalog: Catalog,
  options: ResolvedDoctorOptions,
  tenantFunctions: ReadonlySet<string>,
): ReadonlyMap<string, CatalogColumn> {
  const columnsOf = Map.groupBy(catalog.columns, ({ relation }) => relation)
  const policiesOf = Map.groupBy(catalog.policies, ({ relation }) => relation)
  const found = new Map<string, CatalogColumn>()
  for (const { id, kind, partitionOf } of catalog.relations) {
    if (kind !== 'table' || partitionOf !== null) continue
    const columns = columnsOf.get(id) ?? []
    const column =
      columns.find(({ name }) => name === options.tenantColumn) ??
      comparedColumn(columns, policiesOf.get(id) ?? [], options, tenantFunctions)
    if (column !== undefined) found.set(id, column)
  }
  const roots = findRoots(catalog, found, columnsOf)
  return new Map([...found, ...roots])
}

function comparedColumn(
  columns: readonly CatalogColumn[],
  policies: readonly CatalogPolicy[],
  { setting }: ResolvedDoctorOptions,
  tenantFunctions: ReadonlySet<string>,
): CatalogColumn | undefined {
  const names = new Set(columns.map(({ name }) => name))
  const compared = policies
    .flatMap(({ using, check }) => [using, check])
    .flatMap((text) => (text === null ? [] : comparisonsIn(text, names)))
    .find(({ tokens }) => readsSetting(tokens, setting, tenantFunctions))
  return columns.find(({ name }) => name === compared?.column)
}

function findRoots(
  { constraints, relations }: Catalog,
  found: ReadonlyMap<string, CatalogColumn>,
  columnsOf: ReadonlyMap<string, readonly CatalogColumn[]>,
): ReadonlyMap<string, CatalogColumn> {
  const tables = new Set(relations.filter(({ kind }) => kind === 'table').map(({ id }) => id))
  const roots = new Map<string, CatalogColumn>()
  for (const { kind, relation, target, columns, targetColumns } of constraints) {
    if (kind !== 'foreign key' || target === null || found.has(target) || !tables.has(target)) continue
    const [column, ...others] = columns
    if (others.length > 0 || column === undefined || column !== found.get(relation)?.name) continue
    const key = columnsOf.get(target)?.find(({ name }) => name === targetColumns[0])
    if (key !== undefined) roots.set(target, key)
  }
  return roots
}
