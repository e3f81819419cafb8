/** How PostgreSQL plans a search that its connection has sent often. */
import { sql } from 'kysely'
import type { TenantScope } from '../../src/tenant-scope.ts'

/** How often the statements of searches ran on a plan that was kept, and on one of their own, until now. */
export async function plansUntilNow({
  db,
}: Pick<TenantScope, 'db'>): Promise<{ readonly kept: number; readonly own: number }> {
  const { rows } = await sql<{
    kept: number
    own: number
  }>`select coalesce(sum(generic_plans), 0)::int as kept,
    coalesce(sum(custom_plans), 0)::int as own from pg_prepared_statements where statement like ${'%"is ann"%'}`.execute(
    db,
  )
  return rows[0] ?? { kept: 0, own: 0 }
}

/** Repeats a search until the connection, of which there must be one alone, has sent it often, and tells how the last one was planned. */
export async function planOfFrequent(
  scope: Pick<TenantScope, 'db'>,
  run: () => Promise<unknown>,
): Promise<'kept' | 'own' | undefined> {
  for (let count = 0; count < 30; count++) await run()
  const before = await plansUntilNow(scope)
  await run()
  const after = await plansUntilNow(scope)
  if (after.kept > before.kept) return 'kept'
  return after.own > before.own ? 'own' : undefined
}
