/** Waiting for one statement to wait for another. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { DB } from '../../types/database.d.ts'

/** Resolves as soon as a statement of this database waits for a lock. */
export async function untilBlocked(admin: Kysely<DB>): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const { rows } = await sql`select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(admin)
    if (rows.length > 0) return
    await delay(10)
  }
  throw new Error('no statement waits for a lock')
}
