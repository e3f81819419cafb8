/** Checks of arguments that all of commerce makes before any SQL. */
import type { JsonObject } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { isPlainObject, isUuid } from '../tenancy/arguments.ts'

/** @throws {InvalidArgumentError} when the id is no uuid. */
export function checkId(name: string, id: unknown): string {
  if (isUuid(id)) return id
  throw new InvalidArgumentError(name, 'must be a uuid')
}

/** @throws {InvalidArgumentError} when the text is empty, too long, or holds a NUL, which PostgreSQL cannot store. */
export function checkText(name: string, text: unknown, most: number): string {
  if (typeof text === 'string' && text !== '' && !text.includes('\0') && characterCount(text) <= most)
    return text
  throw new InvalidArgumentError(name, `must be a text of 1 to ${most} characters without NUL`)
}

/** @throws {InvalidArgumentError} when the value is no plain object. */
export function checkMetadata(metadata: unknown): JsonObject {
  // what it holds is JSON as far as its type says; JSON.stringify and PostgreSQL see to the rest
  if (isPlainObject(metadata)) return metadata as JsonObject
  throw new InvalidArgumentError('metadata', 'must be an object')
}

/** Characters as PostgreSQL counts them: an emoji is one, not two. */
function characterCount(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
