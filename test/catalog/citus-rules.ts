/** The rules of Citus for tables, as its source has them: what keeps a table from being distributed. */
import type { CitusColumn, CitusKey, CitusTable } from './citus-catalog.ts'

/** Where the rows of tables go. */
export interface CitusPlan {
  /** The column by which tables are distributed, all of one type, so that they are colocated. */
  readonly column: string
  readonly type: string
  /** Tables of which every node has a copy. */
  readonly references: ReadonlySet<string>
  /** Tables that stay on the coordinator. */
  readonly locals: ReadonlySet<string>
}

/** One thing that Citus refuses. */
export interface CitusObjection {
  readonly rule: CitusRule
  readonly table: string
  /** A column, constraint, index, policy or trigger of it; empty for the table itself. */
  readonly object: string
}

/**
 * Each rule's name; the source that it is read from, in `src/backend/distributed` of citusdata/citus:
 *
 * - `distribution`, `levels`: `commands/create_distributed_table.c`
 * - `sequence`: `commands/table.c`, GetAlterColumnWithNextvalDefaultCmd: nodes other than the coordinator cannot take a number
 * - `unique`: `commands/table.c`, ErrorIfUnsupportedConstraint
 * - `key to a distributed table`, `key without the column`, `key action`: `commands/foreign_constraint.c`
 * - `policy`: `commands/policy.c`, ErrorIfUnsupportedPolicyExpr
 * - `trigger`: `commands/trigger.c`, unless `citus.enable_unsafe_triggers` is on
 */
export type CitusRule =
  | 'distribution'
  | 'levels'
  | 'sequence'
  | 'unique'
  | 'key to a distributed table'
  | 'key without the column'
  | 'key action'
  | 'policy'
  | 'trigger'

type Objection = readonly [rule: CitusRule, object: string]

/** Says what Citus refuses of these tables, in their order. */
export function citusObjections(tables: readonly CitusTable[], plan: CitusPlan): CitusObjection[] {
  return tables
    .filter(({ name }) => !plan.locals.has(name))
    .flatMap((table) =>
      objectionsTo(table, plan).map(([rule, object]) => ({ rule, table: table.name, object })),
    )
}

function objectionsTo(table: CitusTable, plan: CitusPlan): Objection[] {
  const isReference = plan.references.has(table.name)
  return [
    ...(isReference ? [] : distributionObjections(table, plan)),
    ...sequences(table.columns),
    ...table.keys.flatMap((key) => (isReference ? referenceKey(key, plan) : distributedKey(key, plan))),
    ...table.policies.filter(({ hasSubquery }) => hasSubquery).map(({ name }) => ['policy', name] as const),
    ...table.triggers.map((name) => ['trigger', name] as const),
  ]
}

function distributionObjections({ columns, uniques, levels }: CitusTable, plan: CitusPlan): Objection[] {
  const column = columns.find(({ name }) => name === plan.column)
  const canDistribute = column?.type === plan.type && !column.isGenerated
  return [
    ...(canDistribute ? [] : [['distribution', ''] as const]),
    ...(levels > 1 ? [['levels', ''] as const] : []),
    ...uniques
      .filter((unique) => !unique.columns.includes(plan.column))
      .map(({ name }) => ['unique', name] as const),
  ]
}

/** Each node takes a range of a bigint sequence of its own; of smaller ones only the coordinator takes numbers. */
function sequences(columns: readonly CitusColumn[]): Objection[] {
  return columns
    .filter(({ sequence }) => sequence !== null && sequence !== 'bigint')
    .map(({ name }) => ['sequence', name])
}

/** Reference tables are the same everywhere: they can refer to each other only. */
function referenceKey({ name, target }: CitusKey, { references }: CitusPlan): Objection[] {
  return references.has(target) ? [] : [['key to a distributed table', name]]
}

function distributedKey(key: CitusKey, { column, references, locals }: CitusPlan): Objection[] {
  const place = key.columns.indexOf(column)
  const isPaired = place >= 0 && key.targetColumns[place] === column && !locals.has(key.target)
  // the list of columns behind SET NULL is not looked at
  const isRefused = place >= 0 && ('nd'.includes(key.onDelete) || 'ndc'.includes(key.onUpdate))
  return [
    ...(references.has(key.target) || isPaired ? [] : [['key without the column', key.name] as const]),
    ...(isRefused ? [['key action', key.name] as const] : []),
  ]
}
