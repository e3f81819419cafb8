import { keysAcrossTenants } from '../keys.ts'
import type { Rule } from '../rule.ts'

/** Finds primary keys without the tenant. */
export const primaryKeyTenant: Rule = {
  code: 'primary-key-tenant',
  severity: 'warning',
  problem: 'A primary key of a tenant table does not hold the tenant.',
  why: 'A collision tells that another tenant has the id, which matters as soon as ids can be guessed. Other tables cannot refer to it together with the tenant, nor can the table be partitioned by it.',
  remedy: 'Make it (org_id, id), and let foreign keys carry both.',
  *find(schema) {
    yield* keysAcrossTenants(schema, 'primary key')
  },
}
