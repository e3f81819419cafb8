import { roleObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds app roles that are superusers. */
export const roleSuperuser: Rule = {
  code: 'role-superuser',
  severity: 'error',
  problem: 'The app role is a superuser.',
  why: 'Row-level security does not hold a superuser, FORCE or not: every statement sees every tenant.',
  remedy: 'Take the attribute away, or let statements run as another role.',
  *find({ appRoles }) {
    for (const role of appRoles) {
      if (!role.isSuperuser) continue
      yield {
        object: roleObject(role),
        detail: 'it is a superuser',
        fix: [`alter role ${role.sql} nosuperuser`],
      }
    }
  },
}
