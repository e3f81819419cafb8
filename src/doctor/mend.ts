/** Pieces of SQL that mend, shared by rules. */
import { quoteText } from '../database/quote.ts'
import type { CatalogRelation } from './catalog.ts'
import type { Examined, JudgedPolicy, TenantTable } from './examine.ts'
import { castSettings, guardSettings } from './policy-calls.ts'

/** The app roles as a list for GRANT, REVOKE and CREATE POLICY. */
export function appRoleList({ appRoles }: Examined): string {
  return appRoles.map(({ sql }) => sql).join(', ')
}

/**
 * The condition of a policy that holds: the tenant column equals the tenant of the session, read once a statement.
 *
 * It compares the column with what most policies compare one of this type with, else with the setting.
 */
export function tenantCondition({ options, tenantValues }: Examined, { tenantColumn }: TenantTable): string {
  const { type, sql } = tenantColumn
  const setting = `nullif(current_setting(${quoteText(options.setting)}, true), '')::${type}`
  const used = tenantValues.get(type)
  const value = used === undefined ? setting : guardSettings(used, castSettings(used))
  return `${sql} = (select ${value})`
}

/** A policy for the app roles, for a table that has none. */
export function createPolicy(schema: Examined, table: TenantTable): string {
  const condition = tenantCondition(schema, table)
  const roles = schema.appRoles.length === 0 ? '' : ` to ${appRoleList(schema)}`
  const isTaken = table.policies.some(({ name }) => name === 'tenant_isolation')
  const name = isTaken ? 'tenant_isolation_of_app' : 'tenant_isolation'
  return `create policy ${name} on ${table.relation.sql}${roles} using (${condition}) with check (${condition})`
}

/** Gives the clauses of a policy other conditions. */
export function alterPolicy(
  { relation }: TenantTable,
  policy: JudgedPolicy,
  conditions: { readonly using?: string; readonly check?: string },
): string {
  const using = conditions.using === undefined ? '' : ` using (${conditions.using})`
  const check = conditions.check === undefined ? '' : ` with check (${conditions.check})`
  return `alter policy ${policy.sql} on ${relation.sql}${using}${check}`
}

/**
 * Statements that must see every row, between switching FORCE off and on again where a table has it: under FORCE an owner
 * who is no superuser would validate a constraint against the rows that it sees, which are none.
 */
export function withoutForce(
  relations: readonly (CatalogRelation | undefined)[],
  statements: readonly string[],
): readonly string[] {
  const forced = relations
    .filter((relation) => relation?.isForced === true)
    .map((relation) => relation?.sql ?? '')
  const tables = [...new Set(forced)]
  return [
    ...tables.map((table) => `alter table ${table} no force row level security`),
    ...statements,
    ...tables.map((table) => `alter table ${table} force row level security`),
  ]
}
