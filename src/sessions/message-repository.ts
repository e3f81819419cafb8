/** What was said in a session. */
import { sql } from 'kysely'
import type { SqlBool } from 'kysely'
import type { DB, Message, MessageFeedbackRating } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError, RowNotFoundError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkText, checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { appendMessages, maxMessages } from './append-messages.ts'
import type { MessageWithAttachments } from './append-messages.ts'
import { checkMessage } from './message-input.ts'
import type { MessageInput } from './message-input.ts'
import { readWindow } from './message-window.ts'

/** What a user thinks of a message. */
export interface Feedback {
  /** Null takes it back. */
  readonly rating: MessageFeedbackRating | null
  readonly comment?: string | null
}

/** Appends and reads messages. */
export class MessageRepository extends BaseRepository<DB, 'ibex_core.messages'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.messages'])
  }

  /**
   * Appends a message, with its attachments, to a session, in one statement.
   *
   * The database numbers it under the lock of the session's row: concurrent appends to one session take turns and get
   * consecutive numbers.
   *
   * @throws {InvalidArgumentError} when an id is no uuid, a number is out of range, or a text is too short, too long, ill-formed
   *   or holds a NUL.
   * @throws {ForeignKeyViolationError} when this tenant has no such living session, or no such agent or role.
   */
  async append(input: MessageInput): Promise<MessageWithAttachments> {
    const [message] = await appendMessages(this.scope.db, this.scope.orgId, [checkMessage(input)])
    if (message === undefined) throw new RowNotFoundError(this.table.name)
    return message
  }

  /**
   * Appends messages in their order, all or none, and returns them.
   *
   * ```ts
   * await tenant.messages.appendMany(sessionId, [
   *   { role: 'user', content: 'What does it cost?' },
   *   { role: 'assistant', content: 'Nine euros.', tokenCount: 4 },
   * ])
   * ```
   *
   * Meant for batches of some hundreds to thousands: the rows travel as one array a column.
   *
   * @throws as {@link append}; nothing is written then.
   */
  async appendMany(
    sessionId: string,
    inputs: readonly Omit<MessageInput, 'sessionId'>[],
  ): Promise<MessageWithAttachments[]> {
    checkUuid('sessionId', sessionId)
    const messages = inputs.map((input) => checkMessage({ ...input, sessionId }))
    if (messages.length === 0) return []
    if (messages.length <= maxMessages) return await appendMessages(this.scope.db, this.scope.orgId, messages)
    return await this.scope.atomically(async ({ db }) => {
      const appended: MessageWithAttachments[] = []
      for (let start = 0; start < messages.length; start += maxMessages) {
        const part = messages.slice(start, start + maxMessages)
        appended.push(...(await appendMessages(db, this.scope.orgId, part)))
      }
      return appended
    })
  }

  /**
   * Reads the last messages of a session in reading order, without summaries and soft-deleted ones.
   *
   * @throws {InvalidArgumentError} when the id is no uuid, or `count` no whole number of 1 to 10,000.
   */
  async last(sessionId: string, count: number): Promise<Message[]> {
    checkWholeNumber('count', count, 1, 10_000)
    const newest = await this.selectQuery()
      .selectAll()
      .where('session_id', '=', checkUuid('sessionId', sessionId))
      // not a parameter, here and below: a plan for any value could not use the index of the summaries
      .where(sql<SqlBool>`not is_summary`)
      .orderBy('seq', 'desc')
      .limit(count)
      .execute()
    return newest.toReversed()
  }

  /**
   * Appends a summary, which stands for the messages up to `upTo`, by default all before it.
   *
   * Name `upTo`, the `seq` of the last message that was summarized: others may have been appended meanwhile. Nothing is
   * deleted: {@link last} leaves summaries out, {@link window} begins with one when it must.
   *
   * @throws {InvalidArgumentError} also when the content is blank.
   * @throws {CheckViolationError} when the session has no message `upTo`.
   * @throws {ForeignKeyViolationError} when this tenant has no such living session.
   */
  async summarize(
    sessionId: string,
    content: string,
    { upTo, tokenCount }: { readonly upTo?: number; readonly tokenCount?: number } = {},
  ): Promise<MessageWithAttachments> {
    if (upTo !== undefined) checkWholeNumber('upTo', upTo, 1)
    if (checkText('content', content).trim() === '')
      throw new InvalidArgumentError('content', 'must be a text that is not blank')
    return await this.append({
      sessionId,
      content,
      role: 'system',
      isSummary: true,
      ...(upTo === undefined ? {} : { summaryUpTo: upTo }),
      ...(tokenCount === undefined ? {} : { tokenCount }),
    })
  }

  /** Reads the summaries of a session, oldest first. */
  async summaries(sessionId: string): Promise<Message[]> {
    return await this.selectQuery()
      .selectAll()
      .where('session_id', '=', checkUuid('sessionId', sessionId))
      .where(sql<SqlBool>`is_summary`)
      .orderBy('seq')
      .execute()
  }

  /**
   * Reads what of a session fits into a budget of tokens, in reading order.
   *
   * These are the newest messages whose `token_count` adds up to at most `tokens`; a message that was appended without one
   * counts as nothing. When older ones are left out, the latest summary that fits comes first, and counts too. It may end
   * before the first message does: `summary_up_to` tells, and it is time for the next summary.
   *
   * ```ts
   * const prompt = await tenant.messages.window(sessionId, { tokens: 2_000 })
   * ```
   *
   * @throws {InvalidArgumentError} when the id is no uuid, or `tokens` no whole number of at least 1.
   */
  async window(sessionId: string, { tokens }: { readonly tokens: number }): Promise<Message[]> {
    checkWholeNumber('tokens', tokens, 1)
    checkUuid('sessionId', sessionId)
    return await readWindow(this.scope.db, { orgId: this.scope.orgId, sessionId, tokens })
  }

  /**
   * Keeps what a user thinks of a message, in the place of what was kept before, and returns the message, or `undefined`
   * when the tenant has no such living one.
   *
   * @throws {InvalidArgumentError} when the rating is none of positive, negative and null, or the comment no text.
   */
  async rate(id: string, { rating, comment = null }: Feedback): Promise<Message | undefined> {
    if (rating !== null && !ratings.has(rating))
      throw new InvalidArgumentError('rating', 'must be positive, negative or null')
    return await this.update(id, {
      feedback_rating: rating,
      feedback_comment: comment === null ? null : checkText('comment', comment),
    })
  }
}

const ratings: ReadonlySet<string> = new Set<MessageFeedbackRating>(['positive', 'negative'])
