/** Adds a column to a tenant table that exists. */
import { quoteText } from '../database/quote.ts'
import type { Column } from './columns.ts'
import { columnSql } from './columns.ts'
import { writeColumnComment } from './comments.ts'
import type { MigrationHandle } from './handle.ts'
import { read, run } from './handle.ts'
import { objectName, parseTableName, quoteIdentifier } from './names.ts'
import { systemRole } from './roles.ts'
import { grantExactly } from './tenant-isolation.ts'
import { touchUpdatedAt } from './triggers.ts'

/**
 * Adds a column with its check, its comment and the rights on it.
 *
 * UPDATE is granted column by column, so a column that is added by hand cannot be written by anybody.
 *
 * ```ts
 * await addTenantColumn(db, 'public.notes', 'is_pinned', { type: 'boolean', default: 'false' })
 * ```
 *
 * The way down is `dropTenantColumn`.
 */
export async function addTenantColumn(
  db: MigrationHandle,
  table: string,
  column: string,
  definition: Column,
): Promise<void> {
  const name = parseTableName(table)
  await run(db, `alter table ${name.sql} add column ${columnSql(column, definition)}`)
  if (definition.check !== undefined) {
    const constraint = objectName(name, [column], 'check')
    await run(db, `alter table ${name.sql} add constraint ${constraint} check (${definition.check(column)})`)
  }
  if (definition.comment !== undefined) await writeColumnComment(db, name, column, definition.comment)
  const { tenantColumn, appendOnly } = await readKind(db, name.sql)
  if (tenantColumn === 'org_id') await grantExactly(db, name, { tenantColumn, appendOnly })
  // a tenant changes of the row that it is what it was once allowed to, and nothing that comes later
  else await run(db, `grant update (${quoteIdentifier(column)}) on ${name.sql} to ${systemRole}`)
  if (!appendOnly) await touchUpdatedAt(db, name)
}

interface Kind {
  readonly tenantColumn: string
  readonly appendOnly: boolean
}

async function readKind(db: MigrationHandle, table: string): Promise<Kind> {
  const [kind] = await read<Kind>(
    db,
    `select
      case when exists (select from pg_catalog.pg_attribute
        where attrelid = relation and attname = 'org_id' and not attisdropped) then 'org_id' else 'id' end as "tenantColumn",
      exists (select from pg_catalog.pg_trigger
        where tgrelid = relation and tgfoid = 'ibex_core.refuse_change'::regproc) as "appendOnly"
    from (select ${quoteText(table)}::regclass as relation) as given`,
  )
  return kind ?? { tenantColumn: 'org_id', appendOnly: false }
}
