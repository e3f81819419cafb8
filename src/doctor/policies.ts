/** What rules ask about policies. */
import type { Examined, JudgedClause, JudgedPolicy, TenantTable } from './examine.ts'
import type { Verdict } from './judge-policy.ts'
import { alterPolicy, tenantCondition } from './mend.ts'
import { policyObject } from './objects.ts'
import type { Fault } from './rule.ts'

/** A policy of a tenant table. */
export interface PolicyOfTable {
  readonly table: TenantTable
  readonly policy: JudgedPolicy
}

/** The policies that decide about statements of the app roles, on tables where row-level security is on. */
export function* appPolicies({ tenantTables }: Examined): Generator<PolicyOfTable> {
  for (const table of tenantTables) {
    if (!table.relation.hasRls) continue
    for (const policy of table.policies) if (policy.isOfApp) yield { table, policy }
  }
}

/**
 * The permissive policies of the app roles with a clause of this verdict, once each. A clause that a restrictive policy
 * narrows to the tenant is in order.
 */
export function* policiesJudged(
  schema: Examined,
  verdict: Verdict,
): Generator<PolicyOfTable & { readonly clauses: readonly JudgedClause[] }> {
  for (const { table, policy } of appPolicies(schema)) {
    if (!policy.isPermissive || isRestricted(table, policy)) continue
    const clauses = policy.clauses.filter((clause) => clause.verdict === verdict)
    if (clauses.length > 0) yield { table, policy, clauses }
  }
}

/** The faults of the policies of this verdict, and the statement that ties each to the tenant. */
export function* judgedFaults(
  schema: Examined,
  verdict: Verdict,
  detail: (clause: JudgedClause, table: TenantTable) => string,
): Generator<Fault> {
  for (const { table, policy, clauses } of policiesJudged(schema, verdict)) {
    const condition = tenantCondition(schema, table)
    const sides = Object.fromEntries(clauses.map(({ side }) => [side, condition]))
    yield {
      object: policyObject(table, policy),
      detail: clauses.map((clause) => detail(clause, table)).join('; '),
      fix: [
        isCovered(table, policy)
          ? `drop policy ${policy.sql} on ${table.relation.sql}`
          : alterPolicy(table, policy, sides),
      ],
    }
  }
}

/** How a clause is written in a policy. */
export function clauseName({ side }: JudgedClause): string {
  return side === 'using' ? 'USING' : 'WITH CHECK'
}

/** True when the two decide about one command of one role. */
export function meet(one: JudgedPolicy, other: JudgedPolicy): boolean {
  const isSameCommand = one.command === 'all' || other.command === 'all' || one.command === other.command
  return (
    isSameCommand &&
    (covers(one, other) || covers(other, one) || one.roles.some((role) => other.roles.includes(role)))
  )
}

/** Another permissive policy already lets the same statements through, tied to the tenant: this one only widens it. */
function isCovered(table: TenantTable, policy: JudgedPolicy): boolean {
  return table.policies.some(
    (other) => other !== policy && other.isPermissive && isHeld(other) && includes(other, policy),
  )
}

function isRestricted(table: TenantTable, policy: JudgedPolicy): boolean {
  return table.policies.some((other) => !other.isPermissive && isHeld(other) && includes(other, policy))
}

function includes(wide: JudgedPolicy, narrow: JudgedPolicy): boolean {
  return (wide.command === 'all' || wide.command === narrow.command) && covers(wide, narrow)
}

function covers(wide: JudgedPolicy, narrow: JudgedPolicy): boolean {
  return wide.roles.includes('public') || narrow.roles.every((role) => wide.roles.includes(role))
}

/** True when every clause keeps rows to their tenant. */
export function isHeld({ clauses }: JudgedPolicy): boolean {
  return clauses.every(({ verdict }) => verdict === 'held')
}
