/** What a table must have, said one by one: the rules of all tables, and what was designed for this one. */
import { sql } from 'kysely'
import type { CatalogColumn, CatalogTable } from './data-model-catalog.ts'
import { type Requirement, checkRequirements } from './data-model-checks.ts'
import { type ExpectedColumn, expectedColumns } from './data-model-columns.ts'
import type { TableExpectation } from './data-model-expectations.ts'

/** The requirements of a table that exists. */
export function requirementsOf(expected: TableExpectation, table: CatalogTable): Requirement[] {
  return [
    ...columnRequirements(expected, table),
    ...keyRequirements(expected, table),
    ...indexRequirements(expected, table),
    ...checkRequirements(expected, table),
    ...ruleRequirements(expected, table),
  ]
}

function columnRequirements(expected: TableExpectation, table: CatalogTable): Requirement[] {
  return ruleColumns(expected)
    .concat(expectedColumns(expected))
    .flatMap((column) => requirementsOfColumn(expected, table, column))
}

function requirementsOfColumn(
  expected: TableExpectation,
  { name: table, columns }: CatalogTable,
  column: ExpectedColumn,
): Requirement[] {
  const { name, type, isRequired } = column
  const found = columns[name]
  const of = `${table}.${name}`
  if (found === undefined) return [{ holds: false, otherwise: `${of}: there is no such column` }]
  return [
    { holds: found.type === type, otherwise: `${of}: is ${found.type}, not ${type}` },
    {
      holds: isRequired === undefined || found.isRequired === isRequired,
      otherwise: `${of}: ${found.isRequired ? 'may not' : 'may'} be null`,
    },
    ...defaultRequirement(expected, of, column, found),
  ]
}

/** The columns that the rules give a table. */
function ruleColumns({ kind, key, appendOnly, softDelete }: TableExpectation): readonly ExpectedColumn[] {
  const names = [
    ...(kind === undefined ? ['org_id uuid!'] : []),
    ...(key === undefined ? ['id uuid!'] : []),
    'created_at timestamptz!',
    ...(appendOnly ? [] : ['updated_at timestamptz!']),
    ...(softDelete ? ['deleted_at timestamptz?'] : []),
  ]
  return expectedColumns({ columns: names.join(', ') })
}

const ruleDefaults: Readonly<Record<string, readonly string[]>> = {
  org_id: ['ibex_core.current_org_id()'],
  id: ['gen_random_uuid()'],
  created_at: ['now()', 'clock_timestamp()'],
  updated_at: ['now()', 'clock_timestamp()'],
}

function defaultRequirement(
  { jsonDefaults = {} }: TableExpectation,
  of: string,
  { name, type, isRequired, default: given }: ExpectedColumn,
  found: CatalogColumn,
): Requirement[] {
  const rule = ruleDefaults[name]
  const json = jsonDefaults[name] ?? (type === 'jsonb' && isRequired === true ? {} : undefined)
  const value = given ?? (json === undefined ? undefined : JSON.stringify(json))
  const actual = found.default === null ? 'no default' : `the default ${found.default}`
  const otherwise = `${of}: has ${actual} instead of ${rule?.[0] ?? value}`
  if (rule !== undefined) return [{ holds: rule.includes(found.default ?? ''), otherwise }]
  if (value === undefined) return []
  if (found.default === null || found.type !== type) return [{ holds: false, otherwise }]
  const cast = sql.raw(type)
  return [{ holds: sql`(${sql.raw(found.default)})::${cast} = ${sql.lit(value)}::${cast}`, otherwise }]
}

function keyRequirements(expected: TableExpectation, table: CatalogTable): Requirement[] {
  const { key = 'id', unique = [], references = {} } = expected
  const keys = [key, ...unique].map((columns) => withTenant(expected, columns))
  return [
    ...keys.map((columns) => ({
      holds: table.keys.includes(columns),
      otherwise: `${table.name}: there is no key (${columns})`,
    })),
    ...[
      ...(expected.kind === undefined ? [tenantReference] : []),
      ...Object.entries(references).map(([columns, target]) => referenceSql(expected, columns, target)),
    ].map((reference) => ({
      holds: table.references.some((found) => found.startsWith(reference)),
      otherwise: `${table.name}: there is no ${reference}`,
    })),
  ]
}

const tenantReference = 'FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE'

/** A reference as PostgreSQL prints it, as far as it was designed. */
function referenceSql(expected: TableExpectation, columns: string, target: string): string {
  const pattern = /^(\w+)(?: \((.+?)\))?(?: (cascade|set null)(?: \((\w+)\))?)?$/
  const [, table, targetColumns = 'id', action, emptied = columns] = pattern.exec(target) ?? []
  const key = `FOREIGN KEY (${withTenant(expected, columns)}) REFERENCES ibex_core.${table}(${withTenant(expected, targetColumns)})`
  if (action === undefined) return key
  return `${key} ON DELETE ${action === 'cascade' ? 'CASCADE' : `SET NULL (${emptied})`}`
}

function withTenant({ kind }: TableExpectation, columns: string): string {
  return kind === undefined ? `org_id, ${columns}` : columns
}

function indexRequirements(expected: TableExpectation, table: CatalogTable): Requirement[] {
  return Object.entries(expected.indexes ?? {}).map(([purpose, index]) => {
    const [, method = '', columns = '', where = ''] = /^(\w+) (.+?)( where .+)?$/.exec(index) ?? []
    // only a B-tree can lead with the tenant
    const start = `${method} ${method === 'btree' ? withTenant(expected, columns) : columns}`
    const isSuch = (found: string): boolean => {
      const [, foundColumns = '', foundWhere = ''] = /^(.+?)( where .+)?$/s.exec(found) ?? []
      return foundWhere === where && (foundColumns === start || foundColumns.startsWith(`${start}, `))
    }
    const otherwise = `${table.name}: there is no index ${start}${where} for ${purpose}`
    return { holds: table.indexes.some(isSuch), otherwise }
  })
}

function ruleRequirements(expected: TableExpectation, table: CatalogTable): Requirement[] {
  const { name, triggers, appRights, policies } = table
  const isTenant = expected.kind !== 'global'
  const rules: readonly (readonly [holds: boolean, otherwise: string])[] = [
    [table.comment !== null, 'has no comment'],
    [!isTenant || table.isForced, 'row-level security is not on for everybody'],
    [!isTenant || policies.includes(`${name}_tenant_isolation`), 'has no policy for tenants'],
    [!isTenant || policies.includes(`${name}_system_access`), 'has no policy for the system role'],
    [
      !(expected.appendOnly || expected.kind === 'global') ||
        !(appRights.includes('update') || appRights.includes('delete')),
      'rows can be changed by a tenant',
    ],
    [expected.kind !== 'global' || appRights.join() === 'select', 'is not only read by tenants'],
    [
      table.partitions === (expected.partitions ?? 0),
      `has ${table.partitions} partitions instead of ${expected.partitions ?? 0}`,
    ],
    [
      expected.partitions === undefined || table.partitioning === 'HASH (org_id)',
      'is not partitioned by tenant',
    ],
    ...[...ruleTriggers(expected), ...(expected.triggers ?? [])].map(
      (trigger) => [triggers.includes(trigger), `there is no trigger ${trigger}`] as const,
    ),
  ]
  return rules.map(([holds, otherwise]) => ({ holds, otherwise: `${name}: ${otherwise}` }))
}

function ruleTriggers({ appendOnly, pruning = 'refuse_change' }: TableExpectation): readonly string[] {
  if (appendOnly !== true) return ['touch_updated_at on update']
  return ['refuse_change on update', `${pruning} on delete`, 'refuse_change on truncate']
}
