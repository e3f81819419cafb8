/** Rows that were made, and the SQL that makes and finds them. */
import type { TestTable } from './model.ts'
import type { SlotOption } from './row-draft.ts'
import { quoteName, quoteNames, quoteValue } from './sql-text.ts'

/**
 * A stored row: PostgreSQL's text form of each column. Under names that no column has, with a space in front, where it lies
 * (` ctid`, ` tableoid`) and the columns that it was inserted with (` given`, as JSON): triggers may have changed them since.
 */
export type StoredRow = Readonly<Record<string, string | null>>

/** The values that a row was inserted with; all that it has when a trigger inserted it. */
export function givenValues(row: StoredRow): SlotOption | undefined {
  const given = row[' given']
  // what rememberGiven() wrote
  return given === null || given === undefined ? undefined : (JSON.parse(given) as SlotOption)
}

/** Both tenants, and what they have. */
export interface FilledDatabase {
  readonly mine: string
  readonly theirs: string
  /** Rows by the table's id. */
  readonly rows: ReadonlyMap<string, Readonly<Record<'mine' | 'theirs', readonly StoredRow[]>>>
  /** Tables in which one of the two has no row. */
  readonly unfilled: readonly UnfilledTable[]
}

/** A table that could not be filled. */
export interface UnfilledTable {
  readonly table: string
  /** What the database said in the end. */
  readonly reason: string
}

/** `insert into … values …`; identities too, where a value is given. */
export function insertSql(
  { relation }: { readonly relation: { readonly sql: string } },
  values: SlotOption,
): string {
  const names = Object.keys(values)
  if (names.length === 0) return `insert into ${relation.sql} default values`
  const literals = Object.values(values).map((value) => quoteValue(value))
  return `insert into ${relation.sql} (${quoteNames(names)}) overriding system value values (${literals.join(', ')})`
}

/** The condition that finds a stored row again. */
export function rowCondition({ primaryKey }: TestTable, row: StoredRow): string {
  if (primaryKey.length > 0)
    return primaryKey.map((name) => `${quoteName(name)} = ${quoteValue(row[name] ?? null)}`).join(' and ')
  return `ctid = ${quoteValue(row[' ctid'] ?? null)} and tableoid = ${quoteValue(row[' tableoid'] ?? null)}`
}
