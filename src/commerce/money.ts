/** Amounts of money: decimal text all the way, because PostgreSQL's `numeric` adds it up and JavaScript never does. */
import { InvalidArgumentError } from '../errors.ts'

/** What fits `numeric(10,2)` without being rounded. */
const decimal = /^\d{1,8}(?:\.\d{1,2})?$/

/**
 * Checks an amount of money, and returns it.
 *
 * @throws {InvalidArgumentError} when it is no decimal text of at most 8 digits before the point and 2 after it, or negative.
 *   A JavaScript number is refused whatever its value: it cannot hold a cent exactly.
 */
export function checkMoney(name: string, value: unknown): string {
  if (typeof value === 'string' && decimal.test(value)) return value
  throw new InvalidArgumentError(name, `must be decimal text, not negative: ${format}`)
}

/**
 * Checks an amount that may be taken away, as a discount is, and returns it.
 *
 * @throws {InvalidArgumentError} as {@link checkMoney}, but for a minus in front.
 */
export function checkSignedMoney(name: string, value: unknown): string {
  if (typeof value === 'string' && decimal.test(value.replace(/^-/, ''))) return value
  throw new InvalidArgumentError(
    name,
    `must be decimal text, with a minus in front to take it away: ${format}`,
  )
}

const format = 'at most 8 digits before the point and 2 after it, never a JavaScript number'
