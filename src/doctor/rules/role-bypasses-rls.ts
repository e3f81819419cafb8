import { roleObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds app roles that bypass row-level security. */
export const roleBypassesRls: Rule = {
  code: 'role-bypasses-rls',
  severity: 'error',
  problem: 'The app role bypasses row-level security.',
  why: 'BYPASSRLS switches every policy off for the role, FORCE or not: every statement sees every tenant.',
  remedy: 'Take the attribute away; cross-tenant jobs get a role with policies of its own.',
  *find({ appRoles }) {
    for (const role of appRoles) {
      if (!role.bypassesRls) continue
      yield {
        object: roleObject(role),
        detail: 'it has BYPASSRLS',
        fix: [`alter role ${role.sql} nobypassrls`],
      }
    }
  },
}
