/** How a JavaScript value becomes a parameter: the rules of `pg`, without those that lose data silently. */
import { InvalidArgumentError } from '../errors.ts'
import type { WireValue } from './wire.ts'

interface PostgresValue {
  toPostgres(): unknown
}

/**
 * Turns a value into a parameter.
 *
 * Arrays become PostgreSQL arrays, plain objects JSON, dates UTC text, and a value with `toPostgres()` what that returns.
 * For a JSON column whose value is an array, pass `JSON.stringify(value)`.
 *
 * @throws {InvalidArgumentError} when the value is `undefined` (which would silently compare as null) or an invalid date.
 */
export function toWireValue(value: unknown, index: number): WireValue {
  if (value === null) return null
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'object':
      return objectToWire(value, index)
    case 'undefined':
      throw new InvalidArgumentError(
        `parameter $${index + 1}`,
        'is undefined: pass null, or leave the condition out',
      )
    default:
      throw new InvalidArgumentError(
        `parameter $${index + 1}`,
        `is a ${typeof value}, which PostgreSQL has no type for`,
      )
  }
}

function objectToWire(value: object, index: number): WireValue {
  if (isPostgresValue(value)) return toWireValue(value.toPostgres(), index)
  if (value instanceof Date) return dateToWire(value, index)
  if (Array.isArray(value)) return arrayToWire(value, index)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return JSON.stringify(value)
}

function dateToWire(date: Date, index: number): string {
  const year = date.getUTCFullYear()
  if (Number.isNaN(year)) throw new InvalidArgumentError(`parameter $${index + 1}`, 'is an invalid date')
  const text = date.toISOString()
  if (year >= 0 && year <= 9999) return year === 0 ? `0001${text.slice(4)} BC` : text
  // ISO 8601 writes such years with a sign and six digits, PostgreSQL plain and with BC (there is no year 0)
  const rest = text.slice(7)
  return year > 0 ? `${year}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}

function arrayToWire(array: readonly unknown[], index: number): string {
  let text = '{'
  for (const [position, item] of array.entries()) {
    if (position > 0) text += ','
    text += Array.isArray(item) ? arrayToWire(item, index) : elementToWire(item, index)
  }
  return `${text}}`
}

function elementToWire(item: unknown, index: number): string {
  if (item === null) return 'NULL'
  const value = toWireValue(item, index)
  if (value === null) return 'NULL'
  if (typeof value !== 'string') return `"\\\\x${value.toString('hex')}"`
  if (typeof item === 'number' || typeof item === 'boolean' || typeof item === 'bigint') return value
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

function isPostgresValue(value: object): value is PostgresValue {
  return 'toPostgres' in value && typeof value.toPostgres === 'function'
}
