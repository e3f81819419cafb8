import { clauseName, judgedFaults } from '../policies.ts'
import type { Rule } from '../rule.ts'

/** Finds policies with a way around the tenant. */
export const policyBypass: Rule = {
  code: 'policy-bypass',
  severity: 'error',
  problem: 'A policy of the app role has a way around the tenant.',
  why: 'Whoever can set the setting, or meets the other condition, passes: a service flag joined with OR is one injected set_config away. It also keeps the planner from the index (0.06 ms became 7.6).',
  remedy: 'Compare the tenant only, and give cross-tenant jobs a role and a policy of their own.',
  *find(schema) {
    yield* judgedFaults(
      schema,
      'bypassed',
      (clause, { tenantColumn }) =>
        `${clauseName(clause)} is true without ${tenantColumn.sql} too: ${clause.text}`,
    )
  },
}
