import { relationObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds partitions that would show their rows to whoever is given a right on them. */
export const partitionRlsDisabled: Rule = {
  code: 'partition-rls-disabled',
  severity: 'warning',
  problem: 'Row-level security is off on a partition of a tenant table.',
  why: 'A partition that is read directly skips the policies of its parent. Only the lack of rights protects it, and one GRANT on all tables of the schema ends that.',
  remedy:
    'Enable and force row-level security on the partition, without any policy: nobody reads it directly, and reads through the parent are not concerned.',
  *find({ partitions }) {
    for (const { relation } of partitions) {
      if (relation.kind !== 'table' || (relation.hasRls && relation.isForced)) continue
      yield {
        object: relationObject(relation),
        detail: 'row-level security is not enabled and forced',
        fix: [
          `alter table ${relation.sql} enable row level security`,
          `alter table ${relation.sql} force row level security`,
        ],
      }
    }
  },
}
