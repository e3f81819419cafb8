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
 * Checks an id that may be left out, and returns it, or null.
 *
 * @throws {InvalidArgumentError} when it is given and no uuid.
 */
export function checkOptionalUuid(name: string, value: unknown): string | null {
  return value === undefined || value === null ? null : checkUuid(name, value)
}

/** How long a text may be, in characters as PostgreSQL counts them. */
export interface TextLength {
  readonly least?: number
  readonly most?: number
}

/**
 * Checks a text that is stored or searched for, and returns it.
 *
 * @throws {InvalidArgumentError} when it is no text, too short or too long, or holds what PostgreSQL cannot store or would store
 *   as another character: a NUL, or half of a surrogate pair.
 */
export function checkText(name: string, value: unknown, { least = 0, most }: TextLength = {}): string {
  if (typeof value !== 'string') throw new InvalidArgumentError(name, 'must be a text')
  if (value.includes('\0') || !value.isWellFormed())
    throw new InvalidArgumentError(
      name,
      'holds a NUL character or half a character, which PostgreSQL cannot store',
    )
  if (value.length >= least && (most === undefined || fits(value, most))) return value
  const length = most === undefined ? `at least ${least}` : `${least} to ${most.toLocaleString('en-US')}`
  throw new InvalidArgumentError(name, `must have ${length} characters`)
}

/**
 * Checks a text that has something in it beside white space, and returns it.
 *
 * @throws {InvalidArgumentError} when it is blank, and as {@link checkText} does.
 */
export function checkFilledText(name: string, value: unknown, most?: number): string {
  if (typeof value !== 'string' || value.trim() === '')
    throw new InvalidArgumentError(name, 'must be a text that is not blank')
  return checkText(name, value, most === undefined ? {} : { least: 1, most })
}

/** Counts characters as PostgreSQL does: a surrogate pair, two units to JavaScript, is one. */
export function characterCount(text: string): number {
  return text.replaceAll(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g, ' ').length
}

function fits(text: string, most: number): boolean {
  return text.length <= most || characterCount(text) <= most
}

/**
 * Checks an object of keys and values, and returns it.
 *
 * @throws {InvalidArgumentError} when it is anything else: an array, a Date, a Map.
 */
export function checkObject<T extends object>(name: string, value: T): T {
  if (isPlainObject(value)) return value
  throw new InvalidArgumentError(name, 'must be an object')
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
 * Checks a moment, and returns it.
 *
 * @throws {InvalidArgumentError} when it is no date, or an invalid one.
 */
export function checkDate(name: string, date: unknown): Date {
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date
  throw new InvalidArgumentError(name, 'must be a valid Date')
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
