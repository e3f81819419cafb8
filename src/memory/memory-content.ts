/** The text of a memory: what is allowed, and when two texts are the same. */
import { hash } from 'node:crypto'
import { InvalidArgumentError } from '../errors.ts'
import { characterCount, checkFilledText } from '../tenancy/arguments.ts'

const maxLength = 8_192

/**
 * Checks the content of a memory.
 *
 * @throws {InvalidArgumentError} when it is blank, longer than 8,192 characters, or holds what PostgreSQL cannot store.
 */
export function checkContent(content: unknown): string {
  const text = checkFilledText('content', content)
  if (text.length > maxLength && characterCount(text) > maxLength) {
    throw new InvalidArgumentError(
      'content',
      `is longer than ${maxLength} characters: split it, or store it as a document`,
    )
  }
  return text
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
