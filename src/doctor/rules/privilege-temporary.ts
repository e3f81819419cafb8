import { granteesOf, revokeAll } from '../rights.ts'
import type { Rule } from '../rule.ts'

/** Finds databases in which the app role may create temporary tables. */
export const privilegeTemporary: Rule = {
  code: 'privilege-temporary',
  severity: 'warning',
  problem: 'The app role may create temporary tables.',
  why: 'A temporary table comes first in the search path and can stand in for a real one, in functions too; behind a pooler it stays for the next tenant. PostgreSQL gives the right to PUBLIC.',
  remedy: 'Revoke TEMPORARY on the database from PUBLIC, and grant it to the roles that need it.',
  *find({ catalog }) {
    const grants = catalog.grants.filter(
      ({ on, privilege }) => on === 'database' && privilege === 'TEMPORARY',
    )
    if (grants.length === 0) return
    yield {
      object: 'database',
      detail: `TEMPORARY is granted to ${granteesOf(grants)}`,
      fix: revokeAll(grants, `database ${catalog.database.sql}`),
    }
  },
}
