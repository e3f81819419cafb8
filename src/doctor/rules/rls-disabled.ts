import { createPolicy } from '../mend.ts'
import { relationObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant tables on which row-level security is off. */
export const rlsDisabled: Rule = {
  code: 'rls-disabled',
  severity: 'error',
  problem: 'Row-level security is off on a tenant table.',
  why: 'Whoever may read the table reads the rows of every tenant, whatever policies it has. Copies made with CREATE TABLE AS or LIKE are born like this.',
  remedy: 'Enable and force row-level security; a table without a policy for the app role gets one.',
  *find(schema) {
    for (const table of schema.tenantTables) {
      const { relation, policies } = table
      if (relation.hasRls) continue
      const hasPolicy = policies.some(({ isOfApp, isPermissive }) => isOfApp && isPermissive)
      yield {
        object: relationObject(relation),
        detail: 'row-level security is not enabled',
        fix: [
          ...(hasPolicy ? [] : [createPolicy(schema, table)]),
          `alter table ${relation.sql} enable row level security`,
          `alter table ${relation.sql} force row level security`,
        ],
      }
    }
  },
}
