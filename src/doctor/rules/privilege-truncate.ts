import { excessRight } from '../excess-right.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant tables that the app role may truncate. */
export const privilegeTruncate: Rule = excessRight({
  code: 'privilege-truncate',
  severity: 'error',
  privilege: 'TRUNCATE',
  problem: 'The app role may truncate a tenant table.',
  why: 'TRUNCATE asks no policy: one statement of one tenant deletes the rows of all.',
})
