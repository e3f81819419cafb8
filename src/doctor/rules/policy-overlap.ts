import type { JudgedPolicy } from '../examine.ts'
import { policyObject } from '../objects.ts'
import { appPolicies, isHeld, meet } from '../policies.ts'
import type { Rule } from '../rule.ts'

/** Finds commands for which several permissive policies of the app role count. */
export const policyOverlap: Rule = {
  code: 'policy-overlap',
  severity: 'warning',
  problem: 'Several permissive policies count for the same command of the app role.',
  why: 'They are joined with OR: a row passes when any one lets it through, so each new policy can only widen the table. People write the second one to narrow it.',
  remedy: 'Make one policy of them, or declare those that should narrow AS RESTRICTIVE.',
  *find(schema) {
    for (const { table, policy } of appPolicies(schema)) {
      // one that is wide open is found by a rule of its own
      if (!policy.isPermissive || !isHeld(policy)) continue
      const earlier = table.policies.filter(({ name, isOfApp }) => isOfApp && name < policy.name)
      const others = earlier.filter(
        (other) => other.isPermissive && isHeld(other) && meet(other, policy) && !isSame(other, policy),
      )
      if (others.length === 0) continue
      const names = others.map(({ sql }) => sql).join(', ')
      yield {
        object: policyObject(table, policy),
        detail: `for ${policy.command} it counts beside ${names}`,
      }
    }
  },
}

/** One that says the same widens nothing. */
function isSame(one: JudgedPolicy, other: JudgedPolicy): boolean {
  return one.using === other.using && (one.check ?? one.using) === (other.check ?? other.using)
}
