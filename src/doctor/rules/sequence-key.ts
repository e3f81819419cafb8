import { columnObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds columns of tenant tables that count for all tenants. */
export const sequenceKey: Rule = {
  code: 'sequence-key',
  severity: 'info',
  problem: 'A column of a tenant table counts for all tenants together.',
  why: 'Two ids of one tenant tell how many rows all others inserted in between, and ids that can be guessed are tried.',
  remedy: 'Use uuid keys; a number that people read is counted within its tenant.',
  *find({ tenantTables }) {
    for (const { relation, columns } of tenantTables) {
      for (const column of columns) {
        if (column.isCounted)
          yield { object: columnObject(relation, column), detail: 'its values come from a sequence' }
      }
    }
  },
}
