import { indexObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds indexes that were never finished. */
export const indexInvalid: Rule = {
  code: 'index-invalid',
  severity: 'warning',
  problem: 'An index of a tenant table is invalid.',
  why: 'CREATE INDEX CONCURRENTLY that fails leaves one behind: it is not searched, every write pays for it, and a unique one does not hold.',
  remedy:
    'Reindex it, or drop it and create it again. On a big table use REINDEX CONCURRENTLY, outside of the script; of a partitioned index attach what is missing.',
  *find({ tenantTables }) {
    for (const { indexes } of tenantTables) {
      for (const index of indexes) {
        if (index.isValid) continue
        yield {
          object: indexObject(index),
          detail: index.isPartitioned ? 'a partition has no index that is attached to it' : index.definition,
          ...(index.isPartitioned ? {} : { fix: [`reindex index ${index.sql}`] }),
        }
      }
    }
  },
}
