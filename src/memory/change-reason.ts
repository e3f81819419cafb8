/** The reason that versions of memories get when a job changes them and its scope gives none. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { Scope } from '../tenancy/scope.ts'

/**
 * Builds a select of one row that sets the reason until the end of the transaction, unless the scope has one.
 *
 * In a CTE it runs only when the statement reads it. Triggers write versions when the statement ends, so they see it.
 */
export function reasonUnlessGiven(reason: string): RawBuilder<unknown> {
  return sql`select set_config('app.change_reason',
    coalesce(nullif(current_setting('app.change_reason', true), ''), ${reason}), true)`
}

/** Runs a job, and gives the transaction that surrounds it, where there is one, the reason back that it had before. */
export async function keepingReason<DB, T>(
  scope: Pick<Scope<DB>, 'db' | 'isTransaction'>,
  job: (db: Kysely<DB>) => Promise<T>,
): Promise<T> {
  if (!scope.isTransaction) return await job(scope.db)
  const { rows } = await sql<{ reason: string | null }>`
    select current_setting('app.change_reason', true) as reason`.execute(scope.db)
  const result = await job(scope.db)
  // a job that threw has aborted the transaction, or its savepoint, and the setting ends with it
  await sql`select set_config('app.change_reason', ${rows[0]?.reason ?? ''}, true)`.execute(scope.db)
  return result
}
