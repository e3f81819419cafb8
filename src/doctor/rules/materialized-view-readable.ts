import { relationObject } from '../objects.ts'
import { granteesOf, isReadable, revokeAll } from '../rights.ts'
import type { Rule } from '../rule.ts'
import { readsTenants } from '../tenant-readers.ts'

/** Finds materialized views of tenant rows that the app role may read. */
export const materializedViewReadable: Rule = {
  code: 'materialized-view-readable',
  severity: 'error',
  problem: 'The app role may read a materialized view of tenant rows.',
  why: 'A materialized view holds a copy made with its owner’s eyes and cannot have policies: it shows the rows of every tenant.',
  remedy: 'Revoke the rights, and show it through a view that compares the tenant, or through a function.',
  *find(schema) {
    for (const relation of schema.catalog.relations) {
      if (relation.kind !== 'materialized view' || !isReadable(schema, relation.id)) continue
      if (!readsTenants(schema, relation)) continue
      const grants = [...schema.grantsOn('relation', relation.id), ...schema.grantsOn('column', relation.id)]
      yield {
        object: relationObject(relation),
        detail: `it is open to ${granteesOf(grants)}`,
        fix: revokeAll(grants, relation.sql),
      }
    }
  },
}
