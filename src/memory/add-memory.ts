/** Adds memories with exact deduplication, in one statement each or all at once. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB, Memory } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { SerializationFailureError } from '../errors.ts'
import { bulkInsertQuery, groupRows } from '../repository/bulk-insert.ts'
import { rowToInsert } from '../repository/column-values.ts'
import type { Values } from '../repository/column-values.ts'
import type { CheckedMemory } from './memory-input.ts'

/** What became of a memory that was added. */
export type AddOutcome = 'created' | 'duplicate'

const table = tables['ibex_core.memories']

/** How often an insert and a look-up may miss each other before giving up: each needs a concurrent change in between. */
const maxAttempts = 5

/**
 * Inserts a memory, or finds the active one with the same agent and content.
 *
 * A concurrent transaction may commit the same memory after this statement's snapshot was taken: the insert then does
 * nothing and the look-up sees nothing, and both are tried again with a new snapshot.
 *
 * @throws {SerializationFailureError} when they miss each other again and again.
 */
export async function addMemory(
  db: Kysely<DB>,
  orgId: string,
  { row, tags }: CheckedMemory,
): Promise<{ readonly outcome: AddOutcome; readonly memory: Memory }> {
  const values = rowToInsert(table, { ...row }, orgId)
  const columns = Object.keys(values)
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const { rows } = await sql<Memory & { is_new: boolean }>`with created as (
      insert into ibex_core.memories (${sql.join(columns.map((column) => sql.ref(column)))})
      values (${sql.join(Object.values(values))}) on conflict do nothing returning *
    ), tagged as (
      insert into ibex_core.memory_tags (org_id, memory_id, tag)
      select org_id, id, unnest(${tags}::text[]) from created
    )
    select true as is_new, created.* from created
    union all
    select false, memories.* from ibex_core.memories
    where org_id = ${orgId} and ${row.agent_id === null ? sql`agent_id is null` : sql`agent_id = ${row.agent_id}`}
      and content_hash = ${row.content_hash} and status = 'active' and deleted_at is null
      and not exists (select from created)`.execute(db)
    const [found] = rows
    if (found !== undefined) {
      const { is_new: isNew, ...memory } = found
      return { outcome: isNew ? 'created' : 'duplicate', memory }
    }
  }
  throw lostRace()
}

/** Inserts the memories that are new and finds the others; the result is in the order given. Needs a transaction. */
export async function addMemories(
  db: Kysely<DB>,
  orgId: string,
  memories: readonly CheckedMemory[],
): Promise<{ readonly outcome: AddOutcome; readonly id: string }[]> {
  const firstOf = new Map<string, number>()
  for (const [index, { row }] of memories.entries()) {
    const key = identity(row)
    if (!firstOf.has(key)) firstOf.set(key, index)
  }
  // two batches that hold the same memories in different orders would wait for each other: all insert them in one order
  const distinct = [...firstOf]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, index]) => memories[index] ?? [])
  const created = await insertNew(db, orgId, distinct)
  await insertTags(db, orgId, created, distinct)
  const others = await findOthers(
    db,
    orgId,
    distinct.filter(({ row }) => !created.has(identity(row))),
  )
  return memories.map(({ row }, index) => {
    const key = identity(row)
    const id = created.get(key) ?? others.get(key)
    if (id === undefined) throw lostRace()
    return { outcome: created.has(key) && firstOf.get(key) === index ? 'created' : 'duplicate', id }
  })
}

/** The id of a stored memory by its identity. */
type Ids = ReadonlyMap<string, string>

type Identified = Pick<Memory, 'id' | 'agent_id' | 'content_hash'>

async function insertNew(db: Kysely<DB>, orgId: string, memories: readonly CheckedMemory[]): Promise<Ids> {
  const inserted: Identified[] = []
  for (const group of groupRows(memories.map(({ row }) => rowToInsert(table, { ...row }, orgId)))) {
    const query = bulkInsertQuery<Identified>(table, group, {
      suffix: sql`on conflict do nothing`,
      returning: sql`id, agent_id, content_hash`,
    })
    inserted.push(...(await query.execute(db)).rows)
  }
  return idsOf(inserted)
}

async function insertTags(
  db: Kysely<DB>,
  orgId: string,
  created: Ids,
  memories: readonly CheckedMemory[],
): Promise<void> {
  const values: Values[] = []
  for (const { row, tags } of memories) {
    const id = created.get(identity(row))
    if (id === undefined) continue
    for (const tag of tags) values.push({ org_id: orgId, memory_id: id, tag })
  }
  for (const group of groupRows(values))
    await bulkInsertQuery(tables['ibex_core.memory_tags'], group).execute(db)
}

/** Looks up the memories that were there before; a statement of its own, so that it sees what was committed meanwhile. */
async function findOthers(db: Kysely<DB>, orgId: string, memories: readonly CheckedMemory[]): Promise<Ids> {
  if (memories.length === 0) return new Map()
  const rows = memories.map(({ row }) => row)
  const owned = rows.filter((row) => row.agent_id !== null)
  const shared = rows.filter((row) => row.agent_id === null)
  // two arms, because "agent_id = x or agent_id is null" would read the tenant's whole index
  const { rows: found } = await sql<Identified>`select id, agent_id, content_hash from ibex_core.memories
    where org_id = ${orgId} and status = 'active' and deleted_at is null and (agent_id, content_hash) in (
      select * from unnest(${owned.map((row) => row.agent_id)}::uuid[], ${owned.map((row) => row.content_hash)}::bpchar[]))
    union all
    select id, agent_id, content_hash from ibex_core.memories
    where org_id = ${orgId} and status = 'active' and deleted_at is null and agent_id is null
      and content_hash = any(${shared.map((row) => row.content_hash)})`.execute(db)
  return idsOf(found)
}

function idsOf(rows: readonly Identified[]): Ids {
  return new Map(rows.map((row) => [identity(row), row.id]))
}

/** What makes two memories the same: agent and content. */
function identity({ agent_id: agentId, content_hash: hash }: Omit<Identified, 'id'>): string {
  return `${agentId?.toLowerCase() ?? 'shared'} ${hash}`
}

function lostRace(): SerializationFailureError {
  return new SerializationFailureError('the same memory is added and removed at this moment: try again', {
    sqlState: '40001',
  })
}
