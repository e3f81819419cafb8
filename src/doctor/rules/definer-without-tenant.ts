import type { CatalogFunction } from '../catalog.ts'
import { definers } from '../definers.ts'
import type { Examined, TenantTable } from '../examine.ts'
import { readTokens } from '../expression.ts'
import { readsSetting } from '../judge-policy.ts'
import { functionObject } from '../objects.ts'
import type { Rule } from '../rule.ts'

/** Finds SECURITY DEFINER functions that read tenant tables past the policies and never ask for the tenant. */
export const definerWithoutTenant: Rule = {
  code: 'definer-without-tenant',
  severity: 'error',
  problem: 'A SECURITY DEFINER function that the app role may call reads every tenant.',
  why: 'Its owner is held by no policy on a table that its body names, and the body never asks for the tenant of the session: it answers from the rows of all.',
  remedy:
    'Compare the tenant in its statements, make it SECURITY INVOKER, or give it to an owner whom the policies hold.',
  *find(schema) {
    for (const { fn, isCallable } of definers(schema)) {
      if (!isCallable || fn.isTrigger || asksForTenant(schema, fn)) continue
      const open = schema.tenantTables.filter(
        (table) => names(fn, table) && isOpenTo(schema, table, fn.owner),
      )
      if (open.length === 0) continue
      yield {
        object: functionObject(fn),
        detail: `${fn.owner}, its owner, sees every row of ${open.map(({ relation }) => relation.sql).join(', ')}`,
      }
    }
  },
}

function asksForTenant({ options, tenantFunctions }: Examined, { source }: CatalogFunction): boolean {
  return readsSetting(readTokens(source), options.setting, tenantFunctions)
}

function names({ source }: CatalogFunction, { relation }: TenantTable): boolean {
  return source.split(/[^\p{L}\p{N}_$]+/u).includes(relation.name) || source.includes(relation.sql)
}

function isOpenTo({ catalog }: Examined, { relation, policies }: TenantTable, owner: string): boolean {
  const role = catalog.roles.find(({ name }) => name === owner)
  if (role?.isSuperuser === true || role?.bypassesRls === true) return true
  if (!relation.hasRls || (relation.owner === owner && !relation.isForced)) return true
  return policies.some(
    ({ roles, isPermissive, using }) =>
      isPermissive && using === 'true' && (roles.includes(owner) || roles.includes('public')),
  )
}
