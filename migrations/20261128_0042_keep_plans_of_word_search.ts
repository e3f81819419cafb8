import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { runAs } from '../src/migration/handover.ts'
import { searchRole } from '../src/migration/roles.ts'

/**
 * Plans the search by words once a session, where it was planned with every call, which took half of its time.
 *
 * The statement of `search_memories` looks rows up by their ids and counts no more than 1,001 of the tenant: without scans of
 * whole tables its plan is right for a tenant of any size. What finds the memories of a word still plans for each word, with
 * scans and sorts, whatever the statement says that calls it: of a word that most memories have, reading the first thousand
 * that come along is better than the bitmap of them all.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await runAs(db, searchRole, async () => {
    await sql`alter function ibex_core.memories_with_words set enable_seqscan = on set enable_sort = on`.execute(
      db,
    )
    await sql`alter function ibex_core.search_memories
      set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_sort = on`.execute(db)
  })
}

/** Plans with every call, as the calling statement says. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await runAs(db, searchRole, async () => {
    await sql`alter function ibex_core.memories_with_words reset enable_seqscan reset enable_sort`.execute(db)
    await sql`alter function ibex_core.search_memories
      set plan_cache_mode = force_custom_plan reset enable_seqscan reset enable_sort`.execute(db)
  })
}
