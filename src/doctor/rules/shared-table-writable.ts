import { relationObject } from '../objects.ts'
import { granteesOf } from '../rights.ts'
import type { Rule } from '../rule.ts'
import { sharedTables } from '../shared-tables.ts'

/** Finds tables of all tenants that a tenant may write. */
export const sharedTableWritable: Rule = {
  code: 'shared-table-writable',
  severity: 'warning',
  problem: 'The app role may write a table that all tenants share.',
  why: 'What one tenant writes, all others read: a catalogue that tenants may change, or a tenant table that somebody forgot.',
  remedy:
    'Revoke INSERT, UPDATE and DELETE, and let the role of cross-tenant jobs write it; or make it a tenant table.',
  *find(schema) {
    for (const { relation, parents, grants } of sharedTables(schema)) {
      const writing = grants.filter(({ privilege }) => privilege !== 'SELECT')
      // one that refers to tenant tables is found by a rule of its own
      if (writing.length === 0 || parents.length > 0) continue
      const privileges = [...new Set(writing.map(({ privilege }) => privilege))].join(', ')
      yield { object: relationObject(relation), detail: `${privileges} granted to ${granteesOf(writing)}` }
    }
  },
}
