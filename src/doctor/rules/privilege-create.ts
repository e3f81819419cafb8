import { granteesOf, revokeAll } from '../rights.ts'
import type { Rule } from '../rule.ts'

/** Finds schemas and databases in which the app role may create objects. */
export const privilegeCreate: Rule = {
  code: 'privilege-create',
  severity: 'error',
  problem: 'The app role may create objects.',
  why: 'A table or function of its own can stand in for a real one in somebody else’s search path, and runs with the rights of whoever calls it.',
  remedy:
    'Revoke CREATE on schemas and on the database; on PostgreSQL 14 and older, and databases that came from there, PUBLIC has it on schema public.',
  *find(schema) {
    const { schemas, database } = schema.catalog
    for (const { id, sql } of schemas) {
      const grants = schema.grantsOn('schema', id).filter(({ privilege }) => privilege === 'CREATE')
      if (grants.length === 0) continue
      yield {
        object: `schema ${sql}`,
        detail: `CREATE is granted to ${granteesOf(grants)}`,
        fix: revokeAll(grants, `schema ${sql}`),
      }
    }
    const grants = schema.catalog.grants.filter(
      ({ on, privilege }) => on === 'database' && privilege === 'CREATE',
    )
    if (grants.length === 0) return
    yield {
      object: 'database',
      detail: `CREATE is granted to ${granteesOf(grants)}`,
      fix: revokeAll(grants, `database ${database.sql}`),
    }
  },
}
