import { excessRight } from '../excess-right.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant tables that the app role may lock and rewrite. */
export const privilegeMaintain: Rule = excessRight({
  code: 'privilege-maintain',
  severity: 'warning',
  privilege: 'MAINTAIN',
  problem: 'The app role may lock, vacuum and reindex a tenant table.',
  why: 'Since PostgreSQL 17 GRANT ALL includes MAINTAIN: LOCK TABLE or CLUSTER by one tenant stops all of them.',
})
