/** What a memory was, and what it came from and became. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB, Memory, MemoryVersion } from '../../types/database.d.ts'

/** A memory as it was at a time: the version that held then. */
export type PastMemory = MemoryVersion & {
  /** Whether the memory was soft-deleted at that time. */
  readonly isDeleted: boolean
}

/** How far a chain is followed each way: it ends what would go round a cycle for ever. */
const maxSteps = 1_000

/** Reads the versions of a memory, the first one first. */
export async function readHistory(db: Kysely<DB>, orgId: string, memoryId: string): Promise<MemoryVersion[]> {
  return await db
    .selectFrom('ibex_core.memory_versions')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('memory_id', '=', memoryId)
    .orderBy('version_num')
    .execute()
}

/**
 * Reads the version that held at a time.
 *
 * That is the last one before the first that is later: a version has the time at which its transaction began, so a long
 * transaction may write a higher number with an earlier time. A Date has milliseconds, and `created_at` of a version that was
 * read must find that version.
 */
export async function readAsOf(
  db: Kysely<DB>,
  orgId: string,
  { memoryId, time }: { readonly memoryId: string; readonly time: Date },
): Promise<PastMemory | undefined> {
  const ofMemory = sql`org_id = ${orgId} and memory_id = ${memoryId}`
  const { rows } = await sql<PastMemory>`with past as (
      select * from ibex_core.memory_versions where ${ofMemory} and version_num < coalesce((
        select min(version_num) from ibex_core.memory_versions
        where ${ofMemory} and date_trunc('milliseconds', created_at) > ${time}
      ), 2147483647)
    )
    select past.*, is_deleted as "isDeleted"
    from past order by version_num desc limit 1`.execute(db)
  return rows[0]
}

/**
 * Reads what a memory came from and what it became, the oldest first.
 *
 * Each way is a breadth-first walk in which a memory counts once per step, so that neither a cycle nor ways that part and
 * meet again multiply the work. `offset 0` keeps each look-up one by its index, however many rows the planner guesses.
 */
export async function readSupersessionChain(
  db: Kysely<DB>,
  orgId: string,
  memoryId: string,
): Promise<Memory[]> {
  const start = sql`select id, 0 from ibex_core.memories where org_id = ${orgId} and id = ${memoryId}`
  const { rows } = await sql<Memory>`with recursive older (id, step) as (
      ${start}
      union
      select previous.id, older.step - 1 from older cross join lateral (
        select id from ibex_core.memories where org_id = ${orgId} and superseded_by = older.id
        union all
        select id from ibex_core.memories where org_id = ${orgId} and merged_into = older.id
      ) as previous where older.step > ${-maxSteps}::int
    ), newer (id, step) as (
      ${start}
      union
      select next.id, newer.step + 1 from newer
      cross join lateral (
        select superseded_by, merged_into from ibex_core.memories where org_id = ${orgId} and id = newer.id offset 0
      ) as memory
      cross join lateral (values (memory.superseded_by), (memory.merged_into)) as next (id)
      where next.id is not null and newer.step < ${maxSteps}::int
    ), chain as (
      select distinct on (id) id, step from (select * from older union all select * from newer) as steps
      order by id, abs(step), step desc
    )
    select memory.* from chain cross join lateral (
      select * from ibex_core.memories where org_id = ${orgId} and id = chain.id offset 0
    ) as memory
    order by chain.step, memory.created_at, memory.id`.execute(db)
  return rows
}
