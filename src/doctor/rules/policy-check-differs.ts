import { policyObject } from '../objects.ts'
import { appPolicies, mendPolicy } from '../policies.ts'
import type { Rule } from '../rule.ts'

/** Finds policies that judge rows differently when they are read and when they are written. */
export const policyCheckDiffers: Rule = {
  code: 'policy-check-differs',
  severity: 'warning',
  problem: 'USING and WITH CHECK of a policy differ.',
  why: 'Where writing asks for less than reading, a role writes rows that it cannot see afterwards; where it asks for more, it changes rows that it could not have written. One of the two is usually a slip.',
  remedy:
    'Say the same twice, or leave WITH CHECK out: USING then counts for both. Put conditions for writing alone into a policy for that command.',
  *find(schema) {
    for (const { table, policy } of appPolicies(schema)) {
      const { using, check, clauses } = policy
      if (using === null || check === null || using === check) continue
      // otherwise another rule has found it
      if (clauses.some(({ verdict }) => verdict !== 'held')) continue
      yield {
        object: policyObject(table, policy),
        detail: `USING is ${using}, WITH CHECK is ${check}`,
        fix: [mendPolicy(schema, { table, policy })],
      }
    }
  },
}
