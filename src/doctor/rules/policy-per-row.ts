import { functionsOf } from '../examine.ts'
import type { Call } from '../expression.ts'
import { namesColumn } from '../judge-policy.ts'
import { policyObject } from '../objects.ts'
import { appPolicies, mendPolicy } from '../policies.ts'
import { callsPerRow } from '../policy-calls.ts'
import type { Rule } from '../rule.ts'

/** Finds policies that ask for the tenant again for every row. */
export const policyPerRow: Rule = {
  code: 'policy-per-row',
  severity: 'warning',
  problem: 'A policy calls a function for every row.',
  why: 'A bare call of a stable function runs once a row; in a sub-select, (select f()), PostgreSQL runs it once a statement (an InitPlan), which is 5 times cheaper on scans. A function that is handed columns of the row always runs once a row: 171 ms instead of 0.06.',
  remedy:
    'Wrap the call in (select …). Instead of handing the row to a function, compare its column with what a function without arguments returns.',
  *find(schema) {
    for (const { table, policy } of appPolicies(schema)) {
      const called = functionsOf(schema, policy)
      const calls = policy.clauses.flatMap(({ text }) => callsPerRow(text, called))
      if (calls.length === 0) continue
      const isOfRow = calls.some((call) => namesColumn(call.arguments.tokens, table.names.columns))
      yield {
        object: policyObject(table, policy),
        detail: `${namesOf(calls)} ${isOfRow ? 'is handed columns of the row' : 'stands outside of a sub-select'}`,
        ...(isOfRow ? {} : { fix: [mendPolicy(schema, { table, policy })] }),
      }
    }
  },
}

function namesOf(calls: readonly Call[]): string {
  return [...new Set(calls.map(({ path }) => `${path.join('.')}()`))].join(', ')
}
