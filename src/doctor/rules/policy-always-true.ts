import { clauseName, judgedFaults } from '../policies.ts'
import type { Rule } from '../rule.ts'

/** Finds policies that let every row through. */
export const policyAlwaysTrue: Rule = {
  code: 'policy-always-true',
  severity: 'error',
  problem: 'A policy of the app role is always true.',
  why: 'Permissive policies are joined with OR: one that is always true opens the table to every tenant, however strict the others are. In WITH CHECK it lets a tenant write rows into another one.',
  remedy:
    'Drop it where another policy covers the same statements, else compare the tenant column. A role for cross-tenant jobs gets a policy that names that role.',
  *find(schema) {
    yield* judgedFaults(schema, 'always', (clause) => `${clauseName(clause)} is ${clause.text}`)
  },
}
