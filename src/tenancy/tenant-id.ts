/** The check that every tenant id passes before the first byte goes to the server. */
import { InvalidTenantIdError, MissingTenantError } from '../errors.ts'
import { isUuid } from './arguments.ts'

/** An id that no organization has, where a tenant's role is needed and no tenant. */
export const nobody = '00000000-0000-0000-0000-000000000000'

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
  if (!isUuid(id)) throw new InvalidTenantIdError()
  return id.toLowerCase()
}
