/** SQL expressions of the rows of the large fixture: `i` is the number of the row, `org` the tenant, `n` the rows that it gets. */

/** The share of a tenant's rows that a table gets, where it is not 0.2. */
const shares: Readonly<Record<string, number>> = {
  teams: 0.1,
  team_memberships: 0.4,
  directive_versions: 0.4,
  roles: 0.1,
  projects: 0.1,
  canon_items: 0.4,
  sessions: 0.4,
  messages: 1,
  checkpoints: 0.4,
  memories: 0.1,
  memory_usage: 0.1,
  memory_embeddings_staged: 0.1,
  memory_relationships: 0.1,
  agent_executions: 0.4,
  tool_executions: 0.5,
  audit_logs: 0.5,
  orders: 0.4,
  order_items: 0.6,
  points_ledger: 0.6,
}

export function shareOf(table: string): number {
  return shares[table] ?? 0.2
}

function count(table: string): string {
  return `ceil(n * ${shareOf(table)})::int`
}

export function ref(table: string, index = 'i'): string {
  return `md5(org || '${table}' || ((${index}) % ${count(table)}))::uuid`
}

/** The number of the row among those that have the same parent, from 0. */
export function place(parent: string): string {
  return `(i / ${count(parent)})`
}

/** Another parent for each place, so that no pair of parents repeats. */
export function shifted(parent: string, other: string): string {
  return ref(other, `i % ${count(parent)} + ${place(parent)} * 7`)
}

export function own(table: string): Readonly<Record<'id', string>> {
  return { id: ref(table) }
}

export function vector(dimensions: number): string {
  return `(select array_agg(sin(i * 7 + k)) from generate_series(1, ${dimensions}) as k)::vector`
}

export const created = { created_at: 'now() - make_interval(mins => i)' }
export const sha256 = "encode(sha256(i::text::bytea), 'hex')"
