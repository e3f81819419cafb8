import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { addTenantColumn } from '../src/migration/add-tenant-column.ts'
import { score, sha256, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { allowFunction, describeFunction } from '../src/migration/sql-functions.ts'
import { withoutForce } from '../src/migration/without-force.ts'

/** Creates what the write pipeline of memories asks: thresholds of models, what was erased, and deletions in versions. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createModels(db)
  await createTombstones(db)
  await createLock(db)
  await refuseErased(db)
  await addDeletion(db)
}

/** Takes the column back, and drops the functions and the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await replaceVersionFunction(db, { columns: '', values: '' })
  await sql`alter table ibex_core.memory_versions drop column is_deleted`.execute(db)
  await sql`drop trigger memories_refuse_erased on ibex_core.memories`.execute(db)
  await sql`drop trigger memories_refuse_erased_change on ibex_core.memories`.execute(db)
  await sql`drop function ibex_core.refuse_erased_memory()`.execute(db)
  await db.schema.dropTable('ibex_core.memory_tombstones').execute()
  await sql`drop function ibex_core.await_memory_writers()`.execute(db)
  await sql`drop function ibex_core.lock_agent_memories`.execute(db)
  await db.schema.dropTable('ibex_core.embedding_models').execute()
}

async function createModels(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.embedding_models', {
    comment: 'A model that embeds, with what its similarities mean. One without a row has the defaults.',
    columns: {
      name: textOfLength(1, 200, { comment: 'As in embedding_model of memories.' }),
      dimension: { type: 'integer', check: (dimension) => `${dimension} between 1 and 16000` },
      duplicate_threshold: score({
        default: '0.92',
        comment: 'The cosine similarity from which two memories say the same.',
      }),
      conflict_threshold: score({
        default: '0.85',
        comment: 'The cosine similarity from which two memories of one category may contradict each other.',
      }),
    },
    unique: [['name']],
    checks: [
      {
        columns: ['conflict_threshold', 'duplicate_threshold'],
        condition: 'conflict_threshold <= duplicate_threshold',
      },
    ],
  })
}

async function createTombstones(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memory_tombstones', {
    comment: 'A content that was erased and shall not be learnt again. Only the system role lifts one.',
    appendOnly: true,
    columns: {
      content_hash: sha256({ comment: 'As in memories; the content itself is gone.' }),
      erased_at: { type: 'timestamptz', default: 'now()' },
      reason: textOfLength(1, 1_000, { optional: true }),
    },
    unique: [['content_hash']],
  })
  // append-only but for the system role, which lifts a tombstone by deleting it
  await sql`create or replace trigger memory_tombstones_refuse_change before update on ibex_core.memory_tombstones
    for each row execute function ibex_core.refuse_change()`.execute(db)
  await sql`grant delete on ibex_core.memory_tombstones to ibex_system`.execute(db)
}

/**
 * Writers of memories take two advisory locks: that of the organization, shared, and those of the agents concerned.
 *
 * Both end with the transaction. Their keys hold the organization, so that no tenant waits for another one.
 */
async function createLock(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.lock_agent_memories(tenant uuid, agents uuid[], is_shared boolean) returns void
language plpgsql set search_path = '' as $$
declare
  lock_key bigint;
begin
  perform pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended('ibex memories ' || tenant, 0));
  -- in one order, so that two batches over the same agents never wait for each other
  for lock_key in
    select distinct pg_catalog.hashtextextended('ibex memories ' || tenant || ' ' || coalesce(agent::text, 'shared'), 0)
    from unnest(agents) as agent order by 1
  loop
    if is_shared then
      perform pg_catalog.pg_advisory_xact_lock_shared(lock_key);
    else
      perform pg_catalog.pg_advisory_xact_lock(lock_key);
    end if;
  end loop;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.lock_agent_memories',
    'Lets one transaction at a time write memories of these agents; null stands for the memories that all share.',
  )
  await allowFunction(db, 'ibex_core.lock_agent_memories')
  await sql`create function ibex_core.await_memory_writers() returns trigger language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('ibex memories ' || new.org_id, 0));
  return new;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.await_memory_writers()',
    'Waits for those who write memories of the organization: they may be about to learn what is being erased.',
  )
  await sql`create trigger memory_tombstones_await_writers before insert on ibex_core.memory_tombstones
    for each row execute function ibex_core.await_memory_writers()`.execute(db)
}

async function refuseErased(db: Kysely<unknown>): Promise<void> {
  // the lock first: an erasure that is under way is over then, and the next statement sees its tombstone
  await sql`create function ibex_core.refuse_erased_memory() returns trigger language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended('ibex memories ' || new.org_id, 0));
  if exists (
    select from ibex_core.memory_tombstones where org_id = new.org_id and content_hash = new.content_hash
  ) then
    raise check_violation using message = 'the content was erased and shall not be learnt again',
      schema = 'ibex_core', table = 'memories', constraint = 'memories_content_hash_erased_check';
  end if;
  return new;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.refuse_erased_memory()',
    'Raises for a memory whose content was erased.',
  )
  await sql`create trigger memories_refuse_erased before insert on ibex_core.memories
    for each row execute function ibex_core.refuse_erased_memory()`.execute(db)
  await sql`create trigger memories_refuse_erased_change before update of content_hash on ibex_core.memories
    for each row when (old.content_hash <> new.content_hash) execute function ibex_core.refuse_erased_memory()`.execute(
    db,
  )
}

async function addDeletion(db: Kysely<unknown>): Promise<void> {
  await addTenantColumn(db, 'ibex_core.memory_versions', 'is_deleted', {
    type: 'boolean',
    default: 'false',
    comment: 'Whether the memory was soft-deleted then.',
  })
  await replaceVersionFunction(db, { columns: ', is_deleted', values: ', new.deleted_at is not null' })
  await sql`alter table ibex_core.memory_versions disable trigger memory_versions_refuse_change`.execute(db)
  await withoutForce(db, ['ibex_core.memory_versions'], async () => {
    // until now a version told of a deletion by its operation only, and those after it until a restore not at all
    await sql`update ibex_core.memory_versions as version set is_deleted = true
      from (
        select org_id, id,
          max(version_num) filter (where operation = 'delete') over past as deleted_by,
          max(version_num) filter (where operation = 'restore') over past as restored_by
        from ibex_core.memory_versions
        window past as (partition by org_id, memory_id order by version_num)
      ) as told
      where version.org_id = told.org_id and version.id = told.id and deleted_by > coalesce(restored_by, 0)`.execute(
      db,
    )
  })
  await sql`alter table ibex_core.memory_versions enable trigger memory_versions_refuse_change`.execute(db)
}

/** Writes the function of the versions anew, with what it inserts beside what it always did. */
async function replaceVersionFunction(
  db: Kysely<unknown>,
  { columns, values }: { readonly columns: string; readonly values: string },
): Promise<void> {
  await sql
    .raw(`create or replace function ibex_core.write_memory_version() returns trigger language plpgsql set search_path = '' as $$
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
    importance, confidence, metadata, changed_by_type, changed_by, change_reason${columns})
  select new.org_id, new.id, coalesce(max(version_num), 0) + 1, change, new.content, new.category, new.status, new.tier,
    new.importance, new.confidence, new.metadata,
    coalesce(nullif(current_setting('app.actor_type', true), ''), 'system'),
    nullif(current_setting('app.actor_id', true), ''),
    nullif(current_setting('app.change_reason', true), '')${values}
  from ibex_core.memory_versions where org_id = new.org_id and memory_id = new.id;
  return null;
end
$$`)
    .execute(db)
}
