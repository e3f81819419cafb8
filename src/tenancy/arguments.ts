/** Checks of arguments that several layers make before any SQL. */
import { InvalidArgumentError } from '../errors.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Tells whether a value is a uuid in PostgreSQL's canonical form: 36 characters, in any case. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && uuid.test(value)
}

/**
 * Checks the id of a row, and returns it.
 *
 * @throws {InvalidArgumentError} when it is missing or no uuid.
 */
export function checkUuid(name: string, value: unknown): string {
  if (isUuid(value)) return value
  throw new InvalidArgumentError(name, 'must be a uuid')
}

/**
 * Checks a text that is stored or searched for, and returns it; `most` counts characters as PostgreSQL does.
 *
 * @throws {InvalidArgumentError} when it is blank, too long, or holds what PostgreSQL cannot store or would store as another
 *   character: a NUL, or half of a surrogate pair.
 */
export function checkText(name: string, value: unknown, most: number): string {
  if (typeof value !== 'string' || value.trim() === '')
    throw new InvalidArgumentError(name, 'must be a text that is not blank')
  if (value.includes('\0') || !value.isWellFormed())
    throw new InvalidArgumentError(
      name,
      'holds a NUL character or half a character, which PostgreSQL cannot store',
    )
  // a surrogate pair, two units to JavaScript, is one character
  if (value.length > most && Array.from(value).length > most)
    throw new InvalidArgumentError(name, `is longer than ${most.toLocaleString('en-US')} characters`)
  return value
}

/** Tells whether a value is an object of keys and values, and no array, Date, Map or other instance. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/**
 * Checks a number that counts something, and returns it.
 *
 * @throws {InvalidArgumentError} when it is no whole number, or not within the range.
 */
export function checkWholeNumber(name: string, value: unknown, least: number, most?: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= (most ?? value))
    return value
  const range = most === undefined ? `at least ${least}` : `${least} to ${most.toLocaleString('en-US')}`
  throw new InvalidArgumentError(name, `must be a whole number of ${range}`)
}

/**
 * Checks that an object of options holds none but the known ones: one that is misspelt in untyped code would be ignored.
 *
 * @throws {InvalidArgumentError} when it holds another; `what` is how the message calls it.
 */
export function checkOptionNames(what: string, options: object, known: ReadonlySet<string>): void {
  for (const key of Object.keys(options)) {
    if (!known.has(key))
      throw new InvalidArgumentError(`${what} "${key}"`, `does not exist: known are ${[...known].join(', ')}`)
  }
}
