import { expect, test } from 'vitest'
import { toAddress, toNetwork } from '../../src/identity/ip-address.ts'

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8::1', '2001:db8::1'],
  ['::', '::'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:c000:0207', '192.0.2.7'],
  ['0:0:0:0:0:ffff:255.255.255.255', '255.255.255.255'],
  ['::ffff:0.0.0.0', '0.0.0.0'],
  ['::192.0.2.7', '::192.0.2.7'],
])('takes the address %s as %s', (text, address) => {
  expect(toAddress(text)).toBe(address)
  expect(toNetwork(text)).toBe(address)
})

test.each([
  '',
  'localhost',
  '192.0.2',
  '192.0.2.256',
  '192.0.2.07',
  '192.0.2.7:443',
  '[::1]',
  'fe80::1%eth0',
  ' ::1',
  '192.0.2.7/32',
  undefined,
  null,
  7,
])('takes %j for no address', (text) => {
  expect(toAddress(text)).toBeUndefined()
})

test.each([
  ['192.0.2.0/24', '192.0.2.0/24'],
  ['192.0.2.7/24', '192.0.2.7/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:db8::/32', '2001:db8::/32'],
  ['::/128', '::/128'],
  ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
  ['::ffff:0.0.0.0/96', '0.0.0.0/0'],
  ['::ffff:0.0.0.0/80', '::ffff:0.0.0.0/80'],
])('takes the network %s as %s', (text, network) => {
  expect(toNetwork(text)).toBe(network)
})

test.each([
  '192.0.2.0/33',
  '2001:db8::/129',
  '192.0.2.0/',
  '192.0.2.0/-1',
  '192.0.2.0/1e1',
  '192.0.2.0/24/24',
  '/24',
  'x/24',
  7,
])('takes %j for no network', (text) => {
  expect(toNetwork(text)).toBeUndefined()
})
