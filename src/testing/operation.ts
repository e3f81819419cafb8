/** What a tenant does in a random history: one statement, made from numbers. */
import { chosenColumn } from './table-probes.ts'
import { tableOf } from './model.ts'
import type { TestModel, TestTable } from './model.ts'
import { insertableValues } from './probe.ts'
import { isCounted } from './read-columns.ts'
import type { ColumnFacts } from './read-columns.ts'
import { quoteName, quoteValue } from './sql-text.ts'
import { insertSql, rowCondition } from './stored-row.ts'
import type { FilledDatabase, StoredRow } from './stored-row.ts'
import { uuidOf, valueCandidates } from './value-candidates.ts'

/** The kinds of what a tenant does. `broken` fails at its end, `undone` is rolled back. */
export const actions = ['insert', 'upsert', 'update', 'delete', 'read', 'broken', 'undone'] as const

/** One step of a history, as numbers that shrink towards the plainest one. */
export interface Step {
  readonly by: 'mine' | 'theirs'
  readonly action: (typeof actions)[number]
  readonly table: number
  readonly row: number
  /** Two bits a choice: where each value comes from. */
  readonly choices: number
}

/** What a step does. */
export interface Operation {
  readonly by: Step['by']
  readonly table: TestTable
  readonly isRead: boolean
  readonly isUndone: boolean
  /** Empty for a read, which every tenant's view has prepared. */
  readonly statement: string
}

/** What steps are read against. */
export interface History {
  readonly model: TestModel
  readonly filled: FilledDatabase
  /** The tables that the role may read or write. */
  readonly tables: readonly TestTable[]
}

/** Reads a step; the same step is the same statement whatever happened before. */
export function operationOf(step: Step, history: History): Operation {
  const table = history.tables[step.table % history.tables.length]
  if (table === undefined) throw new Error('there is no table that the role may use')
  const base = { by: step.by, table, isRead: step.action === 'read', isUndone: step.action === 'undone' }
  const scene = { ...history, table, step, rows: history.filled.rows.get(table.relation.id) }
  return { ...base, statement: statementOf(step.action, scene) }
}

interface Scene extends History {
  readonly table: TestTable
  readonly step: Step
  readonly rows: Readonly<Record<'mine' | 'theirs', readonly StoredRow[]>> | undefined
}

function statementOf(action: Step['action'], scene: Scene): string {
  const { step } = scene
  const writes = ['insert', 'update', 'delete'] as const
  const written = writes[step.choices % 3] ?? 'insert'
  if (action === 'read') return ''
  if (action === 'broken') return `do $ibex$ begin ${statementOf(written, scene)}; perform 1 / 0; end $ibex$`
  if (action === 'undone') return statementOf(written, scene)
  if (action === 'insert') return inserted(scene)
  if (action === 'upsert') return `${inserted(scene)} on conflict ${conflictOf(scene)}`
  if (action === 'update') return updated(scene)
  return `delete from ${scene.table.relation.sql} where ${rowCondition(scene.table, rowOf(scene, 0))}`
}

function conflictOf({ table, step }: Scene): string {
  if (table.primaryKey.length === 0 || step.choices % 2 === 0) return 'do nothing'
  const column = quoteName(chosenColumn(table))
  return `(${table.primaryKey.map(quoteName).join(', ')}) do update set ${column} = excluded.${column}`
}

/** A row like one of the tenant's own, with keys and references of its own, of the other tenant, or that both might choose. */
function inserted(scene: Scene): string {
  const { table } = scene
  const values: Record<string, string | null> = { ...insertableValues(table, ownRow(scene)) }
  for (const [index, { columns }] of table.keys.entries()) {
    for (const name of columns) if (name in values) values[name] = chosenValue(scene, name, index)
  }
  for (const [index, key] of table.foreignKeys.entries())
    Object.assign(values, chosenParent(scene, key, index))
  return insertSql(table, values)
}

function updated(scene: Scene): string {
  const { table, step } = scene
  const columns = table.columns.filter(({ mayUpdate, generated }) => mayUpdate && generated === null)
  const name = columns[step.choices % Math.max(1, columns.length)]?.name ?? chosenColumn(table)
  const value = quoteValue(chosenValue(scene, name, 1))
  return `update ${table.relation.sql} set ${quoteName(name)} = ${value} where ${rowCondition(table, rowOf(scene, 0))}`
}

function chosenParent(
  scene: Scene,
  { pairs, target }: TestTable['foreignKeys'][number],
  index: number,
): Readonly<Record<string, string | null>> {
  const parent = tableOf(scene.model, target)
  const source = sourceOf(scene.step, index + 3)
  if (parent === undefined || source < 2) return {}
  const inner = { ...scene, table: parent, rows: scene.filled.rows.get(target) }
  const row = source === 2 ? theOther(inner) : undefined
  return Object.fromEntries(
    pairs.map(({ column, targetColumn }) => [
      column,
      row?.[targetColumn] ?? pooled(inner, targetColumn) ?? null,
    ]),
  )
}

/** 0 and 1: as it is; 2: what the other tenant has; 3: one of a few that both tenants choose from. */
function sourceOf({ choices }: Step, place: number): number {
  return Math.floor(choices / 4 ** (place % 12)) % 4
}

function chosenValue(scene: Scene, name: string, place: number): string | null {
  const source = sourceOf(scene.step, place)
  if (source === 2) return theOther(scene)?.[name] ?? null
  return (source === 3 ? pooled(scene, name) : undefined) ?? ownRow(scene)[name] ?? null
}

function ownRow({ rows, step }: Scene): StoredRow {
  const own = rows?.[step.by] ?? []
  return own[step.row % Math.max(1, own.length)] ?? {}
}

function theOther({ rows, step }: Scene): StoredRow | undefined {
  const others = rows?.[step.by === 'mine' ? 'theirs' : 'mine'] ?? []
  return others[step.row % Math.max(1, others.length)]
}

/** A row to change: mostly one's own, sometimes theirs, sometimes one that was inserted with a key of the pool. */
function rowOf(scene: Scene, place: number): StoredRow {
  const source = sourceOf(scene.step, place)
  if (source === 2) return theOther(scene) ?? ownRow(scene)
  const own = ownRow(scene)
  if (source !== 3) return own
  const { tenantColumn } = scene.table
  const keys = scene.table.primaryKey.filter((name) => name !== tenantColumn)
  return {
    ...own,
    ...Object.fromEntries(keys.map((name) => [name, pooled(scene, name) ?? own[name] ?? null])),
  }
}

/** One of three values that both tenants choose from; undefined where the type has none to choose. */
function pooled({ table, step, model }: Scene, name: string): string | undefined {
  const column: ColumnFacts | undefined = table.columns.find((each) => each.name === name)
  if (column === undefined) return undefined
  const checks = table.checks
    .filter(({ columns }) => columns.includes(name))
    .map(({ definition }) => definition)
  const number = 1 + (step.row % 3)
  // far from what the sequence will draw
  if (isCounted(column)) return String(30_000 + number)
  const context = { owner: 'shared', number, seed: model.options.seed, table: table.name, checks } as const
  return column.base === 'uuid' ? uuidOf(context, name) : valueCandidates(column, context)[0]
}
