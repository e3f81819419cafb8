/** Makes the rules about rights on tenant tables that no statement of a tenant needs. */
import { relationObject } from './objects.ts'
import { granteesOf, revokeAll } from './rights.ts'
import type { Rule } from './rule.ts'

/** The words of a rule about one right. */
export type ExcessRight = Pick<Rule, 'code' | 'severity' | 'problem' | 'why'> & {
  /** As PostgreSQL calls it: `TRUNCATE`. */
  readonly privilege: string
}

/** Makes a rule that finds the right on tenant tables, and revokes it. */
export function excessRight({ privilege, ...words }: ExcessRight): Rule {
  return {
    ...words,
    remedy: `Revoke ${privilege}. A role needs SELECT, INSERT, UPDATE and DELETE; GRANT ALL gives more.`,
    *find({ tenantTables }) {
      for (const { relation, grants } of tenantTables) {
        const excess = grants.filter((grant) => grant.privilege === privilege)
        if (excess.length === 0) continue
        yield {
          object: relationObject(relation),
          detail: `${privilege} is granted to ${granteesOf(excess)}`,
          fix: revokeAll(excess, relation.sql),
        }
      }
    },
  }
}
