import { logins } from '../logins.ts'
import { roleObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds logins that may become the app role and are held by no policy before they do. */
export const loginBypassesRls: Rule = {
  code: 'login-bypasses-rls',
  severity: 'warning',
  problem: 'A login that is a member of the app role is held by no policy itself.',
  why: 'A statement that is sent before the role is set, or after RESET ROLE, sees every tenant.',
  remedy:
    'Give the service a login of its own without SUPERUSER and BYPASSRLS, that is a member of the app role only.',
  *find(schema) {
    for (const { login, reach } of logins(schema)) {
      const role = reach.find(({ isSuperuser, bypassesRls }) => isSuperuser || bypassesRls)
      if (role === undefined) continue
      const reason = role.isSuperuser ? 'is a superuser' : 'has BYPASSRLS'
      yield {
        object: roleObject(login),
        detail: role === login ? `the login ${reason}` : `it is a member of ${role.sql}, which ${reason}`,
      }
    }
  },
}
