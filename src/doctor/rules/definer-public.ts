import { definers } from '../definers.ts'
import { appRoleList } from '../mend.ts'
import { functionObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds SECURITY DEFINER functions that everybody may execute. */
export const definerPublic: Rule = {
  code: 'definer-public',
  severity: 'warning',
  problem: 'Everybody may execute a SECURITY DEFINER function.',
  why: 'PostgreSQL gives EXECUTE to PUBLIC with every new function; this one acts with the rights of its owner. A trigger function can be attached to a table of one’s own.',
  remedy:
    'Revoke EXECUTE from PUBLIC and grant it to the roles that call the function; a trigger needs none.',
  *find(schema) {
    for (const { fn } of definers(schema)) {
      if (!schema.grantsOn('function', fn.id).some(({ grantee }) => grantee === 'public')) continue
      const needsGrant = !fn.isTrigger && schema.appRoles.length > 0
      yield {
        object: functionObject(fn),
        detail: 'EXECUTE is granted to public',
        fix: [
          `revoke execute on routine ${fn.sql} from public`,
          ...(needsGrant ? [`grant execute on routine ${fn.sql} to ${appRoleList(schema)}`] : []),
        ],
      }
    }
  },
}
