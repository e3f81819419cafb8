/** Puts the parts of the catalog together: which tables are the tenants', and what belongs to each. */
import type {
  Catalog,
  CatalogColumn,
  CatalogConstraint,
  CatalogFunction,
  CatalogGrant,
  CatalogIndex,
  CatalogPolicy,
  CatalogRelation,
  CatalogRole,
} from './catalog.ts'
import { readTokens } from './expression.ts'
import { comparisonsIn, judge, readsSetting } from './judge-policy.ts'
import type { RowNames, Verdict } from './judge-policy.ts'
import type { ResolvedDoctorOptions } from './options.ts'
import { findTenantColumns } from './tenant-columns.ts'

/** A database as the rules see it. */
export interface Examined {
  readonly catalog: Catalog
  readonly options: ResolvedDoctorOptions
  /** The app roles that exist. */
  readonly appRoles: readonly CatalogRole[]
  /** The names of the app roles and of every role that they may act as. */
  readonly reach: ReadonlySet<string>
  readonly tenantTables: readonly TenantTable[]
  /** The partitions of tenant tables, at any depth. */
  readonly partitions: readonly TenantPartition[]
  /** The functions that read the tenant's setting, by their names with and without the schema. */
  readonly tenantFunctions: ReadonlySet<string>
  /** By the type of the tenant column: the expression with which most policies compare it. */
  readonly tenantValues: ReadonlyMap<string, string>
  relation(id: string): CatalogRelation | undefined
  /** The tenant table of this id, or the one that it is a partition of. */
  tenantTable(id: string): TenantTable | undefined
  /** The rights of the app roles on an object; of a relation without those on its columns. */
  grantsOn(on: CatalogGrant['on'], id: string): readonly CatalogGrant[]
}

/** A table whose rows belong to tenants, with all that belongs to it. */
export interface TenantTable {
  readonly relation: CatalogRelation
  readonly tenantColumn: CatalogColumn
  readonly columns: readonly CatalogColumn[]
  /** What the names in its policies mean. */
  readonly names: RowNames
  readonly policies: readonly JudgedPolicy[]
  /** Its own, and those that its partitions declare by themselves. */
  readonly constraints: readonly CatalogConstraint[]
  readonly indexes: readonly CatalogIndex[]
  /** The rights of the app roles on it and on its columns. */
  readonly grants: readonly CatalogGrant[]
}

/** A partition and the table that it is part of. */
export interface TenantPartition {
  readonly relation: CatalogRelation
  readonly root: TenantTable
}

/** A policy of a tenant table with what its expressions do. */
export interface JudgedPolicy extends CatalogPolicy {
  /** It decides about the statements of an app role. */
  readonly isOfApp: boolean
  readonly clauses: readonly JudgedClause[]
}

/** One expression of a policy. */
export interface JudgedClause {
  readonly side: 'using' | 'check'
  readonly text: string
  readonly verdict: Verdict
}

/** Puts the catalog together; a pure function. */
export function examine(catalog: Catalog, options: ResolvedDoctorOptions): Examined {
  const relations = new Map(catalog.relations.map((relation) => [relation.id, relation]))
  const grants = Map.groupBy(catalog.grants, ({ on, id }) => `${on} ${id}`)
  const reach = reachOf(catalog.roles, options.roles)
  const tenantFunctions = readTenantFunctions(catalog, options)
  const tables = readTenantTables(catalog, options, { reach, tenantFunctions, grants })
  const rootOf = (id: string): TenantTable | undefined => {
    const parent = relations.get(id)?.partitionOf
    return tables.get(id) ?? (parent === null || parent === undefined ? undefined : rootOf(parent))
  }
  return {
    catalog,
    options,
    reach,
    tenantFunctions,
    tenantValues: readTenantValues([...tables.values()], options, tenantFunctions),
    appRoles: catalog.roles.filter(({ name }) => options.roles.includes(name)),
    tenantTables: [...tables.values()],
    partitions: catalog.relations.flatMap((relation) => {
      const root = relation.partitionOf === null ? undefined : rootOf(relation.partitionOf)
      return root === undefined ? [] : [{ relation, root }]
    }),
    relation: (id) => relations.get(id),
    tenantTable: rootOf,
    grantsOn: (on, id) => grants.get(`${on} ${id}`) ?? [],
  }
}

/** A function that calls one of them is one of them. */
function readTenantFunctions(
  { functions }: Catalog,
  { setting }: ResolvedDoctorOptions,
): ReadonlySet<string> {
  const bodies = functions.map(({ name, source }) => ({ name, tokens: readTokens(source) }))
  const reading = new Set<string>()
  for (let before = -1; reading.size > before;) {
    before = reading.size
    for (const { name, tokens } of bodies) {
      if (readsSetting(tokens, setting, reading)) {
        reading.add(name).add(name.slice(name.lastIndexOf('.') + 1))
      }
    }
  }
  return reading
}

/** The names of these roles and of all that they are members of, at any distance. */
export function reachOf(roles: readonly CatalogRole[], names: readonly string[]): ReadonlySet<string> {
  const byName = new Map(roles.map((role) => [role.name, role]))
  const reach = new Set(names.filter((name) => byName.has(name)))
  // a Set that grows while it is walked is walked to its new end
  for (const name of reach) for (const other of byName.get(name)?.memberOf ?? []) reach.add(other)
  return reach
}

interface Parts {
  readonly reach: ReadonlySet<string>
  readonly tenantFunctions: ReadonlySet<string>
  readonly grants: ReadonlyMap<string, readonly CatalogGrant[]>
}

function readTenantTables(
  catalog: Catalog,
  options: ResolvedDoctorOptions,
  { reach, tenantFunctions, grants }: Parts,
): ReadonlyMap<string, TenantTable> {
  const parents = new Map(catalog.relations.map(({ id, partitionOf }) => [id, partitionOf]))
  const rootOf = (id: string): string => {
    const parent = parents.get(id)
    return parent === null || parent === undefined ? id : rootOf(parent)
  }
  const columnsOf = Map.groupBy(catalog.columns, ({ relation }) => relation)
  const policiesOf = Map.groupBy(catalog.policies, ({ relation }) => relation)
  const constraintsOf = Map.groupBy(catalog.constraints, ({ relation }) => rootOf(relation))
  const indexesOf = Map.groupBy(catalog.indexes, ({ relation }) => rootOf(relation))
  const tenantColumns = findTenantColumns(catalog, options, tenantFunctions)
  const tables = catalog.relations.flatMap((relation): TenantTable[] => {
    const { id } = relation
    const tenantColumn = tenantColumns.get(id)
    if (tenantColumn === undefined) return []
    const columns = columnsOf.get(id) ?? []
    const names = rowNames(relation, columns, tenantColumn)
    return [
      {
        relation,
        tenantColumn,
        columns,
        names,
        policies: (policiesOf.get(id) ?? []).map((policy) => judgePolicy(policy, names, reach)),
        constraints: constraintsOf.get(id) ?? [],
        indexes: indexesOf.get(id) ?? [],
        grants: [...(grants.get(`relation ${id}`) ?? []), ...(grants.get(`column ${id}`) ?? [])],
      },
    ]
  })
  return new Map(tables.map((table) => [table.relation.id, table]))
}

function rowNames(
  { name }: CatalogRelation,
  columns: readonly CatalogColumn[],
  tenantColumn: CatalogColumn,
): RowNames {
  return { table: name, tenantColumn: tenantColumn.name, columns: new Set(columns.map(({ name }) => name)) }
}

function readTenantValues(
  tables: readonly TenantTable[],
  { setting }: ResolvedDoctorOptions,
  tenantFunctions: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const uses = new Map<string, Map<string, number>>()
  for (const { tenantColumn, names, policies } of tables) {
    const comparisons = policies
      .flatMap(({ clauses }) => clauses)
      .flatMap(({ text }) => comparisonsIn(text, names.columns))
    for (const { column, tokens, value } of comparisons) {
      if (column !== tenantColumn.name || !readsSetting(tokens, setting, tenantFunctions)) continue
      const counts = uses.get(tenantColumn.type) ?? new Map<string, number>()
      uses.set(tenantColumn.type, counts.set(value, (counts.get(value) ?? 0) + 1))
    }
  }
  return new Map(Array.from(uses, ([type, counts]) => [type, mostUsed(counts)]))
}

function mostUsed(counts: ReadonlyMap<string, number>): string {
  return [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most), ['', 0])[0]
}

function judgePolicy(policy: CatalogPolicy, names: RowNames, reach: ReadonlySet<string>): JudgedPolicy {
  const clauses = (['using', 'check'] as const).flatMap((side) => {
    const text = policy[side]
    return text === null ? [] : [{ side, text, verdict: judge(text, names) }]
  })
  const isOfApp = policy.roles.some((role) => role === 'public' || reach.has(role))
  return { ...policy, clauses, isOfApp }
}

/** The functions that a policy calls. */
export function functionsOf({ catalog }: Examined, policy: CatalogPolicy): readonly CatalogFunction[] {
  return catalog.functions.filter(({ id }) => policy.functions.includes(id))
}
