/** The probes of a table: every statement that its rows could be reached with. */
import { relationObject } from '../doctor/objects.ts'
import { insertSql, rowCondition } from './stored-row.ts'
import type { StoredRow } from './stored-row.ts'
import type { TestTable } from './model.ts'
import { digestOf, insertableValues, readableColumns, removal, selectList } from './probe.ts'
import type { Probe, ProbeContext, ProbeKind } from './probe.ts'
import type { Outcome } from './session.ts'
import { quoteName, quoteValue } from './sql-text.ts'

/** A table with one row of each tenant. */
export interface ProbedTable {
  readonly table: TestTable
  readonly mine: StoredRow
  readonly theirs: StoredRow
  readonly context: ProbeContext
}

/** The probes of one table but those of its keys. */
export function tableProbes(probed: ProbedTable): readonly Probe[] {
  return [
    ...readProbes(probed),
    ...insertProbes(probed),
    ...updateProbes(probed),
    ...deleteProbes(probed),
    ...truncateProbes(probed),
    ...copyProbes(probed),
    probe(probed, 'owner', `alter table ${probed.table.relation.sql} no force row level security`, {
      judge: succeeded('the role may alter the table: it is its owner, or a member of it'),
    }),
  ]
}

/** Makes a probe of a table. */
export function probe(
  { table }: Pick<ProbedTable, 'table'>,
  kind: ProbeKind,
  statement: string,
  { setup = '', isWrite = true, ...rest }: Partial<Pick<Probe, 'setup' | 'isWrite' | 'judge'>> = {},
): Probe {
  return {
    subject: table.relation.id,
    object: relationObject(table.relation),
    kind,
    setup,
    statement,
    isWrite,
    ...rest,
  }
}

function readProbes(probed: ProbedTable): readonly Probe[] {
  const { table, theirs } = probed
  const columns = readableColumns(table)
  const { sql } = table.relation
  const all = `select ${selectList(columns)} from ${sql}`
  const owned =
    table.tenantColumn === undefined
      ? rowCondition(table, theirs)
      : `${quoteName(table.tenantColumn)} = ${quoteValue(theirs[table.tenantColumn] ?? null)}`
  return [
    probe(probed, 'own rows', digestOf(all), {
      isWrite: false,
      judge: ({ error, rows: [row] }) =>
        error === undefined && row?.['count'] === 0
          ? 'the tenant does not see its own rows, so that nothing is proven of the table'
          : undefined,
    }),
    probe(probed, 'read', digestOf(all), { isWrite: false }),
    probe(probed, 'read', digestOf(`${all} where ${owned}`), {
      isWrite: false,
      judge: ({ rows: [row] }) =>
        Number(row?.['count'] ?? 0) > 0 ? `${String(row?.['count'])} of their rows were read` : undefined,
    }),
    probe(
      probed,
      'read',
      `select row_security_active(${quoteValue(sql)}) as active, has_any_column_privilege(${quoteValue(sql)}, 'select, insert, update')
      or has_table_privilege(${quoteValue(sql)}, 'delete') as reachable`,
      {
        isWrite: false,
        judge: ({ rows: [row] }) =>
          row?.['active'] === false && row['reachable'] === true
            ? 'row-level security does not hold the role on this table'
            : undefined,
      },
    ),
  ]
}

function insertProbes(probed: ProbedTable): readonly Probe[] {
  const { table, mine, theirs } = probed
  const forced = table.tenantColumn === undefined ? [] : [table.tenantColumn]
  const own = insertSql(table, insertableValues(table, mine))
  const forged = insertableValues(table, theirs, forced)
  const conflict = table.primaryKey.length === 0 ? '' : ` (${table.primaryKey.map(quoteName).join(', ')})`
  const set =
    table.columns.find(({ mayUpdate, generated }) => mayUpdate && generated === null)?.name ??
    table.columns[0]?.name ??
    ''
  const update = conflict === '' ? 'nothing' : `update set ${quoteName(set)} = excluded.${quoteName(set)}`
  return [
    ...(hasPolicy(probed, 'insert')
      ? [probe(probed, 'own rows', own, { setup: removal(table, mine), judge: refusedByPolicy(table) })]
      : []),
    probe(probed, 'insert', insertSql(table, forged), { setup: removal(table, theirs) }),
    probe(probed, 'upsert', `${insertSql(table, forged)} on conflict${conflict} do ${update}`),
  ]
}

function updateProbes(probed: ProbedTable): readonly Probe[] {
  const { table, mine, theirs } = probed
  const { sql } = table.relation
  const column = chosenColumn(table)
  const set = `update ${sql} set ${quoteName(column)} = `
  const stored = quoteValue(theirs[column] ?? null)
  return [
    ...(hasPolicy(probed, 'update') && mayUpdate(table)
      ? [
          probe(probed, 'own rows', `${set}${quoteName(column)} where ${rowCondition(table, mine)}`, {
            judge: reachedNone('changes'),
          }),
        ]
      : []),
    probe(probed, 'update', `${set}${quoteName(column)}`),
    probe(probed, 'update', `${set}${stored}`),
    probe(probed, 'update', `${set}${stored} where ${rowCondition(table, theirs)}`, {
      judge: reachedSome('changed'),
    }),
    ...moves(probed),
  ]
}

/**
 * Hands a row over to the other tenant. The last one makes it their row in every column, so that no key stands in the way,
 * and names no condition, because a condition has the policies of SELECT look at the new row too.
 */
function moves(probed: ProbedTable): readonly Probe[] {
  const { table, mine, theirs, context } = probed
  if (table.tenantColumn === undefined) return []
  const { sql } = table.relation
  const move = `update ${sql} set ${quoteName(table.tenantColumn)} = ${quoteValue(theirs[table.tenantColumn] ?? null)}`
  const columns = table.columns.filter(
    ({ name, mayUpdate, generated, identity }) =>
      generated === null && identity !== 'a' && name !== table.tenantColumn && mayUpdate,
  )
  const all = [
    move,
    ...columns.map(({ name }) => `${quoteName(name)} = ${quoteValue(theirs[name] ?? null)}`),
  ].join(', ')
  const others = (context.filled.rows.get(table.relation.id)?.mine ?? []).filter((row) => row !== mine)
  const setup = [theirs, ...others].map((row) => removal(table, row)).join('')
  return [
    probe(probed, 'update', move),
    probe(probed, 'update', `${move} where ${rowCondition(table, mine)}`),
    probe(probed, 'update', all, { setup }),
  ]
}

function deleteProbes(probed: ProbedTable): readonly Probe[] {
  const { table, mine, theirs } = probed
  const remove = `delete from ${table.relation.sql}`
  const isOwned =
    hasPolicy(probed, 'delete') && table.facts?.mayDelete === true && readableColumns(table).length > 0
  return [
    ...(isOwned
      ? [
          probe(probed, 'own rows', `${remove} where ${rowCondition(table, mine)}`, {
            judge: reachedNone('deletes'),
          }),
        ]
      : []),
    probe(probed, 'delete', remove),
    probe(probed, 'delete', `${remove} where ${rowCondition(table, theirs)}`, {
      judge: reachedSome('deleted'),
    }),
  ]
}

function truncateProbes(probed: ProbedTable): readonly Probe[] {
  const { sql } = probed.table.relation
  return [
    probe(probed, 'truncate', `truncate ${sql}`),
    probe(probed, 'truncate', `truncate ${sql} cascade`),
    probe(probed, 'truncate', `select has_table_privilege(${quoteValue(sql)}, 'truncate') as held`, {
      isWrite: false,
      judge: ({ rows: [row] }) =>
        row?.['held'] === true ? 'the role holds TRUNCATE, which asks no policy' : undefined,
    }),
  ]
}

function copyProbes(probed: ProbedTable): readonly Probe[] {
  const { table, context } = probed
  const { sql } = table.relation
  const columns = readableColumns(table)
  return [
    probe(probed, 'copy', `copy (select ${selectList(columns)} from ${sql}) to stdout`, { isWrite: false }),
    ...(table.facts?.isPartitioned === true
      ? []
      : [
          probe(
            probed,
            'copy',
            `copy ${sql}${columns.length === 0 ? '' : ` (${selectList(columns)})`} to stdout`,
            { isWrite: false },
          ),
        ]),
    // the embedded engine ends with its process when nobody sends the rows that it waits for
    ...(context.isEmbedded
      ? []
      : [
          probe(probed, 'copy', `copy ${sql} from stdin`, {
            judge: ({ error }) =>
              error?.code === '57014' ? 'COPY FROM was accepted: it asks no policy' : undefined,
          }),
        ]),
  ]
}

/** True when a permissive policy of the role lets statements of this kind through, or no policy is asked. */
function hasPolicy({ table, context }: ProbedTable, command: 'insert' | 'update' | 'delete'): boolean {
  const { reach } = context.model.schema
  if (!table.relation.hasRls) return true
  return table.policies.some(
    (policy) =>
      policy.isPermissive &&
      (policy.command === 'all' || policy.command === command) &&
      policy.roles.some((role) => role === 'public' || reach.has(role)),
  )
}

/** A column that the role may change, no key where there is another one. */
export function chosenColumn(table: TestTable): string {
  const own = table.columns.filter(({ generated, name }) => generated === null && name !== table.tenantColumn)
  const keys = new Set([...table.primaryKey, ...table.keys.flatMap(({ columns }) => columns)])
  const allowed = own.filter(({ mayUpdate }) => mayUpdate)
  const chosen =
    allowed.find(({ name, maySelect }) => maySelect && !keys.has(name)) ??
    allowed[0] ??
    own[0] ??
    table.columns[0]
  return chosen?.name ?? ''
}

function mayUpdate({ columns }: TestTable): boolean {
  return columns.some(({ mayUpdate, maySelect }) => mayUpdate && maySelect)
}

function succeeded(sentence: string): (outcome: Outcome) => string | undefined {
  return ({ error }) => (error === undefined ? sentence : undefined)
}

function reachedSome(verb: string): (outcome: Outcome) => string | undefined {
  return ({ error, rowCount }) =>
    error === undefined && rowCount > 0 ? `${rowCount} of their rows were ${verb}` : undefined
}

function reachedNone(verb: string): (outcome: Outcome) => string | undefined {
  return ({ error, rowCount }) =>
    error === undefined && rowCount === 0
      ? `a policy lets the tenant write, but it ${verb} none of its own rows`
      : undefined
}

function refusedByPolicy({ relation }: TestTable): (outcome: Outcome) => string | undefined {
  return ({ error }) =>
    error?.code === '42501' &&
    error.message.includes('row-level security') &&
    error.message.includes(`"${relation.name}"`)
      ? 'a policy lets the tenant write, but refuses a row of its own'
      : undefined
}
