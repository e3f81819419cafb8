import { definers } from '../definers.ts'
import { functionObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds SECURITY DEFINER functions whose names mean what the caller wants. */
export const definerSearchPath: Rule = {
  code: 'definer-search-path',
  severity: 'error',
  problem: 'A SECURITY DEFINER function has no fixed search_path.',
  why: 'The caller’s search path decides which table and function its body means: whoever can create one of the same name, a temporary one suffices, runs code with the owner’s rights. Trigger functions are called by every write.',
  remedy:
    "Set search_path for the function; '' where its body names everything with its schema, else with pg_temp at the end.",
  *find(schema) {
    for (const { fn } of definers(schema)) {
      if (fn.isBound || (fn.searchPath !== null && !fn.searchPath.includes('$user'))) continue
      const how = fn.isTrigger ? 'triggers call it' : 'the app role may call it'
      yield {
        object: functionObject(fn),
        detail: `its search_path is ${fn.searchPath ?? "the caller's"}, and ${how}`,
        fix: [`alter routine ${fn.sql} set search_path = pg_catalog, ${fn.schemaSql}, pg_temp`],
      }
    }
  },
}
