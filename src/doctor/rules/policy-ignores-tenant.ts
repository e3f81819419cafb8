import { clauseName, judgedFaults } from '../policies.ts'
import type { Rule } from '../rule.ts'

/** Finds policies that ask for something else than the tenant. */
export const policyIgnoresTenant: Rule = {
  code: 'policy-ignores-tenant',
  severity: 'error',
  problem: 'A policy of the app role does not look at the tenant column.',
  why: 'A condition like "is logged in" is true for the users of every tenant, so the rows of all of them come back.',
  remedy:
    'Compare the tenant column with the tenant of the session; put further conditions after it with AND.',
  *find(schema) {
    yield* judgedFaults(
      schema,
      'ignored',
      (clause, { tenantColumn }) =>
        `${clauseName(clause)} does not compare ${tenantColumn.sql}: ${clause.text}`,
    )
  },
}
