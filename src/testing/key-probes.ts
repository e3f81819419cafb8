/** The probes of foreign and unique keys, which ask no policy. */
import { insertSql, rowCondition } from './stored-row.ts'
import type { StoredRow } from './stored-row.ts'
import { tableOf } from './model.ts'
import type { TestForeignKey, TestKey } from './model.ts'
import { insertableValues, removal } from './probe.ts'
import type { Probe } from './probe.ts'
import { quoteName, quoteValue } from './sql-text.ts'
import { probe } from './table-probes.ts'
import type { ProbedTable } from './table-probes.ts'

/** Refers to their rows, and takes their keys. */
export function keyProbes(probed: ProbedTable): readonly Probe[] {
  return [
    ...probed.table.foreignKeys.flatMap((key) => foreignKeyProbes(probed, key)),
    ...probed.table.keys.flatMap((key) => uniqueKeyProbes(probed, key)),
  ]
}

function foreignKeyProbes(probed: ProbedTable, key: TestForeignKey): readonly Probe[] {
  const { target, pairs } = key
  const { model, filled } = probed.context
  const parent = tableOf(model, target)
  const rows = filled.rows.get(target)?.theirs ?? []
  if (parent === undefined || parent.kind === 'shared' || pairs.length === 0) return []
  const [row] = rows
  if (row === undefined) return []
  const values = Object.fromEntries(
    pairs.map(({ column, targetColumn }) => [column, row[targetColumn] ?? null]),
  )
  return [...writes(probed, 'foreign key', values), ...writesAlone(probed, key, values)]
}

/** The same without the other references of the row: a check may allow only one of them at a time. */
function writesAlone(
  probed: ProbedTable,
  { constraint }: TestForeignKey,
  values: StoredRow,
): readonly Probe[] {
  const { table, mine } = probed
  const others = table.foreignKeys
    .filter((key) => key.isOptional && key.constraint.name !== constraint.name)
    .flatMap(({ pairs }) => pairs.map(({ column }) => column))
    .filter((column) => !(column in values) && (mine[column] ?? null) !== null)
  if (others.length === 0) return []
  const row = {
    ...insertableValues(table, mine, Object.keys(values)),
    ...Object.fromEntries(others.map((column) => [column, null])),
    ...values,
  }
  return [probe(probed, 'foreign key', insertSql(table, row), { setup: removal(table, mine) })]
}

function uniqueKeyProbes(probed: ProbedTable, { columns }: TestKey): readonly Probe[] {
  if (columns.length === 0) return []
  const rows = probed.context.filled.rows.get(probed.table.relation.id)?.theirs ?? []
  return rows
    .slice(0, 2)
    .flatMap((row) =>
      writes(probed, 'unique key', Object.fromEntries(columns.map((name) => [name, row[name] ?? null]))),
    )
}

/** Writes a row of one's own that has these values of theirs: inserted, upserted, and updated. */
function writes(
  probed: ProbedTable,
  kind: 'foreign key' | 'unique key',
  values: StoredRow,
): readonly Probe[] {
  const { table, mine } = probed
  const row = { ...insertableValues(table, mine, Object.keys(values)), ...values }
  const setup = removal(table, mine)
  const set = Object.entries(values).map(([name, value]) => `${quoteName(name)} = ${quoteValue(value)}`)
  const isWritable = Object.keys(values).every(
    (name) => table.columns.find((column) => column.name === name)?.generated === null,
  )
  if (!isWritable) return []
  return [
    probe(probed, kind, insertSql(table, row), { setup }),
    ...(kind === 'unique key'
      ? [probe(probed, 'upsert', `${insertSql(table, row)} on conflict do nothing`, { setup })]
      : []),
    probe(
      probed,
      kind,
      `update ${table.relation.sql} set ${set.join(', ')} where ${rowCondition(table, mine)}`,
    ),
  ]
}
