import type { CatalogGrant, CatalogRelation } from '../catalog.ts'
import { relationObject } from '../objects.ts'
import { granteesOf, revokeAll } from '../rights.ts'
import type { Rule } from '../rule.ts'

/** Finds sequences that the app role may read or set. */
export const privilegeSequence: Rule = {
  code: 'privilege-sequence',
  severity: 'warning',
  problem: 'The app role may read or set a sequence.',
  why: 'A sequence counts for all tenants: its value tells how many rows they insert together, and setval() makes their inserts fail.',
  remedy:
    'Revoke SELECT and UPDATE; a default needs USAGE at most, an identity column nothing. Keys of type uuid need no sequence.',
  *find(schema) {
    for (const sequence of schema.catalog.relations) {
      if (sequence.kind !== 'sequence') continue
      const grants = schema.grantsOn('relation', sequence.id)
      const excess = grants.filter(({ privilege }) => privilege !== 'USAGE' || !sequence.isDefault)
      if (excess.length === 0) continue
      yield {
        object: relationObject(sequence),
        detail: `${[...new Set(excess.map(({ privilege }) => privilege))].join(', ')} granted to ${granteesOf(excess)}`,
        fix: [...revokeAll(excess, `sequence ${sequence.sql}`), ...grantUsage(sequence, grants)],
      }
    }
  },
}

/** What the default of a column needs, for a grantee who had it through UPDATE alone. */
function grantUsage({ sql, isDefault }: CatalogRelation, grants: readonly CatalogGrant[]): readonly string[] {
  if (!isDefault) return []
  const using = new Set(grants.filter(({ privilege }) => privilege === 'USAGE').map((grant) => grant.sql))
  const updating = grants.filter(
    ({ privilege, sql: grantee }) => privilege === 'UPDATE' && !using.has(grantee),
  )
  return updating.map((grant) => `grant usage on sequence ${sql} to ${grant.sql}`)
}
