import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'

/** Creates what the hot cache needs: the index that ranks an agent's memories, and the news of their changes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // all that the rank is made of, so that the rows with their embeddings are not read
  await createTenantIndex(db, 'ibex_core.memories', {
    columns: ['agent_id', 'confidence', 'created_at', 'expires_at', 'id'],
    where: "status = 'active' and deleted_at is null",
    name: 'memories_hot_idx',
  })
  await createFunction(db)
  await sql`create trigger memories_notify_hot_of_new after insert on ibex_core.memories
    for each row when (new.status = 'active' and new.deleted_at is null)
    execute function ibex_core.notify_hot_memories()`.execute(db)
  await sql`create trigger memories_notify_hot_of_changed after update on ibex_core.memories
    for each row when (
      (old.agent_id, old.status, old.confidence, old.created_at, old.expires_at, old.deleted_at)
      is distinct from
      (new.agent_id, new.status, new.confidence, new.created_at, new.expires_at, new.deleted_at)
    ) execute function ibex_core.notify_hot_memories()`.execute(db)
  await sql`create trigger memories_notify_hot_of_deleted after delete on ibex_core.memories
    for each row when (old.status = 'active' and old.deleted_at is null)
    execute function ibex_core.notify_hot_memories()`.execute(db)
}

/** Drops the triggers, their function and the index. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop trigger memories_notify_hot_of_deleted on ibex_core.memories`.execute(db)
  await sql`drop trigger memories_notify_hot_of_changed on ibex_core.memories`.execute(db)
  await sql`drop trigger memories_notify_hot_of_new on ibex_core.memories`.execute(db)
  await sql`drop function ibex_core.notify_hot_memories()`.execute(db)
  await sql`drop index ibex_core.memories_hot_idx`.execute(db)
}

async function createFunction(db: Kysely<unknown>): Promise<void> {
  // a commit with a notification waits for the one before it, in the whole server (8 writers of single rows: 4,100 commits
  // a second without, 850 with it). So there is none while nobody listens: whoever does holds the lock in shared mode, and
  // that the exclusive one can be had says that there is nobody. The embedded engine has one session, which cannot be in
  // its own way, but sees its own channels. Equal notifications of a transaction are sent once.
  await sql`create function ibex_core.notify_hot_memories() returns trigger language plpgsql set search_path = '' as $$
declare
  channel constant text := 'ibex_core.hot_memories';
begin
  if pg_try_advisory_lock(hashtextextended(channel, 0)) then
    perform pg_advisory_unlock(hashtextextended(channel, 0));
    if channel not in (select pg_listening_channels()) then
      return null;
    end if;
  end if;
  if tg_op <> 'INSERT' then
    perform pg_notify(channel, concat_ws(':', old.org_id, old.agent_id));
  end if;
  if tg_op <> 'DELETE' then
    perform pg_notify(channel, concat_ws(':', new.org_id, new.agent_id));
  end if;
  return null;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.notify_hot_memories()',
    'Tells those who cache the best memories of an agent that they changed: organization and agent, nothing else.',
  )
}
