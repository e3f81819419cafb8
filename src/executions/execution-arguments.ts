/** Checks of what is recorded, made before any SQL. */
import type { JsonText, JsonValue } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkDate, checkText } from '../tenancy/arguments.ts'
import type { TextLength } from '../tenancy/arguments.ts'

/** A span of time: `from` belongs to it, `to` does not. */
export interface TimeRange {
  readonly from: Date
  readonly to: Date
}

/** @throws {InvalidArgumentError} as {@link checkText}, of a text that may be left out. */
export function checkOptionalText(
  name: string,
  text: string | null | undefined,
  length?: TextLength,
): string | null {
  return text === undefined || text === null ? null : checkText(name, text, length)
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

/** @throws {InvalidArgumentError} when an end is no valid date, or the last comes before the first. */
export function checkRange({ from, to }: TimeRange): TimeRange {
  if (checkDate('to', to) < checkDate('from', from))
    throw new InvalidArgumentError('to', 'must not be before from')
  return { from, to }
}
