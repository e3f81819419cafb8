/** What rules ask about keys: which of them reach across tenants, and their SQL with the tenant in it. */
import type { CatalogConstraint, CatalogRelation } from './catalog.ts'
import type { Examined, TenantTable } from './examine.ts'
import { readTokens } from './expression.ts'
import { withoutForce } from './mend.ts'
import { constraintObject } from './objects.ts'
import type { Fault } from './rule.ts'

/**
 * The keys of tenant tables that hold across tenants and that a tenant can run into.
 *
 * Where the app role may neither insert rows nor update a column of the key, it learns nothing from it.
 */
export function* keysAcrossTenants(schema: Examined, kind: CatalogConstraint['kind']): Generator<Fault> {
  for (const table of schema.tenantTables) {
    for (const key of table.constraints) {
      const relation = schema.relation(key.relation)
      if (key.kind !== kind || relation === undefined) continue
      if (key.columns.includes(table.tenantColumn.name) || !mayWrite(table, key.columns)) continue
      yield {
        object: constraintObject(relation, key),
        detail: `${key.definition} holds across tenants`,
        ...(isNeeded(schema, table, key) ? {} : { fix: [widen(table, relation, key)] }),
      }
    }
  }
}

/** True when an app role may write a row that runs into a key of these columns; an expression counts as any column. */
export function mayWrite({ grants }: TenantTable, columns: readonly (string | null)[]): boolean {
  return grants.some(
    ({ privilege, column }) =>
      privilege === 'INSERT' ||
      (privilege === 'UPDATE' && (column === null || columns.includes(null) || columns.includes(column))),
  )
}

/**
 * True for a key that somebody needs as it is: a view, a foreign key of a table without a tenant, or the table of the
 * tenants themselves, where a key with the tenant in it would say nothing. Foreign keys of tenant tables are mended first.
 */
function isNeeded(
  schema: Examined,
  table: TenantTable,
  { relation, columns, isUsedByView }: CatalogConstraint,
): boolean {
  return (
    isUsedByView ||
    isRoot(table) ||
    schema.catalog.constraints.some(
      ({ target, targetColumns, relation: from }) =>
        target === relation && schema.tenantTable(from) === undefined && isSameSet(targetColumns, columns),
    )
  )
}

/** The table of the tenants themselves has one row for each. */
export function isRoot(table: TenantTable): boolean {
  return hasKey(table, [table.tenantColumn.name])
}

/** The same key with the tenant in front; `UNIQUE NULLS NOT DISTINCT (…) INCLUDE (…) DEFERRABLE` keeps its other words. */
function widen({ tenantColumn }: TenantTable, { sql }: CatalogRelation, key: CatalogConstraint): string {
  const first = key.definition.indexOf('(') + 1
  const tenant = key.kind === 'exclusion' ? `${tenantColumn.sql} WITH =` : tenantColumn.sql
  const definition = `${key.definition.slice(0, first)}${tenant}, ${key.definition.slice(first)}`
  return `alter table ${sql} drop constraint ${key.sql}, add constraint ${key.sql} ${definition}`
}

/** The statements that give a foreign key these columns on both sides, and the key that it needs over there. */
export function replaceForeignKey(
  schema: Examined,
  table: TenantTable,
  target: TenantTable,
  key: CatalogConstraint,
): readonly string[] {
  const relation = schema.relation(key.relation)
  const pairs = key.columns
    .map((column, index) => ({ column, targetColumn: key.targetColumns[index] ?? '' }))
    .filter(
      ({ column, targetColumn }) =>
        column !== table.tenantColumn.name && targetColumn !== target.tenantColumn.name,
    )
  const targetNames = [target.tenantColumn.name, ...pairs.map(({ targetColumn }) => targetColumn)]
  const columns = [table.tenantColumn.sql, ...pairs.map(({ column }) => sqlOf(table, column))]
  const targetColumns = targetNames.map((name) => sqlOf(target, name))
  const emptied = key.emptied.length === 0 ? pairs.map(({ column }) => column) : key.emptied
  const actions = actionsOf(
    key,
    emptied.filter((name) => name !== table.tenantColumn.name).map((name) => sqlOf(table, name)),
  )
  const definition = `foreign key (${columns.join(', ')}) references ${target.relation.sql} (${targetColumns.join(', ')})${actions}`
  const unique = `alter table ${target.relation.sql} add unique (${targetColumns.join(', ')})`
  return withoutForce(
    [relation, target.relation],
    [
      ...(hasKey(target, targetNames) ? [] : [unique]),
      `alter table ${relation?.sql ?? ''} drop constraint ${key.sql}, add constraint ${key.sql} ${definition}`,
    ],
  )
}

/**
 * What stands after the columns: ON UPDATE, ON DELETE with its own list of columns, DEFERRABLE. NOT VALID goes: a new
 * constraint is checked at once.
 */
function actionsOf({ definition }: CatalogConstraint, emptied: readonly string[]): string {
  const [, target, list] = readTokens(definition).filter(({ kind }) => kind === 'group')
  const end = target?.end ?? definition.length
  const rest =
    list === undefined
      ? definition.slice(end)
      : `${definition.slice(end, list.start).trimEnd()}${definition.slice(list.end)}`
  return rest
    .replace(/ NOT VALID$/u, '')
    .replace(/ON DELETE SET (?:NULL|DEFAULT)/u, (action) => `${action} (${emptied.join(', ')})`)
}

function hasKey({ indexes, relation }: TenantTable, columns: readonly string[]): boolean {
  return indexes.some(
    (index) =>
      index.isUnique &&
      index.isValid &&
      index.relation === relation.id &&
      !index.isPartial &&
      isSameSet(index.columns, columns),
  )
}

function sqlOf({ columns }: TenantTable, name: string): string {
  return columns.find((column) => column.name === name)?.sql ?? name
}

function isSameSet(one: readonly (string | null)[], other: readonly (string | null)[]): boolean {
  return one.length === other.length && one.every((column) => other.includes(column))
}
