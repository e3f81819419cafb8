import { quoteText } from '../../database/quote.ts'
import type { Rule } from '../rule.ts'

/** Finds app roles that do not exist. */
export const roleMissing: Rule = {
  code: 'role-missing',
  severity: 'error',
  problem: 'A role that tenants are said to run as does not exist.',
  why: 'What a role may do cannot be examined without it: the report would look healthier than the database is.',
  remedy: 'Name the roles that your statements run as (--role), or create the role with the migrations.',
  *find({ options, catalog }) {
    for (const name of options.roles) {
      if (catalog.roles.some((role) => role.name === name)) continue
      yield { object: `role ${quoteText(name)}`, detail: 'no role of the cluster has this name' }
    }
  },
}
