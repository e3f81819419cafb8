import { createPolicy } from '../mend.ts'
import { relationObject } from '../objects.ts'
import { isDataRight } from '../rights.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant tables that no policy opens to the app role. */
export const policyMissing: Rule = {
  code: 'policy-missing',
  severity: 'warning',
  problem: 'No policy lets the app role reach a tenant table on which it has rights.',
  why: 'Row-level security without a policy hides every row: reads find nothing and writes fail, and somebody will turn it off to get things going.',
  remedy: 'Create a policy that compares the tenant column with the tenant of the session.',
  *find(schema) {
    for (const table of schema.tenantTables) {
      const { relation, policies, grants } = table
      const isOpened = policies.some(({ isOfApp, isPermissive }) => isOfApp && isPermissive)
      if (!relation.hasRls || isOpened || !grants.some(isDataRight)) continue
      yield {
        object: relationObject(relation),
        detail: 'row-level security is on and no permissive policy names the role',
        fix: [createPolicy(schema, table)],
      }
    }
  },
}
