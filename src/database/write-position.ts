/** Places in the primary's write-ahead log, which tell a replica what it must have replayed. */
import { InvalidArgumentError } from '../errors.ts'

/**
 * A place in the primary's write-ahead log: everything that was committed before it was read is covered.
 *
 * 16 hexadecimal digits. Later positions sort later, as texts too: of two, the greater one covers both.
 */
export type WritePosition = string

const format = /^[0-9A-F]{16}$/

/** Makes a position of PostgreSQL's `pg_lsn` text, `16/B374D848`. */
export function toWritePosition(lsn: string): WritePosition {
  return lsn
    .split('/')
    .map((half) => half.toUpperCase().padStart(8, '0'))
    .join('')
}

/** The position as a `pg_lsn`. */
export function toLsn(position: WritePosition): string {
  return `${position.slice(0, 8)}/${position.slice(8)}`
}

/**
 * Checks a position that comes back from where the caller has kept it, and returns it.
 *
 * @throws {InvalidArgumentError} when it is none.
 */
export function checkWritePosition(name: string, value: unknown): WritePosition {
  if (typeof value === 'string' && format.test(value)) return value
  throw new InvalidArgumentError(name, 'must be a position that writePosition() has returned')
}
