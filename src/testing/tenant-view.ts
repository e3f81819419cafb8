/** What a tenant sees of its tables, as a digest that two runs of one history have in common. */
import { readableColumns } from './probe.ts'
import type { History } from './operation.ts'
import type { TestTable } from './model.ts'
import { isCounted } from './read-columns.ts'
import type { ColumnFacts } from './read-columns.ts'
import type { TestSession } from './session.ts'
import { quoteName, quoteValue } from './sql-text.ts'

/**
 * Prepares one statement a table, `ibex_view_<place>`, and returns the script that runs them all.
 *
 * Ids and times that the database makes up differ from run to run: those that were not there before count as `new`.
 */
export async function prepareViews(session: TestSession, history: History): Promise<string> {
  const readable = history.tables.filter((table) => readableColumns(table).length > 0)
  const views = readable.map((table) => viewOf(table, history))
  for (const table of readable) await session.prepare(viewName(history, table), viewOf(table, history))
  await session.prepare(
    'ibex_view',
    `select string_agg(view, ' ') as view from (${views.join(' union all ')}) as ibex_views`,
  )
  return 'execute ibex_view'
}

/** The name of the prepared statement that reads a table. */
export function viewName({ tables }: History, table: TestTable): string {
  return `ibex_view_${tables.indexOf(table)}`
}

function viewOf(table: TestTable, history: History): string {
  const columns = table.columns.filter(({ maySelect }) => maySelect)
  const values = columns.map((column) => maskedColumn(table, column, history))
  const row = `concat_ws('|', ${values.join(', ')})`
  return `select ${quoteValue(`${table.name}=`)} || count(*) || '/' || md5(coalesce(string_agg(${row}, ',' order by ${row}), '')) as view
    from ${table.relation.sql} as ibex_row`
}

function maskedColumn(table: TestTable, column: ColumnFacts, history: History): string {
  const name = `ibex_row.${quoteName(column.name)}`
  if (column.base === 'timestamptz')
    return `case when ${name} >= transaction_timestamp() then 'new' else coalesce(${name}::text, 'null') end`
  if (!isMadeUp(table, column, history)) return `coalesce(${name}::text, 'null')`
  const known = knownValues(table, column, history).map(quoteValue)
  const list = known.length === 0 ? 'false' : `${name}::text in (${known.join(', ')})`
  return `case when ${name} is null then 'null' when ${list} then ${name}::text else 'new' end`
}

/** True for ids that come from a sequence or a random source, and for what refers to them. */
function isMadeUp(table: TestTable, column: ColumnFacts, { model }: History): boolean {
  if (column.base === 'uuid' || isCounted(column)) return true
  return table.foreignKeys.some(({ pairs, target }) => {
    const parent = model.tables.find(({ relation }) => relation.id === target)
    const pair = pairs.find((each) => each.column === column.name)
    const referred = parent?.columns.find(({ name }) => name === pair?.targetColumn)
    return referred !== undefined && isCounted(referred)
  })
}

function knownValues(table: TestTable, column: ColumnFacts, { filled }: History): readonly string[] {
  const rows = filled.rows.get(table.relation.id)
  const all = [...(rows?.mine ?? []), ...(rows?.theirs ?? [])]
  return [...new Set(all.flatMap((row) => row[column.name] ?? []))]
}
