/** Ids that are the same in every run. */
import { hash } from 'node:crypto'

/** The namespace of the examples' ids: a random uuid, made once. */
const namespace = Buffer.from('5b0f8c1e6a0d4a5c9d3e1f7b2c846d90', 'hex')

/**
 * Makes the same uuid from the same name, so that loading something twice finds the rows of the first time.
 *
 * A version 5 uuid: SHA-1 of namespace and name (RFC 9562, section 5.5). It identifies, it does not protect.
 */
export function deterministicId(...names: readonly string[]): string {
  const bytes = hash('sha1', Buffer.concat([namespace, Buffer.from(names.join('/'))]), 'buffer').subarray(
    0,
    16,
  )
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
