import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { oneOf, score } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'

/** Creates the history of memories and the triggers that write it, so that nobody can forget it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memory_versions', {
    comment: 'A memory as it was after a change, written by a trigger. Append-only.',
    appendOnly: true,
    columns: {
      memory_id: { type: 'uuid' },
      version_num: {
        type: 'integer',
        check: (version) => `${version} >= 1`,
        comment: 'Counts from 1 per memory.',
      },
      operation: oneOf(['create', 'update', 'supersede', 'merge', 'archive', 'restore', 'delete']),
      content: { type: 'text' },
      category: { type: 'text' },
      status: { type: 'text' },
      tier: { type: 'text' },
      importance: { type: 'smallint' },
      confidence: score(),
      metadata: { type: 'jsonb' },
      changed_by_type: oneOf(['extraction', 'user', 'system', 'conflict_resolution'], {
        comment: 'The setting app.actor_type; system without one.',
      }),
      changed_by: { type: 'text', optional: true, comment: 'The setting app.actor_id.' },
      change_reason: { type: 'text', optional: true, comment: 'The setting app.change_reason.' },
    },
    unique: [['memory_id', 'version_num']],
    references: [{ columns: ['memory_id'], table: 'ibex_core.memories', onDelete: 'cascade', index: false }],
  })
  await createFunction(db)
  await sql`create trigger memories_write_version_of_new after insert on ibex_core.memories
    for each row execute function ibex_core.write_memory_version()`.execute(db)
  // counters and embeddings have no history: only what the version holds counts as a change
  await sql`create trigger memories_write_version_of_changed after update on ibex_core.memories
    for each row when (
      (old.content, old.category, old.status, old.tier, old.importance, old.confidence, old.metadata, old.deleted_at)
      is distinct from
      (new.content, new.category, new.status, new.tier, new.importance, new.confidence, new.metadata, new.deleted_at)
    ) execute function ibex_core.write_memory_version()`.execute(db)
}

/** Drops the triggers, their function and the table. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop trigger memories_write_version_of_changed on ibex_core.memories`.execute(db)
  await sql`drop trigger memories_write_version_of_new on ibex_core.memories`.execute(db)
  await sql`drop function ibex_core.write_memory_version()`.execute(db)
  await db.schema.dropTable('ibex_core.memory_versions').execute()
}

async function createFunction(db: Kysely<unknown>): Promise<void> {
  // it runs with the rights of whoever changes the memory, so the policies hold for the version too;
  // the row lock on the memory makes the next number safe
  await sql`create function ibex_core.write_memory_version() returns trigger language plpgsql set search_path = '' as $$
declare
  change text := case
    when tg_op = 'INSERT' then 'create'
    when old.deleted_at is null and new.deleted_at is not null then 'delete'
    when old.deleted_at is not null and new.deleted_at is null then 'restore'
    when old.status = new.status then 'update'
    when new.status = 'superseded' then 'supersede'
    when new.status = 'merged' then 'merge'
    when new.status = 'archived' then 'archive'
    when new.status = 'active' and old.status in ('superseded', 'merged', 'archived') then 'restore'
    else 'update'
  end;
begin
  insert into ibex_core.memory_versions (org_id, memory_id, version_num, operation, content, category, status, tier,
    importance, confidence, metadata, changed_by_type, changed_by, change_reason)
  select new.org_id, new.id, coalesce(max(version_num), 0) + 1, change, new.content, new.category, new.status, new.tier,
    new.importance, new.confidence, new.metadata,
    coalesce(nullif(current_setting('app.actor_type', true), ''), 'system'),
    nullif(current_setting('app.actor_id', true), ''),
    nullif(current_setting('app.change_reason', true), '')
  from ibex_core.memory_versions where org_id = new.org_id and memory_id = new.id;
  return null;
end
$$`.execute(db)
  await sql`comment on function ibex_core.write_memory_version() is
    'Writes the new state of a memory to memory_versions, with actor and reason from the settings of the transaction.'`.execute(
    db,
  )
  await sql`revoke all on function ibex_core.write_memory_version() from public`.execute(db)
}
