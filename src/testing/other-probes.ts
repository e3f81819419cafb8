/** The probes of partitions, shared tables, views, sequences and the role itself. */
import type { CatalogRelation } from '../doctor/catalog.ts'
import { relationObject, roleObject } from '../doctor/objects.ts'
import { insertSql } from './stored-row.ts'
import type { StoredRow } from './stored-row.ts'
import { settingsOf } from './model.ts'
import type { TestPartition, TestTable, TestView } from './model.ts'
import { digestOf, insertableValues, readableColumns, removal, selectList } from './probe.ts'
import type { Probe, ProbeContext, ProbeKind } from './probe.ts'
import { quoteName, quoteValue } from './sql-text.ts'

/** What the role is: flags that no table shows. */
export function roleProbes({ model }: ProbeContext): readonly Probe[] {
  return model.schema.appRoles.map((role) => ({
    subject: `role ${role.name}`,
    object: roleObject(role),
    kind: 'role',
    setup: '',
    isWrite: false,
    statement:
      'select rolsuper or rolbypassrls as free from pg_catalog.pg_roles where rolname = current_user',
    judge: ({ rows: [row] }) =>
      row?.['free'] === true
        ? 'no policy holds the role: it is a superuser, or bypasses row-level security'
        : undefined,
  }))
}

/** Reaches for the rows of a partition past the policies of its parent. */
export function partitionProbes(
  { relation, root }: TestPartition,
  { filled }: ProbeContext,
): readonly Probe[] {
  const { sql } = relation
  const theirs = filled.rows.get(root.relation.id)?.theirs[0]
  const text = quoteValue(sql)
  const writes = theirs === undefined ? [] : partitionWrites(relation, root, theirs)
  return [
    probe(relation, 'partition', digestOf(`select * from ${sql}`), { isWrite: false }),
    probe(
      relation,
      'partition',
      `select (has_any_column_privilege(${text}, 'select, insert, update') or has_table_privilege(${text}, 'delete'))
      and not row_security_active(${text}) or has_table_privilege(${text}, 'truncate') as open`,
      {
        isWrite: false,
        judge: ({ rows: [row] }) =>
          row?.['open'] === true
            ? 'the role has rights on the partition, and no policy holds it there'
            : undefined,
      },
    ),
    ...writes,
  ]
}

function partitionWrites(relation: CatalogRelation, root: TestTable, theirs: StoredRow): readonly Probe[] {
  const column = root.columns.find(({ generated }) => generated === null)?.name ?? ''
  return [
    probe(relation, 'partition', `delete from ${relation.sql}`),
    probe(relation, 'partition', `update ${relation.sql} set ${quoteName(column)} = ${quoteName(column)}`),
    probe(relation, 'partition', `truncate ${relation.sql}`),
    ...(theirs[' tableoid'] === relation.id
      ? [
          probe(relation, 'partition', insertSql({ relation }, insertableValues(root, theirs)), {
            setup: removal(root, theirs),
          }),
        ]
      : []),
  ]
}

/** Asks whether the role writes a table that all tenants share. */
export function sharedTableProbes({ model }: ProbeContext): readonly Probe[] {
  const { schemas } = model.options.doctor
  const relations = model.schema.catalog.relations.filter(({ schema }) => schemas?.includes(schema) ?? true)
  const known = new Set(
    model.tables.filter(({ kind }) => kind !== 'shared').map(({ relation }) => relation.id),
  )
  const shared = relations.filter(
    ({ id, kind, partitionOf }) => kind === 'table' && partitionOf === null && !known.has(id),
  )
  return shared.map((relation) => {
    const text = quoteValue(relation.sql)
    return probe(
      relation,
      'shared table',
      `select not row_security_active(${text}) and (has_any_column_privilege(${text}, 'insert, update')
      or has_table_privilege(${text}, 'delete, truncate')) as writable`,
      {
        isWrite: false,
        judge: ({ rows: [row] }) =>
          row?.['writable'] === true ? 'every tenant may write what all tenants read' : undefined,
      },
    )
  })
}

/** Reads and writes through a view. */
export function viewProbes(view: TestView, { model, filled }: ProbeContext): readonly Probe[] {
  const { relation } = view
  const columns = readableColumns(view)
  const reads =
    columns.length === 0
      ? []
      : [
          probe(relation, 'view', digestOf(`select ${selectList(columns)} from ${relation.sql}`), {
            isWrite: false,
          }),
        ]
  if (relation.kind !== 'view' || view.facts === undefined) return reads
  const column = view.columns.find(({ mayUpdate }) => mayUpdate)?.name
  const base =
    relation.reads.length === 1
      ? model.tables.find((table) => table.relation.id === relation.reads[0])
      : undefined
  const row = base === undefined ? undefined : filled.rows.get(base.relation.id)?.theirs[0]
  return [
    ...reads,
    ...(view.facts.mayDelete ? [probe(relation, 'view', `delete from ${relation.sql}`)] : []),
    ...(column === undefined
      ? []
      : [probe(relation, 'view', `update ${relation.sql} set ${quoteName(column)} = ${quoteName(column)}`)]),
    ...(base === undefined || row === undefined || !view.columns.some(({ mayInsert }) => mayInsert)
      ? []
      : insertThrough(view, base, row)),
  ]
}

function insertThrough(view: TestView, base: TestTable, row: StoredRow): readonly Probe[] {
  const names = new Set(view.columns.filter(({ mayInsert }) => mayInsert).map(({ name }) => name))
  const values = Object.entries(insertableValues(base, row)).filter(([name]) => names.has(name))
  if (values.length === 0) return []
  // a view takes no OVERRIDING
  const statement = insertSql(view, Object.fromEntries(values)).replace(' overriding system value', '')
  return [probe(view.relation, 'view', statement, { setup: removal(base, row) })]
}

/** Asks a sequence how many rows all tenants have, and moves it. */
export function sequenceProbes(relation: CatalogRelation, { model, filled }: ProbeContext): readonly Probe[] {
  const name = quoteValue(relation.sql)
  const asOther = `set local role ${quoteName(model.options.role)}; ${settingsOf(model, filled.theirs)}do $ibex$ begin perform nextval(${name});
    exception when insufficient_privilege then null; end $ibex$; reset role; `
  return [
    probe(
      relation,
      'sequence',
      `select last_value from ${relation.sql}`,
      told('its last value tells how many rows all tenants have'),
    ),
    probe(relation, 'sequence', `select setval(${name}, 1)`, told('a tenant can set it back for all others')),
    probe(relation, 'sequence', `select currval(${name})`, {
      ...told('currval() tells the number that another tenant drew on the same connection'),
      setup: asOther,
    }),
    ...(relation.isDefault
      ? []
      : [
          probe(
            relation,
            'sequence',
            `select nextval(${name})`,
            told('every tenant draws numbers from it, and sees what others have drawn'),
          ),
        ]),
  ]
}

function probe(
  relation: CatalogRelation,
  kind: ProbeKind,
  statement: string,
  { setup = '', isWrite = true, ...rest }: Partial<Pick<Probe, 'setup' | 'isWrite' | 'judge'>> = {},
): Probe {
  return { subject: relation.id, object: relationObject(relation), kind, setup, statement, isWrite, ...rest }
}

/** A statement that must not succeed, whatever it gives. */
function told(sentence: string): Pick<Probe, 'isWrite' | 'judge'> {
  return { isWrite: false, judge: ({ error }) => (error === undefined ? sentence : undefined) }
}
