/** IP addresses and networks, in the one form in which they are compared. */
import { isIP } from 'node:net'

/**
 * The address as PostgreSQL's `inet` takes it, or `undefined` when it is none.
 *
 * An IPv4 address in IPv6's form (`::ffff:192.0.2.1`, as a socket that listens on both gives it) becomes plain IPv4: to
 * PostgreSQL the two are different addresses.
 */
export function toAddress(text: unknown): string | undefined {
  // a zone (fe80::1%eth0) is of one machine only, and inet has none
  if (typeof text !== 'string' || isIP(text) === 0 || text.includes('%')) return undefined
  return isIP(text) === 6 ? (unmapped(text) ?? text) : text
}

/** An address, or a network such as `192.0.2.0/24`, in the same form; `undefined` when it is neither. */
export function toNetwork(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  const [address = '', length, ...rest] = text.split('/')
  const normal = toAddress(address)
  if (normal === undefined || rest.length > 0) return undefined
  if (length === undefined) return normal
  const most = isIP(address) === 6 ? 128 : 32
  if (!/^\d{1,3}$/.test(length) || Number(length) > most) return undefined
  const wasMapped = isIP(address) !== isIP(normal)
  // the first 96 bits say that it is mapped: a network that leaves some of them open holds more than IPv4
  if (wasMapped) return Number(length) < 96 ? `${address}/${length}` : `${normal}/${Number(length) - 96}`
  return `${normal}/${length}`
}

/** The IPv4 address that an IPv6 one stands for; URL writes every spelling of it in the same way. */
function unmapped(address: string): string | undefined {
  const { hostname } = new URL(`http://[${address}]`)
  const [, high, low] = /^\[::ffff:([\da-f]{1,4}):([\da-f]{1,4})\]$/.exec(hostname) ?? []
  if (high === undefined || low === undefined) return undefined
  const bits = Number.parseInt(high, 16) * 0x1_00_00 + Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join('.')
}
