import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import { allowFunction, describeFunction } from '../src/migration/sql-functions.ts'

/** Creates the functions that add memories, and what they need: one round trip, everything decided under the lock. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createLockMemories(db)
  await createNearest(db)
  await createTakeIn(db)
  await createMerge(db)
  await createAddDistinct(db)
  await createAddOne(db)
  await createAdd(db)
}

/** Drops the functions. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function ibex_core.add_memories`.execute(db)
  await sql`drop function ibex_core.add_memory`.execute(db)
  await sql`drop function ibex_core.add_distinct_memories`.execute(db)
  await sql`drop function ibex_core.merge_memories`.execute(db)
  await sql`drop function ibex_core.take_in_memory`.execute(db)
  await sql`drop function ibex_core.nearest_memories`.execute(db)
  await sql`drop function ibex_core.lock_memories`.execute(db)
}

/** Up to so many active memories of an agent a new one is compared with each: 1 ms a thousand, as much as by the index. */
const fewMemories = 2_000

/** What an input gives of a memory; the rest has defaults. */
const givenColumns = `org_id, id, agent_id, user_id, session_id, content, content_hash, language, embedding,
  embedding_model, category, source, status, subject, importance, confidence, is_pinned, merged_into, source_message_ids, expires_at, metadata`

function columns(row?: string): RawBuilder<unknown> {
  return sql.raw(row === undefined ? givenColumns : givenColumns.replaceAll(/\w+/g, `${row}.$&`))
}

/** The active memory of an item's agent and content: two arms, because "agent_id is not distinct from x" uses no index. */
function same(item: string): RawBuilder<unknown> {
  const isSame = `org_id = tenant and content_hash = ${item}.content_hash and status = 'active' and deleted_at is null`
  return sql.raw(`(
        select * from ibex_core.memories where ${isSame} and agent_id = ${item}.agent_id
        union all
        select * from ibex_core.memories where ${isSame} and agent_id is null and ${item}.agent_id is null
      )`)
}

async function createLockMemories(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.lock_memories(tenant uuid, ids uuid[], agents uuid[]) returns setof ibex_core.memories
language plpgsql set search_path = '' as $$
begin
  -- in the order of all writers: the agents, then the rows
  perform ibex_core.lock_agent_memories(tenant, agents || array(
    select agent_id from ibex_core.memories where org_id = tenant and id = any (ids)
  ), false);
  return query select * from ibex_core.memories where org_id = tenant and id = any (ids)
    order by id for no key update;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.lock_memories',
    'Lets nobody else write memories of the agents of these or of the agents given, and returns these, locked.',
  )
  await allowFunction(db, 'ibex_core.lock_memories')
}

async function createNearest(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{
    schema: string
  }>`select quote_ident(nspname) as schema from pg_catalog.pg_extension
    join pg_catalog.pg_namespace on pg_namespace.oid = extnamespace where extname = 'vector'`.execute(db)
  const schema = rows[0]?.schema ?? 'public'
  const distance = `memory.embedding operator(${schema}.<=>) target`
  const conditions = `memory.org_id = tenant and (memory.agent_id = agent or (agent is null and memory.agent_id is null))
      and memory.status = 'active' and memory.deleted_at is null
      and (memory.embedding_model = model or (model is null and memory.embedding_model is null))
      and (kind is null or memory.category = kind)`
  // a custom plan each time: the parameters decide which arms there are, and the partition
  await sql
    .raw(
      `create function ibex_core.nearest_memories(tenant uuid, agent uuid, model text, target ${schema}.vector, kind text,
  most integer, is_small boolean)
returns table (memory_id uuid, similarity real) language plpgsql stable rows 1
set search_path = '' set plan_cache_mode = force_custom_plan as $$
begin
  if is_small then
    -- offset 0 keeps the index of the vectors out: few rows are compared one by one, and none is missed
    return query select near.id, (1 - near.distance)::real from (
      select memory.id, ${distance} as distance from ibex_core.memories as memory where ${conditions} offset 0
    ) as near order by near.distance, near.id limit most;
  else
    -- the index gives them slightly out of order
    return query select near.id, (1 - near.distance)::real from (
      select memory.id, ${distance} as distance from ibex_core.memories as memory where ${conditions}
      order by ${distance} limit most + 10
    ) as near order by near.distance, near.id limit most;
  end if;
end
$$`,
    )
    .execute(db)
  await describeFunction(
    db,
    'ibex_core.nearest_memories',
    'Finds the active memories of an agent and a model nearest to a vector, of one category or all.',
  )
  await allowFunction(db, 'ibex_core.nearest_memories')
}

async function createTakeIn(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.take_in_memory(was ibex_core.memories, taken ibex_core.memories)
returns ibex_core.memories language plpgsql set search_path = '' as $$
declare
  memory ibex_core.memories := was;
begin
  memory.confidence := greatest(was.confidence, taken.confidence);
  memory.importance := greatest(was.importance, taken.importance);
  memory.is_pinned := was.is_pinned or taken.is_pinned;
  memory.user_id := coalesce(was.user_id, taken.user_id);
  memory.session_id := coalesce(was.session_id, taken.session_id);
  memory.subject := coalesce(was.subject, taken.subject);
  memory.metadata := taken.metadata || was.metadata;
  memory.expires_at := case when taken.expires_at is not null then greatest(was.expires_at, taken.expires_at) end;
  if was.expires_at is null then
    memory.expires_at := null;
  end if;
  memory.source_message_ids := array(
    select message from unnest(was.source_message_ids || taken.source_message_ids) with ordinality as source (message, place)
    group by message order by min(place)
  );
  -- an update that changes nothing would still write the embedding into its index anew
  if memory is distinct from was then
    update ibex_core.memories set confidence = memory.confidence, importance = memory.importance,
      is_pinned = memory.is_pinned, user_id = memory.user_id, session_id = memory.session_id, subject = memory.subject,
      metadata = memory.metadata, expires_at = memory.expires_at, source_message_ids = memory.source_message_ids
    where org_id = was.org_id and id = was.id returning * into memory;
  end if;
  return memory;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.take_in_memory',
    'Gives a memory what another one of the same meaning has: the higher scores, all sources and metadata.',
  )
  await allowFunction(db, 'ibex_core.take_in_memory')
}

async function createMerge(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.merge_memories(tenant uuid, ids uuid[], holder_id uuid)
returns setof ibex_core.memories language plpgsql set search_path = '' as $$
declare
  holder ibex_core.memories;
  taken ibex_core.memories;
begin
  select * into holder from ibex_core.memories where org_id = tenant and id = holder_id for no key update;
  for taken in select * from ibex_core.memories where org_id = tenant and id = any (ids) order by created_at, id loop
    holder := ibex_core.take_in_memory(holder, taken);
  end loop;
  insert into ibex_core.memory_tags (org_id, memory_id, tag)
  select distinct tenant, holder_id, tag from ibex_core.memory_tags
  where org_id = tenant and memory_id = any (ids) on conflict do nothing;
  -- what is one memory does not contradict itself
  delete from ibex_core.memory_relationships
  where org_id = tenant and relation_type = 'contradicts' and source_id = any (ids || holder_id)
    and target_id = any (ids || holder_id);
  update ibex_core.memories set status = 'merged', merged_into = holder_id, superseded_by = null
  where org_id = tenant and id = any (ids);
  return next holder;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.merge_memories',
    'Merges memories into another one, under the locks of lock_memories, and returns it.',
  )
  await allowFunction(db, 'ibex_core.merge_memories')
}

async function createAddDistinct(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.add_distinct_memories(tenant uuid, items ibex_core.memories[], tag_lists jsonb[],
  erased text[])
returns table (outcome text, memory ibex_core.memories, others jsonb) language plpgsql set search_path = '' as $$
declare
  stored ibex_core.memories[];
  is_complete boolean;
begin
  -- what is in the way of an insert may be gone when it is looked up: each statement has a snapshot of its own
  for attempt in 1..5 loop
    -- in one order, so that two batches of the same memories never wait for each other
    insert into ibex_core.memories (${columns()})
    select ${columns('item')} from (
      select distinct on (agent_id, content_hash) * from unnest(items) with ordinality
      where content_hash <> all (erased) order by agent_id, content_hash, ordinality
    ) as item on conflict do nothing;
    select array_agg(same order by item.ordinality), bool_and(same.id is not null or item.content_hash = any (erased))
    into stored, is_complete
    from unnest(items) with ordinality as item left join lateral ${same('item')} as same on true;
    exit when is_complete;
  end loop;
  if not is_complete then
    raise serialization_failure using message = 'the same memory is added and removed at this moment: try again';
  end if;
  insert into ibex_core.memory_tags (org_id, memory_id, tag)
  select tenant, item.id, tag
  from unnest(items) with ordinality as item
  join unnest(tag_lists) with ordinality as list (tags, ordinality) on list.ordinality = item.ordinality
  join unnest(stored) with ordinality as same on same.ordinality = item.ordinality and same.id = item.id
  cross join jsonb_array_elements_text(list.tags) as tag;
  for place in 1..cardinality(items) loop
    memory := stored[place];
    outcome := case when memory.id is null then 'erased' when memory.id = items[place].id then 'created' else 'duplicate' end;
    others := '[]';
    return next;
  end loop;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.add_distinct_memories',
    'Adds the memories whose content no active memory of their agent has; a part of add_memories.',
  )
  await allowFunction(db, 'ibex_core.add_distinct_memories')
}

/** One memory, under the lock of its agent: what is read here is what there is. */
async function createAddOne(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.add_memory(tenant uuid, item ibex_core.memories, tags jsonb, policy text,
  is_small boolean, duplicate_from real, conflict_from real)
returns table (outcome text, memory ibex_core.memories, others jsonb) language plpgsql set search_path = '' as $$
declare
  nearest_id uuid;
  nearest_similarity real;
  is_near boolean;
  is_contrary boolean;
  other_ids uuid[];
  holder ibex_core.memories;
begin
  -- only plain updates come in between: they are not under the lock
  for attempt in 1..5 loop
    others := '[]';
    select same.* into memory from ${same('item')} as same;
    if found then
      outcome := 'duplicate';
      return next;
      return;
    end if;
    select near.memory_id, near.similarity into nearest_id, nearest_similarity
    from ibex_core.nearest_memories(tenant, item.agent_id, item.embedding_model, item.embedding, null, 1, is_small) as near;
    is_near := coalesce(nearest_similarity >= duplicate_from, false);
    is_contrary := not is_near and coalesce(nearest_similarity >= conflict_from, false);
    if is_near and policy = 'merge' then
      select * into holder from ibex_core.memories
      where org_id = tenant and id = nearest_id and status = 'active' and deleted_at is null for no key update;
      continue when not found;
      memory := ibex_core.take_in_memory(holder, item);
      insert into ibex_core.memory_tags (org_id, memory_id, tag)
      select tenant, nearest_id, tag from jsonb_array_elements_text(tags) as tag on conflict do nothing;
      -- what was said is kept, for its history and its erasure; once, however often it is said
      select array_agg(id) into other_ids from ibex_core.memories
      where org_id = tenant and merged_into = nearest_id and content_hash = item.content_hash
        and status = 'merged' and deleted_at is null;
      if other_ids is null then
        item.status := 'merged';
        item.merged_into := nearest_id;
        insert into ibex_core.memories (${columns()}) values (${columns('item')});
        other_ids := array[item.id];
      end if;
      outcome := 'merged';
      others := jsonb_build_array(jsonb_build_object('id', other_ids[1], 'similarity', nearest_similarity));
      return next;
      return;
    end if;
    other_ids := null;
    if is_near or is_contrary then
      select array_agg(near.memory_id),
        coalesce(jsonb_agg(jsonb_build_object('id', near.memory_id, 'similarity', near.similarity)), '[]')
      into other_ids, others
      from ibex_core.nearest_memories(tenant, item.agent_id, item.embedding_model, item.embedding,
        case when is_contrary then item.category end, 10, is_small) as near
      where near.similarity >= case when is_contrary then conflict_from else duplicate_from end;
    end if;
    outcome := case
      when other_ids is null then 'created'
      when is_contrary then 'pending_review'
      when policy = 'supersede' then 'superseded'
      else 'created'
    end;
    item.status := 'active';
    if outcome = 'pending_review' then
      select pending.* into memory
      from ibex_core.memory_relationships as edge join ibex_core.memories as pending
        on pending.org_id = tenant and pending.id = edge.source_id
      where edge.org_id = tenant and edge.target_id = any (other_ids) and edge.relation_type = 'contradicts'
        and pending.content_hash = item.content_hash and pending.status = 'pending_review' and pending.deleted_at is null
      limit 1;
      if found then
        outcome := 'duplicate';
        return next;
        return;
      end if;
      item.status := 'pending_review';
    end if;
    insert into ibex_core.memories (${columns()}) values (${columns('item')}) on conflict do nothing
    returning * into memory;
    continue when not found;
    insert into ibex_core.memory_tags (org_id, memory_id, tag)
    select tenant, item.id, tag from jsonb_array_elements_text(tags) as tag;
    if outcome = 'superseded' then
      update ibex_core.memories set status = 'superseded', superseded_by = item.id
      where org_id = tenant and id = any (other_ids) and status = 'active' and deleted_at is null;
    end if;
    if outcome in ('superseded', 'pending_review') then
      insert into ibex_core.memory_relationships (org_id, source_id, target_id, relation_type, metadata)
      select tenant, item.id, (other ->> 'id')::uuid,
        case outcome when 'superseded' then 'supersedes' else 'contradicts' end,
        jsonb_build_object('similarity', other -> 'similarity')
      from jsonb_array_elements(others) as other;
    end if;
    return next;
    return;
  end loop;
  raise serialization_failure using message = 'the same memory is added and removed at this moment: try again';
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.add_memory',
    'Adds a memory by what is near it; a part of add_memories, which holds the lock.',
  )
  await allowFunction(db, 'ibex_core.add_memory')
}

async function createAdd(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.add_memories(tenant uuid, given json, tag_lists jsonb[], policy text,
  duplicate_from real, conflict_from real)
returns table (outcome text, memory ibex_core.memories, others jsonb) language plpgsql set search_path = '' as $$
declare
  items ibex_core.memories[];
  item ibex_core.memories;
  place integer := 0;
  erased text[];
  agent uuid;
  is_small boolean;
  model_name text;
  model ibex_core.embedding_models;
begin
  select array_agg(one) into items from json_populate_recordset(null::ibex_core.memories, given) as one;
  perform ibex_core.lock_agent_memories(tenant, array(select one.agent_id from unnest(items) as one), policy = 'ignore');
  erased := array(
    select content_hash from ibex_core.memory_tombstones
    where org_id = tenant and content_hash = any (array(select one.content_hash from unnest(items) as one))
  );
  if policy = 'ignore' then
    return query select * from ibex_core.add_distinct_memories(tenant, items, tag_lists, erased);
    return;
  end if;
  foreach item in array items loop
    place := place + 1;
    if place = 1 or item.agent_id is distinct from agent then
      agent := item.agent_id;
      is_small := not exists (
        select from (
          select from ibex_core.memories
          where org_id = tenant and agent_id = agent and status = 'active' and deleted_at is null
          union all
          select from ibex_core.memories
          where org_id = tenant and agent_id is null and agent is null and status = 'active' and deleted_at is null
        ) as memory offset ${sql.lit(fewMemories)}
      );
    end if;
    if place = 1 or item.embedding_model is distinct from model_name then
      model_name := item.embedding_model;
      -- null for one without a name, which has the defaults
      model := null;
      if model_name is not null then
        select * into model from ibex_core.embedding_models where org_id = tenant and name = model_name;
      end if;
    end if;
    if item.content_hash = any (erased) then
      outcome := 'erased';
      memory := null;
      others := '[]';
      return next;
    else
      return query select * from ibex_core.add_memory(tenant, item, tag_lists[place], policy, is_small,
        coalesce(duplicate_from, model.duplicate_threshold, 0.92::real), coalesce(conflict_from, model.conflict_threshold, 0.85::real));
    end if;
  end loop;
end
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.add_memories',
    'Adds memories in their order, one transaction at a time for each agent, and tells what became of each.',
  )
  await allowFunction(db, 'ibex_core.add_memories')
}
