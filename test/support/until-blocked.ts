/** Waiting for statements to wait for others. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { DB } from '../../types/database.d.ts'

/** Resolves as soon as a statement of this database waits for a lock, or so many do. */
export async function untilBlocked(admin: Kysely<DB>, count = 1): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const { rows } = await sql`select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(admin)
    if (rows.length >= count) return
    await delay(10)
  }
  throw new Error('too few statements wait for a lock')
}
