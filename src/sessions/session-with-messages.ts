/** A session together with its last messages and what was attached to them, in one query. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import type { DB, Message, Session } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { withAttachments } from './append-messages.ts'
import type { MessageWithAttachments } from './append-messages.ts'
import { jsonColumns, rowFromJson } from './nested-rows.ts'

/** A session with its last messages, in reading order. */
export type SessionWithMessages = Session & { readonly messages: readonly MessageWithAttachments[] }

/** Which session, and how many of its messages. */
export interface SessionRequest {
  readonly orgId: string
  readonly id: string
  readonly last: number
}

/**
 * Reads a living session with its last messages, without summaries and soft-deleted ones.
 *
 * ```sql
 * select session.*, (select coalesce(json_agg(agg), '[]') from (
 *   select message.…, (select coalesce(json_agg(agg), '[]') from (…) as agg) as attachments
 *   from ibex_core.messages as message where … order by seq desc limit $3) as agg) as messages
 * from ibex_core.sessions as session where org_id = $1 and id = $2 and deleted_at is null
 * ```
 */
export async function findSessionWithMessages(
  db: Kysely<DB>,
  { orgId, id, last }: SessionRequest,
): Promise<SessionWithMessages | undefined> {
  const row = await db
    .selectFrom('ibex_core.sessions as session')
    .selectAll('session')
    .select(jsonArrayFrom(newestMessages(orgId, last)).as('messages'))
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { ...row, messages: row.messages.map(messageFromJson).toReversed() }
}

interface MessageJson {
  readonly attachments: readonly Json[]
}

type Json = Readonly<Record<string, unknown>>

/** The newest messages of `session`, each with its attachments; newest first, so that the limit takes them. */
function newestMessages(orgId: string, last: number): RawBuilder<MessageJson> {
  const attachments = sql<Json>`(
    select ${jsonColumns(tables['ibex_core.attachments'], 'attachment')} from ibex_core.attachments as attachment
    where attachment.org_id = ${orgId} and attachment.message_id = message.id
    order by attachment.created_at, attachment.id
  )`
  return sql<MessageJson>`(
    select ${jsonColumns(tables['ibex_core.messages'], 'message')}, ${jsonArrayFrom(attachments)} as attachments
    from ibex_core.messages as message
    where message.org_id = ${orgId} and message.session_id = session.id
      and message.deleted_at is null and not message.is_summary
    order by message.seq desc limit ${last}
  )`
}

function messageFromJson({ attachments, ...message }: MessageJson): MessageWithAttachments {
  return withAttachments(rowFromJson<Message>(tables['ibex_core.messages'], message), attachments)
}
