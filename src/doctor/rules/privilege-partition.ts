import { relationObject } from '../objects.ts'
import { granteesOf, revokeAll } from '../rights.ts'
import type { Rule } from '../rule.ts'

/** Finds partitions of tenant tables on which the app role has rights. */
export const privilegePartition: Rule = {
  code: 'privilege-partition',
  severity: 'error',
  problem: 'The app role has rights on a partition of a tenant table.',
  why: 'A partition that is named directly skips the policies of its parent. Reads and writes through the parent need no right on it.',
  remedy: 'Revoke all rights on partitions.',
  *find(schema) {
    for (const { relation } of schema.partitions) {
      const grants = [...schema.grantsOn('relation', relation.id), ...schema.grantsOn('column', relation.id)]
      if (grants.length === 0) continue
      const privileges = [...new Set(grants.map(({ privilege }) => privilege))].join(', ')
      yield {
        object: relationObject(relation),
        detail: `${privileges} granted to ${granteesOf(grants)}`,
        fix: revokeAll(grants, relation.sql),
      }
    }
  },
}
