import { leakyIndexes } from '../leaky-indexes.ts'
import { indexObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds indexes that row-level security makes useless. */
export const indexUnusable: Rule = {
  code: 'index-unusable',
  severity: 'warning',
  problem: 'Row-level security keeps an index from being used.',
  why: 'Only leakproof operators may look at a row before its policy does. @@, @>, && and LIKE, the comparisons of enums, numeric, arrays and jsonb, and expressions are none: the index is never searched (44 ms instead of 0.08 at 400,000 rows), and nothing says so.',
  remedy:
    'Use text with a CHECK instead of an enum, float instead of numeric. Put text, array and JSON search into a SECURITY DEFINER function of a role with a policy of its own, that compares the tenant itself.',
  *find(schema) {
    for (const { index, isUseless, columns } of leakyIndexes(schema)) {
      if (!isUseless) continue
      yield {
        object: indexObject(index),
        detail: `no leakproof operator searches ${columns.join(', ')}: ${index.definition}`,
      }
    }
  },
}
