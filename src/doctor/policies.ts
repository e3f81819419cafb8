/** What rules ask about policies. */
import { functionsOf } from './examine.ts'
import type { Examined, JudgedClause, JudgedPolicy, TenantTable } from './examine.ts'
import { namesColumn, withoutWaysAround } from './judge-policy.ts'
import type { Verdict } from './judge-policy.ts'
import { alterPolicy, tenantCondition } from './mend.ts'
import { policyObject } from './objects.ts'
import { callsPerRow, castSettings, guardSettings, wrapCalls } from './policy-calls.ts'
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
function* policiesJudged(
  schema: Examined,
  verdict: Verdict,
): Generator<PolicyOfTable & { readonly clauses: readonly JudgedClause[] }> {
  for (const { table, policy } of appPolicies(schema)) {
    if (!policy.isPermissive || isRestricted(table, policy)) continue
    const clauses = policy.clauses.filter((clause) => clause.verdict === verdict)
    if (clauses.length > 0) yield { table, policy, clauses }
  }
}

/** The faults of the policies of this verdict. */
export function* judgedFaults(
  schema: Examined,
  verdict: Verdict,
  detail: (clause: JudgedClause, table: TenantTable) => string,
): Generator<Fault> {
  for (const { table, policy, clauses } of policiesJudged(schema, verdict)) {
    yield {
      object: policyObject(table, policy),
      detail: clauses.map((clause) => detail(clause, table)).join('; '),
      fix: [mendPolicy(schema, { table, policy })],
    }
  }
}

/**
 * The statement that mends all that is wrong with a policy, whichever rule asks: two statements for one policy would undo
 * each other.
 *
 * One that is always true beside a policy that holds goes. Else all clauses say the same: what the first that holds says,
 * or the first at all without its ways around the tenant and with the tenant before its conditions.
 */
export function mendPolicy(schema: Examined, { table, policy }: PolicyOfTable): string {
  const { clauses } = policy
  const isOpen = clauses.every(({ verdict }) => verdict === 'always')
  if (isOpen && isCovered(table, policy)) return `drop policy ${policy.sql} on ${table.relation.sql}`
  const model =
    clauses.find(({ verdict }) => verdict === 'held') ?? clauses.find(({ verdict }) => verdict !== 'always')
  const condition =
    model === undefined ? tenantCondition(schema, table) : mendClause(schema, { table, policy }, model)
  return alterPolicy(table, policy, Object.fromEntries(clauses.map(({ side }) => [side, condition])))
}

function mendClause(
  schema: Examined,
  { table, policy }: PolicyOfTable,
  { text, verdict }: JudgedClause,
): string {
  const kept = verdict === 'bypassed' ? withoutWaysAround(text, table.names) : undefined
  const sound = soundExpression(schema, { table, policy }, kept ?? text)
  return verdict === 'held' || kept !== undefined ? sound : `${tenantCondition(schema, table)} and ${sound}`
}

/** The expression with its calls in sub-selects and its settings in nullif. */
function soundExpression(schema: Examined, { table, policy }: PolicyOfTable, text: string): string {
  const guarded = guardSettings(text, castSettings(text))
  const calls = callsPerRow(guarded, functionsOf(schema, policy))
  return wrapCalls(
    guarded,
    calls.filter((call) => !namesColumn(call.arguments.tokens, table.names.columns)),
  )
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
