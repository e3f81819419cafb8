/** Appends messages with their attachments, in one statement. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Attachment, DB, Message } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { bulkInsertQuery } from '../repository/bulk-insert.ts'
import type { RowGroup } from '../repository/bulk-insert.ts'
import { rowToInsert } from '../repository/column-values.ts'
import type { Values } from '../repository/column-values.ts'
import { jsonColumns, readValues, typeColumns } from '../repository/json-values.ts'
import type { RowShape } from '../repository/json-values.ts'
import type { TableDefinition } from '../repository/table-definition.ts'
import { withReader } from '../tenancy/query-reader.ts'
import type { CheckedMessage } from './message-input.ts'

/** A message with the files that came with it, in their order. */
export type MessageWithAttachments = Message & { readonly attachments: readonly Attachment[] }

const messageTable = tables['ibex_core.messages']
const attachmentTable = tables['ibex_core.attachments']

/** Messages of one statement at most: keeps it well below the 100 MB or so that a message of the protocol should not exceed. */
export const maxMessages = 5_000

/** Inserts the messages in their order and their attachments, and returns both. */
export async function appendMessages(
  db: Kysely<DB>,
  orgId: string,
  messages: readonly CheckedMessage[],
): Promise<MessageWithAttachments[]> {
  const rows = messages.map(({ row }) => ({ ...row }))
  const insertion = bulkInsertQuery<Message>(messageTable, groupOf(messageTable, orgId, rows))
  const attachments = messages.flatMap((message) => message.attachments.map((row) => ({ ...row })))
  if (attachments.length === 0) {
    const inserted = await insertion.execute(db)
    return inserted.rows.map((message) => Object.assign(message, { attachments: [] }))
  }
  const query = sql<MessageWithAttachments>`with message as (${insertion}), attached as (
      ${bulkInsertQuery(attachmentTable, groupOf(attachmentTable, orgId, attachments))}
    )
    select message.*, coalesce(listed.attachments, '[]') as attachments, ${sql.join(typeColumns(withAttachments))}
    from message left join (
      select message_id, json_agg(item order by id) as attachments
      from (select ${sql.join(attached.columns)} from attached) as item group by message_id
    ) as listed on listed.message_id = message.id
    order by seq`.compile(db)
  const read = withReader(query, (rows, parserOf) => readValues(rows, withAttachments, parserOf))
  return (await db.executeQuery(read)).rows
}

/** The attachments come as JSON, their values as those of a row that is read by itself. */
const attached = jsonColumns(attachmentTable, 'attached')
const withAttachments: RowShape = {
  texts: [],
  related: [{ name: 'attachments', shape: { texts: attached.texts, related: [] } }],
}

/** Rows that all give the same columns are one group, however many they are. */
function groupOf(table: TableDefinition, orgId: string, given: readonly Values[]): RowGroup {
  const rows = given.map((row) => rowToInsert(table, row, orgId))
  return { columns: Object.keys(rows[0] ?? {}), rows, positions: [...rows.keys()] }
}
