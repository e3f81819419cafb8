/** Resolves the conflict that a memory is in with others. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB, Memory } from '../../types/database.d.ts'
import { InvalidArgumentError, MemoryStatusError } from '../errors.ts'
import { living, mergeInto, relate } from './memory-life.ts'

/**
 * How a conflict between a new memory and those that it contradicts is resolved:
 *
 * - `keep_new`: the new one becomes active and supersedes the others;
 * - `keep_old`: the new one is archived; its `contradicts` relations stay and say why;
 * - `keep_both`: the new one becomes active beside the others, `related_to` them;
 * - `merge`: the nearest of the others takes the new one in.
 */
export type ConflictResolution = 'keep_new' | 'keep_old' | 'keep_both' | 'merge'

/** A conflict with its locks held: the new memory, and those that it contradicts and that are active, the nearest first. */
interface Conflict {
  readonly pending: Memory
  readonly others: readonly Memory[]
}

type Resolve = (db: Kysely<DB>, orgId: string, conflict: Conflict) => Promise<Memory>

const resolutions: Readonly<Record<ConflictResolution, Resolve>> = {
  keep_new: async (db, orgId, { pending, others }) => {
    const to = others.map(({ id }) => id)
    // before the new one is active: it may have the very content of one of them
    await sql`update ibex_core.memories set status = 'superseded', superseded_by = ${pending.id}
      where org_id = ${orgId} and id = any(${to}::uuid[])`.execute(db)
    await settle(db, orgId, pending.id)
    await relate(db, orgId, { from: pending.id, to, type: 'supersedes' })
    return await become(db, orgId, { id: pending.id, status: 'active' })
  },
  keep_old: async (db, orgId, { pending }) => await become(db, orgId, { id: pending.id, status: 'archived' }),
  keep_both: async (db, orgId, { pending, others }) => {
    await settle(db, orgId, pending.id)
    await relate(db, orgId, { from: pending.id, to: others.map(({ id }) => id), type: 'related_to' })
    return await become(db, orgId, { id: pending.id, status: 'active' })
  },
  merge: async (db, orgId, { pending, others }) => {
    const [nearest] = others
    if (nearest === undefined)
      throw new InvalidArgumentError(
        'resolution',
        'cannot be merge: what the memory contradicts is no longer active',
      )
    return await mergeInto(db, orgId, { ids: [pending.id], holderId: nearest.id })
  },
}

/** @throws {InvalidArgumentError} when there is no such resolution. */
export function checkResolution(resolution: unknown): ConflictResolution {
  // the keys of the record are the resolutions
  if (typeof resolution === 'string' && Object.hasOwn(resolutions, resolution))
    return resolution as ConflictResolution
  throw new InvalidArgumentError('resolution', `must be one of ${Object.keys(resolutions).join(', ')}`)
}

/** Resolves a conflict and returns the memory to go on with. Needs a transaction. */
export async function resolveConflict(
  db: Kysely<DB>,
  orgId: string,
  { id, resolution }: { readonly id: string; readonly resolution: ConflictResolution },
): Promise<Memory> {
  const { rows } = await sql<Memory>`select memory.* from ibex_core.lock_memories(${orgId}, array(
      select target_id from ibex_core.memory_relationships
      where org_id = ${orgId} and source_id = ${id} and relation_type = 'contradicts'
    ) || ${id}::uuid, '{}') as memory
    left join ibex_core.memory_relationships as edge on edge.org_id = ${orgId} and edge.source_id = ${id}
      and edge.target_id = memory.id and edge.relation_type = 'contradicts'
    order by edge.metadata -> 'similarity' desc nulls last, memory.id`.execute(db)
  const pending = living(rows, id)
  if (pending.status !== 'pending_review') throw new MemoryStatusError(pending.status, 'pending_review')
  const others = rows.filter(({ status, deleted_at: deletedAt }) => status === 'active' && deletedAt === null)
  return await resolutions[resolution](db, orgId, { pending, others })
}

/** Takes away what says that the memory is in conflict. */
async function settle(db: Kysely<DB>, orgId: string, id: string): Promise<void> {
  await sql`delete from ibex_core.memory_relationships
    where org_id = ${orgId} and source_id = ${id} and relation_type = 'contradicts'`.execute(db)
}

async function become(
  db: Kysely<DB>,
  orgId: string,
  { id, status }: Pick<Memory, 'id' | 'status'>,
): Promise<Memory> {
  const { rows } = await sql<Memory>`update ibex_core.memories set status = ${status}
    where org_id = ${orgId} and id = ${id} returning *`.execute(db)
  return living(rows, id)
}
