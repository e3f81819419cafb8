/** What tests of messages say and attach. */
import type { MessageWithAttachments } from '../../src/sessions/append-messages.ts'
import type { AttachmentInput, MessageInput } from '../../src/sessions/message-input.ts'
import type { Message } from '../../types/database.d.ts'

/** A picture, with whatever the test is about. */
export function file(values: Partial<AttachmentInput> = {}): AttachmentInput {
  return {
    filename: '7f3a.png',
    originalFilename: 'Garden.png',
    fileType: 'image',
    mimeType: 'image/png',
    fileSize: 1_024,
    filePath: '/files/7f3a.png',
    ...values,
  }
}

/** Messages of a user for `appendMany`: one a text. */
export function said(...texts: readonly string[]): Omit<MessageInput, 'sessionId'>[] {
  return texts.map((content) => ({ role: 'user', content }))
}

/** The whole numbers from 1 to `count`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

/** So many minutes after a fixed time. */
export function at(minute: number): Date {
  return new Date(Date.UTC(2026, 0, 1, 0, minute))
}

/** The rows of messages by themselves. */
export function rowsOf(messages: readonly MessageWithAttachments[]): Message[] {
  return messages.map(({ attachments: _attachments, ...row }) => row)
}
