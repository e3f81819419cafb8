import { withoutForce } from '../mend.ts'
import { constraintObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds constraints that existing rows may break. */
export const constraintNotValid: Rule = {
  code: 'constraint-not-valid',
  severity: 'warning',
  problem: 'A constraint of a tenant table was never validated.',
  why: 'Rows from before may break it: refer to another tenant, or to nothing. An owner under FORCE who validates sees no row and calls it valid all the same.',
  remedy:
    'Validate it while FORCE is off for the transaction, so that every row is looked at; a constraint that is NOT ENFORCED is checked for nobody.',
  *find(schema) {
    for (const { constraints } of schema.tenantTables) {
      for (const constraint of constraints) {
        const relation = schema.relation(constraint.relation)
        if (constraint.isValidated || relation === undefined) continue
        const target = constraint.target === null ? undefined : schema.relation(constraint.target)
        const validate = `alter table ${relation.sql} validate constraint ${constraint.sql}`
        yield {
          object: constraintObject(relation, constraint),
          detail: constraint.definition,
          ...(constraint.isEnforced ? { fix: withoutForce([relation, target], [validate]) } : {}),
        }
      }
    }
  },
}
