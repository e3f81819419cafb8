import { keysAcrossTenants } from '../keys.ts'
import type { Rule } from '../rule.ts'

/** Finds exclusion constraints without the tenant. */
export const exclusionTenant: Rule = {
  code: 'exclusion-tenant',
  severity: 'error',
  problem: 'An exclusion constraint of a tenant table does not hold the tenant.',
  why: 'It asks no policy: a booking of one tenant is refused because of a booking of another, which it learns about.',
  remedy: 'Add the tenant column WITH =; a gist index needs the extension btree_gist for that.',
  *find(schema) {
    yield* keysAcrossTenants(schema, 'exclusion')
  },
}
