/** Opaque cursors of keyset pages, bound to their query and their tenant. */
import { hash } from 'node:crypto'
import type { CompiledQuery } from 'kysely'
import { InvalidCursorError } from '../errors.ts'
import { toWireValue } from '../tenancy/wire-value.ts'

const maxCursorLength = 8_192

/**
 * A digest of what a cursor belongs to: tenant, SQL and parameters of the query without the page.
 *
 * It finds mistakes (a cursor of another filter, order or tenant), it is no signature: isolation never rests on it.
 */
export function queryFingerprint(orgId: string, { sql, parameters }: CompiledQuery): string {
  const values = parameters.map((value, index) => {
    const wire = toWireValue(value, index)
    return Buffer.isBuffer(wire) ? wire.toString('base64') : wire
  })
  return digest(JSON.stringify([orgId, sql, values]))
}

/** Writes the values of the last row's order columns, as PostgreSQL's text, into a cursor. */
export function encodeCursor(fingerprint: string, values: readonly string[]): string {
  const payload = JSON.stringify(values)
  return Buffer.from(digest(fingerprint + payload) + payload).toString('base64url')
}

/**
 * Reads a cursor back.
 *
 * @throws {InvalidCursorError} when it was altered, is not one, or belongs to another query or tenant.
 */
export function decodeCursor(fingerprint: string, cursor: string, count: number): readonly string[] {
  if (typeof cursor !== 'string' || cursor.length > maxCursorLength) throw new InvalidCursorError()
  const text = Buffer.from(cursor, 'base64url').toString()
  const payload = text.slice(digestLength)
  if (text.slice(0, digestLength) !== digest(fingerprint + payload)) throw new InvalidCursorError()
  // the digest holds, so this is what encodeCursor wrote
  const values = JSON.parse(payload) as readonly string[]
  if (values.length !== count) throw new InvalidCursorError()
  return values
}

const digestLength = 24

function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, digestLength)
}
