/** What each part of a row may be: the slots of a draft. */
import { writableColumns } from './model.ts'
import type { TestForeignKey, TestModel, TestTable } from './model.ts'
import type { ColumnFacts } from './read-columns.ts'
import type { Slot, SlotOption } from './row-draft.ts'
import type { StoredRow } from './stored-row.ts'
import { uuidOf, valueCandidates } from './value-candidates.ts'
import type { Owner } from './value-candidates.ts'

/** Which row is made. */
export interface RowPlace {
  readonly model: TestModel
  readonly table: TestTable
  readonly owner: Owner
  /** Undefined for a table that all tenants share. */
  readonly tenant: string | undefined
  /** 1 for the first row of the owner. */
  readonly number: number
}

/** The slots of all columns but those of the foreign keys, which are returned beside them. */
export function columnSlots(place: RowPlace): {
  readonly slots: readonly Slot[]
  readonly foreignKeys: readonly TestForeignKey[]
} {
  const { model, table, tenant, number } = place
  const given = model.options.factories[table.name]?.({ tenant, number }) ?? {}
  const fixed = new Map(Object.entries(given).map(([name, value]) => [name, textOf(value)]))
  if (tenant !== undefined && table.tenantColumn !== undefined) fixed.set(table.tenantColumn, tenant)
  const foreignKeys = table.foreignKeys.filter(
    ({ pairs }) => pairs.length > 0 && pairs.every(({ column }) => !fixed.has(column)),
  )
  const referring = new Set(foreignKeys.flatMap((key) => ownColumns(table, key)))
  const fixedSlots = Array.from(fixed, ([name, value]) => slotOf([name], [{ [name]: value }]))
  const free = writableColumns(table).filter(({ name }) => !fixed.has(name) && !referring.has(name))
  const columns = free.map((column) => slotOf([column.name], columnOptions(place, column), column.domains))
  return { slots: [...fixedSlots, ...columns], foreignKeys }
}

/** The slot of a foreign key: the rows that it may refer to, itself where it must, nothing where it may. */
export function foreignKeySlot(
  place: RowPlace,
  key: TestForeignKey,
  parents: { readonly rows: readonly StoredRow[]; readonly table: TestTable; readonly shift: number },
): Slot {
  const { model, table, owner, number } = place
  const { constraint, pairs, isOptional } = key
  // each row refers to another one, and two keys to one table refer to different rows
  const options = rotate(parents.rows, number - 1 + parents.shift).map((row) =>
    Object.fromEntries(pairs.map(({ column, targetColumn }) => [column, row[targetColumn] ?? null])),
  )
  const context = { owner, number, seed: model.options.seed, table: table.name, checks: [] }
  const itself = Object.fromEntries(
    pairs.map(({ column, targetColumn }) => [column, uuidOf(context, targetColumn)]),
  )
  const none = Object.fromEntries(ownColumns(table, key).map((column) => [column, null]))
  const isSelf = parents.table === table && !isOptional
  const all = [...options, ...(isSelf ? [itself] : []), ...(isOptional ? [none] : [])]
  return {
    ...slotOf(constraint.columns, all),
    missing: all.length === 0 ? parents.table.name : undefined,
  }
}

/** A tenant's id, as the tenant column takes it and far from what a database holds already. */
export function tenantId(model: TestModel, owner: 'mine' | 'theirs'): string {
  const table =
    model.tables.find(({ isRoot }) => isRoot) ?? model.tables.find(({ kind }) => kind === 'tenant')
  const column = table?.columns.find(({ name }) => name === table.tenantColumn)
  if (table === undefined || column === undefined) return ''
  const { seed } = model.options
  const first =
    column.base === 'int2' ? 32_000 : /^(?:int[48]|numeric)$/u.test(column.base) ? 2_000_000_000 : 0
  if (first > 0) return String(first + 2 * (seed % 300) + (owner === 'mine' ? 0 : 1))
  const checks = table.checks.filter(({ columns }) => columns.includes(column.name))
  const conditions = checks.map(({ definition }) => definition)
  const context = { owner, number: 1, seed, table: table.name, checks: conditions }
  return valueCandidates(column, context)[0] ?? ''
}

function columnOptions(
  { model, table, owner, number }: RowPlace,
  column: ColumnFacts,
): readonly SlotOption[] {
  const { name } = column
  // what is said of the column alone comes before conditions over several columns, whose literals may be another's
  const checks = table.checks.filter(({ columns }) => columns.includes(name))
  const conditions = checks.toSorted((one, other) => one.columns.length - other.columns.length)
  const bounds = table.facts?.partitionKey.includes(name) === true ? table.facts.bounds : []
  const context = {
    owner,
    number,
    seed: model.options.seed,
    table: table.name,
    checks: [...conditions.map(({ definition }) => definition), ...bounds],
  }
  const values = valueCandidates(column, context)
    .slice(0, 40)
    .map((value) => ({ [name]: value }))
  const isKey = table.keys.some(({ columns }) => columns.includes(name))
  const hasDefault = column.default !== null || column.identity === 'd'
  // an id that the database makes up would differ from run to run
  const isOwnId = isKey && column.base === 'uuid'
  const options = hasDefault && !isOwnId ? [{}, ...values] : hasDefault ? [...values, {}] : values
  // an optional time says that something happened to the row: that it was deleted, say
  if (column.isNullable && isTime(column)) return [{ [name]: null }, ...options]
  if (column.isNullable) return [...options, { [name]: null }]
  return options.length === 0 ? [{}] : options
}

function slotOf(
  columns: readonly string[],
  options: readonly SlotOption[],
  domains: readonly string[] = [],
): Slot {
  return { columns, domains, options }
}

/** The columns that an optional foreign key leaves empty; one that may not be empty has a value without it too. */
function ownColumns(
  table: TestTable,
  { pairs, isOptional }: Pick<TestForeignKey, 'pairs' | 'isOptional'>,
): readonly string[] {
  const names = pairs.map(({ column }) => column)
  if (!isOptional) return names
  return names.filter((name) => table.columns.find((column) => column.name === name)?.isNullable === true)
}

function isTime({ base }: ColumnFacts): boolean {
  return /^(?:date|timestamp|timestamptz)$/u.test(base)
}

function rotate<T>(values: readonly T[], by: number): readonly T[] {
  const start = values.length === 0 ? 0 : by % values.length
  return [...values.slice(start), ...values.slice(0, start)]
}

/** A value of a factory in PostgreSQL's text form. */
function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value)
}
