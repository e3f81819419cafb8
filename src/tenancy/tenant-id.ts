/** The check that every tenant id passes before the first byte goes to the server. */
import { InvalidTenantIdError, MissingTenantError } from '../errors.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * Returns the tenant id in PostgreSQL's canonical form: 36 characters, lower case.
 *
 * Upper case is accepted and lowered, so that one tenant has one cache key; braces, quotes and missing hyphens, which
 * PostgreSQL would accept, are not.
 *
 * @throws {MissingTenantError} when it is undefined, null or empty.
 * @throws {InvalidTenantIdError} when it is anything else than a uuid.
 */
export function parseTenantId(id: unknown): string {
  if (id === undefined || id === null || id === '') throw new MissingTenantError()
  if (typeof id !== 'string' || id.length !== 36) throw new InvalidTenantIdError()
  const lowered = id.toLowerCase()
  if (!uuid.test(lowered)) throw new InvalidTenantIdError()
  return lowered
}
