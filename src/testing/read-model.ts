/** Reads the catalog and puts the model together. */
import type { Kysely } from 'kysely'
import type { CatalogConstraint, CatalogIndex, CatalogRelation } from '../doctor/catalog.ts'
import { examine } from '../doctor/examine.ts'
import type { Examined } from '../doctor/examine.ts'
import { allTokens, readTokens } from '../doctor/expression.ts'
import { readCatalog } from '../doctor/read-catalog.ts'
import { InvalidArgumentError } from '../errors.ts'
import { orderTables } from './order-tables.ts'
import { readColumnFacts, readFunctions, readReferredSchemas, readRelationFacts } from './read-columns.ts'
import type { ColumnFacts, RelationFacts } from './read-columns.ts'
import type { ResolvedTestingOptions } from './options.ts'
import type { TestForeignKey, TestKey, TestModel, TestTable, TestView } from './model.ts'

/**
 * Reads what there is to prove, in a read-only transaction of its own.
 *
 * @throws {InvalidArgumentError} when the role does not exist, there is no tenant table, or an option names nothing.
 * @throws {UnreadableCatalogError} when the login may not read a part of the catalog.
 */
export async function readModel(db: Kysely<unknown>, options: ResolvedTestingOptions): Promise<TestModel> {
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const schemas = await readReferredSchemas(trx, options)
      const wide = { ...options, doctor: { ...options.doctor, schemas } }
      const schema = examine(await readCatalog(trx, wide.doctor), wide.doctor)
      if (schema.appRoles.length === 0)
        throw new InvalidArgumentError('role', 'names a role that does not exist')
      const columns = Map.groupBy(await readColumnFacts(trx, wide), ({ relation }) => relation)
      const facts = await readRelationFacts(trx, wide)
      const functions = (await readFunctions(trx, wide)).filter((each) => isProven(options, each))
      return checkModel({ ...assemble({ options, schema, columns, facts }), functions })
    })
}

/** True for what is in a schema that was asked for. */
function isProven({ doctor }: ResolvedTestingOptions, { schema }: { readonly schema: string }): boolean {
  return doctor.schemas === undefined || doctor.schemas.includes(schema)
}

interface Parts {
  readonly options: ResolvedTestingOptions
  readonly schema: Examined
  readonly columns: ReadonlyMap<string, readonly ColumnFacts[]>
  readonly facts: ReadonlyMap<string, RelationFacts>
}

function assemble(parts: Parts): Omit<TestModel, 'functions'> {
  const { schema, options } = parts
  const kinds = findKinds(parts)
  const all = schema.catalog.relations.flatMap((relation) => {
    const kind = kinds.get(relation.id)
    return kind === undefined ? [] : [tableFrom(parts, relation, kind, kinds)]
  })
  const tables = neededTables(all)
  const proven = schema.catalog.relations.filter((relation) => isProven(options, relation))
  const byId = new Map(tables.map((table) => [table.relation.id, table]))
  return {
    options,
    schema,
    tables: orderTables(tables),
    partitions: schema.partitions.flatMap(({ relation, root }) => {
      const table = byId.get(root.relation.id)
      return table?.isProven === true ? [{ relation, root: table }] : []
    }),
    views: proven
      .filter(({ kind }) => kind === 'view' || kind === 'materialized view')
      .map((relation) => viewFrom(parts, relation))
      .filter(isUsable),
    sequences: proven.filter(({ kind }) => kind === 'sequence'),
  }
}

/** The tables that are proven, and those that they refer to. */
function neededTables(tables: readonly TestTable[]): readonly TestTable[] {
  const needed = new Set(tables.filter(({ isProven }) => isProven))
  // a Set that grows while it is walked is walked to its new end
  for (const { foreignKeys } of needed)
    for (const { target } of foreignKeys)
      for (const table of tables) if (table.relation.id === target) needed.add(table)
  return tables.filter((table) => needed.has(table))
}

/** Tenant tables, tables that belong to tenants through a foreign key and that the role can reach, and their parents. */
function findKinds({ schema, columns, facts }: Parts): ReadonlyMap<string, TestTable['kind']> {
  const kinds = new Map<string, TestTable['kind']>()
  const reachable = (id: string): boolean =>
    schema.relation(id)?.hasRls === true || facts.get(id)?.mayDelete === true || mayTouch(columns.get(id))
  for (const { relation } of schema.tenantTables) kinds.set(relation.id, 'tenant')
  const foreignKeys = schema.catalog.constraints.filter(({ kind }) => kind === 'foreign key')
  for (let before = -1; before < kinds.size;) {
    before = kinds.size
    for (const { relation, target } of foreignKeys) {
      const child = schema.relation(relation)
      const parent = target === null ? undefined : schema.relation(target)
      if (target === null || child === undefined || parent?.kind !== 'table' || child.partitionOf !== null)
        continue
      const isOwned = kinds.get(target) === 'tenant' || kinds.get(target) === 'derived'
      if (isOwned && !kinds.has(relation) && reachable(relation)) kinds.set(relation, 'derived')
      if (kinds.has(relation) && !kinds.has(target) && schema.tenantTable(target) === undefined)
        kinds.set(target, 'shared')
    }
  }
  return kinds
}

function mayTouch(columns: readonly ColumnFacts[] = []): boolean {
  return columns.some(({ maySelect, mayInsert, mayUpdate }) => maySelect || mayInsert || mayUpdate)
}

function tableFrom(
  { options, schema, columns, facts }: Parts,
  relation: CatalogRelation,
  kind: TestTable['kind'],
  kinds: ReadonlyMap<string, TestTable['kind']>,
): TestTable {
  const tenantTable = schema.tenantTable(relation.id)
  const tenantColumn = kind === 'tenant' ? tenantTable?.tenantColumn.name : undefined
  const own = columns.get(relation.id) ?? []
  const constraints = schema.catalog.constraints.filter((constraint) => constraint.relation === relation.id)
  const indexes = schema.catalog.indexes.filter((index) => index.relation === relation.id && index.isUnique)
  const exclusions = constraints.filter((constraint) => constraint.kind === 'exclusion')
  const keys = [...indexes, ...exclusions.map(asIndex)].map((index) => keyFrom(index, own, tenantColumn))
  return {
    relation,
    name: `${relation.schema}.${relation.name}`,
    kind,
    isProven: kind !== 'shared' && isProven(options, relation),
    tenantColumn,
    isRoot:
      tenantColumn !== undefined && keys.some(({ columns, hasTenant }) => hasTenant && columns.length === 0),
    columns: own,
    facts: facts.get(relation.id),
    foreignKeys: constraints.flatMap((constraint) =>
      foreignKeyFrom(constraint, { own, tenantColumn, kinds }),
    ),
    keys,
    checks: constraints.filter((constraint) => constraint.kind === 'check'),
    primaryKey: constraints.find((constraint) => constraint.kind === 'primary key')?.columns ?? [],
    policies: schema.catalog.policies.filter((policy) => policy.relation === relation.id),
  }
}

type KeyIndex = Pick<CatalogIndex, 'name' | 'columns' | 'definition' | 'isPartial'>

/** An exclusion constraint is a key whose columns and expressions stand in its definition. */
function asIndex({ name, definition }: CatalogConstraint): KeyIndex {
  return { name, columns: [null], definition, isPartial: definition.includes(' WHERE ') }
}

function keyFrom(index: KeyIndex, own: readonly ColumnFacts[], tenantColumn: string | undefined): TestKey {
  const named = index.columns.filter((column) => column !== null)
  const hasExpression = index.columns.includes(null)
  const within = hasExpression ? columnsNamedIn(index.definition, own) : []
  // a generated column follows from others
  const columns = [...named, ...within].flatMap((name) => {
    const generated = own.find((column) => column.name === name)?.generated
    return generated === null || generated === undefined ? [name] : columnsNamedIn(generated, own)
  })
  return {
    name: index.name,
    columns: [...new Set(columns)].filter((name) => name !== tenantColumn),
    hasTenant: tenantColumn !== undefined && columns.includes(tenantColumn),
    hasExpression,
    isPartial: index.isPartial,
    definition: index.definition,
  }
}

/** The columns that an expression names. */
function columnsNamedIn(expression: string, columns: readonly ColumnFacts[]): readonly string[] {
  const words = new Set<string>()
  for (const token of allTokens(readTokens(expression)))
    if (token.kind === 'word') words.add(token.path.at(-1) ?? '')
  return columns.map(({ name }) => name).filter((name) => words.has(name))
}

function foreignKeyFrom(
  constraint: CatalogConstraint,
  {
    own,
    tenantColumn,
    kinds,
  }: {
    readonly own: readonly ColumnFacts[]
    readonly tenantColumn: string | undefined
    readonly kinds: ReadonlyMap<string, TestTable['kind']>
  },
): readonly TestForeignKey[] {
  const { kind, target, columns, targetColumns } = constraint
  if (kind !== 'foreign key' || target === null || !kinds.has(target)) return []
  const pairs = columns
    .map((column, index) => ({ column, targetColumn: targetColumns[index] ?? '' }))
    .filter(({ column }) => column !== tenantColumn)
  const isOptional = pairs.some(({ column }) => own.find(({ name }) => name === column)?.isNullable === true)
  return [{ constraint, target, pairs, isOptional }]
}

function viewFrom({ columns, facts }: Parts, relation: CatalogRelation): TestView {
  return {
    relation,
    name: `${relation.schema}.${relation.name}`,
    columns: columns.get(relation.id) ?? [],
    facts: facts.get(relation.id),
  }
}

function isUsable({ columns, facts }: TestView): boolean {
  return mayTouch(columns) || facts?.mayDelete === true
}

function checkModel(model: TestModel): TestModel {
  if (!model.tables.some(({ isProven }) => isProven))
    throw new InvalidArgumentError(
      'tenantColumn',
      'is a column of no table: pass tenantColumn, setting and schemas as your schema has them',
    )
  const tables = new Set(model.tables.map(({ name }) => name))
  const others = [
    ...model.views.map(({ name }) => name),
    ...model.functions.map(({ name }) => name),
    ...model.functions.map(({ sql }) => sql),
  ]
  const relations = [...model.sequences, ...model.partitions.map(({ relation }) => relation)]
  const names = new Set([...tables, ...others, ...relations.map(({ schema, name }) => `${schema}.${name}`)])
  for (const name of Object.keys(model.options.factories))
    if (!tables.has(name))
      throw new InvalidArgumentError('factories', `names a table that is not filled: ${name}`)
  for (const name of Object.keys(model.options.exempt))
    if (!names.has(name))
      throw new InvalidArgumentError('exempt', `names an object that does not exist: ${name}`)
  return model
}
