/** Exchanges the embeddings of all memories of a tenant in one transaction. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB } from '../../types/database.d.ts'
import type { Scope } from '../tenancy/scope.ts'
import type { Reembedding } from './reembedding.ts'

/**
 * Exchanges the embeddings, and tells how many; undefined when a memory has none of the new model, and then nothing happened.
 *
 * Who inserts or embeds a memory waits from the first lock on, for as long as the index takes the new embeddings; readers see
 * all old ones or all new ones.
 *
 * @throws {LockNotAvailableError} when a memory is being changed at this moment.
 * @throws {ReembeddingConflictError} when another run has taken the change over, or it was cancelled.
 */
export async function switchModel(scope: Scope<DB>, change: Reembedding): Promise<number | undefined> {
  try {
    return await scope.atomically(async ({ db, orgId }) => {
      await change.hold(db, 0)
      // as keep_embedding_model() does, shared
      await sql`select pg_advisory_xact_lock(hashtextextended('ibex memories ' || ${orgId}::uuid, 0))`.execute(
        db,
      )
      if (await change.isIncomplete(db)) throw new IncompleteSwitch()
      await lockMemories(db, orgId, change)
      await completeChange(db, orgId, change)
      const count = await exchange(db, orgId, change)
      // the content of a memory may have changed between the look and the lock
      if (await change.isIncomplete(db)) throw new IncompleteSwitch()
      await sql`delete from ibex_core.memory_embeddings_staged where org_id = ${orgId}`.execute(db)
      return count
    })
  } catch (error) {
    if (error instanceof IncompleteSwitch) return undefined
    throw error
  }
}

/** Rolls a switch back that came too early; nobody outside sees it. */
class IncompleteSwitch extends Error {}

/** Locks all rows, or none: to wait for one would be to wait for who may wait for the switch. */
async function lockMemories(db: Kysely<DB>, orgId: string, { model }: Reembedding): Promise<void> {
  await sql`select count(*) from (
    select from ibex_core.memories where org_id = ${orgId} and embedding_model is distinct from ${model}
    for no key update nowait) as locked`.execute(db)
}

/** Before the memories: a trigger holds their model against that of the organization. */
async function completeChange(db: Kysely<DB>, orgId: string, { id, model }: Reembedding): Promise<void> {
  await sql`update ibex_core.organizations set embedding_model = ${model} where id = ${orgId}`.execute(db)
  await sql`update ibex_core.memory_reembeddings set status = 'completed', finished_at = now()
    where org_id = ${orgId} and id = ${id}`.execute(db)
}

async function exchange(db: Kysely<DB>, orgId: string, { id, model }: Reembedding): Promise<number> {
  const { numAffectedRows = 0n } = await sql`update ibex_core.memories as memory
    set embedding = staged.embedding, embedding_model = ${model}
    from ibex_core.memory_embeddings_staged as staged
    where memory.org_id = ${orgId} and memory.embedding_model is distinct from ${model}
      and staged.org_id = ${orgId} and staged.reembedding_id = ${id} and staged.memory_id = memory.id
      and staged.content_hash = memory.content_hash`.execute(db)
  return Number(numAffectedRows)
}
