import { relationObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds tenant tables whose owner is held by no policy. */
export const rlsNotForced: Rule = {
  code: 'rls-not-forced',
  severity: 'error',
  problem: 'Row-level security does not hold the owner of a tenant table.',
  why: 'Without FORCE the owner passes every policy. A service that connects as the owner, a view and a SECURITY DEFINER function of the owner read the rows of every tenant.',
  remedy: 'Force row-level security. Backfills by the owner then need FORCE to be off for their transaction.',
  *find({ tenantTables }) {
    for (const { relation } of tenantTables) {
      if (!relation.hasRls || relation.isForced) continue
      yield {
        object: relationObject(relation),
        detail: 'row-level security is enabled and not forced',
        fix: [`alter table ${relation.sql} force row level security`],
      }
    }
  },
}
