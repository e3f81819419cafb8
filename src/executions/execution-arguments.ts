/** Checks of what is recorded, made before any SQL. */
import type { JsonText, JsonValue } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { isUuid } from '../tenancy/arguments.ts'

/** A span of time: `from` belongs to it, `to` does not. */
export interface TimeRange {
  readonly from: Date
  readonly to: Date
}

/**
 * Checks a text and returns it; with `most` it has 1 to so many characters.
 *
 * @throws {InvalidArgumentError} when it is no text, is empty or too long, or holds what PostgreSQL cannot store.
 */
export function checkText(name: string, text: unknown, most?: number): string {
  if (typeof text !== 'string') throw new InvalidArgumentError(name, 'must be a text')
  if (text.includes('\0') || !text.isWellFormed())
    throw new InvalidArgumentError(name, 'holds a NUL or half a character, which PostgreSQL cannot store')
  if (most !== undefined && (text === '' || characterCount(text) > most))
    throw new InvalidArgumentError(name, `must be a text of 1 to ${most} characters`)
  return text
}

/** @throws {InvalidArgumentError} as {@link checkText}, of a text that may be left out. */
export function checkOptionalText(
  name: string,
  text: string | null | undefined,
  most?: number,
): string | null {
  return text === undefined || text === null ? null : checkText(name, text, most)
}

/** @throws {InvalidArgumentError} when the id is given and no uuid. */
export function checkOptionalId(name: string, id: string | null | undefined): string | null {
  if (id === undefined || id === null) return null
  if (isUuid(id)) return id
  throw new InvalidArgumentError(name, 'must be a uuid')
}

/**
 * Writes any JSON as the text that a JSON column takes: a bare array or text would be sent as something else.
 *
 * @throws {InvalidArgumentError} when the value has no JSON: a function, a bigint, an object that holds itself.
 */
export function toJsonText(name: string, value: JsonValue): JsonText {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    // what JSON.stringify says of it quotes its keys
  }
  if (text === undefined) throw new InvalidArgumentError(name, 'cannot be written as JSON')
  // the brand of a text that JSON.stringify has written
  return text as JsonText
}

/** @throws {InvalidArgumentError} when it is no date, or an invalid one. */
export function checkDate(name: string, date: unknown): Date {
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date
  throw new InvalidArgumentError(name, 'must be a valid Date')
}

/** @throws {InvalidArgumentError} when an end is no valid date, or the last comes before the first. */
export function checkRange({ from, to }: TimeRange): TimeRange {
  if (checkDate('to', to) < checkDate('from', from))
    throw new InvalidArgumentError('to', 'must not be before from')
  return { from, to }
}

/** Counts characters as PostgreSQL does: a surrogate pair, two units to JavaScript, is one. */
function characterCount(text: string): number {
  return text.replaceAll(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g, ' ').length
}
