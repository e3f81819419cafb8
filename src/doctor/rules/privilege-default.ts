import type { Rule } from '../rule.ts'

/** Finds default privileges that give the app role too much on tables made later. */
export const privilegeDefault: Rule = {
  code: 'privilege-default',
  severity: 'warning',
  problem: 'Tables made later will give the app role more than it needs.',
  why: 'ALTER DEFAULT PRIVILEGES … GRANT ALL opens every new table to TRUNCATE, REFERENCES and TRIGGER, at the moment when nobody looks.',
  remedy: 'Revoke the default rights beyond SELECT, INSERT, UPDATE and DELETE.',
  *find({ catalog }) {
    const excess = catalog.defaultGrants.filter(
      ({ privilege }) => !['SELECT', 'INSERT', 'UPDATE', 'DELETE'].includes(privilege),
    )
    const groups = Map.groupBy(excess, ({ creator, schema, sql }) => `${creator} ${schema ?? ''} ${sql}`)
    for (const grants of groups.values()) {
      const [{ creator, schema, sql } = { creator: '', schema: null, sql: '' }] = grants
      const privileges = grants.map(({ privilege }) => privilege).join(', ')
      const place = schema === null ? '' : ` in schema ${schema}`
      yield {
        object: `default privileges of ${creator}${place} for ${sql}`,
        detail: `${privileges} on new tables`,
        fix: [
          `alter default privileges for role ${creator}${place} revoke ${privileges.toLowerCase()} on tables from ${sql}`,
        ],
      }
    }
  },
}
