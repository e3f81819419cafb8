/** A message as it is handed in, and the rows that it becomes. */
import { randomUUID } from 'node:crypto'
import type { AttachmentFileType, JsonArray, MessageRole } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkOptionalUuid, checkText, checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'

/** A message to append. */
export interface MessageInput {
  readonly sessionId: string
  readonly role: MessageRole
  /** May be empty: what calls a tool need not say anything. */
  readonly content: string
  /** The agent that says it. */
  readonly agentId?: string | null
  /** The persona that the agent has taken on. */
  readonly roleId?: string | null
  readonly toolCalls?: JsonArray | null
  readonly toolResults?: JsonArray | null
  /** The tokens of the content, as the model counts them (default 0); a window adds them up. */
  readonly tokenCount?: number
  readonly model?: string | null
  /** It stands for the messages before it (default false). */
  readonly isSummary?: boolean
  /** Of a summary: the `seq` of the last message that it stands for (default: the one before it). */
  readonly summaryUpTo?: number | null
  /** One agent says it to another (default false). */
  readonly isAiToAi?: boolean
  readonly attachments?: readonly AttachmentInput[]
}

/** A file that comes with a message; the file itself is stored elsewhere. */
export interface AttachmentInput {
  /** The name that it is stored under, 1 to 255 characters. */
  readonly filename: string
  /** The name that the user gave it, 1 to 255 characters. */
  readonly originalFilename: string
  readonly fileType: AttachmentFileType
  /** 1 to 100 characters. */
  readonly mimeType: string
  /** Bytes. */
  readonly fileSize: number
  /** 1 to 500 characters. */
  readonly filePath: string
}

/** The columns of a message to insert; the same ones for every message, so that many fit one statement, in their order. */
export interface MessageRow {
  readonly id: string
  readonly session_id: string
  readonly agent_id: string | null
  readonly role_id: string | null
  readonly role: MessageRole
  readonly content: string
  readonly tool_calls: JsonArray | null
  readonly tool_results: JsonArray | null
  readonly token_count: number
  readonly model: string | null
  readonly is_summary: boolean
  readonly summary_up_to: number | null
  readonly is_ai_to_ai: boolean
}

/** The columns of an attachment to insert. */
export interface AttachmentRow {
  readonly id: string
  readonly message_id: string
  readonly filename: string
  readonly original_filename: string
  readonly file_type: AttachmentFileType
  readonly mime_type: string
  readonly file_size: number
  readonly file_path: string
}

/** A message that passed every check, as it is stored: its row, and those of its attachments. */
export interface CheckedMessage {
  readonly row: MessageRow
  readonly attachments: readonly AttachmentRow[]
}

const maxInteger = 2_147_483_647

/**
 * Checks a message and makes its rows. Their ids are made here, so that one statement can insert both.
 *
 * @throws {InvalidArgumentError} when an id is no uuid, a number is out of range, or a text is too short, too long, ill-formed
 *   or holds a NUL.
 */
export function checkMessage(input: MessageInput): CheckedMessage {
  const row = toMessageRow(input)
  const { attachments = [] } = input
  if (!Array.isArray(attachments)) throw new InvalidArgumentError('attachments', 'must be an array')
  // ascending, because attachments of one moment are read in the order of their ids
  const ids = Array.from(attachments, () => randomUUID()).toSorted()
  return {
    row,
    attachments: ids.map((id, index) => toAttachmentRow({ id, message_id: row.id }, attachments[index])),
  }
}

function toMessageRow(input: MessageInput): MessageRow {
  return {
    id: randomUUID(),
    session_id: checkUuid('sessionId', input.sessionId),
    agent_id: checkOptionalUuid('agentId', input.agentId),
    role_id: checkOptionalUuid('roleId', input.roleId),
    role: input.role,
    content: checkText('content', input.content),
    tool_calls: checkList('toolCalls', input.toolCalls),
    tool_results: checkList('toolResults', input.toolResults),
    token_count: checkWholeNumber('tokenCount', input.tokenCount ?? 0, 0, maxInteger),
    model: input.model === undefined || input.model === null ? null : checkText('model', input.model),
    is_summary: input.isSummary ?? false,
    summary_up_to:
      input.summaryUpTo === undefined || input.summaryUpTo === null
        ? null
        : checkWholeNumber('summaryUpTo', input.summaryUpTo, 0, maxInteger),
    is_ai_to_ai: input.isAiToAi ?? false,
  }
}

function toAttachmentRow(
  ids: Pick<AttachmentRow, 'id' | 'message_id'>,
  input: AttachmentInput | undefined,
): AttachmentRow {
  if (typeof input !== 'object' || input === null)
    throw new InvalidArgumentError('attachments', 'must be an array of objects')
  return {
    ...ids,
    filename: checkText('filename', input.filename, { least: 1, most: 255 }),
    original_filename: checkText('originalFilename', input.originalFilename, { least: 1, most: 255 }),
    file_type: input.fileType,
    mime_type: checkText('mimeType', input.mimeType, { least: 1, most: 100 }),
    file_size: checkWholeNumber('fileSize', input.fileSize, 0),
    file_path: checkText('filePath', input.filePath, { least: 1, most: 500 }),
  }
}

/** An object, or a text that is JSON already, would be taken for the list and fail, or be stored, as something else. */
function checkList(name: string, list: JsonArray | null | undefined): JsonArray | null {
  if (list === undefined || list === null) return null
  if (!Array.isArray(list)) throw new InvalidArgumentError(name, 'must be an array')
  return list
}
