import { relationObject } from '../objects.ts'
import { granteesOf, isReachable } from '../rights.ts'
import type { Rule } from '../rule.ts'
import { readsTenants } from '../tenant-readers.ts'

/** Finds views through which the app role reads with the rights of their owner. */
export const viewOwnerRights: Rule = {
  code: 'view-owner-rights',
  severity: 'error',
  problem: 'A view shows tenant rows with the rights of its owner.',
  why: 'The policies of the tables behind a view are asked for its owner, not for its reader: an owner whom no policy holds shows the rows of every tenant.',
  remedy: 'Set security_invoker; the app role then needs SELECT on the tables that the view reads.',
  *find(schema) {
    for (const relation of schema.catalog.relations) {
      const grants = [...schema.grantsOn('relation', relation.id), ...schema.grantsOn('column', relation.id)]
      if (relation.kind !== 'view' || relation.isInvoker || !isReachable(grants)) continue
      if (!readsTenants(schema, relation)) continue
      yield {
        object: relationObject(relation),
        detail: `it runs as ${relation.owner} and is open to ${granteesOf(grants)}`,
        fix: [`alter view ${relation.sql} set (security_invoker = true)`],
      }
    }
  },
}
