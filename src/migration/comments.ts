/** Comments on tables and columns: the documentation that the generated types inherit. */
import { quoteText } from '../database/quote.ts'
import type { Columns } from './columns.ts'
import type { MigrationHandle } from './handle.ts'
import { run } from './handle.ts'
import type { TableName } from './names.ts'
import { quoteIdentifier } from './names.ts'

/** Columns that every tenant table has; what they mean is said once, here. */
const common: Readonly<Record<string, string>> = {
  org_id: 'The organization that the row belongs to; the tenant of the session by default.',
  updated_at: 'When the row last really changed; set by a trigger.',
  deleted_at: 'When the row was soft-deleted; null while it lives.',
}

/** Writes the comments of a table and of its columns. */
export async function writeComments(
  db: MigrationHandle,
  table: TableName,
  { comment, columns }: { readonly comment: string; readonly columns: Columns },
): Promise<void> {
  await run(db, `comment on table ${table.sql} is ${quoteText(comment)}`)
  for (const [name, column] of Object.entries(columns)) {
    const text = column.comment ?? common[name]
    if (text !== undefined) await writeColumnComment(db, table, name, text)
  }
}

/** Writes the comment of one column. */
export async function writeColumnComment(
  db: MigrationHandle,
  table: TableName,
  column: string,
  text: string,
): Promise<void> {
  await run(db, `comment on column ${table.sql}.${quoteIdentifier(column)} is ${quoteText(text)}`)
}
