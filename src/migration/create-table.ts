/** What every table of ours has in common: columns, constraints, times and comments. */
import type { Column, Columns } from './columns.ts'
import { columnSql } from './columns.ts'
import { writeComments } from './comments.ts'
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import type { TableName } from './names.ts'
import { objectName, quoteColumns } from './names.ts'
import { touchUpdatedAt } from './triggers.ts'

/** A condition over several columns. */
export interface TableCheck {
  /** The columns that name it. */
  readonly columns: readonly string[]
  readonly condition: string
}

/** A table in its parts. */
export interface TableParts {
  readonly comment: string
  readonly columns: Columns
  readonly constraints: readonly string[]
  readonly checks?: readonly TableCheck[]
  readonly appendOnly?: boolean
}

/** The key of a table that has no other. */
export const idColumn: Column = { type: 'uuid', default: 'gen_random_uuid()' }

const now: Column = { type: 'timestamptz', default: 'now()' }

/** `created_at`, and `updated_at` and `deleted_at` where rows change and are softly deleted. */
export function timeColumns({
  appendOnly = false,
  softDelete = false,
}: {
  readonly appendOnly?: boolean
  readonly softDelete?: boolean
}): Columns {
  return {
    created_at: now,
    ...(appendOnly ? {} : { updated_at: now }),
    ...(softDelete ? { deleted_at: { type: 'timestamptz', optional: true } } : {}),
  }
}

/** Creates the table, the trigger of `updated_at` and the comments; `suffix` follows the columns. */
export async function createTable(
  db: MigrationHandle,
  table: TableName,
  parts: TableParts,
  suffix = '',
): Promise<void> {
  const { columns, constraints, appendOnly = false, checks = [] } = parts
  const lines = [
    ...Object.entries(columns).map(([name, column]) => columnSql(name, column)),
    ...constraints,
    ...Object.entries(columns).flatMap(([name, { check }]) =>
      check === undefined ? [] : [checkSql(table, [name], check(name))],
    ),
    ...checks.map((check) => checkSql(table, check.columns, check.condition)),
  ]
  await run(db, `create table ${table.sql} (\n  ${lines.join(',\n  ')}\n)${suffix}`)
  if (!appendOnly) await touchUpdatedAt(db, table)
  await writeComments(db, table, parts)
}

/** A unique key as it stands in `create table`. */
export function uniqueSql(table: TableName, columns: readonly string[]): string {
  return `constraint ${objectName(table, columns, 'key')} unique (${quoteColumns(columns)})`
}

function checkSql(table: TableName, columns: readonly string[], condition: string): string {
  return `constraint ${objectName(table, columns, 'check')} check (${condition})`
}
