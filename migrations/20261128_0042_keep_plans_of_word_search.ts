import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { runAs } from '../src/migration/handover.ts'
import { searchRole } from '../src/migration/roles.ts'

const functions = ['memories_with_words', 'search_memories']

/**
 * Lets the functions that find memories by words plan with scans and sorts, whatever the statement that calls them says.
 *
 * A search by vector and words keeps its plan with both turned off, so that a tenant of any size is searched by the indexes.
 * Of a word that most memories have, reading the first thousand that come along is better than the bitmap of them all.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await alterFunctions(db, 'set enable_seqscan = on set enable_sort = on')
}

/** Lets them plan as the calling statement says. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await alterFunctions(db, 'reset enable_seqscan reset enable_sort')
}

async function alterFunctions(db: Kysely<unknown>, change: string): Promise<void> {
  await runAs(db, searchRole, async () => {
    for (const name of functions)
      await sql`alter function ${sql.table(`ibex_core.${name}`)} ${sql.raw(change)}`.execute(db)
  })
}
