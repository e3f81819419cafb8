/** What a probe is: one statement that a tenant sends, and what must not come of it. */
import { givenValues, rowCondition } from './stored-row.ts'
import type { FilledDatabase, StoredRow } from './stored-row.ts'
import { writableColumns } from './model.ts'
import type { TestModel, TestTable } from './model.ts'
import type { Outcome } from './session.ts'
import { quoteName } from './sql-text.ts'

/** What a probe tries. */
export type ProbeKind =
  | 'own rows'
  | 'read'
  | 'insert'
  | 'update'
  | 'delete'
  | 'upsert'
  | 'foreign key'
  | 'unique key'
  | 'truncate'
  | 'copy'
  | 'owner'
  | 'role'
  | 'partition'
  | 'shared table'
  | 'view'
  | 'function'
  | 'sequence'

/** One attempt of the tenant `mine` to notice or to change what the tenant `theirs` has. */
export interface Probe {
  /** The id of the relation or function. */
  readonly subject: string
  /** As the doctor names it: `table public.notes`. */
  readonly object: string
  readonly kind: ProbeKind
  /** What the superuser does before, within the same savepoint; with a semicolon at its end, or empty. */
  readonly setup: string
  readonly statement: string
  /** Whether it writes: then the other tenant's rows are looked at afterwards. */
  readonly isWrite: boolean
  /** What it gives changes from call to call where ids are made up. */
  readonly mayVary?: boolean
  /** What is wrong whatever the other tenant has; undefined when nothing is. */
  readonly judge?: (outcome: Outcome) => string | undefined
}

/** What probes are made from. */
export interface ProbeContext {
  readonly model: TestModel
  readonly filled: FilledDatabase
  /** True on the embedded engine, which does not survive everything. */
  readonly isEmbedded: boolean
}

/** What to do about a violation, in one sentence. */
export const advice: Readonly<Record<ProbeKind, string>> = {
  'own rows':
    'let a policy of the role show a tenant its own rows, check role and setting, or revoke the right that is of no use',
  read: 'enable and force row-level security, with no other policy than one that compares the tenant column',
  insert: 'give the policy a WITH CHECK that compares the tenant column',
  update:
    'give the policy a USING and a WITH CHECK that compare the tenant column, and revoke UPDATE of that column',
  delete: 'give the policy a USING that compares the tenant column',
  upsert: 'begin every unique key with the tenant column, and let the policy check new rows',
  'foreign key': 'put the tenant column on both sides: (org_id, parent_id) references parents (org_id, id)',
  'unique key': 'begin the key with the tenant column',
  truncate: 'revoke truncate: no policy holds it',
  copy: 'enable row-level security: COPY then asks the policy, and COPY FROM is refused',
  owner:
    'take the table, and the membership in its owner, from the role: an owner can switch its policies off',
  role: 'take SUPERUSER and BYPASSRLS from the role: no policy holds it',
  partition: 'revoke all on the partition, and enable and force row-level security on it',
  'shared table': 'revoke insert, update and delete: what one tenant writes there, all others see',
  view: 'create it with (security_invoker = true); revoke select on a materialized view',
  function:
    'make it SECURITY INVOKER, or compare the tenant column with the setting in each of its statements',
  sequence: 'revoke all on it: use uuid keys, or identity columns, which need no right on their sequence',
}

/** The names of the columns that the role may read. */
export function readableColumns({ columns }: Pick<TestTable, 'columns'>): readonly string[] {
  return columns.filter(({ maySelect }) => maySelect).map(({ name }) => name)
}

/**
 * The values of a stored row that an INSERT of the role may name: those that it was inserted with, and its keys. `always`
 * names columns that are there in any case.
 */
export function insertableValues(
  table: TestTable,
  row: StoredRow,
  always: readonly string[] = [],
): Readonly<Record<string, string | null>> {
  const given = givenValues(row)
  const mayInsertSome = table.columns.some(({ mayInsert }) => mayInsert)
  const isNamed = (name: string): boolean =>
    given === undefined || name in given || table.primaryKey.includes(name)
  const columns = writableColumns(table).filter(
    ({ name, mayInsert }) => always.includes(name) || (isNamed(name) && (!mayInsertSome || mayInsert)),
  )
  return Object.fromEntries(columns.map(({ name }) => [name, given?.[name] ?? row[name] ?? null]))
}

/** The superuser's script that takes a row away for a moment, without triggers and cascades. */
export function removal(table: TestTable, row: StoredRow): string {
  return asReplica(`delete from ${table.relation.sql} where ${rowCondition(table, row)}`)
}

/** A script of the superuser that no trigger and no foreign key hears of; ends with a semicolon. */
export function asReplica(script: string): string {
  return `set local session_replication_role = replica; ${script}; set local session_replication_role = origin; `
}

/** A statement that tells two results apart: how many rows there are, and a digest of them. */
export function digestOf(from: string): string {
  return `select count(*)::int as count, md5(coalesce(string_agg(ibex_row::text, ',' order by ibex_row::text), '')) as digest
    from (${from}) as ibex_row`
}

/** The columns as a list for SELECT, 1 when there are none. */
export function selectList(columns: readonly string[]): string {
  return columns.length === 0 ? '1' : columns.map(quoteName).join(', ')
}
