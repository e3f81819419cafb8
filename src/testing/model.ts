/** A schema as the test kit sees it: the tables to fill and to probe, and what belongs to each. */
import type { CatalogConstraint, CatalogPolicy, CatalogRelation } from '../doctor/catalog.ts'
import type { Examined } from '../doctor/examine.ts'
import type { CallableFunction, ColumnFacts, RelationFacts } from './read-columns.ts'
import type { ResolvedTestingOptions } from './options.ts'
import { quoteName, quoteValue } from './sql-text.ts'

/** What is known of the database before the first row is made. */
export interface TestModel {
  readonly options: ResolvedTestingOptions
  readonly schema: Examined
  /** In the order in which they are filled: a table comes after those that it refers to. */
  readonly tables: readonly TestTable[]
  readonly partitions: readonly TestPartition[]
  readonly views: readonly TestView[]
  readonly functions: readonly CallableFunction[]
  readonly sequences: readonly CatalogRelation[]
}

/** A table with what rows and probes need. */
export interface TestTable {
  readonly relation: CatalogRelation
  /** With its schema, unquoted: how options name it. */
  readonly name: string
  /**
   * `tenant` has a tenant column; `derived` belongs to a tenant through a foreign key; `shared` belongs to all, and is here
   * because others refer to it.
   */
  readonly kind: 'tenant' | 'derived' | 'shared'
  /** False for one that has rows only because others refer to it. */
  readonly isProven: boolean
  readonly tenantColumn: string | undefined
  readonly isRoot: boolean
  readonly columns: readonly ColumnFacts[]
  readonly facts: RelationFacts | undefined
  readonly foreignKeys: readonly TestForeignKey[]
  readonly keys: readonly TestKey[]
  readonly checks: readonly CatalogConstraint[]
  readonly primaryKey: readonly string[]
  readonly policies: readonly CatalogPolicy[]
}

/** A foreign key to a table of the model. */
export interface TestForeignKey {
  readonly constraint: CatalogConstraint
  readonly target: string
  /** Its columns but the tenant column, with the columns that they refer to. */
  readonly pairs: readonly { readonly column: string; readonly targetColumn: string }[]
  readonly isOptional: boolean
}

/** A key that must be unique. */
export interface TestKey {
  readonly name: string
  /** The columns that decide about it but the tenant column, those within expressions too. */
  readonly columns: readonly string[]
  readonly hasTenant: boolean
  readonly hasExpression: boolean
  readonly isPartial: boolean
  readonly definition: string
}

/** A partition of a tenant table. */
export interface TestPartition {
  readonly relation: CatalogRelation
  readonly root: TestTable
}

/** A view or materialized view that the role may use. */
export interface TestView {
  readonly relation: CatalogRelation
  readonly name: string
  readonly columns: readonly ColumnFacts[]
  readonly facts: RelationFacts | undefined
}

/** The condition under which a row, by its alias, belongs to a tenant. */
export function ownedBy(model: TestModel, table: TestTable, alias: string, tenant: string): string {
  if (table.tenantColumn !== undefined)
    return `${alias}.${quoteName(table.tenantColumn)} = ${quoteValue(tenant)}`
  const key = owningKey(model, table)
  const parent = key === undefined ? undefined : tableOf(model, key.target)
  if (key === undefined || parent === undefined) return 'false'
  const inner = `${alias}p`
  const joined = key.constraint.columns.map(
    (column, index) =>
      `${inner}.${quoteName(key.constraint.targetColumns[index] ?? '')} = ${alias}.${quoteName(column)}`,
  )
  return `exists (select from ${parent.relation.sql} as ${inner} where ${[...joined, ownedBy(model, parent, inner, tenant)].join(' and ')})`
}

/** The foreign key through which a derived table belongs to a tenant: the first that no row goes without. */
function owningKey(model: TestModel, table: TestTable): TestForeignKey | undefined {
  const keys = table.foreignKeys.filter(({ target }) => {
    const kind = tableOf(model, target)?.kind
    return target !== table.relation.id && (kind === 'tenant' || kind === 'derived')
  })
  return keys.find(({ isOptional }) => !isOptional) ?? keys[0]
}

/** The script that sets what policies read of a tenant until the end of the savepoint. */
export function settingsOf({ options }: TestModel, tenant: string): string {
  return Object.entries(options.settings(tenant))
    .map(([name, value]) => `select set_config(${quoteValue(name)}, ${quoteValue(value)}, true); `)
    .join('')
}

/** A table of the model by its id. */
export function tableOf({ tables }: TestModel, id: string): TestTable | undefined {
  return tables.find(({ relation }) => relation.id === id)
}

/** The tables whose rows belong to tenants. */
export function tenantTablesOf({ tables }: TestModel): readonly TestTable[] {
  return tables.filter(({ kind }) => kind !== 'shared')
}

/** Those of them of which something is to be proven. */
export function provenTablesOf({ tables }: TestModel): readonly TestTable[] {
  return tables.filter(({ isProven }) => isProven)
}

/** The columns that an INSERT may name: not the generated ones, nor an identity that is always generated. */
export function writableColumns({ columns }: TestTable): readonly ColumnFacts[] {
  return columns.filter(({ generated, identity }) => generated === null && identity !== 'a')
}
