/** What becomes of memories that are there: superseded, merged, archived, restored, pinned. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB, Memory, MemoryRelationshipRelationType, MemoryStatus } from '../../types/database.d.ts'
import { InvalidArgumentError, MemoryStatusError, RowNotFoundError } from '../errors.ts'
import { addWholeMemories } from './add-memories.ts'
import { toAddResult } from './add-result.ts'
import type { CheckedMemory } from './memory-input.ts'
import { assertTransition, statusesBefore } from './status-transitions.ts'

/** A memory that is there, by its id, or one to add. */
export type OtherMemory = string | CheckedMemory

const tableName = 'ibex_core.memories'

/** Supersedes a memory by another one and returns that. Needs a transaction. */
export async function supersedeMemory(
  db: Kysely<DB>,
  orgId: string,
  { id, by }: { readonly id: string; readonly by: OtherMemory },
): Promise<Memory> {
  const { found, other } = await lockWith(db, orgId, { ids: [id], other: by })
  const old = living(found, id)
  assertTransition(old.status, 'superseded')
  if (other.id === old.id)
    throw new InvalidArgumentError('by', 'must be another memory than the one it supersedes')
  await sql`update ibex_core.memories set status = 'superseded', superseded_by = ${other.id}, merged_into = null
    where org_id = ${orgId} and id = ${old.id}`.execute(db)
  await relate(db, orgId, { from: other.id, to: [old.id], type: 'supersedes' })
  return other
}

/** Merges memories into another one and returns that. Needs a transaction. */
export async function mergeMemories(
  db: Kysely<DB>,
  orgId: string,
  { ids, into }: { readonly ids: readonly string[]; readonly into: OtherMemory },
): Promise<Memory> {
  const { found, other } = await lockWith(db, orgId, { ids, other: into })
  // what is merged may have the very content that it is merged into
  const merged = ids.map((id) => living(found, id)).filter(({ id }) => id !== other.id)
  for (const { status } of merged) assertTransition(status, 'merged')
  return await mergeInto(db, orgId, { ids: merged.map(({ id }) => id), holderId: other.id })
}

/** Archives a memory and returns it; one that is archived stays as it is. */
export async function archiveMemory(db: Kysely<DB>, orgId: string, id: string): Promise<Memory> {
  const { rows } = await sql<Memory>`update ibex_core.memories set status = 'archived'
    where org_id = ${orgId} and id = ${id} and deleted_at is null and status = any(${statusesBefore('archived')})
    returning *`.execute(db)
  return rows[0] ?? (await asItIs(db, orgId, { id, status: 'archived' }))
}

/** Brings back a memory that was soft-deleted, or is archived, or gives `undefined`. */
export async function restoreMemory(db: Kysely<DB>, orgId: string, id: string): Promise<Memory | undefined> {
  const { rows } = await sql<Memory>`update ibex_core.memories set deleted_at = null,
      status = case when deleted_at is null then 'active' else status end,
      superseded_by = case when deleted_at is not null then superseded_by end,
      merged_into = case when deleted_at is not null then merged_into end
    where org_id = ${orgId} and id = ${id} and (deleted_at is not null or status = 'archived')
    returning *`.execute(db)
  return rows[0]
}

/** Pins a memory or unpins it, and returns it; nothing is written where it is so already. */
export async function pinMemory(
  db: Kysely<DB>,
  orgId: string,
  { id, isPinned }: { readonly id: string; readonly isPinned: boolean },
): Promise<Memory> {
  const { rows } = await sql<Memory>`update ibex_core.memories set is_pinned = ${isPinned}::boolean
    where org_id = ${orgId} and id = ${id} and deleted_at is null and is_pinned <> ${isPinned}::boolean
    returning *`.execute(db)
  return rows[0] ?? (await asItIs(db, orgId, { id }))
}

/** The answer where nothing was to change: the memory as it is, unless it should have the status and has not. */
async function asItIs(
  db: Kysely<DB>,
  orgId: string,
  { id, status }: { readonly id: string; readonly status?: MemoryStatus },
): Promise<Memory> {
  const { rows } = await sql<Memory>`select * from ibex_core.memories
    where org_id = ${orgId} and id = ${id} and deleted_at is null`.execute(db)
  const [memory] = rows
  if (memory === undefined) throw new RowNotFoundError(tableName)
  if (status !== undefined && memory.status !== status) assertTransition(memory.status, status)
  return memory
}

interface Locked {
  readonly found: readonly Memory[]
  /** The memory that takes the place of those found: active. */
  readonly other: Memory
}

/** Locks memories, and finds or adds the one that is to take their place. */
async function lockWith(
  db: Kysely<DB>,
  orgId: string,
  { ids, other }: { readonly ids: readonly string[]; readonly other: OtherMemory },
): Promise<Locked> {
  const isThere = typeof other === 'string'
  // the agent of a new one too: its lock cannot be taken later without a chance to wait in a circle
  const agentIds = isThere ? [] : [other.row.agent_id]
  const { rows: found } = await sql<Memory>`select * from ibex_core.lock_memories(${orgId},
    ${isThere ? [...ids, other] : ids}::uuid[], ${agentIds}::uuid[])`.execute(db)
  if (!isThere) {
    for (const id of ids) living(found, id)
    const options = { policy: 'ignore', duplicateFrom: null, conflictFrom: null } as const
    const [added] = await addWholeMemories(db, orgId, [other], options)
    return { found, other: toAddResult(added).memory }
  }
  const memory = living(found, other)
  if (memory.status !== 'active') throw new MemoryStatusError(memory.status, 'active')
  return { found, other: memory }
}

/** @throws {RowNotFoundError} when the memory is not among them, or was soft-deleted. */
export function living(found: readonly Memory[], id: string): Memory {
  const memory = found.find((one) => one.id === id && one.deleted_at === null)
  if (memory === undefined) throw new RowNotFoundError(tableName)
  return memory
}

/** Merges memories that are locked into another one and returns that. */
export async function mergeInto(
  db: Kysely<DB>,
  orgId: string,
  { ids, holderId }: { readonly ids: readonly string[]; readonly holderId: string },
): Promise<Memory> {
  const { rows } =
    await sql<Memory>`select * from ibex_core.merge_memories(${orgId}, ${ids}::uuid[], ${holderId})`.execute(
      db,
    )
  const [holder] = rows
  if (holder === undefined) throw new RowNotFoundError(tableName)
  return holder
}

/** Relates a memory to others, unless it is so already. */
export async function relate(
  db: Kysely<DB>,
  orgId: string,
  { from, to, type }: RelationsFrom,
): Promise<void> {
  await sql`insert into ibex_core.memory_relationships (org_id, source_id, target_id, relation_type)
    select ${orgId}, ${from}, target_id, ${type} from unnest(${to}::uuid[]) as target_id
    on conflict do nothing`.execute(db)
}

interface RelationsFrom {
  readonly from: string
  readonly to: readonly string[]
  readonly type: MemoryRelationshipRelationType
}
