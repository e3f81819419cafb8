import { functionsOf } from '../examine.ts'
import type { Examined } from '../examine.ts'
import { functionObject, policyObject } from '../objects.ts'
import { appPolicies, mendPolicy } from '../policies.ts'
import { castSettings, isText } from '../policy-calls.ts'
import type { Fault, Rule } from '../rule.ts'

/** Finds settings that are cast although they may be empty. */
export const policySettingCast: Rule = {
  code: 'policy-setting-cast',
  severity: 'warning',
  problem: 'A policy casts a setting without nullif.',
  why: "After the first transaction that set it, a setting is '' and not null. The cast then raises 22P02 on a connection that served a tenant before, and works on a fresh one: an outage that no test shows.",
  remedy: "Read it as nullif(current_setting('…', true), '') in one function, and call that in every policy.",
  *find(schema) {
    for (const { table, policy } of appPolicies(schema)) {
      const bare = policy.clauses.filter(({ text }) => castSettings(text).length > 0)
      if (bare.length === 0) continue
      yield {
        object: policyObject(table, policy),
        detail: [...new Set(bare.map(({ text }) => text))].join('; '),
        fix: [mendPolicy(schema, { table, policy })],
      }
    }
    yield* ofFunctions(schema)
  },
}

/** The body of a function is a program, so only a person can mend it. */
function* ofFunctions(schema: Examined): Generator<Fault> {
  const called = new Set([...appPolicies(schema)].flatMap(({ policy }) => functionsOf(schema, policy)))
  for (const fn of called) {
    const isRead = /\bcurrent_setting\s*\(/iu.test(fn.source)
    if (!isRead || /\bnullif\s*\(/iu.test(fn.source) || isText(fn.returns)) continue
    yield {
      object: functionObject(fn),
      detail: `it returns ${fn.returns} from a setting and has no nullif`,
    }
  }
}
