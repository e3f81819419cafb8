/** The form of a token's secret: what it is, whose it is, and 256 bits that nobody can guess. */
import { hash, randomBytes } from 'node:crypto'
import type { TokenType } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'

const kinds: Readonly<Record<TokenType, string>> = {
  pat: 'pat',
  org_token: 'org',
  service_token: 'svc',
  marketplace: 'mkt',
}

/** 16 bytes of the organization's id and 32 random ones, in base64url; both lengths are fixed, so `_` may be within. */
const form = /^ibx_(?:pat|org|svc|mkt)_([\w-]{22})_[\w-]{43}$/

/** All before the random part, and eight characters of it: 48 of its 256 bits. */
const prefixLength = 'ibx_pat_'.length + 22 + '_'.length + 8

/**
 * Makes a secret: `ibx_<pat|org|svc|mkt>_<organization>_<43 random characters>`.
 *
 * @throws {InvalidArgumentError} when there is no such type.
 */
export function makeSecret(type: TokenType, orgId: string): string {
  if (!Object.hasOwn(kinds, type))
    throw new InvalidArgumentError('type', `must be one of ${Object.keys(kinds).join(', ')}`)
  return `ibx_${kinds[type]}_${toBase64(orgId)}_${randomBytes(32).toString('base64url')}`
}

/** The first characters of a secret, to recognize it by. */
export function prefixOf(secret: string): string {
  return secret.slice(0, prefixLength)
}

/** The SHA-256 of a whole secret, in 64 hexadecimal digits. Of 256 random bits a slow hash would protect nothing more. */
export function hashOf(secret: string): string {
  return hash('sha256', secret, 'hex')
}

/**
 * Reads the id of the organization in the secret of a token, or `undefined` when it has not the form of one.
 *
 * The id is what the secret claims; whether the secret is good is what `verifyToken` tells.
 */
export function tokenTenant(secret: string): string | undefined {
  // a service hands in what came with a request
  const encoded = typeof secret === 'string' ? form.exec(secret)?.[1] : undefined
  if (encoded === undefined) return undefined
  const digits = Buffer.from(encoded, 'base64url').toString('hex')
  const orgId = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  // the last character has four bits to spare: only one of sixteen spellings is the one that was issued
  return toBase64(orgId) === encoded ? orgId : undefined
}

function toBase64(orgId: string): string {
  return Buffer.from(orgId.replaceAll('-', ''), 'hex').toString('base64url')
}
