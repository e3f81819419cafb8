/** The text of a memory: what is allowed, and when two texts are the same. */
import { hash } from 'node:crypto'
import { InvalidArgumentError } from '../errors.ts'

const maxLength = 8_192

/**
 * Checks the content of a memory.
 *
 * @throws {InvalidArgumentError} when it is blank, longer than 8,192 characters, or holds a NUL, which PostgreSQL cannot store.
 */
export function checkContent(content: unknown): string {
  if (typeof content !== 'string' || content.trim() === '')
    throw new InvalidArgumentError('content', 'must be a text that is not blank')
  // half of a surrogate pair would be stored as another character
  if (!content.isWellFormed())
    throw new InvalidArgumentError('content', 'is no well-formed text: it holds half a character')
  if (content.includes('\0'))
    throw new InvalidArgumentError('content', 'holds a NUL character, which PostgreSQL cannot store')
  if (content.length > maxLength && characterCount(content) > maxLength) {
    throw new InvalidArgumentError(
      'content',
      `is longer than ${maxLength} characters: split it, or store it as a document`,
    )
  }
  return content
}

/** Counts characters as PostgreSQL does: a surrogate pair, two units to JavaScript, is one. */
export function characterCount(text: string): number {
  return text.replaceAll(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g, ' ').length
}

/**
 * The SHA-256 of the normalised content, in 64 hexadecimal digits.
 *
 * Normalised: Unicode NFC, white space at the ends dropped and within folded into one space. Case and punctuation stay:
 * texts that differ in them may differ in meaning, and are left to the near-duplicate search.
 */
export function contentHash(content: string): string {
  const normalised = content.normalize('NFC').trim().replaceAll(/\s+/g, ' ')
  return hash('sha256', normalised, 'hex')
}
