import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { hashOf, makeSecret, prefixOf, tokenTenant } from '../../src/identity/token-secret.ts'

const orgId = '00112233-4455-6677-8899-aabbccddeeff'

test.each([
  ['pat', 'pat'],
  ['org_token', 'org'],
  ['service_token', 'svc'],
  ['marketplace', 'mkt'],
] as const)('names the type %s and the organization in the secret', (type, kind) => {
  const secret = makeSecret(type, orgId)
  expect(secret).toMatch(new RegExp(`^ibx_${kind}_ABEiM0RVZneImaq7zN3u_w_[A-Za-z0-9_-]{43}$`))
  expect(tokenTenant(secret)).toBe(orgId)
})

test('holds 256 random bits: no two of 10,000 begin with the same eight characters, and all bits occur', () => {
  const parts = Array.from({ length: 10_000 }, () => makeSecret('pat', orgId).slice(-43))
  expect(new Set(parts.map((part) => part.slice(0, 8))).size).toBe(10_000)
  const bytes = parts.map((part) => Buffer.from(part, 'base64url'))
  for (let index = 0; index < 32; index++) {
    expect(bytes.reduce((all, each) => all | (each[index] ?? 0), 0)).toBe(255)
    expect(bytes.reduce((all, each) => all & (each[index] ?? 0), 255)).toBe(0)
  }
})

test('shows as the prefix what a secret begins with, and not its last 35 characters', () => {
  const secret = makeSecret('pat', orgId)
  expect(secret.startsWith(prefixOf(secret))).toBe(true)
  expect(secret.length - prefixOf(secret).length).toBe(35)
})

test('stores the SHA-256 of the whole secret', () => {
  expect(hashOf('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('reads every organization out of its secrets', () => {
  for (let count = 0; count < 1_000; count++) {
    const id = randomUUID()
    expect(tokenTenant(makeSecret('org_token', id))).toBe(id)
  }
})

const secret = makeSecret('pat', orgId)

test.each([
  '',
  'ibx_pat_',
  secret.slice(0, -1),
  `${secret}A`,
  `${secret}\n`,
  ` ${secret}`,
  secret.replace('ibx_pat', 'ibx_key'),
  secret.replace('ibx_', 'IBX_'),
  secret.replace('u_w_', 'u_x_'), // bits beyond the 16 bytes
  secret.replace(/.$/, '+'),
  undefined as never,
  42 as never,
  [secret] as never,
])('reads no organization out of what has not the form of a secret: %j', (text) => {
  expect(tokenTenant(text)).toBeUndefined()
})
