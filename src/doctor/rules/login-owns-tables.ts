import { logins } from '../logins.ts'
import { roleObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds logins of services that own tenant tables. */
export const loginOwnsTables: Rule = {
  code: 'login-owns-tables',
  severity: 'warning',
  problem: 'A login that is a member of the app role owns tenant tables.',
  why: 'Outside of a scope it can switch row-level security off, drop policies and read what a missing FORCE shows: the service and its migrations should not share a login.',
  remedy: 'Let migrations run as another login than the service, and give the tables to that one.',
  *find(schema) {
    for (const { login, reach } of logins(schema)) {
      const names = new Set(reach.map(({ name }) => name))
      const owned = schema.tenantTables.filter(({ relation }) => names.has(relation.owner))
      const [first] = owned
      if (first === undefined) continue
      const others = owned.length === 1 ? '' : ` and ${owned.length - 1} more`
      yield {
        object: roleObject(login),
        detail: `it owns ${first.relation.sql}${others}, or may act as their owner`,
      }
    }
  },
}
