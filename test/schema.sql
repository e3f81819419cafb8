-- Written by `npm run schema:dump`: the schema after all migrations. Do not edit.

create role ibex_app nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication;
create role ibex_eraser nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication;
create role ibex_search nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication;
create role ibex_system nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication;
create role ibex_untrusted nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication;

create extension btree_gin;
create extension vector;

create schema ibex_core;
grant usage on schema ibex_core to ibex_app;
grant usage on schema ibex_core to ibex_search;
grant usage on schema ibex_core to ibex_system;
grant usage on schema ibex_core to ibex_untrusted;

CREATE OR REPLACE FUNCTION ibex_core.add_distinct_memories(tenant uuid, items ibex_core.memories[], tag_lists jsonb[], erased text[])
 RETURNS TABLE(outcome text, memory ibex_core.memories, others jsonb)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  fresh ibex_core.memories[] := '{}';
  stored ibex_core.memories[];
  is_complete boolean;
begin
  -- what is in the way of an insert may be gone when it is looked up: each statement has a snapshot of its own
  for attempt in 1..5 loop
    with added as (
      insert into ibex_core.memories as made (org_id, id, agent_id, user_id, session_id, content, content_hash, language, embedding,
  embedding_model, category, source, status, subject, importance, confidence, is_pinned, merged_into, source_message_ids, expires_at, metadata)
      select item.org_id, item.id, item.agent_id, item.user_id, item.session_id, item.content, item.content_hash, item.language, item.embedding,
  item.embedding_model, item.category, item.source, item.status, item.subject, item.importance, item.confidence, item.is_pinned, item.merged_into, item.source_message_ids, item.expires_at, item.metadata from (
      select distinct on (agent_id, content_hash) * from unnest(items) with ordinality
      where content_hash <> all (erased) order by agent_id, content_hash, ordinality
    ) as item on conflict do nothing returning made as one
    )
    select fresh || coalesce(array_agg(one), '{}') into fresh from added;
    select array_agg(case when made.id is null then same.one else made end order by item.ordinality),
      bool_and(coalesce(made.id, (same.one).id) is not null or item.content_hash = any (erased))
    into stored, is_complete
    from unnest(items) with ordinality as item
    left join unnest(fresh) as made
      on made.content_hash = item.content_hash and made.agent_id is not distinct from item.agent_id
    left join lateral (
        select known as one from ibex_core.memories as known
        where made.id is null and known.org_id = tenant and known.content_hash = item.content_hash and known.status = 'active' and known.deleted_at is null and known.agent_id = item.agent_id
        union all
        select known from ibex_core.memories as known
        where made.id is null and known.org_id = tenant and known.content_hash = item.content_hash and known.status = 'active' and known.deleted_at is null and known.agent_id is null and item.agent_id is null
      ) as same on true;
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
$function$;
grant execute on function ibex_core.add_distinct_memories(uuid,ibex_core.memories[],jsonb[],text[]) to ibex_app;
grant execute on function ibex_core.add_distinct_memories(uuid,ibex_core.memories[],jsonb[],text[]) to ibex_system;
comment on function ibex_core.add_distinct_memories(uuid,ibex_core.memories[],jsonb[],text[]) is 'Adds the memories whose content no active memory of their agent has; a part of add_memories.';
CREATE OR REPLACE FUNCTION ibex_core.add_memories(tenant uuid, given json, tag_lists jsonb[], policy text, duplicate_from real, conflict_from real)
 RETURNS TABLE(outcome text, memory ibex_core.memories, others jsonb)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
        ) as memory offset 2000
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
$function$;
grant execute on function ibex_core.add_memories(uuid,json,jsonb[],text,real,real) to ibex_app;
grant execute on function ibex_core.add_memories(uuid,json,jsonb[],text,real,real) to ibex_system;
comment on function ibex_core.add_memories(uuid,json,jsonb[],text,real,real) is 'Adds memories in their order, one transaction at a time for each agent, and tells what became of each.';
CREATE OR REPLACE FUNCTION ibex_core.add_memory(tenant uuid, item ibex_core.memories, tags jsonb, policy text, is_small boolean, duplicate_from real, conflict_from real)
 RETURNS TABLE(outcome text, memory ibex_core.memories, others jsonb)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
    select same.* into memory from (
        select * from ibex_core.memories where org_id = tenant and content_hash = item.content_hash and status = 'active' and deleted_at is null and agent_id = item.agent_id
        union all
        select * from ibex_core.memories where org_id = tenant and content_hash = item.content_hash and status = 'active' and deleted_at is null and agent_id is null and item.agent_id is null
      ) as same;
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
        insert into ibex_core.memories (org_id, id, agent_id, user_id, session_id, content, content_hash, language, embedding,
  embedding_model, category, source, status, subject, importance, confidence, is_pinned, merged_into, source_message_ids, expires_at, metadata) values (item.org_id, item.id, item.agent_id, item.user_id, item.session_id, item.content, item.content_hash, item.language, item.embedding,
  item.embedding_model, item.category, item.source, item.status, item.subject, item.importance, item.confidence, item.is_pinned, item.merged_into, item.source_message_ids, item.expires_at, item.metadata);
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
    insert into ibex_core.memories (org_id, id, agent_id, user_id, session_id, content, content_hash, language, embedding,
  embedding_model, category, source, status, subject, importance, confidence, is_pinned, merged_into, source_message_ids, expires_at, metadata) values (item.org_id, item.id, item.agent_id, item.user_id, item.session_id, item.content, item.content_hash, item.language, item.embedding,
  item.embedding_model, item.category, item.source, item.status, item.subject, item.importance, item.confidence, item.is_pinned, item.merged_into, item.source_message_ids, item.expires_at, item.metadata) on conflict do nothing
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
$function$;
grant execute on function ibex_core.add_memory(uuid,ibex_core.memories,jsonb,text,boolean,real,real) to ibex_app;
grant execute on function ibex_core.add_memory(uuid,ibex_core.memories,jsonb,text,boolean,real,real) to ibex_system;
comment on function ibex_core.add_memory(uuid,ibex_core.memories,jsonb,text,boolean,real,real) is 'Adds a memory by what is near it; a part of add_memories, which holds the lock.';
CREATE OR REPLACE FUNCTION ibex_core.any_word(query text)
 RETURNS tsquery
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (SELECT (string_agg(((''''::text || replace(replace(unnest.lexeme, '\'::text, '\\'::text), ''''::text, ''''''::text)) || ''''::text), ' | '::text))::tsquery AS string_agg FROM unnest(to_tsvector('english'::regconfig, any_word.query)) unnest(lexeme, positions, weights));
grant execute on function ibex_core.any_word(text) to ibex_search;
comment on function ibex_core.any_word(text) is 'The query for any of the words of a text; null when it has none but stop words.';
CREATE OR REPLACE FUNCTION ibex_core.await_memory_writers()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('ibex memories ' || new.org_id, 0));
  return new;
end
$function$;
comment on function ibex_core.await_memory_writers() is 'Waits for those who write memories of the organization: they may be about to learn what is being erased.';
CREATE OR REPLACE FUNCTION ibex_core.carry_out_erasure()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
declare
  tenant constant uuid := ibex_core.current_org_id();
  subject constant text := new.tables ->> 'subject_id';
  is_user constant boolean := new.subject_type = 'user';
  root constant oid := case when new.subject_type = 'user' then 'ibex_core.users'::regclass else 'ibex_core.memories'::regclass end;
  actor constant text := current_setting('app.actor_id', true);
  -- what is deleted though its foreign key would only be emptied: what is about the user, and earlier words of the same fact
  followed text[] := array['ibex_core.memories.user_id', 'ibex_core.sessions.user_id'];
  tables oid[] := array[root];
  conditions jsonb := jsonb_build_object(root::text, 'id = $4');
  memberships jsonb := jsonb_build_object(root::text, 'id = $4');
  emptied jsonb := '{}';
  targets jsonb := '{}';
  found jsonb := '{}';
  rows_found jsonb;
  counts jsonb := '{}';
  relation oid;
  link record;
  place int := 1;
  has_grown boolean;
  standing bigint;
  changed bigint;
  memory_ids uuid[];
  session_ids uuid[];
  assignments text[];
  tests text[];
  statement text;
  held_columns text[];
begin
  if current_user <> 'ibex_eraser' then
    raise insufficient_privilege using message = 'a receipt is written by an erasure alone',
      schema = 'ibex_core', table = 'erasure_receipts';
  end if;
  if (new.tables ->> 'include_derived')::boolean then
    followed := followed || array['ibex_core.memories.superseded_by', 'ibex_core.memories.merged_into'];
  end if;
  -- these locks first, as everybody takes them: before those of rows
  perform pg_advisory_xact_lock_shared(hashtextextended('ibex legal holds ' || tenant, 0));
  if not (new.tables ->> 'allow_relearning')::boolean then
    perform pg_advisory_xact_lock(hashtextextended('ibex memories ' || tenant, 0));
  end if;
  -- what triggers write from here on must not name the person anew
  perform set_config('app.actor_id', '', true);

  -- which tables depend on the subject, and by which columns
  while place <= cardinality(tables) loop
    for link in select * from ibex_core.references_to(tables[place]) loop
      targets := jsonb_set(targets, array[tables[place]::text],
        coalesce(targets -> tables[place]::text, '[]') || to_jsonb(link.targets));
      if link.action = 'c' or link.name = any (followed) then
        conditions := jsonb_set(conditions, array[link.child::text],
          to_jsonb(concat_ws(' or ', conditions ->> link.child::text, link.condition)));
        memberships := jsonb_set(memberships, array[link.child::text],
          to_jsonb(concat_ws(' or ', memberships ->> link.child::text, link.membership)));
        if link.child <> all (tables) then
          tables := tables || link.child;
        end if;
      elsif link.action = 'n' then
        emptied := jsonb_set(emptied, array[link.child::text], coalesce(emptied -> link.child::text, '[]')
          || jsonb_build_object('condition', link.condition, 'columns', link.emptied));
      end if;
    end loop;
    place := place + 1;
  end loop;

  -- their rows, locked from the subject on, so that none can be added to what is found; anew until there are no more
  loop
    has_grown := false;
    foreach relation in array tables loop
      statement := format('select jsonb_build_object(''rows'', count(*)%s) from (select %s from %s where %s and (%s) for update) as row',
        (select string_agg(format(', %L, jsonb_agg(%I)', name, name), '')
          from (select distinct jsonb_array_elements_text(targets -> relation::text) as name) as target),
        (select string_agg(format('%I', name), ', ')
          from (select distinct jsonb_array_elements_text(targets -> relation::text) as name) as target),
        relation::regclass,
        case when exists (select from pg_attribute where attrelid = relation and attname = 'org_id' and not attisdropped)
          then 'org_id = $1' else 'true' end,
        conditions ->> relation::text);
      loop
        execute statement into rows_found using tenant, found, subject, subject::uuid;
        exit when rows_found -> 'rows' = coalesce(found #> array[relation::text, 'rows'], '0');
        found := jsonb_set(found, array[relation::text], rows_found);
        has_grown := true;
        -- the rows of a table that refers to itself lead to others at once
        exit when position(relation::text in conditions ->> relation::text) = 0;
      end loop;
      if relation = root and found = '{}' then
        perform set_config('app.actor_id', coalesce(actor, ''), true);
        return null;
      end if;
    end loop;
    exit when not has_grown;
  end loop;
  memory_ids := array(select jsonb_array_elements_text(found #> array['ibex_core.memories'::regclass::oid::text, 'id']));
  session_ids := array(select jsonb_array_elements_text(found #> array['ibex_core.sessions'::regclass::oid::text, 'id']));

  select count(*) into standing from ibex_core.legal_holds as hold
  where hold.org_id = tenant and hold.released_at is null and (
    hold.subject_id = tenant
    or exists (select from jsonb_each(found) where value -> 'id' ? hold.subject_id::text)
    or exists (select from ibex_core.memories where org_id = tenant and id = any (memory_ids)
      and hold.subject_id in (user_id, agent_id))
    or exists (select from ibex_core.sessions where org_id = tenant and id = any (session_ids)
      and hold.subject_id in (user_id, agent_id)));
  if standing > 0 then
    raise restrict_violation using message = format('%s legal hold(s) stand', standing), schema = 'ibex_core',
      table = case when is_user then 'users' else 'memories' end,
      constraint = case when is_user then 'users' else 'memories' end || '_legal_hold_check';
  end if;

  new.reason := regexp_replace(new.reason, subject, '00000000-0000-0000-0000-000000000000', 'gi');
  new.erased_by_type := nullif(current_setting('app.actor_type', true), '');
  new.erased_by := nullif(regexp_replace(actor, subject, '00000000-0000-0000-0000-000000000000', 'gi'), '');
  if not (new.tables ->> 'allow_relearning')::boolean then
    insert into ibex_core.memory_tombstones (org_id, content_hash, reason)
    select tenant, hash, new.reason from (
      select content_hash::text as hash from ibex_core.memories where org_id = tenant and id = any (memory_ids)
      union
      select ibex_core.memory_content_hash(content) from ibex_core.memory_versions
      where org_id = tenant and memory_id = any (memory_ids)
    ) as erased on conflict (org_id, content_hash) do nothing;
    get diagnostics changed = row_count;
    new.tombstones := changed;
  end if;

  -- what stays: references emptied, and of a user every other mention taken out, one update a table
  for link in
    select class.oid, class.oid::regclass as name, case when class.oid = 'ibex_core.organizations'::regclass then 'id' else 'org_id' end as tenant_column
    from pg_class as class
    where class.relkind in ('r', 'p') and not class.relispartition and (emptied ? class.oid::text or is_user
      and (class.oid = 'ibex_core.organizations'::regclass or exists (select from pg_attribute
        where attrelid = class.oid and attname = 'org_id' and atttypid = 'uuid'::regtype and not attisdropped)))
  loop
    held_columns := array[]::text[];
    if is_user then
      execute coalesce((select format('select array_remove(array[%s], null) from %s where %I = $1 and (%s) is not true',
          string_agg(format('case when bool_or(%s) then %L end', condition, mention.name), ', '), link.name,
          link.tenant_column, coalesce(memberships ->> link.oid::text, 'false'))
        from ibex_core.mentions_in(link.oid) as mention having count(*) > 0), 'select ''{}''::text[]')
      into held_columns using tenant, found, subject, subject::uuid;
    end if;
    select array_agg(assignment), array_agg(condition) into assignments, tests from (
      select format('%I = case when %s then null else %1$I end', name, string_agg(condition, ' or ')) as assignment,
        string_agg(condition, ' or ') as condition
      from jsonb_to_recordset(emptied -> link.oid::text) as key (condition text, columns text[]), unnest(columns) as name
      group by name
      union all
      select format('%s = case when %s then %s else %1$s end', name, condition, replacement), condition
      from ibex_core.mentions_in(link.oid) where name = any (held_columns)
    ) as change;
    continue when assignments is null;
    execute format('update %s set %s where %I = $1 and (%s) and (%s) is not true', link.name,
      array_to_string(assignments, ', '), link.tenant_column, array_to_string(tests, ' or '),
      coalesce(memberships ->> link.oid::text, 'false'))
    using tenant, found, subject, subject::uuid;
    get diagnostics changed = row_count;
    if changed > 0 then
      counts := jsonb_set(counts, array[link.oid::text], jsonb_build_object('cleared', changed));
      new.cleared := new.cleared + changed;
    end if;
  end loop;

  for place in reverse cardinality(tables) .. 1 loop
    relation := tables[place];
    changed := found #>> array[relation::text, 'rows'];
    continue when coalesce(changed, 0) = 0;
    execute format('delete from %s where %s and (%s)', relation::regclass,
      case when exists (select from pg_attribute where attrelid = relation and attname = 'org_id' and not attisdropped)
        then 'org_id = $1' else 'true' end,
      conditions ->> relation::text)
    using tenant, found, subject, subject::uuid;
    counts := jsonb_set(counts, array[relation::text],
      coalesce(counts -> relation::text, '{}') || jsonb_build_object('deleted', changed));
    new.deleted := new.deleted + changed;
  end loop;

  perform set_config('app.actor_id', coalesce(actor, ''), true);
  new.tables := coalesce((
    select jsonb_agg(jsonb_build_object('table', key::oid::regclass::text,
      'deleted', coalesce(value -> 'deleted', '0'), 'cleared', coalesce(value -> 'cleared', '0'))
      order by key::oid::regclass::text collate "C")
    from jsonb_each(counts)), '[]');
  return new;
end
$function$;
grant execute on function ibex_core.carry_out_erasure() to ibex_eraser;
comment on function ibex_core.carry_out_erasure() is 'Erases what a new receipt names: walks the foreign keys of the catalogue, deletes what depends, takes the id out of the rest.';
CREATE OR REPLACE FUNCTION ibex_core.check_order_status()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  if (old.status, new.status) not in (('pending', 'processing'), ('processing', 'completed'),
    ('pending', 'cancelled'), ('processing', 'cancelled')) then
    raise check_violation using message = 'the status of an order does not go this way',
      schema = 'ibex_core', table = 'orders', constraint = 'orders_status_transition_check';
  end if;
  return new;
end
$function$;
comment on function ibex_core.check_order_status() is 'Lets an order go from pending to processing to completed, and to cancelled before it is completed.';
CREATE OR REPLACE FUNCTION ibex_core.check_order_subtotal()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  tenant constant uuid := coalesce(new.org_id, old.org_id);
  changed uuid[];
begin
  if tg_table_name = 'orders' then
    changed := array[new.id];
  else
    changed := array[old.order_id, new.order_id];
  end if;
  if exists (
    select from ibex_core.orders as checked where checked.org_id = tenant and checked.id = any (changed)
      and checked.subtotal <> (
        select coalesce(sum(line.quantity * line.unit_price), 0) from ibex_core.order_items as line
        where line.org_id = tenant and line.order_id = checked.id)
  ) then
    raise check_violation using message = 'the subtotal of an order is not the sum of its items',
      schema = 'ibex_core', table = 'orders', constraint = 'orders_subtotal_items_check';
  end if;
  return null;
end
$function$;
comment on function ibex_core.check_order_subtotal() is 'Raises when the subtotal of an order is not the sum of its items.';
CREATE OR REPLACE FUNCTION ibex_core.choose_default_template()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  update ibex_core.roles set updated_at = updated_at where org_id = new.org_id and id = new.role_id;
  if not exists (
    select from ibex_core.prompt_templates where org_id = new.org_id and role_id = new.role_id and is_default
  ) then
    new.is_default := true;
  end if;
  return new;
end
$function$;
comment on function ibex_core.choose_default_template() is 'Makes the first template of a role its default.';
CREATE OR REPLACE FUNCTION ibex_core.count_memory_votes()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
declare
  voted refcursor;
  memory record;
begin
  case tg_op
    when 'INSERT' then open voted for select distinct org_id, memory_id from come order by org_id, memory_id;
    when 'DELETE' then open voted for select distinct org_id, memory_id from gone order by org_id, memory_id;
    when 'UPDATE' then open voted for
      select org_id, memory_id from gone union select org_id, memory_id from come order by org_id, memory_id;
  end case;
  loop
    fetch voted into memory;
    exit when not found;
    if tg_op <> 'DELETE' then
      insert into ibex_core.memory_usage (org_id, memory_id) values (memory.org_id, memory.memory_id)
        on conflict (org_id, memory_id) do nothing;
    end if;
    perform from ibex_core.memory_usage
    where org_id = memory.org_id and memory_id = memory.memory_id for no key update;
    update ibex_core.memory_usage set
      positive_votes = votes.positive,
      negative_votes = votes.negative,
      usefulness_score = (votes.positive + 1) / (votes.positive + votes.negative + 2)::real
    from (
      select count(*) filter (where vote = 'positive') as positive, count(*) filter (where vote = 'negative') as negative
      from ibex_core.memory_votes where org_id = memory.org_id and memory_id = memory.memory_id
    ) as votes
    where org_id = memory.org_id and memory_id = memory.memory_id
      and (positive_votes, negative_votes) is distinct from (votes.positive, votes.negative);
  end loop;
  close voted;
  return null;
end
$function$;
comment on function ibex_core.count_memory_votes() is 'Counts the votes of the memories that a statement voted on, and derives how useful they are.';
CREATE OR REPLACE FUNCTION ibex_core.count_messages()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
declare
  changes refcursor;
  change record;
begin
  case tg_op
    when 'INSERT' then open changes for
      select org_id, session_id, max(seq) as last_seq, count(*) filter (where deleted_at is null) as living,
        null::timestamptz as newest_gone,
        max(created_at) filter (where deleted_at is null and not is_summary) as newest_come
      from come group by org_id, session_id order by org_id, session_id;
    when 'DELETE' then open changes for
      select org_id, session_id, null::integer as last_seq, - count(*) as living,
        max(created_at) filter (where not is_summary) as newest_gone,
        null::timestamptz as newest_come
      from gone where deleted_at is null group by org_id, session_id order by org_id, session_id;
    when 'UPDATE' then open changes for
      select org_id, session_id, null::integer as last_seq, sum(living) as living,
        max(said_at) filter (where living < 0) as newest_gone,
        max(said_at) filter (where living > 0) as newest_come
      from (
        select org_id, session_id, -1 as living, case when not is_summary then created_at end as said_at
        from gone where deleted_at is null
        union all
        select org_id, session_id, 1, case when not is_summary then created_at end
        from come where deleted_at is null
      ) as change
      group by org_id, session_id
      having sum(living) <> 0
        or max(said_at) filter (where living < 0) is distinct from max(said_at) filter (where living > 0)
      order by org_id, session_id;
  end case;
  loop
    fetch changes into change;
    exit when not found;
    perform from ibex_core.sessions
    where org_id = change.org_id and id = change.session_id for no key update;
    update ibex_core.sessions set
      last_seq = greatest(last_seq, change.last_seq),
      message_count = message_count + change.living,
      last_message_at = case
        when change.newest_gone >= last_message_at then (
          select max(created_at) from ibex_core.messages
          where org_id = change.org_id and session_id = change.session_id and deleted_at is null and not is_summary
        )
        else greatest(last_message_at, change.newest_come)
      end
    where org_id = change.org_id and id = change.session_id;
  end loop;
  close changes;
  return null;
end
$function$;
comment on function ibex_core.count_messages() is 'Keeps last_seq, message_count and last_message_at of the sessions whose messages a statement changed.';
CREATE OR REPLACE FUNCTION ibex_core.current_org_id()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('app.current_org_id'::text, true), ''::text))::uuid;
grant execute on function ibex_core.current_org_id() to ibex_app;
grant execute on function ibex_core.current_org_id() to ibex_search;
grant execute on function ibex_core.current_org_id() to ibex_system;
comment on function ibex_core.current_org_id() is 'The tenant of the session: the setting app.current_org_id, or null without one.';
CREATE OR REPLACE FUNCTION ibex_core.erase_organization(tenant uuid, why text)
 RETURNS SETOF ibex_core.organization_erasures
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
declare
  former constant text := current_setting('app.current_org_id', true);
  relation regclass;
  standing bigint;
  counted bigint;
  total bigint := 1;
  tables jsonb := '[]';
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise feature_not_supported using message = 'erasure takes a read committed transaction';
  end if;
  -- the policies of this tenant hold what follows
  perform set_config('app.current_org_id', tenant::text, true);
  perform pg_advisory_xact_lock_shared(hashtextextended('ibex legal holds ' || tenant, 0));
  -- every row that is added refers to this one, and waits
  perform from ibex_core.organizations where id = tenant for update;
  if not found then
    perform set_config('app.current_org_id', coalesce(former, ''), true);
    return;
  end if;
  select count(*) into standing from ibex_core.legal_holds where org_id = tenant and released_at is null;
  if standing > 0 then
    raise restrict_violation using message = format('%s legal hold(s) stand', standing), schema = 'ibex_core',
      table = 'organizations', constraint = 'organizations_legal_hold_check';
  end if;
  for relation in
    select class.oid from pg_class as class join pg_attribute on attrelid = class.oid
    where class.relkind in ('r', 'p') and not class.relispartition
      and attname = 'org_id' and atttypid = 'uuid'::regtype and not attisdropped
    order by class.oid::regclass::text collate "C"
  loop
    execute format('select count(*) from (select from %s where org_id = $1 for update) as row', relation)
    into counted using tenant;
    if counted > 0 then
      total := total + counted;
      tables := tables || jsonb_build_object('table', relation::text, 'deleted', counted, 'cleared', 0);
    end if;
  end loop;
  delete from ibex_core.organizations where id = tenant;
  for relation in select (jsonb_array_elements(tables) ->> 'table')::regclass loop
    -- what has no foreign key to the organization; and what a trigger has put there meanwhile
    execute format('delete from %s where org_id = $1', relation) using tenant;
  end loop;
  tables := tables || jsonb_build_object('table', 'ibex_core.organizations', 'deleted', 1, 'cleared', 0);
  perform set_config('app.current_org_id', coalesce(former, ''), true);
  return query insert into ibex_core.organization_erasures (subject_hash, reason, erased_by_type, erased_by, tables, deleted)
  values (encode(sha256(convert_to(tenant::text, 'UTF8')), 'hex'), why, nullif(current_setting('app.actor_type', true), ''),
    nullif(current_setting('app.actor_id', true), ''), tables, total)
  returning *;
end
$function$;
grant execute on function ibex_core.erase_organization(uuid,text) to ibex_system;
alter function ibex_core.erase_organization(uuid,text) owner to ibex_eraser;
comment on function ibex_core.erase_organization(uuid,text) is 'Erases an organization with all its rows; without a row there was none.';
CREATE OR REPLACE FUNCTION ibex_core.erase_subject(kind text, subject uuid, why text, include_derived boolean, allow_relearning boolean)
 RETURNS SETOF ibex_core.erasure_receipts
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
begin
  if ibex_core.current_org_id() is null then
    raise insufficient_privilege using message = 'nothing is erased without a tenant';
  end if;
  -- with an older snapshot it would neither see what was added nor a hold that was placed before it began to wait
  if current_setting('transaction_isolation') <> 'read committed' then
    raise feature_not_supported using message = 'erasure takes a read committed transaction';
  end if;
  return query insert into ibex_core.erasure_receipts (org_id, subject_type, subject_hash, reason, tables)
  values (ibex_core.current_org_id(), kind, encode(sha256(convert_to(subject::text, 'UTF8')), 'hex'), why,
    jsonb_build_object('subject_id', subject, 'include_derived', include_derived, 'allow_relearning', allow_relearning))
  returning *;
end
$function$;
grant execute on function ibex_core.erase_subject(text,uuid,text,boolean,boolean) to ibex_app;
alter function ibex_core.erase_subject(text,uuid,text,boolean,boolean) owner to ibex_eraser;
comment on function ibex_core.erase_subject(text,uuid,text,boolean,boolean) is 'Erases a memory or a user of the tenant; without a row there was none.';
CREATE OR REPLACE FUNCTION ibex_core.give_back_inventory()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  given_back constant uuid[] := array(select product_id from ibex_core.order_items
    where org_id = new.org_id and order_id = new.id and taken_quantity > 0);
begin
  perform from ibex_core.products where org_id = new.org_id and id = any (given_back) order by id for no key update;
  update ibex_core.products as product set inventory_quantity = product.inventory_quantity + taken.quantity
  from (
    select product_id, sum(taken_quantity)::integer as quantity from ibex_core.order_items
    where org_id = new.org_id and order_id = new.id group by product_id
  ) as taken
  where product.org_id = new.org_id and product.id = taken.product_id and taken.quantity > 0;
  return null;
end
$function$;
comment on function ibex_core.give_back_inventory() is 'Gives back to the inventory what a cancelled order took from it, in the order that place_order() locks products in.';
CREATE OR REPLACE FUNCTION ibex_core.guard_legal_hold()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  if tg_op = 'INSERT' then
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('ibex legal holds ' || new.org_id, 0));
    if not (case new.subject_type
      when 'organization' then new.subject_id = new.org_id
      when 'user' then exists (select from ibex_core.users where org_id = new.org_id and id = new.subject_id)
      when 'agent' then exists (select from ibex_core.agents where org_id = new.org_id and id = new.subject_id)
      when 'memory' then exists (select from ibex_core.memories where org_id = new.org_id and id = new.subject_id)
      else true end)
    then
      raise foreign_key_violation using message = 'the subject of the hold does not exist',
        schema = 'ibex_core', table = 'legal_holds', constraint = 'legal_holds_subject_id_fkey';
    end if;
    return new;
  end if;
  if tg_op = 'DELETE' then
    if old.released_at is null then
      raise restrict_violation using message = '1 legal hold stands',
        schema = 'ibex_core', table = 'legal_holds', constraint = 'legal_holds_legal_hold_check';
    end if;
    return old;
  end if;
  -- deeper than 1 is the work of an erasure, which takes the id of a person out
  if pg_trigger_depth() < 2 and (old.released_at is not null
    or (new.subject_type, new.subject_id, new.reason, new.placed_by, new.created_at)
      is distinct from (old.subject_type, old.subject_id, old.reason, old.placed_by, old.created_at)) then
    raise insufficient_privilege using message = 'a legal hold is released once and changed never: place a new one instead',
      schema = 'ibex_core', table = 'legal_holds';
  end if;
  return new;
end
$function$;
comment on function ibex_core.guard_legal_hold() is 'Looks up what a hold is placed for, and lets a hold be released, but neither changed nor deleted while it stands.';
CREATE OR REPLACE FUNCTION ibex_core.keep_embedding_model()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  model text;
begin
  perform pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended('ibex memories ' || new.org_id, 0));
  select embedding_model into model from ibex_core.organizations where id = new.org_id for key share;
  if model is distinct from new.embedding_model and exists (
    select from ibex_core.memory_reembeddings where org_id = new.org_id and status = 'completed'
  ) then
    raise check_violation using message = 'the memories of the organization are embedded by another model',
      schema = 'ibex_core', table = 'memories', constraint = 'memories_embedding_model_check';
  end if;
  return new;
end
$function$;
comment on function ibex_core.keep_embedding_model() is 'Raises for an embedding of another model than the organization has, from the first change of it on.';
CREATE OR REPLACE FUNCTION ibex_core.keep_organization_owned()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  -- owners who leave at once go one after the other. An update and not a lock alone: in repeatable read the second one
  -- then fails, where a lock would let it look at owners of the past. Without an organization the row goes with it
  update ibex_core.organizations set name = name where id = old.org_id;
  if found and not exists (
    select from ibex_core.users
    where org_id = old.org_id and id <> old.id and role = 'owner' and status = 'active' and deleted_at is null
  ) then
    raise check_violation using message = 'an organization would be left without an active owner',
      schema = 'ibex_core', table = 'users', constraint = 'users_last_owner_check';
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$function$;
comment on function ibex_core.keep_organization_owned() is 'Refuses to take the last active owner from an organization; the condition of the trigger says who is one.';
CREATE OR REPLACE FUNCTION ibex_core.keep_owner_a_member()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  if exists (select from ibex_core.users where org_id = new.org_id and id = new.owner_id and deleted_at is not null) then
    raise foreign_key_violation using message = 'the owner of the team was deleted',
      schema = 'ibex_core', table = 'teams', constraint = 'teams_org_id_owner_id_fkey';
  end if;
  -- the insert waits for whoever adds the same member at this moment, and the update then sees that row
  insert into ibex_core.team_memberships (org_id, team_id, user_id, role)
  values (new.org_id, new.id, new.owner_id, 'owner') on conflict do nothing;
  update ibex_core.team_memberships set role = 'owner'
  where org_id = new.org_id and team_id = new.id and user_id = new.owner_id and role <> 'owner';
  return null;
end
$function$;
comment on function ibex_core.keep_owner_a_member() is 'Makes the owner of a team an owner among its members.';
CREATE OR REPLACE FUNCTION ibex_core.keep_team_owned()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  holder uuid;
  heir uuid;
begin
  -- members who leave at once go one after the other; an update as in keep_organization_owned(). Where the team, the user or
  -- the organization is gone, the row goes with it
  update ibex_core.teams set owner_id = owner_id
  where org_id = old.org_id and id = old.team_id
    and exists (select from ibex_core.users where org_id = old.org_id and id = old.user_id)
    and exists (select from ibex_core.organizations where id = old.org_id)
  returning owner_id into holder;
  if holder = old.user_id then
    select users.id into heir
    from ibex_core.team_memberships as member
    join ibex_core.users on users.org_id = member.org_id and users.id = member.user_id
    where member.org_id = old.org_id and member.team_id = old.team_id and member.user_id <> old.user_id
      and member.role = 'owner' and users.deleted_at is null
    order by users.status = 'active' desc, member.created_at, member.id limit 1;
    if heir is null then
      raise check_violation using message = 'a team would be left without an owner',
        schema = 'ibex_core', table = 'team_memberships', constraint = 'team_memberships_last_owner_check';
    end if;
    update ibex_core.teams set owner_id = heir where org_id = old.org_id and id = old.team_id;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$function$;
comment on function ibex_core.keep_team_owned() is 'Hands a team to another owner when the one who holds it leaves, and refuses to take the last one.';
CREATE OR REPLACE FUNCTION ibex_core.lock_agent_memories(tenant uuid, agents uuid[], is_shared boolean)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
$function$;
grant execute on function ibex_core.lock_agent_memories(uuid,uuid[],boolean) to ibex_app;
grant execute on function ibex_core.lock_agent_memories(uuid,uuid[],boolean) to ibex_system;
comment on function ibex_core.lock_agent_memories(uuid,uuid[],boolean) is 'Lets one transaction at a time write memories of these agents; null stands for the memories that all share.';
CREATE OR REPLACE FUNCTION ibex_core.lock_memories(tenant uuid, ids uuid[], agents uuid[])
 RETURNS SETOF ibex_core.memories
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  -- in the order of all writers: the agents, then the rows
  perform ibex_core.lock_agent_memories(tenant, agents || array(
    select agent_id from ibex_core.memories where org_id = tenant and id = any (ids)
  ), false);
  return query select * from ibex_core.memories where org_id = tenant and id = any (ids)
    order by id for no key update;
end
$function$;
grant execute on function ibex_core.lock_memories(uuid,uuid[],uuid[]) to ibex_app;
grant execute on function ibex_core.lock_memories(uuid,uuid[],uuid[]) to ibex_system;
comment on function ibex_core.lock_memories(uuid,uuid[],uuid[]) is 'Lets nobody else write memories of the agents of these or of the agents given, and returns these, locked.';
CREATE OR REPLACE FUNCTION ibex_core.memories_containing(containing jsonb, most integer)
 RETURNS TABLE(id uuid)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER ROWS 20
 SET search_path TO ''
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict error
declare
  tenant constant uuid := ibex_core.current_org_id();
begin
  return query select memory.id from ibex_core.memories as memory
    where memory.org_id = tenant and memory.metadata @> containing and memory.deleted_at is null limit most;
end
$function$;
grant execute on function ibex_core.memories_containing(jsonb,integer) to ibex_app;
alter function ibex_core.memories_containing(jsonb,integer) owner to ibex_search;
comment on function ibex_core.memories_containing(jsonb,integer) is 'Finds memories whose metadata contain these keys and values, in no order.';
CREATE OR REPLACE FUNCTION ibex_core.memories_with_words(words tsquery, any_status text[], only_ids uuid[], only_agent uuid, only_user uuid, only_session uuid, any_category text[], any_source text[], any_tier text[], least_confidence real, least_importance integer, since timestamp with time zone, before timestamp with time zone, about text, containing jsonb, any_tag text[], all_tags text[], most integer)
 RETURNS TABLE(id uuid)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER ROWS 20
 SET search_path TO ''
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'on'
 SET enable_sort TO 'on'
AS $function$
#variable_conflict error
declare
  tenant constant uuid := ibex_core.current_org_id();
begin
  return query select memory.id from ibex_core.memories as memory
    where memory.org_id = tenant and memory.search_vector @@ words
      and memory.deleted_at is null and (memory.expires_at is null or memory.expires_at > now())
      and memory.status = any (any_status)
      and (only_ids is null or memory.id = any (only_ids))
      and (only_agent is null or memory.agent_id = only_agent or memory.agent_id is null)
      and (only_user is null or memory.user_id = only_user)
      and (only_session is null or memory.session_id = only_session)
      and (any_category is null or memory.category = any (any_category))
      and (any_source is null or memory.source = any (any_source))
      and (any_tier is null or memory.tier = any (any_tier))
      and (least_confidence is null or memory.confidence >= least_confidence)
      and (least_importance is null or memory.importance >= least_importance)
      and (since is null or memory.created_at >= since)
      and (before is null or memory.created_at < before)
      and (about is null or memory.subject = about)
      and (containing is null or memory.metadata @> containing)
      and (any_tag is null or exists (select from ibex_core.memory_tags as tagged
        where tagged.org_id = tenant and tagged.memory_id = memory.id and tagged.tag = any (any_tag)))
      and (all_tags is null or (select count(*) from ibex_core.memory_tags as tagged
        where tagged.org_id = tenant and tagged.memory_id = memory.id and tagged.tag = any (all_tags)) = cardinality(all_tags))
    limit most;
end
$function$;
grant execute on function ibex_core.memories_with_words(tsquery,text[],uuid[],uuid,uuid,uuid,text[],text[],text[],real,integer,timestamp with time zone,timestamp with time zone,text,jsonb,text[],text[],integer) to ibex_app;
alter function ibex_core.memories_with_words(tsquery,text[],uuid[],uuid,uuid,uuid,text[],text[],text[],real,integer,timestamp with time zone,timestamp with time zone,text,jsonb,text[],text[],integer) owner to ibex_search;
comment on function ibex_core.memories_with_words(tsquery,text[],uuid[],uuid,uuid,uuid,text[],text[],text[],real,integer,timestamp with time zone,timestamp with time zone,text,jsonb,text[],text[],integer) is 'Finds memories that match a query of words, in no order.';
CREATE OR REPLACE FUNCTION ibex_core.memory_content_hash(content text)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO ''
RETURN encode(sha256(convert_to(btrim(regexp_replace(NORMALIZE(content, NFC), '[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+'::text, ' '::text, 'g'::text)), 'UTF8'::name)), 'hex'::text);
grant execute on function ibex_core.memory_content_hash(text) to ibex_eraser;
comment on function ibex_core.memory_content_hash(text) is 'The SHA-256 of a normalised content: content_hash of memories.';
CREATE OR REPLACE FUNCTION ibex_core.mentions_in(relation oid)
 RETURNS TABLE(name text, condition text, replacement text)
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select quote_ident(attname),
    format(case when kind = 'uuid' then '%I = $3::uuid' when kind = 'uuid[]' then '$3::uuid = any (%I)'
      else '%I::text ~* $3' end, attname),
    format(case when kind = 'uuid' then '%2$s::uuid' when kind = 'uuid[]' then 'array_replace(%1$I, $3::uuid, %2$s::uuid)'
      else 'regexp_replace(%1$I::text, $3, %2$s, ''gi'')::%3$s' end, attname,
      case when is_unique then 'gen_random_uuid()::text' else '''00000000-0000-0000-0000-000000000000''' end,
      format_type(atttypid, atttypmod))
  from pg_attribute
  join pg_type as own on own.oid = atttypid
  cross join lateral (
    select format_type(coalesce(nullif(own.typbasetype, 0), own.oid), null) as kind, exists (
      select from pg_index where indrelid = attrelid and indisunique and attnum = any (indkey)
    ) as is_unique
  ) as column_kind
  where attrelid = relation and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''
    and (kind in ('uuid', 'text', 'character varying', 'character', 'json', 'jsonb',
      'uuid[]', 'text[]', 'character varying[]', 'json[]', 'jsonb[]') or own.typcategory = 'S' and own.typtype <> 'e')
    and kind not in ('name', '"char"')
    and (relation = 'ibex_core.organizations'::regclass and attname <> 'id' or attname <> 'org_id')
    and not exists (select from pg_constraint where conrelid = relation and contype = 'f' and attnum = any (conkey))
$function$;
grant execute on function ibex_core.mentions_in(oid) to ibex_eraser;
comment on function ibex_core.mentions_in(oid) is 'The columns of a table that can hold an id without a foreign key, and what takes it out of them.';
CREATE OR REPLACE FUNCTION ibex_core.merge_memories(tenant uuid, ids uuid[], holder_id uuid)
 RETURNS SETOF ibex_core.memories
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
$function$;
grant execute on function ibex_core.merge_memories(uuid,uuid[],uuid) to ibex_app;
grant execute on function ibex_core.merge_memories(uuid,uuid[],uuid) to ibex_system;
comment on function ibex_core.merge_memories(uuid,uuid[],uuid) is 'Merges memories into another one, under the locks of lock_memories, and returns it.';
CREATE OR REPLACE FUNCTION ibex_core.move_default_template()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  if new.role_id <> old.role_id then
    raise check_violation using message = 'a prompt template stays with its role: insert it for the other role',
      schema = tg_table_schema, table = tg_table_name, constraint = 'prompt_templates_role_id_check';
  end if;
  if new.is_default then
    update ibex_core.roles set updated_at = updated_at where org_id = new.org_id and id = new.role_id;
    perform set_config('app.default_moves_in_role', new.role_id::text, true);
    update ibex_core.prompt_templates set is_default = false
    where org_id = new.org_id and role_id = new.role_id and is_default;
    perform set_config('app.default_moves_in_role', '', true);
  elsif current_setting('app.default_moves_in_role', true) is distinct from new.role_id::text then
    raise check_violation using message = 'a role keeps a default template: make another one the default instead',
      schema = tg_table_schema, table = tg_table_name, constraint = 'prompt_templates_is_default_check';
  end if;
  return new;
end
$function$;
comment on function ibex_core.move_default_template() is 'Takes the default from one template of a role when another is updated to be it, and lets it go no other way.';
CREATE OR REPLACE FUNCTION ibex_core.move_point_account()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  update ibex_core.point_accounts set
    balance = new.balance_after,
    frozen_balance = new.frozen_after,
    version = new.version,
    lifetime_earned = lifetime_earned
      + case when new.direction = 'credit' and new.change_type <> 'release' then new.amount else 0 end,
    lifetime_spent = lifetime_spent
      + case when new.direction = 'debit' and new.change_type <> 'freeze' then new.amount else 0 end
  where org_id = new.org_id and user_id = new.user_id;
  return null;
end
$function$;
comment on function ibex_core.move_point_account() is 'Brings the account of a user to where the movement leaves it.';
CREATE OR REPLACE FUNCTION ibex_core.move_points(tenant uuid, owner uuid, change text, way text, points bigint, purpose text, event text, details jsonb, next_version bigint)
 RETURNS TABLE(is_new boolean, movement ibex_core.points_ledger)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  insert into ibex_core.point_accounts (org_id, user_id) values (tenant, owner) on conflict (org_id, user_id) do nothing;
  perform from ibex_core.point_accounts where org_id = tenant and user_id = owner for no key update;
  select * into movement from ibex_core.points_ledger where org_id = tenant and event_id = event;
  is_new := not found;
  if is_new then
    insert into ibex_core.points_ledger (org_id, user_id, version, change_type, direction, amount, biz_type, event_id, metadata)
    values (tenant, owner, next_version, change, way, points, purpose, event, details) returning * into movement;
  elsif (movement.user_id, movement.change_type, movement.direction, movement.amount, movement.biz_type)
    is distinct from (owner, change, way, points, purpose) then
    raise unique_violation using message = 'the event has moved other points',
      schema = 'ibex_core', table = 'points_ledger', constraint = 'points_ledger_org_id_event_id_key';
  end if;
  return next;
end
$function$;
grant execute on function ibex_core.move_points(uuid,uuid,text,text,bigint,text,text,jsonb,bigint) to ibex_app;
grant execute on function ibex_core.move_points(uuid,uuid,text,text,bigint,text,text,jsonb,bigint) to ibex_system;
comment on function ibex_core.move_points(uuid,uuid,text,text,bigint,text,text,jsonb,bigint) is 'Moves points once per event: the same event again gives back the movement of the first time.';
CREATE OR REPLACE FUNCTION ibex_core.nearest_memories(tenant uuid, agent uuid, model text, target public.vector, kind text, most integer, is_small boolean)
 RETURNS TABLE(memory_id uuid, similarity real)
 LANGUAGE plpgsql
 STABLE ROWS 1
 SET search_path TO ''
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
begin
  if is_small then
    -- offset 0 keeps the index of the vectors out: few rows are compared one by one, and none is missed
    return query select near.id, (1 - near.distance)::real from (
      select memory.id, memory.embedding operator(public.<=>) target as distance from ibex_core.memories as memory where memory.org_id = tenant and (memory.agent_id = agent or (agent is null and memory.agent_id is null))
      and memory.status = 'active' and memory.deleted_at is null
      and (memory.embedding_model = model or (model is null and memory.embedding_model is null))
      and (kind is null or memory.category = kind) offset 0
    ) as near order by near.distance, near.id limit most;
  else
    -- the index gives them slightly out of order
    return query select near.id, (1 - near.distance)::real from (
      select memory.id, memory.embedding operator(public.<=>) target as distance from ibex_core.memories as memory where memory.org_id = tenant and (memory.agent_id = agent or (agent is null and memory.agent_id is null))
      and memory.status = 'active' and memory.deleted_at is null
      and (memory.embedding_model = model or (model is null and memory.embedding_model is null))
      and (kind is null or memory.category = kind)
      order by memory.embedding operator(public.<=>) target limit most + 10
    ) as near order by near.distance, near.id limit most;
  end if;
end
$function$;
grant execute on function ibex_core.nearest_memories(uuid,uuid,text,public.vector,text,integer,boolean) to ibex_app;
grant execute on function ibex_core.nearest_memories(uuid,uuid,text,public.vector,text,integer,boolean) to ibex_system;
comment on function ibex_core.nearest_memories(uuid,uuid,text,public.vector,text,integer,boolean) is 'Finds the active memories of an agent and a model nearest to a vector, of one category or all.';
CREATE OR REPLACE FUNCTION ibex_core.notify_hot_memories()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
$function$;
comment on function ibex_core.notify_hot_memories() is 'Tells those who cache the best memories of an agent that they changed: organization and agent, nothing else.';
CREATE OR REPLACE FUNCTION ibex_core.number_message()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
declare
  last integer;
  gone timestamptz;
begin
  if tg_op = 'UPDATE' then
    raise check_violation using message = 'the place of a message never changes',
      schema = tg_table_schema, table = tg_table_name, constraint = 'messages_seq_check';
  end if;
  select last_seq, deleted_at into last, gone from ibex_core.sessions
  where org_id = new.org_id and id = new.session_id for no key update;
  -- without a session the foreign key refuses the row; a soft-deleted one is to look the same
  if gone is not null then
    raise foreign_key_violation using
      message = 'insert or update on table "messages" violates foreign key constraint "messages_org_id_session_id_fkey"',
      schema = tg_table_schema, table = tg_table_name, constraint = 'messages_org_id_session_id_fkey';
  end if;
  last := greatest(last, 0, (
    select seq from ibex_core.messages
    where org_id = new.org_id and session_id = new.session_id order by seq desc limit 1
  ));
  if new.seq = 0 then
    new.seq := last + 1;
  elsif new.seq > last + 1 then
    raise check_violation using message = 'the number of a message is not the next one of its session',
      schema = tg_table_schema, table = tg_table_name, constraint = 'messages_seq_check';
  end if;
  if new.is_summary then
    new.summary_up_to := coalesce(new.summary_up_to, new.seq - 1);
  end if;
  return new;
end
$function$;
comment on function ibex_core.number_message() is 'Gives a new message the next number of its session, under the lock of the session, and refuses to move a message.';
CREATE OR REPLACE FUNCTION ibex_core.number_points_movement()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  last ibex_core.points_ledger;
begin
  insert into ibex_core.point_accounts (org_id, user_id) values (new.org_id, new.user_id)
    on conflict (org_id, user_id) do nothing;
  -- the movements of a user one after the other; after the wait the next statement sees the last one
  perform from ibex_core.point_accounts where org_id = new.org_id and user_id = new.user_id for no key update;
  select * into last from ibex_core.points_ledger
    where org_id = new.org_id and user_id = new.user_id order by version desc limit 1;
  if new.version not in (0, coalesce(last.version, 0) + 1) then
    raise check_violation using message = 'the account of the points has another version',
      schema = 'ibex_core', table = 'points_ledger', constraint = 'points_ledger_next_version_check';
  end if;
  new.version := coalesce(last.version, 0) + 1;
  new.balance_after := coalesce(last.balance_after, 0) + case
    when new.change_type in ('freeze', 'release') then 0
    when new.direction = 'credit' then new.amount
    else -new.amount end;
  new.frozen_after := coalesce(last.frozen_after, 0) + case new.change_type
    when 'freeze' then new.amount
    when 'release' then -new.amount
    when 'settle' then -new.amount
    else 0 end;
  return new;
end
$function$;
comment on function ibex_core.number_points_movement() is 'Continues the ledger of a user: version, balance and frozen points after the movement.';
CREATE OR REPLACE FUNCTION ibex_core.place_order(tenant uuid, number text, buyer uuid, product_ids uuid[], quantities integer[], amounts numeric[], expected_total numeric, details jsonb)
 RETURNS TABLE(refusal text, positions integer[], placed ibex_core.orders, item ibex_core.order_items)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  unavailable integer[];
  short integer[];
  sum_of_items numeric;
  total numeric;
begin
  -- in one order everywhere, so that two orders never wait for each other crosswise
  perform from ibex_core.products where org_id = tenant and id = any (product_ids) order by id for no key update;
  select array_agg(wanted.seq - 1 order by wanted.seq) filter (where product.id is null),
    array_agg(wanted.seq - 1 order by wanted.seq) filter (where product.inventory_quantity < wanted.quantity),
    sum(wanted.quantity * product.price)
  into unavailable, short, sum_of_items
  from unnest(product_ids, quantities) with ordinality as wanted (product_id, quantity, seq)
  left join ibex_core.products as product on product.org_id = tenant and product.id = wanted.product_id
    and product.status = 'published' and product.deleted_at is null;
  total := sum_of_items + (select coalesce(sum(amount), 0) from unnest(amounts) as amount);
  refusal := case when unavailable is not null then 'unavailable' when short is not null then 'inventory'
    when total <> expected_total then 'total' end;
  if refusal is not null then
    positions := coalesce(unavailable, short);
    return next;
    return;
  end if;
  insert into ibex_core.orders (org_id, order_number, user_id, subtotal, total_price, metadata)
  values (tenant, number, buyer, sum_of_items, total, details) returning * into placed;
  update ibex_core.products as product set inventory_quantity = product.inventory_quantity - taken.quantity
  from (
    select wanted.product_id, sum(wanted.quantity) as quantity
    from unnest(product_ids, quantities) as wanted (product_id, quantity) group by 1
  ) as taken
  where product.org_id = tenant and product.id = taken.product_id;
  insert into ibex_core.order_items (org_id, order_id, seq, product_id, sku, name, quantity, taken_quantity, unit_price)
  select tenant, placed.id, wanted.seq, product.id, product.sku, product.name, wanted.quantity, wanted.quantity, product.price
  from unnest(product_ids, quantities) with ordinality as wanted (product_id, quantity, seq)
  join ibex_core.products as product on product.org_id = tenant and product.id = wanted.product_id;
  return query select refusal, positions, placed, line from ibex_core.order_items as line
    where line.org_id = tenant and line.order_id = placed.id order by line.seq;
end
$function$;
grant execute on function ibex_core.place_order(uuid,text,uuid,uuid[],integer[],numeric[],numeric,jsonb) to ibex_app;
grant execute on function ibex_core.place_order(uuid,text,uuid,uuid[],integer[],numeric[],numeric,jsonb) to ibex_system;
comment on function ibex_core.place_order(uuid,text,uuid,uuid[],integer[],numeric[],numeric,jsonb) is 'Takes the items from the inventory and writes an order of them, a row an item; or writes nothing and says why not.';
CREATE OR REPLACE FUNCTION ibex_core.promote_default_template()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  gone record;
  oldest uuid;
begin
  for gone in select distinct org_id, role_id from deleted where is_default order by 1, 2 loop
    update ibex_core.roles set updated_at = updated_at where org_id = gone.org_id and id = gone.role_id;
    -- without its role the templates go too
    continue when not found;
    loop
      -- the same statement may have inserted a new default already
      select id into oldest from ibex_core.prompt_templates where org_id = gone.org_id and role_id = gone.role_id
      order by is_default desc, created_at, id limit 1;
      exit when not found;
      update ibex_core.prompt_templates set is_default = true where org_id = gone.org_id and id = oldest;
      exit when found;
    end loop;
  end loop;
  return null;
end
$function$;
comment on function ibex_core.promote_default_template() is 'Makes the oldest template that is left the default of its role when the default was deleted.';
CREATE OR REPLACE FUNCTION ibex_core.publish_directive(org uuid, agent uuid, new_content text, author uuid, mode text)
 RETURNS TABLE(is_new boolean, version ibex_core.directive_versions)
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  directive ibex_core.directives;
begin
  if not exists (select from ibex_core.agents where org_id = org and id = agent and deleted_at is null) then
    return;
  end if;
  loop
    select * into directive from ibex_core.directives where org_id = org and agent_id = agent for no key update;
    exit when found;
    insert into ibex_core.directives (org_id, agent_id) values (org, agent) on conflict (org_id, agent_id) do nothing;
  end loop;
  -- a comparison with null would read all versions to find none
  if directive.active_version_id is not null then
    select * into version from ibex_core.directive_versions where org_id = org and id = directive.active_version_id;
  end if;
  is_new := version.content is distinct from new_content;
  if is_new then
    insert into ibex_core.directive_versions (org_id, directive_id, version_num, content, content_hash, created_by)
    select org, directive.id, coalesce(max(version_num), 0) + 1, new_content,
      encode(sha256(convert_to(new_content, 'UTF8')), 'hex'), author
    from ibex_core.directive_versions where org_id = org and directive_id = directive.id
    returning * into version;
  end if;
  update ibex_core.directives set active_version_id = version.id, injection_mode = coalesce(mode, injection_mode)
  where org_id = org and id = directive.id
    and (active_version_id, injection_mode) is distinct from (version.id, coalesce(mode, injection_mode));
  return next;
end
$function$;
grant execute on function ibex_core.publish_directive(uuid,uuid,text,uuid,text) to ibex_app;
grant execute on function ibex_core.publish_directive(uuid,uuid,text,uuid,text) to ibex_system;
comment on function ibex_core.publish_directive(uuid,uuid,text,uuid,text) is 'Adds a version to the directive of an agent, which it makes if there is none, and activates it; the active version unchanged when the content is the same; nothing without such an agent.';
CREATE OR REPLACE FUNCTION ibex_core.references_to(parent oid)
 RETURNS TABLE(child oid, name text, action "char", condition text, membership text, emptied text[], targets text[])
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select key.conrelid, key.conrelid::regclass || '.' || pair.first, key.confdeltype,
    case when pair.count = 1 then format('%s = any (%s)', pair.columns, pair.found)
      else format('(%s) in (select * from unnest(%s))', pair.columns, pair.found) end,
    format('(%s) in (select * from unnest(%s))', pair.columns, pair.found),
    array(select attname::text from pg_attribute where attrelid = key.conrelid and attname <> 'org_id'
      and attnum = any (case when cardinality(key.confdelsetcols) > 0 then key.confdelsetcols else key.conkey end)),
    pair.targets
  from pg_constraint as key cross join lateral (
    select count(*) as count, min(own.attname::text) as first,
      string_agg(quote_ident(own.attname), ', ' order by place) as columns,
      string_agg(format('array(select value::%s from jsonb_array_elements_text($2 #> %L) as value)',
        format_type(target.atttypid, null), array[parent::text, target.attname]), ', ' order by place) as found,
      array_agg(target.attname::text order by place) as targets
    from unnest(key.conkey, key.confkey) with ordinality as pair (own, target, place)
    join pg_attribute as own on own.attrelid = key.conrelid and own.attnum = pair.own
    join pg_attribute as target on target.attrelid = key.confrelid and target.attnum = pair.target
    where own.attname <> 'org_id'
  ) as pair
  where key.contype = 'f' and key.confrelid = parent and key.conparentid = 0 and pair.count > 0
$function$;
grant execute on function ibex_core.references_to(oid) to ibex_eraser;
comment on function ibex_core.references_to(oid) is 'The foreign keys to a table: what happens to their rows, and the condition that finds these.';
CREATE OR REPLACE FUNCTION ibex_core.refuse_account_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  -- deeper than 1 is the work of a movement, or of a foreign key: the account goes with its user
  if pg_trigger_depth() < 2 then
    raise insufficient_privilege using message = 'an account of points moves with its ledger only: insert a movement instead',
      schema = 'ibex_core', table = 'point_accounts';
  end if;
  return coalesce(new, old);
end
$function$;
comment on function ibex_core.refuse_account_change() is 'Raises for every change of an account that is not made by a movement of points.';
CREATE OR REPLACE FUNCTION ibex_core.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  -- deeper than 1 is the work of a foreign key: the row goes with the one that it belongs to
  if pg_trigger_depth() < 2 then
    raise insufficient_privilege
      using message = format('table "%s" is append-only: insert a new row instead', tg_table_name), table = tg_table_name;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end
$function$;
comment on function ibex_core.refuse_change() is 'Raises for every UPDATE, DELETE and TRUNCATE of an append-only table but those of foreign keys.';
CREATE OR REPLACE FUNCTION ibex_core.refuse_checkpoint_delete()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
begin
  -- deeper than 1 is the work of a foreign key: the row goes with its session
  if pg_trigger_depth() > 1 then
    return old;
  end if;
  if current_user <> 'ibex_system' or current_setting('app.prune_checkpoints', true) is distinct from 'on' then
    raise insufficient_privilege
      using message = 'table "checkpoints" is append-only: insert a new row instead', table = tg_table_name;
  end if;
  if old.is_complete and not exists (
    select from ibex_core.checkpoints
    where org_id = old.org_id and session_id = old.session_id and turn_index > old.turn_index and is_complete
  ) then
    raise insufficient_privilege
      using message = 'the last complete checkpoint of a session is what a resume needs: it is never pruned', table = tg_table_name;
  end if;
  return old;
end
$function$;
comment on function ibex_core.refuse_checkpoint_delete() is 'Raises for every DELETE of a checkpoint but those of foreign keys, and of the system role where app.prune_checkpoints is on and the session has a later complete one.';
CREATE OR REPLACE FUNCTION ibex_core.refuse_erased_memory()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
$function$;
comment on function ibex_core.refuse_erased_memory() is 'Raises for a memory whose content was erased.';
CREATE OR REPLACE FUNCTION ibex_core.refuse_held_delete()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
 SET enable_seqscan TO 'off'
AS $function$
declare
  tenant uuid;
  subjects uuid[];
  standing bigint;
begin
  -- the name is an argument: that of the trigger's table would be a partition's
  if tg_argv[0] = 'organizations' then
    tenant := old.id;
  elsif tg_argv[0] = 'memories' then
    tenant := old.org_id;
    subjects := array[old.id, old.user_id, old.agent_id];
  elsif tg_argv[0] = 'sessions' then
    tenant := old.org_id;
    subjects := array[old.user_id, old.agent_id];
  else
    tenant := old.org_id;
    subjects := array[old.id];
  end if;
  perform pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended('ibex legal holds ' || tenant, 0));
  select count(*) into standing from ibex_core.legal_holds
  where org_id = tenant and released_at is null and subject_id = any (subjects || tenant);
  if standing > 0 then
    raise restrict_violation
      using message = pg_catalog.format('%s legal hold(s) stand', standing),
      schema = 'ibex_core', table = tg_argv[0], constraint = tg_argv[0] || '_legal_hold_check';
  end if;
  return old;
end
$function$;
comment on function ibex_core.refuse_held_delete() is 'Refuses to delete what a legal hold stands for: the row, whom it is about, or its organization.';
CREATE OR REPLACE FUNCTION ibex_core.roll_back_directive(org uuid, agent uuid, target integer)
 RETURNS SETOF ibex_core.directive_versions
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
declare
  directive ibex_core.directives;
  version ibex_core.directive_versions;
begin
  select directives.* into directive from ibex_core.directives
  join ibex_core.agents on agents.org_id = directives.org_id and agents.id = directives.agent_id
  where directives.org_id = org and directives.agent_id = agent and agents.deleted_at is null
  for no key update of directives;
  select * into version from ibex_core.directive_versions as candidate
  where org_id = org and directive_id = directive.id and case
    when target is not null then version_num = target
    else version_num < (select version_num from ibex_core.directive_versions as active
      where active.org_id = org and active.id = directive.active_version_id)
    end
  order by version_num desc limit 1;
  if not found then
    return;
  end if;
  update ibex_core.directives set active_version_id = version.id
  where org_id = org and id = directive.id and active_version_id is distinct from version.id;
  return next version;
end
$function$;
grant execute on function ibex_core.roll_back_directive(uuid,uuid,integer) to ibex_app;
grant execute on function ibex_core.roll_back_directive(uuid,uuid,integer) to ibex_system;
comment on function ibex_core.roll_back_directive(uuid,uuid,integer) is 'Activates an older version of the directive of an agent, the one before the active one when none is given; nothing without such a version.';
CREATE OR REPLACE FUNCTION ibex_core.run_untrusted(signed_tenant text, statement text, most_rows integer, most_bytes bigint, OUT lines text[], OUT is_truncated boolean)
 RETURNS record
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'ibex_core', 'public', 'pg_temp'
AS $function$
declare
  line text;
  size bigint := 0;
begin
  perform pg_catalog.set_config('app.signed_tenant', signed_tenant, true);
  lines := '{}';
  is_truncated := false;
  for line in execute pg_catalog.format(E'select pg_catalog.row_to_json(untrusted) from (%s
) as untrusted', statement) loop
    size := size + pg_catalog.octet_length(line);
    if pg_catalog.cardinality(lines) = most_rows or size > most_bytes then
      is_truncated := true;
      exit;
    end if;
    lines := lines || line;
  end loop;
  -- a lock of the session would outlive the transaction
  perform pg_catalog.pg_advisory_unlock_all();
exception when query_canceled or others then
  perform pg_catalog.pg_advisory_unlock_all();
  raise;
end
$function$;
grant execute on function ibex_core.run_untrusted(text,text,integer,bigint) to ibex_app;
alter function ibex_core.run_untrusted(text,text,integer,bigint) owner to ibex_untrusted;
comment on function ibex_core.run_untrusted(text,text,integer,bigint) is 'Runs one query that nobody has read, for the tenant that was signed, and returns its rows as JSON.';
CREATE OR REPLACE FUNCTION ibex_core.search_canon_items(query text, project uuid, persona uuid, any_type text[], any_tag text[], active_only boolean, most integer)
 RETURNS TABLE(id uuid)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER ROWS 20
 SET search_path TO ''
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict error
declare
  tenant constant uuid := ibex_core.current_org_id();
begin
  return query select item.id from ibex_core.canon_items as item
    where item.org_id = tenant and item.project_id = project
      and item.search_vector @@ websearch_to_tsquery('pg_catalog.english', query)
      and (persona is null or item.role_id = persona or item.role_id is null)
      and (any_type is null or item.type = any (any_type))
      and (any_tag is null or item.tags && any_tag)
      and (item.is_active or not active_only)
    order by item.created_at desc, item.id desc limit most;
end
$function$;
grant execute on function ibex_core.search_canon_items(text,uuid,uuid,text[],text[],boolean,integer) to ibex_app;
alter function ibex_core.search_canon_items(text,uuid,uuid,text[],text[],boolean,integer) owner to ibex_search;
comment on function ibex_core.search_canon_items(text,uuid,uuid,text[],text[],boolean,integer) is 'Finds the canon items of a project whose title, body or terms match, newest first.';
CREATE OR REPLACE FUNCTION ibex_core.search_memories(query text, language text, any_status text[], only_ids uuid[], only_agent uuid, only_user uuid, only_session uuid, any_category text[], any_source text[], any_tier text[], least_confidence real, least_importance integer, since timestamp with time zone, before timestamp with time zone, about text, containing jsonb, any_tag text[], all_tags text[], most integer)
 RETURNS TABLE(id uuid, rank real, coverage real, skipped real)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER ROWS 20
 SET search_path TO ''
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_sort TO 'on'
AS $function$
#variable_conflict error
declare
  tenant constant uuid := ibex_core.current_org_id();
begin
  return query with word as materialized (
    select entry.lexeme, ('''' || replace(replace(entry.lexeme, '\', '\\'), '''', '''''') || '''')::tsquery as term
    from unnest(ibex_core.words_of(language, query)) as entry
    order by entry.positions[1] limit 32
  ), hit as materialized (
    select word.lexeme, found.id from word
    cross join lateral ibex_core.memories_with_words(word.term, any_status, only_ids, only_agent, only_user, only_session, any_category,
  any_source, any_tier, least_confidence, least_importance, since, before,
  about, containing, any_tag, all_tags, 1001) as found
  ), frequency as materialized (
    select counted.lexeme, counted.term, ln(1 + scope.size::float8 / greatest(counted.hits, 1)) as weight,
      counted.hits <= 1000 and sum(counted.hits) over (order by counted.hits, counted.lexeme) <= 3000 as is_rare
    from (
      select word.lexeme, word.term, (select count(*) from hit where hit.lexeme = word.lexeme) as hits from word
    ) as counted, (
      select greatest(count(*), 1) as size from (
        select from ibex_core.memories as memory
        where memory.org_id = tenant and memory.status = 'active' and memory.deleted_at is null limit 1001
      ) as active
    ) as scope
  ), total as materialized (
    select sum(frequency.weight) as weight,
      coalesce(sum(frequency.weight) filter (where not frequency.is_rare), 0) as skipped,
      case when count(*) filter (where not frequency.is_rare) > 1
        then (string_agg(frequency.term::text, ' & ') filter (where not frequency.is_rare))::tsquery end as frequent
    from frequency
  ), candidate as (
    select hit.id from hit join frequency on frequency.lexeme = hit.lexeme where frequency.is_rare
    union
    (select hit.id from hit join frequency on frequency.lexeme = hit.lexeme where not frequency.is_rare limit most)
    union
    select found.id from total
    cross join lateral ibex_core.memories_with_words(total.frequent, any_status, only_ids, only_agent, only_user, only_session, any_category,
  any_source, any_tier, least_confidence, least_importance, since, before,
  about, containing, any_tag, all_tags, 1001) as found
    where total.frequent is not null
  )
  select memory.id, (held.weight / (1 + ln(length(memory.search_vector))))::real, (held.weight / total.weight)::real,
    total.skipped::real
  from candidate cross join total cross join lateral (
    select memory.id, memory.search_vector from ibex_core.memories as memory
    where memory.org_id = tenant and memory.id = candidate.id offset 0
  ) as memory cross join lateral (
    select sum(frequency.weight) as weight from frequency where memory.search_vector @@ frequency.term
  ) as held
  order by 2 desc, 1 limit most;
end
$function$;
grant execute on function ibex_core.search_memories(text,text,text[],uuid[],uuid,uuid,uuid,text[],text[],text[],real,integer,timestamp with time zone,timestamp with time zone,text,jsonb,text[],text[],integer) to ibex_app;
alter function ibex_core.search_memories(text,text,text[],uuid[],uuid,uuid,uuid,text[],text[],text[],real,integer,timestamp with time zone,timestamp with time zone,text,jsonb,text[],text[],integer) owner to ibex_search;
comment on function ibex_core.search_memories(text,text,text[],uuid[],uuid,uuid,uuid,text[],text[],text[],real,integer,timestamp with time zone,timestamp with time zone,text,jsonb,text[],text[],integer) is 'Finds the memories that hold words of a text, best first: rank orders them, coverage is the share of the text, 0 to 1.';
CREATE OR REPLACE FUNCTION ibex_core.search_rag_documents(query text, any_document text[], most integer)
 RETURNS TABLE(id uuid, rank real)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER ROWS 20
 SET search_path TO ''
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict error
declare
  tenant constant uuid := ibex_core.current_org_id();
begin
  return query select chunk.id, ts_rank(chunk.search_vector, ibex_core.any_word(query), 16)
    from ibex_core.rag_documents as chunk
    where chunk.org_id = tenant and chunk.search_vector @@ ibex_core.any_word(query)
      and (any_document is null or chunk.document_id = any (any_document))
    order by 2 desc, 1 limit most;
end
$function$;
grant execute on function ibex_core.search_rag_documents(text,text[],integer) to ibex_app;
alter function ibex_core.search_rag_documents(text,text[],integer) owner to ibex_search;
comment on function ibex_core.search_rag_documents(text,text[],integer) is 'Finds the chunks of documents that hold any word of a text, best first.';
CREATE OR REPLACE FUNCTION ibex_core.sign_tenant(lifetime interval)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  message constant text := concat_ws('.', ibex_core.current_org_id(),
    ceil(extract(epoch from clock_timestamp() + least(lifetime, interval '5 minutes')))::bigint, pg_backend_pid());
begin
  if ibex_core.current_org_id() is null then
    return null;
  end if;
  return concat_ws('.', message, ibex_core.tenant_signature(message));
end
$function$;
grant execute on function ibex_core.sign_tenant(interval) to ibex_app;
comment on function ibex_core.sign_tenant(interval) is 'Signs the tenant of the session, for this connection and for as long as asked, five minutes at most.';
CREATE OR REPLACE FUNCTION ibex_core.signed_org_id()
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO ''
AS $function$
declare
  parts constant text[] := string_to_array(current_setting('app.signed_tenant', true), '.');
begin
  if parts[4] = ibex_core.tenant_signature(array_to_string(parts[1:3], '.')) and cardinality(parts) = 4
    and parts[2]::bigint > extract(epoch from clock_timestamp()) and parts[3]::integer = pg_backend_pid() then
    return parts[1]::uuid;
  end if;
  return null;
end
$function$;
grant execute on function ibex_core.signed_org_id() to ibex_untrusted;
comment on function ibex_core.signed_org_id() is 'The tenant that was signed for this connection, or null when the signature is missing, wrong or too old.';
CREATE OR REPLACE FUNCTION ibex_core.take_in_memory(was ibex_core.memories, taken ibex_core.memories)
 RETURNS ibex_core.memories
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
$function$;
grant execute on function ibex_core.take_in_memory(ibex_core.memories,ibex_core.memories) to ibex_app;
grant execute on function ibex_core.take_in_memory(ibex_core.memories,ibex_core.memories) to ibex_system;
comment on function ibex_core.take_in_memory(ibex_core.memories,ibex_core.memories) is 'Gives a memory what another one of the same meaning has: the higher scores, all sources and metadata.';
CREATE OR REPLACE FUNCTION ibex_core.tenant_signature(message text)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO ''
AS $function$
  select encode(sha256(outer_key || sha256(inner_key || convert_to(message, 'UTF8'))), 'hex')
  from ibex_private.tenant_signing_key
$function$;
comment on function ibex_core.tenant_signature(text) is 'HMAC-SHA-256 (RFC 2104) of the message; only the functions that share its owner can call it.';
CREATE OR REPLACE FUNCTION ibex_core.touch_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
begin
  if coalesce(current_setting('app.import', true), '') <> 'on' or not pg_has_role('ibex_system', 'usage') then
    new.updated_at := now();
  end if;
  return new;
end
$function$;
comment on function ibex_core.touch_updated_at() is 'Sets updated_at; the condition of the trigger says whether the row really changed.';
CREATE OR REPLACE FUNCTION ibex_core.words_of(language text, content text)
 RETURNS tsvector
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE language WHEN 'english'::text THEN to_tsvector('english'::regconfig, content) WHEN 'simple'::text THEN to_tsvector('simple'::regconfig, content) WHEN 'arabic'::text THEN to_tsvector('arabic'::regconfig, content) WHEN 'armenian'::text THEN to_tsvector('armenian'::regconfig, content) WHEN 'basque'::text THEN to_tsvector('basque'::regconfig, content) WHEN 'catalan'::text THEN to_tsvector('catalan'::regconfig, content) WHEN 'danish'::text THEN to_tsvector('danish'::regconfig, content) WHEN 'dutch'::text THEN to_tsvector('dutch'::regconfig, content) WHEN 'finnish'::text THEN to_tsvector('finnish'::regconfig, content) WHEN 'french'::text THEN to_tsvector('french'::regconfig, content) WHEN 'german'::text THEN to_tsvector('german'::regconfig, content) WHEN 'greek'::text THEN to_tsvector('greek'::regconfig, content) WHEN 'hindi'::text THEN to_tsvector('hindi'::regconfig, content) WHEN 'hungarian'::text THEN to_tsvector('hungarian'::regconfig, content) WHEN 'indonesian'::text THEN to_tsvector('indonesian'::regconfig, content) WHEN 'irish'::text THEN to_tsvector('irish'::regconfig, content) WHEN 'italian'::text THEN to_tsvector('italian'::regconfig, content) WHEN 'lithuanian'::text THEN to_tsvector('lithuanian'::regconfig, content) WHEN 'nepali'::text THEN to_tsvector('nepali'::regconfig, content) WHEN 'norwegian'::text THEN to_tsvector('norwegian'::regconfig, content) WHEN 'portuguese'::text THEN to_tsvector('portuguese'::regconfig, content) WHEN 'romanian'::text THEN to_tsvector('romanian'::regconfig, content) WHEN 'russian'::text THEN to_tsvector('russian'::regconfig, content) WHEN 'serbian'::text THEN to_tsvector('serbian'::regconfig, content) WHEN 'spanish'::text THEN to_tsvector('spanish'::regconfig, content) WHEN 'swedish'::text THEN to_tsvector('swedish'::regconfig, content) WHEN 'tamil'::text THEN to_tsvector('tamil'::regconfig, content) WHEN 'turkish'::text THEN to_tsvector('turkish'::regconfig, content) WHEN 'yiddish'::text THEN to_tsvector('yiddish'::regconfig, content) ELSE NULL::tsvector END;
grant execute on function ibex_core.words_of(text,text) to ibex_app;
grant execute on function ibex_core.words_of(text,text) to ibex_search;
grant execute on function ibex_core.words_of(text,text) to ibex_system;
comment on function ibex_core.words_of(text,text) is 'The words of a text in their basic forms, by the rules of its language; null when there is no such language.';
CREATE OR REPLACE FUNCTION ibex_core.write_memory_version()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO ''
AS $function$
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
    importance, confidence, metadata, changed_by_type, changed_by, change_reason, is_deleted)
  select new.org_id, new.id, coalesce(max(version_num), 0) + 1, change, new.content, new.category, new.status, new.tier,
    new.importance, new.confidence, new.metadata,
    coalesce(nullif(current_setting('app.actor_type', true), ''), 'system'),
    nullif(current_setting('app.actor_id', true), ''),
    nullif(current_setting('app.change_reason', true), ''), new.deleted_at is not null
  from ibex_core.memory_versions where org_id = new.org_id and memory_id = new.id;
  return null;
end
$function$;
comment on function ibex_core.write_memory_version() is 'Writes the new state of a memory to memory_versions, with actor and reason from the settings of the transaction.';

create table ibex_core.agent_executions (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  execution_id text not null,
  agent_id uuid,
  agent_name text not null,
  prompt text not null,
  status text default 'running'::text not null,
  result jsonb,
  error_message text,
  tokens_used integer,
  duration_ms double precision,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  updated_at timestamp with time zone default clock_timestamp() not null,
  constraint agent_executions_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint agent_executions_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE SET NULL (agent_id),
  constraint agent_executions_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint agent_executions_org_id_execution_id_key UNIQUE (org_id, execution_id),
  constraint agent_executions_agent_name_check CHECK (((char_length(agent_name) >= 1) AND (char_length(agent_name) <= 100))),
  constraint agent_executions_duration_ms_check CHECK (((duration_ms >= (0)::double precision) AND (duration_ms < 'Infinity'::double precision))),
  constraint agent_executions_execution_id_check CHECK (((char_length(execution_id) >= 1) AND (char_length(execution_id) <= 100))),
  constraint agent_executions_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint agent_executions_status_check CHECK ((status = ANY (ARRAY['running'::text, 'completed'::text, 'failed'::text]))),
  constraint agent_executions_tokens_used_check CHECK ((tokens_used >= 0))
);
CREATE INDEX agent_executions_org_id_agent_id_idx ON ibex_core.agent_executions USING btree (org_id, agent_id) WHERE (agent_id IS NOT NULL);
CREATE INDEX agent_executions_org_id_created_at_idx ON ibex_core.agent_executions USING btree (org_id, created_at DESC);
CREATE INDEX agent_executions_org_id_running_idx ON ibex_core.agent_executions USING btree (org_id, created_at) WHERE (status = 'running'::text);
alter table ibex_core.agent_executions enable row level security;
alter table ibex_core.agent_executions force row level security;
create policy agent_executions_system_access on ibex_core.agent_executions as permissive for all to ibex_system using (true) with check (true);
create policy agent_executions_tenant_isolation on ibex_core.agent_executions as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.agent_executions to ibex_app;
grant delete, insert, select on ibex_core.agent_executions to ibex_system;
grant update (id, execution_id, agent_id, agent_name, prompt, status, result, error_message, tokens_used, duration_ms, metadata, created_at, updated_at) on ibex_core.agent_executions to ibex_app;
grant update (id, execution_id, agent_id, agent_name, prompt, status, result, error_message, tokens_used, duration_ms, metadata, created_at, updated_at) on ibex_core.agent_executions to ibex_system;
CREATE TRIGGER agent_executions_touch_updated_at BEFORE UPDATE ON ibex_core.agent_executions FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.agent_executions is 'One run of an agent.';
comment on column ibex_core.agent_executions.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.agent_executions.execution_id is 'As the service calls it; unique in the organization.';
comment on column ibex_core.agent_executions.agent_name is 'The name at that time: it outlives the agent.';
comment on column ibex_core.agent_executions.duration_ms is 'Whole milliseconds, measured by the database; null while it runs.';
comment on column ibex_core.agent_executions.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.agents (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  created_by uuid,
  name text not null,
  slug text not null,
  tagline text,
  avatar_emoji text,
  status text default 'draft'::text not null,
  config jsonb default '{}'::jsonb not null,
  metadata jsonb default '{}'::jsonb not null,
  personality jsonb default '{}'::jsonb not null,
  model_config jsonb default '{"model_name": "default", "temperature": 0.7, "max_output_tokens": 4096}'::jsonb not null,
  memory_config jsonb default '{"auto_extract": true, "token_budget": 2000, "retrieval_weights": {"recency": 0.25, "frequency": 0.05, "relevance": 0.4, "confidence": 0.1, "usefulness": 0.2}, "summarize_interval": 20, "auto_pin_preferences": true}'::jsonb not null,
  boundaries jsonb default '{"max_autonomy": "execute", "max_tool_calls_per_turn": 10}'::jsonb not null,
  shared_skill_names text[] default '{}'::text[] not null,
  custom_skill_names text[] default '{}'::text[] not null,
  disabled_skill_names text[] default '{}'::text[] not null,
  tags text[] default '{}'::text[] not null,
  total_sessions integer default 0 not null,
  total_memories integer default 0 not null,
  total_tokens_used bigint default 0 not null,
  last_active_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  team_id uuid,
  constraint agents_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint agents_org_id_created_by_fkey FOREIGN KEY (org_id, created_by) REFERENCES ibex_core.users(org_id, id) ON DELETE SET NULL (created_by),
  constraint agents_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint agents_org_id_team_id_fkey FOREIGN KEY (org_id, team_id) REFERENCES ibex_core.teams(org_id, id) ON DELETE SET NULL (team_id),
  constraint agents_boundaries_check CHECK ((jsonb_typeof(boundaries) = 'object'::text)),
  constraint agents_config_check CHECK ((jsonb_typeof(config) = 'object'::text)),
  constraint agents_memory_config_check CHECK ((jsonb_typeof(memory_config) = 'object'::text)),
  constraint agents_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint agents_model_config_check CHECK ((jsonb_typeof(model_config) = 'object'::text)),
  constraint agents_personality_check CHECK ((jsonb_typeof(personality) = 'object'::text)),
  constraint agents_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'active'::text, 'paused'::text, 'suspended'::text, 'archived'::text]))),
  constraint agents_total_memories_check CHECK ((total_memories >= 0)),
  constraint agents_total_sessions_check CHECK ((total_sessions >= 0)),
  constraint agents_total_tokens_used_check CHECK ((total_tokens_used >= 0))
);
CREATE INDEX agents_org_id_created_by_idx ON ibex_core.agents USING btree (org_id, created_by) WHERE (created_by IS NOT NULL);
CREATE UNIQUE INDEX agents_org_id_slug_key ON ibex_core.agents USING btree (org_id, slug) WHERE (deleted_at IS NULL);
CREATE INDEX agents_org_id_team_id_idx ON ibex_core.agents USING btree (org_id, team_id) WHERE (team_id IS NOT NULL);
alter table ibex_core.agents enable row level security;
alter table ibex_core.agents force row level security;
create policy agents_system_access on ibex_core.agents as permissive for all to ibex_system using (true) with check (true);
create policy agents_tenant_isolation on ibex_core.agents as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy agents_untrusted_read on ibex_core.agents as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.agents to ibex_app;
grant delete, insert, select on ibex_core.agents to ibex_system;
grant update (id, created_by, name, slug, tagline, avatar_emoji, status, config, metadata, personality, model_config, memory_config, boundaries, shared_skill_names, custom_skill_names, disabled_skill_names, tags, total_sessions, total_memories, total_tokens_used, last_active_at, created_at, updated_at, deleted_at, team_id) on ibex_core.agents to ibex_app;
grant update (id, created_by, name, slug, tagline, avatar_emoji, status, config, metadata, personality, model_config, memory_config, boundaries, shared_skill_names, custom_skill_names, disabled_skill_names, tags, total_sessions, total_memories, total_tokens_used, last_active_at, created_at, updated_at, deleted_at, team_id) on ibex_core.agents to ibex_system;
grant select (org_id, id, name, slug, tagline, status, tags, total_sessions, total_memories, total_tokens_used, last_active_at, created_at, deleted_at, team_id) on ibex_core.agents to ibex_untrusted;
CREATE TRIGGER agents_refuse_held_delete BEFORE DELETE ON ibex_core.agents FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_held_delete('agents');
CREATE TRIGGER agents_touch_updated_at BEFORE UPDATE ON ibex_core.agents FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.agents is 'An AI agent of an organization. Its effective skills are (shared + custom) without disabled.';
comment on column ibex_core.agents.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.agents.created_by is 'The user who created the agent.';
comment on column ibex_core.agents.slug is 'The name in URLs; unique among the living agents of the organization.';
comment on column ibex_core.agents.model_config is 'Which language model answers and how; model_name "default" leaves the choice to the service.';
comment on column ibex_core.agents.memory_config is 'How memories are extracted and searched; the weights add up to 1.';
comment on column ibex_core.agents.boundaries is 'What the agent may do without asking.';
comment on column ibex_core.agents.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.agents.deleted_at is 'When the row was soft-deleted; null while it lives.';
comment on column ibex_core.agents.team_id is 'The team whose skills it shares and whose retention it keeps.';

create table ibex_core.attachments (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  message_id uuid not null,
  filename text not null,
  original_filename text not null,
  file_type text not null,
  mime_type text not null,
  file_size bigint not null,
  file_path text not null,
  uploaded_at timestamp with time zone default now() not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint attachments_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint attachments_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint attachments_org_id_message_id_fkey FOREIGN KEY (org_id, message_id) REFERENCES ibex_core.messages(org_id, id) ON DELETE CASCADE,
  constraint attachments_file_path_check CHECK (((char_length(file_path) >= 1) AND (char_length(file_path) <= 500))),
  constraint attachments_file_size_check CHECK ((file_size >= 0)),
  constraint attachments_file_type_check CHECK ((file_type = ANY (ARRAY['image'::text, 'document'::text, 'data'::text]))),
  constraint attachments_filename_check CHECK (((char_length(filename) >= 1) AND (char_length(filename) <= 255))),
  constraint attachments_mime_type_check CHECK (((char_length(mime_type) >= 1) AND (char_length(mime_type) <= 100))),
  constraint attachments_original_filename_check CHECK (((char_length(original_filename) >= 1) AND (char_length(original_filename) <= 255)))
);
CREATE INDEX attachments_org_id_message_id_idx ON ibex_core.attachments USING btree (org_id, message_id);
alter table ibex_core.attachments enable row level security;
alter table ibex_core.attachments force row level security;
create policy attachments_system_access on ibex_core.attachments as permissive for all to ibex_system using (true) with check (true);
create policy attachments_tenant_isolation on ibex_core.attachments as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.attachments to ibex_app;
grant delete, insert, select on ibex_core.attachments to ibex_system;
grant update (id, message_id, filename, original_filename, file_type, mime_type, file_size, file_path, uploaded_at, created_at, updated_at) on ibex_core.attachments to ibex_app;
grant update (id, message_id, filename, original_filename, file_type, mime_type, file_size, file_path, uploaded_at, created_at, updated_at) on ibex_core.attachments to ibex_system;
CREATE TRIGGER attachments_touch_updated_at BEFORE UPDATE ON ibex_core.attachments FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.attachments is 'A file that came with a message; the file itself lies elsewhere.';
comment on column ibex_core.attachments.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.attachments.filename is 'The name that it is stored under.';
comment on column ibex_core.attachments.original_filename is 'The name that the user gave it.';
comment on column ibex_core.attachments.file_size is 'Bytes.';
comment on column ibex_core.attachments.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.audit_logs (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  project_id uuid,
  role_id uuid,
  session_id uuid,
  actor text default NULLIF(current_setting('app.actor_id'::text, true), ''::text),
  provider text,
  action text not null,
  query text,
  model_version text,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint audit_logs_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint audit_logs_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint audit_logs_action_check CHECK (((char_length(action) >= 1) AND (char_length(action) <= 50))),
  constraint audit_logs_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint audit_logs_model_version_check CHECK (((char_length(model_version) >= 1) AND (char_length(model_version) <= 50))),
  constraint audit_logs_provider_check CHECK (((char_length(provider) >= 1) AND (char_length(provider) <= 50)))
);
CREATE INDEX audit_logs_org_id_actor_created_at_id_idx ON ibex_core.audit_logs USING btree (org_id, actor, created_at, id) WHERE (actor IS NOT NULL);
CREATE INDEX audit_logs_org_id_created_at_id_idx ON ibex_core.audit_logs USING btree (org_id, created_at, id);
CREATE INDEX audit_logs_org_id_project_id_created_at_id_idx ON ibex_core.audit_logs USING btree (org_id, project_id, created_at, id) WHERE (project_id IS NOT NULL);
alter table ibex_core.audit_logs enable row level security;
alter table ibex_core.audit_logs force row level security;
create policy audit_logs_system_access on ibex_core.audit_logs as permissive for all to ibex_system using (true) with check (true);
create policy audit_logs_tenant_isolation on ibex_core.audit_logs as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant insert, select on ibex_core.audit_logs to ibex_app;
grant delete, update on ibex_core.audit_logs to ibex_eraser;
grant insert, select on ibex_core.audit_logs to ibex_system;
CREATE TRIGGER audit_logs_refuse_change BEFORE DELETE OR UPDATE ON ibex_core.audit_logs FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_change();
CREATE TRIGGER audit_logs_refuse_truncate BEFORE TRUNCATE ON ibex_core.audit_logs FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.refuse_change();
comment on table ibex_core.audit_logs is 'Who did what. Append-only, and without foreign keys: it outlives what it names.';
comment on column ibex_core.audit_logs.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.audit_logs.actor is 'Who did it; the setting app.actor_id when nobody is named.';

create table ibex_core.canon_items (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  project_id uuid not null,
  role_id uuid,
  type text not null,
  title text not null,
  body text not null,
  tags text[] default '{}'::text[] not null,
  terms text,
  is_active boolean default true not null,
  search_vector tsvector generated always as ((setweight(to_tsvector('english'::regconfig, ((title || ' '::text) || COALESCE(terms, ''::text))), 'A'::"char") || to_tsvector('english'::regconfig, body))) stored not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint canon_items_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint canon_items_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint canon_items_org_id_project_id_fkey FOREIGN KEY (org_id, project_id) REFERENCES ibex_core.projects(org_id, id) ON DELETE CASCADE,
  constraint canon_items_org_id_role_id_fkey FOREIGN KEY (org_id, role_id) REFERENCES ibex_core.roles(org_id, id) ON DELETE SET NULL (role_id),
  constraint canon_items_body_check CHECK (((char_length(body) >= 0) AND (char_length(body) <= 100000))),
  constraint canon_items_terms_check CHECK (((char_length(terms) >= 1) AND (char_length(terms) <= 10000))),
  constraint canon_items_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 256))),
  constraint canon_items_type_check CHECK ((type = ANY (ARRAY['ADR'::text, 'CHANGELOG'::text, 'BACKLOG'::text, 'GLOSSARY'::text, 'PMD'::text])))
);
CREATE INDEX canon_items_org_id_project_id_created_at_id_idx ON ibex_core.canon_items USING btree (org_id, project_id, created_at DESC, id DESC);
CREATE INDEX canon_items_org_id_project_id_role_id_type_created_at_idx ON ibex_core.canon_items USING btree (org_id, project_id, role_id, type, created_at DESC);
CREATE INDEX canon_items_org_id_role_id_idx ON ibex_core.canon_items USING btree (org_id, role_id) WHERE (role_id IS NOT NULL);
CREATE INDEX canon_items_org_id_search_vector_idx ON ibex_core.canon_items USING gin (org_id, search_vector);
alter table ibex_core.canon_items enable row level security;
alter table ibex_core.canon_items force row level security;
create policy canon_items_search_access on ibex_core.canon_items as permissive for select to ibex_search using (true);
create policy canon_items_system_access on ibex_core.canon_items as permissive for all to ibex_system using (true) with check (true);
create policy canon_items_tenant_isolation on ibex_core.canon_items as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy canon_items_untrusted_read on ibex_core.canon_items as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.canon_items to ibex_app;
grant delete, insert, select on ibex_core.canon_items to ibex_system;
grant update (id, project_id, role_id, type, title, body, tags, terms, is_active, created_at, updated_at) on ibex_core.canon_items to ibex_app;
grant select (org_id, id, project_id, role_id, type, tags, is_active, search_vector, created_at) on ibex_core.canon_items to ibex_search;
grant update (id, project_id, role_id, type, title, body, tags, terms, is_active, created_at, updated_at) on ibex_core.canon_items to ibex_system;
grant select (org_id, id, project_id, role_id, type, title, body, tags, terms, is_active, created_at) on ibex_core.canon_items to ibex_untrusted;
CREATE TRIGGER canon_items_touch_updated_at BEFORE UPDATE ON ibex_core.canon_items FOR EACH ROW WHEN (((((((((((((old.org_id IS DISTINCT FROM new.org_id) OR (old.id IS DISTINCT FROM new.id)) OR (old.project_id IS DISTINCT FROM new.project_id)) OR (old.role_id IS DISTINCT FROM new.role_id)) OR (old.type IS DISTINCT FROM new.type)) OR (old.title IS DISTINCT FROM new.title)) OR (old.body IS DISTINCT FROM new.body)) OR (old.tags IS DISTINCT FROM new.tags)) OR (old.terms IS DISTINCT FROM new.terms)) OR (old.is_active IS DISTINCT FROM new.is_active)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.updated_at IS DISTINCT FROM new.updated_at))) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.canon_items is 'Something that is settled in a project: a decision, a change, a task, a term.';
comment on column ibex_core.canon_items.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.canon_items.role_id is 'The persona that it is for; null for every one.';
comment on column ibex_core.canon_items.terms is 'Further words to find it by.';
comment on column ibex_core.canon_items.search_vector is 'The words of title, terms and body, for text search.';
comment on column ibex_core.canon_items.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.checkpoints (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  session_id uuid not null,
  agent_id uuid not null,
  turn_index integer not null,
  request_id text,
  messages_hash character(64),
  completion_hash character(64),
  input_tokens integer default 0 not null,
  output_tokens integer default 0 not null,
  model text,
  provider text,
  latency_ms integer,
  provider_request_id text,
  is_streaming boolean default false not null,
  is_complete boolean default true not null,
  state jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  constraint checkpoints_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint checkpoints_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE CASCADE,
  constraint checkpoints_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint checkpoints_org_id_session_id_fkey FOREIGN KEY (org_id, session_id) REFERENCES ibex_core.sessions(org_id, id) ON DELETE CASCADE,
  constraint checkpoints_org_id_session_id_turn_index_key UNIQUE (org_id, session_id, turn_index),
  constraint checkpoints_completion_hash_check CHECK ((completion_hash ~ '^[0-9a-f]{64}$'::text)),
  constraint checkpoints_input_tokens_check CHECK ((input_tokens >= 0)),
  constraint checkpoints_latency_ms_check CHECK ((latency_ms >= 0)),
  constraint checkpoints_messages_hash_check CHECK ((messages_hash ~ '^[0-9a-f]{64}$'::text)),
  constraint checkpoints_output_tokens_check CHECK ((output_tokens >= 0)),
  constraint checkpoints_state_check CHECK ((jsonb_typeof(state) = 'object'::text)),
  constraint checkpoints_turn_index_check CHECK ((turn_index >= 0))
);
CREATE INDEX checkpoints_org_id_agent_id_idx ON ibex_core.checkpoints USING btree (org_id, agent_id);
CREATE INDEX checkpoints_org_id_session_id_request_id_turn_index_idx ON ibex_core.checkpoints USING btree (org_id, session_id, request_id, turn_index) WHERE (request_id IS NOT NULL);
alter table ibex_core.checkpoints enable row level security;
alter table ibex_core.checkpoints force row level security;
create policy checkpoints_system_access on ibex_core.checkpoints as permissive for all to ibex_system using (true) with check (true);
create policy checkpoints_tenant_isolation on ibex_core.checkpoints as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant insert, select on ibex_core.checkpoints to ibex_app;
grant delete, update on ibex_core.checkpoints to ibex_eraser;
grant delete, insert, select on ibex_core.checkpoints to ibex_system;
grant update (id) on ibex_core.checkpoints to ibex_system;
CREATE TRIGGER checkpoints_refuse_change BEFORE UPDATE ON ibex_core.checkpoints FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_change();
CREATE TRIGGER checkpoints_refuse_delete BEFORE DELETE ON ibex_core.checkpoints FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_checkpoint_delete();
CREATE TRIGGER checkpoints_refuse_truncate BEFORE TRUNCATE ON ibex_core.checkpoints FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.refuse_change();
comment on table ibex_core.checkpoints is 'What happened in a turn of a session, and what a resume needs. Append-only, but that the system role prunes turns which no resume needs.';
comment on column ibex_core.checkpoints.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.checkpoints.turn_index is 'Counts from 0 per session.';
comment on column ibex_core.checkpoints.messages_hash is 'SHA-256 of the messages that were sent.';
comment on column ibex_core.checkpoints.completion_hash is 'SHA-256 of the answer.';
comment on column ibex_core.checkpoints.is_complete is 'False when the answer broke off.';
comment on column ibex_core.checkpoints.state is 'What a resume from this turn needs.';

create table ibex_core.directive_versions (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  directive_id uuid not null,
  version_num integer not null,
  content text not null,
  content_hash character(64) not null,
  created_by uuid,
  created_at timestamp with time zone default now() not null,
  constraint directive_versions_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint directive_versions_org_id_created_by_fkey FOREIGN KEY (org_id, created_by) REFERENCES ibex_core.users(org_id, id) ON DELETE SET NULL (created_by),
  constraint directive_versions_org_id_directive_id_fkey FOREIGN KEY (org_id, directive_id) REFERENCES ibex_core.directives(org_id, id) ON DELETE CASCADE,
  constraint directive_versions_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint directive_versions_org_id_directive_id_id_key UNIQUE (org_id, directive_id, id),
  constraint directive_versions_org_id_directive_id_version_num_key UNIQUE (org_id, directive_id, version_num),
  constraint directive_versions_content_check CHECK (((char_length(content) >= 1) AND (char_length(content) <= 32768))),
  constraint directive_versions_content_hash_check CHECK ((content_hash ~ '^[0-9a-f]{64}$'::text)),
  constraint directive_versions_version_num_check CHECK ((version_num >= 1))
);
CREATE INDEX directive_versions_org_id_created_by_idx ON ibex_core.directive_versions USING btree (org_id, created_by) WHERE (created_by IS NOT NULL);
alter table ibex_core.directive_versions enable row level security;
alter table ibex_core.directive_versions force row level security;
create policy directive_versions_system_access on ibex_core.directive_versions as permissive for all to ibex_system using (true) with check (true);
create policy directive_versions_tenant_isolation on ibex_core.directive_versions as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant insert, select on ibex_core.directive_versions to ibex_app;
grant delete, update on ibex_core.directive_versions to ibex_eraser;
grant insert, select on ibex_core.directive_versions to ibex_system;
CREATE TRIGGER directive_versions_refuse_change BEFORE DELETE OR UPDATE ON ibex_core.directive_versions FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_change();
CREATE TRIGGER directive_versions_refuse_truncate BEFORE TRUNCATE ON ibex_core.directive_versions FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.refuse_change();
comment on table ibex_core.directive_versions is 'A version of the text of a directive. Append-only.';
comment on column ibex_core.directive_versions.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.directive_versions.version_num is 'Counts from 1 per directive.';
comment on column ibex_core.directive_versions.content_hash is 'SHA-256 of the content in 64 hexadecimal digits.';
comment on column ibex_core.directive_versions.created_by is 'The user who wrote it.';

create table ibex_core.directives (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  agent_id uuid not null,
  active_version_id uuid,
  injection_mode text default 'system_first'::text not null,
  is_active boolean default true not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint directives_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint directives_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE CASCADE,
  constraint directives_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint directives_org_id_id_active_version_id_fkey FOREIGN KEY (org_id, id, active_version_id) REFERENCES ibex_core.directive_versions(org_id, directive_id, id) ON DELETE SET NULL (active_version_id),
  constraint directives_org_id_agent_id_key UNIQUE (org_id, agent_id),
  constraint directives_injection_mode_check CHECK ((injection_mode = ANY (ARRAY['system_first'::text, 'system_append'::text, 'user_prepend'::text])))
);
alter table ibex_core.directives enable row level security;
alter table ibex_core.directives force row level security;
create policy directives_system_access on ibex_core.directives as permissive for all to ibex_system using (true) with check (true);
create policy directives_tenant_isolation on ibex_core.directives as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.directives to ibex_app;
grant delete, insert, select on ibex_core.directives to ibex_system;
grant update (id, agent_id, active_version_id, injection_mode, is_active, created_at, updated_at) on ibex_core.directives to ibex_app;
grant update (id, agent_id, active_version_id, injection_mode, is_active, created_at, updated_at) on ibex_core.directives to ibex_system;
CREATE TRIGGER directives_touch_updated_at BEFORE UPDATE ON ibex_core.directives FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.directives is 'The standing instructions of an agent; their text is in directive_versions.';
comment on column ibex_core.directives.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.directives.active_version_id is 'The version in use, one of this directive; null before the first.';
comment on column ibex_core.directives.injection_mode is 'Where the text goes in the prompt.';
comment on column ibex_core.directives.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.embedding_models (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  name text not null,
  dimension integer not null,
  duplicate_threshold real default 0.92 not null,
  conflict_threshold real default 0.85 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint embedding_models_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint embedding_models_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint embedding_models_org_id_name_key UNIQUE (org_id, name),
  constraint embedding_models_conflict_threshold_check CHECK (((conflict_threshold >= (0)::double precision) AND (conflict_threshold <= (1)::double precision))),
  constraint embedding_models_conflict_threshold_duplicate_threshold_check CHECK ((conflict_threshold <= duplicate_threshold)),
  constraint embedding_models_dimension_check CHECK (((dimension >= 1) AND (dimension <= 16000))),
  constraint embedding_models_duplicate_threshold_check CHECK (((duplicate_threshold >= (0)::double precision) AND (duplicate_threshold <= (1)::double precision))),
  constraint embedding_models_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)))
);
alter table ibex_core.embedding_models enable row level security;
alter table ibex_core.embedding_models force row level security;
create policy embedding_models_system_access on ibex_core.embedding_models as permissive for all to ibex_system using (true) with check (true);
create policy embedding_models_tenant_isolation on ibex_core.embedding_models as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.embedding_models to ibex_app;
grant delete, insert, select on ibex_core.embedding_models to ibex_system;
grant update (id, name, dimension, duplicate_threshold, conflict_threshold, created_at, updated_at) on ibex_core.embedding_models to ibex_app;
grant update (id, name, dimension, duplicate_threshold, conflict_threshold, created_at, updated_at) on ibex_core.embedding_models to ibex_system;
CREATE TRIGGER embedding_models_touch_updated_at BEFORE UPDATE ON ibex_core.embedding_models FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.embedding_models is 'A model that embeds, with what its similarities mean. One without a row has the defaults.';
comment on column ibex_core.embedding_models.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.embedding_models.name is 'As in embedding_model of memories.';
comment on column ibex_core.embedding_models.duplicate_threshold is 'The cosine similarity from which two memories say the same.';
comment on column ibex_core.embedding_models.conflict_threshold is 'The cosine similarity from which two memories of one category may contradict each other.';
comment on column ibex_core.embedding_models.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.erasure_receipts (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  subject_type text not null,
  subject_hash character(64) not null,
  reason text not null,
  erased_by_type text,
  erased_by text,
  tables jsonb not null,
  deleted bigint default 0 not null,
  cleared bigint default 0 not null,
  tombstones integer default 0 not null,
  created_at timestamp with time zone default now() not null,
  constraint erasure_receipts_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint erasure_receipts_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint erasure_receipts_cleared_check CHECK ((cleared >= 0)),
  constraint erasure_receipts_deleted_check CHECK ((deleted >= 0)),
  constraint erasure_receipts_reason_check CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 1000))),
  constraint erasure_receipts_subject_hash_check CHECK ((subject_hash ~ '^[0-9a-f]{64}$'::text)),
  constraint erasure_receipts_subject_type_check CHECK ((subject_type = ANY (ARRAY['memory'::text, 'user'::text]))),
  constraint erasure_receipts_tables_check CHECK ((jsonb_typeof(tables) = 'array'::text)),
  constraint erasure_receipts_tombstones_check CHECK ((tombstones >= 0))
);
CREATE INDEX erasure_receipts_org_id_subject_hash_idx ON ibex_core.erasure_receipts USING btree (org_id, subject_hash);
alter table ibex_core.erasure_receipts enable row level security;
alter table ibex_core.erasure_receipts force row level security;
create policy erasure_receipts_system_access on ibex_core.erasure_receipts as permissive for all to ibex_system using (true) with check (true);
create policy erasure_receipts_tenant_isolation on ibex_core.erasure_receipts as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant insert, select on ibex_core.erasure_receipts to ibex_app;
grant delete, update on ibex_core.erasure_receipts to ibex_eraser;
grant insert, select on ibex_core.erasure_receipts to ibex_system;
CREATE TRIGGER erasure_receipts_carry_out BEFORE INSERT ON ibex_core.erasure_receipts FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.carry_out_erasure();
CREATE TRIGGER erasure_receipts_refuse_change BEFORE DELETE OR UPDATE ON ibex_core.erasure_receipts FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_change();
CREATE TRIGGER erasure_receipts_refuse_truncate BEFORE TRUNCATE ON ibex_core.erasure_receipts FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.refuse_change();
comment on table ibex_core.erasure_receipts is 'What an erasure of a memory or a user took; holds nothing of them. Written by erase_subject alone. Append-only.';
comment on column ibex_core.erasure_receipts.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.erasure_receipts.subject_hash is 'SHA-256 of the id that was erased, in lower case: proves it to whoever knows the id.';
comment on column ibex_core.erasure_receipts.erased_by_type is 'The setting app.actor_type.';
comment on column ibex_core.erasure_receipts.erased_by is 'The setting app.actor_id.';
comment on column ibex_core.erasure_receipts.tables is 'Of each table with a change: {table, deleted, cleared}, in rows.';
comment on column ibex_core.erasure_receipts.deleted is 'Rows that are gone, over all tables.';
comment on column ibex_core.erasure_receipts.cleared is 'Rows that stayed and no longer name it, over all tables.';
comment on column ibex_core.erasure_receipts.tombstones is 'Contents that are not learnt again, new ones only.';

create table ibex_core.legal_holds (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  subject_type text not null,
  subject_id uuid not null,
  reason text not null,
  placed_by text default NULLIF(current_setting('app.actor_id'::text, true), ''::text),
  released_at timestamp with time zone,
  released_by text,
  release_reason text,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint legal_holds_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint legal_holds_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint legal_holds_reason_check CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 1000))),
  constraint legal_holds_release_reason_check CHECK (((char_length(release_reason) >= 1) AND (char_length(release_reason) <= 1000))),
  constraint legal_holds_released_at_release_reason_check CHECK (((released_at IS NULL) = (release_reason IS NULL))),
  constraint legal_holds_subject_type_check CHECK ((subject_type = ANY (ARRAY['organization'::text, 'user'::text, 'agent'::text, 'memory'::text])))
);
CREATE INDEX legal_holds_org_id_subject_id_idx ON ibex_core.legal_holds USING btree (org_id, subject_id) WHERE (released_at IS NULL);
alter table ibex_core.legal_holds enable row level security;
alter table ibex_core.legal_holds force row level security;
create policy legal_holds_system_access on ibex_core.legal_holds as permissive for all to ibex_system using (true) with check (true);
create policy legal_holds_tenant_isolation on ibex_core.legal_holds as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.legal_holds to ibex_app;
grant delete, insert, select on ibex_core.legal_holds to ibex_system;
grant update (id, subject_type, subject_id, reason, placed_by, released_at, released_by, release_reason, created_at, updated_at) on ibex_core.legal_holds to ibex_app;
grant update (id, subject_type, subject_id, reason, placed_by, released_at, released_by, release_reason, created_at, updated_at) on ibex_core.legal_holds to ibex_system;
CREATE TRIGGER legal_holds_guard BEFORE INSERT OR DELETE OR UPDATE ON ibex_core.legal_holds FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.guard_legal_hold();
CREATE TRIGGER legal_holds_touch_updated_at BEFORE UPDATE ON ibex_core.legal_holds FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.legal_holds is 'A duty to keep what is known of somebody or something: until it is released, nothing of it is deleted.';
comment on column ibex_core.legal_holds.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.legal_holds.subject_id is 'No foreign key: a released hold outlives what it stood for. A trigger looks the subject up.';
comment on column ibex_core.legal_holds.placed_by is 'The actor of the scope; created_at is when.';
comment on column ibex_core.legal_holds.released_at is 'Null while it stands.';
comment on column ibex_core.legal_holds.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.llm_models (
  id uuid default gen_random_uuid() not null,
  provider_id uuid not null,
  model_code text not null,
  request_url text not null,
  context_window integer not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  constraint llm_models_id_pkey PRIMARY KEY (id),
  constraint llm_models_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES ibex_core.llm_providers(id),
  constraint llm_models_model_code_key UNIQUE (model_code),
  constraint llm_models_context_window_check CHECK ((context_window >= 1)),
  constraint llm_models_model_code_check CHECK (((char_length(model_code) >= 1) AND (char_length(model_code) <= 100)))
);
CREATE INDEX llm_models_provider_id_idx ON ibex_core.llm_models USING btree (provider_id);
alter table ibex_core.llm_models disable row level security;
alter table ibex_core.llm_models no force row level security;
grant select on ibex_core.llm_models to ibex_app;
grant delete, insert, select, update on ibex_core.llm_models to ibex_system;
CREATE TRIGGER llm_models_touch_updated_at BEFORE UPDATE ON ibex_core.llm_models FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.llm_models is 'A language model that can be used. Shared by all organizations.';
comment on column ibex_core.llm_models.model_code is 'What the provider calls the model.';
comment on column ibex_core.llm_models.request_url is 'Where requests go.';
comment on column ibex_core.llm_models.context_window is 'Tokens of prompt and answer together, at most.';
comment on column ibex_core.llm_models.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.llm_models.deleted_at is 'When the row was soft-deleted; null while it lives.';

create table ibex_core.llm_providers (
  id uuid default gen_random_uuid() not null,
  name text not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  constraint llm_providers_id_pkey PRIMARY KEY (id),
  constraint llm_providers_name_key UNIQUE (name),
  constraint llm_providers_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 50)))
);
alter table ibex_core.llm_providers disable row level security;
alter table ibex_core.llm_providers no force row level security;
grant select on ibex_core.llm_providers to ibex_app;
grant delete, insert, select, update on ibex_core.llm_providers to ibex_system;
CREATE TRIGGER llm_providers_touch_updated_at BEFORE UPDATE ON ibex_core.llm_providers FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.llm_providers is 'A company whose language models can be used. Shared by all organizations.';
comment on column ibex_core.llm_providers.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.llm_providers.deleted_at is 'When the row was soft-deleted; null while it lives.';

create table ibex_core.llm_round_table_results (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  result_id text not null,
  prompt text not null,
  task_category text not null,
  winner_provider text not null,
  winner_response text not null,
  participants jsonb default '[]'::jsonb not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  updated_at timestamp with time zone default clock_timestamp() not null,
  constraint llm_round_table_results_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint llm_round_table_results_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint llm_round_table_results_org_id_result_id_key UNIQUE (org_id, result_id),
  constraint llm_round_table_results_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint llm_round_table_results_participants_check CHECK ((jsonb_typeof(participants) = 'array'::text)),
  constraint llm_round_table_results_result_id_check CHECK (((char_length(result_id) >= 1) AND (char_length(result_id) <= 100))),
  constraint llm_round_table_results_task_category_check CHECK (((char_length(task_category) >= 1) AND (char_length(task_category) <= 50))),
  constraint llm_round_table_results_winner_provider_check CHECK (((char_length(winner_provider) >= 1) AND (char_length(winner_provider) <= 50)))
);
CREATE INDEX llm_round_table_results_org_id_task_category_created_at_idx ON ibex_core.llm_round_table_results USING btree (org_id, task_category, created_at DESC);
CREATE INDEX llm_round_table_results_org_id_task_category_winner_idx ON ibex_core.llm_round_table_results USING btree (org_id, task_category, winner_provider, created_at DESC);
alter table ibex_core.llm_round_table_results enable row level security;
alter table ibex_core.llm_round_table_results force row level security;
create policy llm_round_table_results_system_access on ibex_core.llm_round_table_results as permissive for all to ibex_system using (true) with check (true);
create policy llm_round_table_results_tenant_isolation on ibex_core.llm_round_table_results as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.llm_round_table_results to ibex_app;
grant delete, insert, select on ibex_core.llm_round_table_results to ibex_system;
grant update (id, result_id, prompt, task_category, winner_provider, winner_response, participants, metadata, created_at, updated_at) on ibex_core.llm_round_table_results to ibex_app;
grant update (id, result_id, prompt, task_category, winner_provider, winner_response, participants, metadata, created_at, updated_at) on ibex_core.llm_round_table_results to ibex_system;
CREATE TRIGGER llm_round_table_results_touch_updated_at BEFORE UPDATE ON ibex_core.llm_round_table_results FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.llm_round_table_results is 'Which of several language models answered a prompt best.';
comment on column ibex_core.llm_round_table_results.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.llm_round_table_results.result_id is 'As the service calls it; unique in the organization.';
comment on column ibex_core.llm_round_table_results.task_category is 'Reasoning, creative, qa and the like.';
comment on column ibex_core.llm_round_table_results.participants is 'Everybody who took part, with scores.';
comment on column ibex_core.llm_round_table_results.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.memories (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  agent_id uuid,
  user_id uuid,
  session_id uuid,
  content text not null,
  content_hash character(64) not null,
  embedding public.vector(384) not null,
  embedding_model text,
  category text not null,
  source text default 'extracted'::text not null,
  status text default 'active'::text not null,
  tier text default 'warm'::text not null,
  importance smallint default 5 not null,
  is_pinned boolean default false not null,
  subject text,
  confidence real default 0.8 not null,
  superseded_by uuid,
  merged_into uuid,
  source_message_ids uuid[] default '{}'::uuid[] not null,
  expires_at timestamp with time zone,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  language text default 'english'::text not null,
  search_vector tsvector generated always as (ibex_core.words_of(language, content)) stored not null,
  constraint memories_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint memories_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE CASCADE,
  constraint memories_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memories_org_id_merged_into_fkey FOREIGN KEY (org_id, merged_into) REFERENCES ibex_core.memories(org_id, id) ON DELETE SET NULL (merged_into),
  constraint memories_org_id_session_id_fkey FOREIGN KEY (org_id, session_id) REFERENCES ibex_core.sessions(org_id, id) ON DELETE SET NULL (session_id),
  constraint memories_org_id_superseded_by_fkey FOREIGN KEY (org_id, superseded_by) REFERENCES ibex_core.memories(org_id, id) ON DELETE SET NULL (superseded_by),
  constraint memories_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE SET NULL (user_id),
  constraint memories_category_check CHECK ((category = ANY (ARRAY['factual'::text, 'preference'::text, 'behavioral'::text, 'episodic'::text, 'procedural'::text, 'identity'::text]))),
  constraint memories_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
  constraint memories_content_check CHECK (((char_length(content) >= 1) AND (char_length(content) <= 8192))),
  constraint memories_content_hash_check CHECK ((content_hash ~ '^[0-9a-f]{64}$'::text)),
  constraint memories_importance_check CHECK (((importance >= 1) AND (importance <= 10))),
  constraint memories_language_check CHECK ((language = ANY (ARRAY['english'::text, 'simple'::text, 'arabic'::text, 'armenian'::text, 'basque'::text, 'catalan'::text, 'danish'::text, 'dutch'::text, 'finnish'::text, 'french'::text, 'german'::text, 'greek'::text, 'hindi'::text, 'hungarian'::text, 'indonesian'::text, 'irish'::text, 'italian'::text, 'lithuanian'::text, 'nepali'::text, 'norwegian'::text, 'portuguese'::text, 'romanian'::text, 'russian'::text, 'serbian'::text, 'spanish'::text, 'swedish'::text, 'tamil'::text, 'turkish'::text, 'yiddish'::text]))),
  constraint memories_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint memories_source_check CHECK ((source = ANY (ARRAY['extracted'::text, 'user_provided'::text, 'imported'::text, 'inferred'::text, 'feedback'::text, 'consolidated'::text, 'system'::text]))),
  constraint memories_status_check CHECK ((status = ANY (ARRAY['active'::text, 'superseded'::text, 'merged'::text, 'archived'::text, 'pending_review'::text, 'disputed'::text]))),
  constraint memories_status_superseded_by_check CHECK ((NOT ((status = 'active'::text) AND (superseded_by IS NOT NULL)))),
  constraint memories_tier_check CHECK ((tier = ANY (ARRAY['hot'::text, 'warm'::text, 'cold'::text])))
) partition by HASH (org_id);
CREATE INDEX memories_embedding_idx ON ONLY ibex_core.memories USING hnsw (embedding public.vector_cosine_ops);
CREATE INDEX memories_expires_at_idx ON ONLY ibex_core.memories USING btree (expires_at) WHERE ((expires_at IS NOT NULL) AND (deleted_at IS NULL));
CREATE INDEX memories_hot_idx ON ONLY ibex_core.memories USING btree (org_id, agent_id, confidence, created_at, expires_at, id) WHERE ((status = 'active'::text) AND (deleted_at IS NULL));
CREATE UNIQUE INDEX memories_org_id_agent_id_content_hash_key ON ONLY ibex_core.memories USING btree (org_id, agent_id, content_hash) NULLS NOT DISTINCT WHERE ((status = 'active'::text) AND (deleted_at IS NULL));
CREATE INDEX memories_org_id_agent_id_created_at_idx ON ONLY ibex_core.memories USING btree (org_id, agent_id, created_at DESC);
CREATE INDEX memories_org_id_agent_id_idx ON ONLY ibex_core.memories USING btree (org_id, agent_id) WHERE ((status = 'active'::text) AND (deleted_at IS NULL));
CREATE INDEX memories_org_id_expires_at_idx ON ONLY ibex_core.memories USING btree (org_id, expires_at) WHERE ((expires_at IS NOT NULL) AND (deleted_at IS NULL));
CREATE INDEX memories_org_id_merged_into_idx ON ONLY ibex_core.memories USING btree (org_id, merged_into) WHERE (merged_into IS NOT NULL);
CREATE INDEX memories_org_id_metadata_idx ON ONLY ibex_core.memories USING gin (org_id, metadata jsonb_path_ops);
CREATE INDEX memories_org_id_search_vector_idx ON ONLY ibex_core.memories USING gin (org_id, search_vector);
CREATE INDEX memories_org_id_session_id_idx ON ONLY ibex_core.memories USING btree (org_id, session_id) WHERE (session_id IS NOT NULL);
CREATE INDEX memories_org_id_status_idx ON ONLY ibex_core.memories USING btree (org_id, status) WHERE ((status <> 'active'::text) AND (deleted_at IS NULL));
CREATE INDEX memories_org_id_superseded_by_idx ON ONLY ibex_core.memories USING btree (org_id, superseded_by) WHERE (superseded_by IS NOT NULL);
CREATE INDEX memories_org_id_user_id_idx ON ONLY ibex_core.memories USING btree (org_id, user_id) WHERE (user_id IS NOT NULL);
alter table ibex_core.memories enable row level security;
alter table ibex_core.memories force row level security;
create policy memories_search_access on ibex_core.memories as permissive for select to ibex_search using (true);
create policy memories_system_access on ibex_core.memories as permissive for all to ibex_system using (true) with check (true);
create policy memories_tenant_isolation on ibex_core.memories as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy memories_untrusted_read on ibex_core.memories as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.memories to ibex_app;
grant delete, insert, select on ibex_core.memories to ibex_system;
grant update (id, agent_id, user_id, session_id, content, content_hash, embedding, embedding_model, category, source, status, tier, importance, is_pinned, subject, confidence, superseded_by, merged_into, source_message_ids, expires_at, metadata, created_at, updated_at, deleted_at, language) on ibex_core.memories to ibex_app;
grant select (org_id, id, agent_id, user_id, session_id, category, source, status, tier, importance, subject, confidence, expires_at, metadata, created_at, deleted_at, search_vector) on ibex_core.memories to ibex_search;
grant update (id, agent_id, user_id, session_id, content, content_hash, embedding, embedding_model, category, source, status, tier, importance, is_pinned, subject, confidence, superseded_by, merged_into, source_message_ids, expires_at, metadata, created_at, updated_at, deleted_at, language) on ibex_core.memories to ibex_system;
grant select (org_id, id, agent_id, user_id, session_id, content, embedding, category, source, status, tier, importance, is_pinned, subject, confidence, superseded_by, merged_into, expires_at, created_at, updated_at, deleted_at) on ibex_core.memories to ibex_untrusted;
CREATE TRIGGER memories_keep_model_of_changed BEFORE UPDATE OF embedding, embedding_model ON ibex_core.memories FOR EACH ROW EXECUTE FUNCTION ibex_core.keep_embedding_model();
CREATE TRIGGER memories_keep_model_of_new BEFORE INSERT ON ibex_core.memories FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.keep_embedding_model();
CREATE TRIGGER memories_notify_hot_of_changed AFTER UPDATE ON ibex_core.memories FOR EACH ROW WHEN (((((((old.agent_id IS DISTINCT FROM new.agent_id) OR (old.status IS DISTINCT FROM new.status)) OR (old.confidence IS DISTINCT FROM new.confidence)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.expires_at IS DISTINCT FROM new.expires_at)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at))) EXECUTE FUNCTION ibex_core.notify_hot_memories();
CREATE TRIGGER memories_notify_hot_of_deleted AFTER DELETE ON ibex_core.memories FOR EACH ROW WHEN (((old.status = 'active'::text) AND (old.deleted_at IS NULL))) EXECUTE FUNCTION ibex_core.notify_hot_memories();
CREATE TRIGGER memories_notify_hot_of_new AFTER INSERT ON ibex_core.memories FOR EACH ROW WHEN ((((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text))) AND ((new.status = 'active'::text) AND (new.deleted_at IS NULL)))) EXECUTE FUNCTION ibex_core.notify_hot_memories();
CREATE TRIGGER memories_refuse_erased BEFORE INSERT ON ibex_core.memories FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.refuse_erased_memory();
CREATE TRIGGER memories_refuse_erased_change BEFORE UPDATE OF content_hash ON ibex_core.memories FOR EACH ROW WHEN ((old.content_hash <> new.content_hash)) EXECUTE FUNCTION ibex_core.refuse_erased_memory();
CREATE TRIGGER memories_refuse_held_delete BEFORE DELETE ON ibex_core.memories FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_held_delete('memories');
CREATE TRIGGER memories_touch_updated_at BEFORE UPDATE ON ibex_core.memories FOR EACH ROW WHEN (((((((((((((((((((((((((old.org_id IS DISTINCT FROM new.org_id) OR (old.id IS DISTINCT FROM new.id)) OR (old.agent_id IS DISTINCT FROM new.agent_id)) OR (old.user_id IS DISTINCT FROM new.user_id)) OR (old.session_id IS DISTINCT FROM new.session_id)) OR (old.content IS DISTINCT FROM new.content)) OR (old.content_hash IS DISTINCT FROM new.content_hash)) OR (old.category IS DISTINCT FROM new.category)) OR (old.source IS DISTINCT FROM new.source)) OR (old.status IS DISTINCT FROM new.status)) OR (old.tier IS DISTINCT FROM new.tier)) OR (old.importance IS DISTINCT FROM new.importance)) OR (old.is_pinned IS DISTINCT FROM new.is_pinned)) OR (old.subject IS DISTINCT FROM new.subject)) OR (old.confidence IS DISTINCT FROM new.confidence)) OR (old.superseded_by IS DISTINCT FROM new.superseded_by)) OR (old.merged_into IS DISTINCT FROM new.merged_into)) OR (old.source_message_ids IS DISTINCT FROM new.source_message_ids)) OR (old.expires_at IS DISTINCT FROM new.expires_at)) OR (old.metadata IS DISTINCT FROM new.metadata)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.updated_at IS DISTINCT FROM new.updated_at)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at)) OR (old.language IS DISTINCT FROM new.language))) EXECUTE FUNCTION ibex_core.touch_updated_at();
CREATE TRIGGER memories_write_version_of_changed AFTER UPDATE ON ibex_core.memories FOR EACH ROW WHEN (((((((((old.content IS DISTINCT FROM new.content) OR (old.category IS DISTINCT FROM new.category)) OR (old.status IS DISTINCT FROM new.status)) OR (old.tier IS DISTINCT FROM new.tier)) OR (old.importance IS DISTINCT FROM new.importance)) OR (old.confidence IS DISTINCT FROM new.confidence)) OR (old.metadata IS DISTINCT FROM new.metadata)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at))) EXECUTE FUNCTION ibex_core.write_memory_version();
CREATE TRIGGER memories_write_version_of_new AFTER INSERT ON ibex_core.memories FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.write_memory_version();
comment on table ibex_core.memories is 'Something that an agent remembers.';
comment on column ibex_core.memories.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memories.agent_id is 'Null for what all agents of the organization share.';
comment on column ibex_core.memories.user_id is 'The user whom it is about.';
comment on column ibex_core.memories.session_id is 'The session that it comes from.';
comment on column ibex_core.memories.content_hash is 'SHA-256 of the normalised content in 64 hexadecimal digits.';
comment on column ibex_core.memories.embedding_model is 'The model that made the embedding; null when the caller did not say.';
comment on column ibex_core.memories.importance is '1 to 10.';
comment on column ibex_core.memories.is_pinned is 'Always part of the context.';
comment on column ibex_core.memories.subject is 'Who or what it is about.';
comment on column ibex_core.memories.confidence is 'How sure its source was, 0 to 1.';
comment on column ibex_core.memories.superseded_by is 'The memory that replaced it.';
comment on column ibex_core.memories.merged_into is 'The memory that took it in.';
comment on column ibex_core.memories.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.memories.deleted_at is 'When the row was soft-deleted; null while it lives.';
comment on column ibex_core.memories.language is 'The language of the content, by which its words are found; simple takes each word as it is.';
comment on column ibex_core.memories.search_vector is 'The words of the content, for text search.';

create table ibex_core.memories_p00 partition of ibex_core.memories for values with (modulus 16, remainder 0);
alter table ibex_core.memories_p00 enable row level security;
alter table ibex_core.memories_p00 force row level security;

create table ibex_core.memories_p01 partition of ibex_core.memories for values with (modulus 16, remainder 1);
alter table ibex_core.memories_p01 enable row level security;
alter table ibex_core.memories_p01 force row level security;

create table ibex_core.memories_p02 partition of ibex_core.memories for values with (modulus 16, remainder 2);
alter table ibex_core.memories_p02 enable row level security;
alter table ibex_core.memories_p02 force row level security;

create table ibex_core.memories_p03 partition of ibex_core.memories for values with (modulus 16, remainder 3);
alter table ibex_core.memories_p03 enable row level security;
alter table ibex_core.memories_p03 force row level security;

create table ibex_core.memories_p04 partition of ibex_core.memories for values with (modulus 16, remainder 4);
alter table ibex_core.memories_p04 enable row level security;
alter table ibex_core.memories_p04 force row level security;

create table ibex_core.memories_p05 partition of ibex_core.memories for values with (modulus 16, remainder 5);
alter table ibex_core.memories_p05 enable row level security;
alter table ibex_core.memories_p05 force row level security;

create table ibex_core.memories_p06 partition of ibex_core.memories for values with (modulus 16, remainder 6);
alter table ibex_core.memories_p06 enable row level security;
alter table ibex_core.memories_p06 force row level security;

create table ibex_core.memories_p07 partition of ibex_core.memories for values with (modulus 16, remainder 7);
alter table ibex_core.memories_p07 enable row level security;
alter table ibex_core.memories_p07 force row level security;

create table ibex_core.memories_p08 partition of ibex_core.memories for values with (modulus 16, remainder 8);
alter table ibex_core.memories_p08 enable row level security;
alter table ibex_core.memories_p08 force row level security;

create table ibex_core.memories_p09 partition of ibex_core.memories for values with (modulus 16, remainder 9);
alter table ibex_core.memories_p09 enable row level security;
alter table ibex_core.memories_p09 force row level security;

create table ibex_core.memories_p10 partition of ibex_core.memories for values with (modulus 16, remainder 10);
alter table ibex_core.memories_p10 enable row level security;
alter table ibex_core.memories_p10 force row level security;

create table ibex_core.memories_p11 partition of ibex_core.memories for values with (modulus 16, remainder 11);
alter table ibex_core.memories_p11 enable row level security;
alter table ibex_core.memories_p11 force row level security;

create table ibex_core.memories_p12 partition of ibex_core.memories for values with (modulus 16, remainder 12);
alter table ibex_core.memories_p12 enable row level security;
alter table ibex_core.memories_p12 force row level security;

create table ibex_core.memories_p13 partition of ibex_core.memories for values with (modulus 16, remainder 13);
alter table ibex_core.memories_p13 enable row level security;
alter table ibex_core.memories_p13 force row level security;

create table ibex_core.memories_p14 partition of ibex_core.memories for values with (modulus 16, remainder 14);
alter table ibex_core.memories_p14 enable row level security;
alter table ibex_core.memories_p14 force row level security;

create table ibex_core.memories_p15 partition of ibex_core.memories for values with (modulus 16, remainder 15);
alter table ibex_core.memories_p15 enable row level security;
alter table ibex_core.memories_p15 force row level security;

create table ibex_core.memory_embeddings_staged (
  org_id uuid default ibex_core.current_org_id() not null,
  memory_id uuid not null,
  reembedding_id uuid not null,
  content_hash character(64) not null,
  embedding public.vector(384) not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint memory_embeddings_staged_org_id_memory_id_pkey PRIMARY KEY (org_id, memory_id),
  constraint memory_embeddings_staged_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memory_embeddings_staged_org_id_memory_id_fkey FOREIGN KEY (org_id, memory_id) REFERENCES ibex_core.memories(org_id, id) ON DELETE CASCADE,
  constraint memory_embeddings_staged_org_id_reembedding_id_fkey FOREIGN KEY (org_id, reembedding_id) REFERENCES ibex_core.memory_reembeddings(org_id, id) ON DELETE CASCADE,
  constraint memory_embeddings_staged_content_hash_check CHECK ((content_hash ~ '^[0-9a-f]{64}$'::text))
);
CREATE INDEX memory_embeddings_staged_org_id_reembedding_id_idx ON ibex_core.memory_embeddings_staged USING btree (org_id, reembedding_id);
alter table ibex_core.memory_embeddings_staged enable row level security;
alter table ibex_core.memory_embeddings_staged force row level security;
create policy memory_embeddings_staged_system_access on ibex_core.memory_embeddings_staged as permissive for all to ibex_system using (true) with check (true);
create policy memory_embeddings_staged_tenant_isolation on ibex_core.memory_embeddings_staged as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.memory_embeddings_staged to ibex_app;
grant delete, insert, select on ibex_core.memory_embeddings_staged to ibex_system;
grant update (memory_id, reembedding_id, content_hash, embedding, created_at, updated_at) on ibex_core.memory_embeddings_staged to ibex_app;
grant update (memory_id, reembedding_id, content_hash, embedding, created_at, updated_at) on ibex_core.memory_embeddings_staged to ibex_system;
CREATE TRIGGER memory_embeddings_staged_touch_updated_at BEFORE UPDATE ON ibex_core.memory_embeddings_staged FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.memory_embeddings_staged is 'The embeddings of a new model, until all memories have one.';
comment on column ibex_core.memory_embeddings_staged.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memory_embeddings_staged.content_hash is 'Of the content that was embedded, which may have changed since.';
comment on column ibex_core.memory_embeddings_staged.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.memory_reembeddings (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  model text not null,
  status text default 'running'::text not null,
  holder uuid not null,
  embedded_count bigint default 0 not null,
  finished_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint memory_reembeddings_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint memory_reembeddings_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memory_reembeddings_embedded_count_check CHECK ((embedded_count >= 0)),
  constraint memory_reembeddings_model_check CHECK (((char_length(model) >= 1) AND (char_length(model) <= 200))),
  constraint memory_reembeddings_status_check CHECK ((status = ANY (ARRAY['running'::text, 'completed'::text, 'cancelled'::text]))),
  constraint memory_reembeddings_status_finished_at_check CHECK (((status = 'running'::text) = (finished_at IS NULL)))
);
CREATE UNIQUE INDEX memory_reembeddings_org_id_running_key ON ibex_core.memory_reembeddings USING btree (org_id) WHERE (status = 'running'::text);
CREATE INDEX memory_reembeddings_org_id_status_idx ON ibex_core.memory_reembeddings USING btree (org_id, status);
alter table ibex_core.memory_reembeddings enable row level security;
alter table ibex_core.memory_reembeddings force row level security;
create policy memory_reembeddings_system_access on ibex_core.memory_reembeddings as permissive for all to ibex_system using (true) with check (true);
create policy memory_reembeddings_tenant_isolation on ibex_core.memory_reembeddings as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.memory_reembeddings to ibex_app;
grant delete, insert, select on ibex_core.memory_reembeddings to ibex_system;
grant update (id, model, status, holder, embedded_count, finished_at, created_at, updated_at) on ibex_core.memory_reembeddings to ibex_app;
grant update (id, model, status, holder, embedded_count, finished_at, created_at, updated_at) on ibex_core.memory_reembeddings to ibex_system;
CREATE TRIGGER memory_reembeddings_touch_updated_at BEFORE UPDATE ON ibex_core.memory_reembeddings FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.memory_reembeddings is 'A change of the model that embeds the memories. From the first one on all memories have one model.';
comment on column ibex_core.memory_reembeddings.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memory_reembeddings.model is 'The new model.';
comment on column ibex_core.memory_reembeddings.holder is 'The run that goes on with it; another one takes it over.';
comment on column ibex_core.memory_reembeddings.embedded_count is 'Contents embedded by all runs; one that changed meanwhile counts again.';
comment on column ibex_core.memory_reembeddings.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.memory_relationships (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  source_id uuid not null,
  target_id uuid not null,
  relation_type text not null,
  confidence real default 0.8 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint memory_relationships_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint memory_relationships_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memory_relationships_org_id_source_id_fkey FOREIGN KEY (org_id, source_id) REFERENCES ibex_core.memories(org_id, id) ON DELETE CASCADE,
  constraint memory_relationships_org_id_target_id_fkey FOREIGN KEY (org_id, target_id) REFERENCES ibex_core.memories(org_id, id) ON DELETE CASCADE,
  constraint memory_relationships_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
  constraint memory_relationships_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint memory_relationships_relation_type_check CHECK ((relation_type = ANY (ARRAY['supports'::text, 'contradicts'::text, 'supersedes'::text, 'refines'::text, 'co_occurs'::text, 'derived_from'::text, 'related_to'::text]))),
  constraint memory_relationships_source_id_target_id_check CHECK ((source_id <> target_id))
);
CREATE INDEX memory_relationships_org_id_target_id_idx ON ibex_core.memory_relationships USING btree (org_id, target_id);
CREATE UNIQUE INDEX memory_relationships_source_id_target_id_relation_type_key ON ibex_core.memory_relationships USING btree (org_id, source_id, target_id, relation_type);
alter table ibex_core.memory_relationships enable row level security;
alter table ibex_core.memory_relationships force row level security;
create policy memory_relationships_system_access on ibex_core.memory_relationships as permissive for all to ibex_system using (true) with check (true);
create policy memory_relationships_tenant_isolation on ibex_core.memory_relationships as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy memory_relationships_untrusted_read on ibex_core.memory_relationships as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.memory_relationships to ibex_app;
grant delete, insert, select on ibex_core.memory_relationships to ibex_system;
grant update (id, source_id, target_id, relation_type, confidence, metadata, created_at, updated_at) on ibex_core.memory_relationships to ibex_app;
grant update (id, source_id, target_id, relation_type, confidence, metadata, created_at, updated_at) on ibex_core.memory_relationships to ibex_system;
grant select (org_id, id, source_id, target_id, relation_type, confidence, created_at) on ibex_core.memory_relationships to ibex_untrusted;
CREATE TRIGGER memory_relationships_touch_updated_at BEFORE UPDATE ON ibex_core.memory_relationships FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.memory_relationships is 'How one memory relates to another: source supports, contradicts, supersedes … target.';
comment on column ibex_core.memory_relationships.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memory_relationships.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.memory_tags (
  org_id uuid default ibex_core.current_org_id() not null,
  memory_id uuid not null,
  tag text not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint memory_tags_org_id_memory_id_tag_pkey PRIMARY KEY (org_id, memory_id, tag),
  constraint memory_tags_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memory_tags_org_id_memory_id_fkey FOREIGN KEY (org_id, memory_id) REFERENCES ibex_core.memories(org_id, id) ON DELETE CASCADE,
  constraint memory_tags_tag_check CHECK (((char_length(tag) >= 1) AND (char_length(tag) <= 64)))
);
CREATE INDEX memory_tags_org_id_tag_idx ON ibex_core.memory_tags USING btree (org_id, tag);
alter table ibex_core.memory_tags enable row level security;
alter table ibex_core.memory_tags force row level security;
create policy memory_tags_search_access on ibex_core.memory_tags as permissive for select to ibex_search using (true);
create policy memory_tags_system_access on ibex_core.memory_tags as permissive for all to ibex_system using (true) with check (true);
create policy memory_tags_tenant_isolation on ibex_core.memory_tags as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy memory_tags_untrusted_read on ibex_core.memory_tags as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.memory_tags to ibex_app;
grant delete, insert, select on ibex_core.memory_tags to ibex_system;
grant update (memory_id, tag, created_at, updated_at) on ibex_core.memory_tags to ibex_app;
grant select (org_id, memory_id, tag) on ibex_core.memory_tags to ibex_search;
grant update (memory_id, tag, created_at, updated_at) on ibex_core.memory_tags to ibex_system;
grant select (org_id, memory_id, tag) on ibex_core.memory_tags to ibex_untrusted;
CREATE TRIGGER memory_tags_touch_updated_at BEFORE UPDATE ON ibex_core.memory_tags FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.memory_tags is 'A tag of a memory.';
comment on column ibex_core.memory_tags.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memory_tags.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.memory_tombstones (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  content_hash character(64) not null,
  erased_at timestamp with time zone default now() not null,
  reason text,
  created_at timestamp with time zone default now() not null,
  constraint memory_tombstones_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint memory_tombstones_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memory_tombstones_org_id_content_hash_key UNIQUE (org_id, content_hash),
  constraint memory_tombstones_content_hash_check CHECK ((content_hash ~ '^[0-9a-f]{64}$'::text)),
  constraint memory_tombstones_reason_check CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 1000)))
);
alter table ibex_core.memory_tombstones enable row level security;
alter table ibex_core.memory_tombstones force row level security;
create policy memory_tombstones_system_access on ibex_core.memory_tombstones as permissive for all to ibex_system using (true) with check (true);
create policy memory_tombstones_tenant_isolation on ibex_core.memory_tombstones as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant insert, select on ibex_core.memory_tombstones to ibex_app;
grant delete, update on ibex_core.memory_tombstones to ibex_eraser;
grant delete, insert, select on ibex_core.memory_tombstones to ibex_system;
CREATE TRIGGER memory_tombstones_await_writers BEFORE INSERT ON ibex_core.memory_tombstones FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.await_memory_writers();
CREATE TRIGGER memory_tombstones_refuse_change BEFORE UPDATE ON ibex_core.memory_tombstones FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_change();
CREATE TRIGGER memory_tombstones_refuse_truncate BEFORE TRUNCATE ON ibex_core.memory_tombstones FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.refuse_change();
comment on table ibex_core.memory_tombstones is 'A content that was erased and shall not be learnt again. Only the system role lifts one.';
comment on column ibex_core.memory_tombstones.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memory_tombstones.content_hash is 'As in memories; the content itself is gone.';

create table ibex_core.memory_usage (
  org_id uuid default ibex_core.current_org_id() not null,
  memory_id uuid not null,
  retrieval_count integer default 0 not null,
  injection_count integer default 0 not null,
  last_retrieved_at timestamp with time zone,
  last_injected_at timestamp with time zone,
  usefulness_score real default 0.5 not null,
  positive_votes integer default 0 not null,
  negative_votes integer default 0 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint memory_usage_org_id_memory_id_pkey PRIMARY KEY (org_id, memory_id),
  constraint memory_usage_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memory_usage_org_id_memory_id_fkey FOREIGN KEY (org_id, memory_id) REFERENCES ibex_core.memories(org_id, id) ON DELETE CASCADE,
  constraint memory_usage_injection_count_check CHECK ((injection_count >= 0)),
  constraint memory_usage_negative_votes_check CHECK ((negative_votes >= 0)),
  constraint memory_usage_positive_votes_check CHECK ((positive_votes >= 0)),
  constraint memory_usage_retrieval_count_check CHECK ((retrieval_count >= 0)),
  constraint memory_usage_usefulness_score_check CHECK (((usefulness_score >= (0)::double precision) AND (usefulness_score <= (1)::double precision)))
);
alter table ibex_core.memory_usage enable row level security;
alter table ibex_core.memory_usage force row level security;
create policy memory_usage_system_access on ibex_core.memory_usage as permissive for all to ibex_system using (true) with check (true);
create policy memory_usage_tenant_isolation on ibex_core.memory_usage as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy memory_usage_untrusted_read on ibex_core.memory_usage as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.memory_usage to ibex_app;
grant delete, insert, select on ibex_core.memory_usage to ibex_system;
grant update (memory_id, retrieval_count, injection_count, last_retrieved_at, last_injected_at, usefulness_score, positive_votes, negative_votes, created_at, updated_at) on ibex_core.memory_usage to ibex_app;
grant update (memory_id, retrieval_count, injection_count, last_retrieved_at, last_injected_at, usefulness_score, positive_votes, negative_votes, created_at, updated_at) on ibex_core.memory_usage to ibex_system;
grant select (org_id, memory_id, retrieval_count, injection_count, last_retrieved_at, usefulness_score, positive_votes, negative_votes) on ibex_core.memory_usage to ibex_untrusted;
CREATE TRIGGER memory_usage_touch_updated_at BEFORE UPDATE ON ibex_core.memory_usage FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.memory_usage is 'How a memory was used; created with the first use. Not in memories: an update there re-inserts the embedding into its index.';
comment on column ibex_core.memory_usage.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memory_usage.retrieval_count is 'How often a search returned it.';
comment on column ibex_core.memory_usage.injection_count is 'How often it became part of a prompt.';
comment on column ibex_core.memory_usage.usefulness_score is 'How useful it turned out to be, 0 to 1: (positive votes + 1) / (votes + 2), so 0.5 without a vote; set by a trigger.';
comment on column ibex_core.memory_usage.positive_votes is 'Set by a trigger from memory_votes.';
comment on column ibex_core.memory_usage.negative_votes is 'Set by a trigger from memory_votes.';
comment on column ibex_core.memory_usage.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.memory_versions (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  memory_id uuid not null,
  version_num integer not null,
  operation text not null,
  content text not null,
  category text not null,
  status text not null,
  tier text not null,
  importance smallint not null,
  confidence real not null,
  metadata jsonb not null,
  changed_by_type text not null,
  changed_by text,
  change_reason text,
  created_at timestamp with time zone default now() not null,
  is_deleted boolean default false not null,
  constraint memory_versions_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint memory_versions_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memory_versions_org_id_memory_id_fkey FOREIGN KEY (org_id, memory_id) REFERENCES ibex_core.memories(org_id, id) ON DELETE CASCADE,
  constraint memory_versions_org_id_memory_id_version_num_key UNIQUE (org_id, memory_id, version_num),
  constraint memory_versions_changed_by_type_check CHECK ((changed_by_type = ANY (ARRAY['extraction'::text, 'user'::text, 'system'::text, 'conflict_resolution'::text]))),
  constraint memory_versions_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
  constraint memory_versions_operation_check CHECK ((operation = ANY (ARRAY['create'::text, 'update'::text, 'supersede'::text, 'merge'::text, 'archive'::text, 'restore'::text, 'delete'::text]))),
  constraint memory_versions_version_num_check CHECK ((version_num >= 1))
);
alter table ibex_core.memory_versions enable row level security;
alter table ibex_core.memory_versions force row level security;
create policy memory_versions_system_access on ibex_core.memory_versions as permissive for all to ibex_system using (true) with check (true);
create policy memory_versions_tenant_isolation on ibex_core.memory_versions as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant insert, select on ibex_core.memory_versions to ibex_app;
grant delete, update on ibex_core.memory_versions to ibex_eraser;
grant insert, select on ibex_core.memory_versions to ibex_system;
CREATE TRIGGER memory_versions_refuse_change BEFORE DELETE OR UPDATE ON ibex_core.memory_versions FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_change();
CREATE TRIGGER memory_versions_refuse_truncate BEFORE TRUNCATE ON ibex_core.memory_versions FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.refuse_change();
comment on table ibex_core.memory_versions is 'A memory as it was after a change, written by a trigger. Append-only.';
comment on column ibex_core.memory_versions.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memory_versions.version_num is 'Counts from 1 per memory.';
comment on column ibex_core.memory_versions.changed_by_type is 'The setting app.actor_type; system without one.';
comment on column ibex_core.memory_versions.changed_by is 'The setting app.actor_id.';
comment on column ibex_core.memory_versions.change_reason is 'The setting app.change_reason.';
comment on column ibex_core.memory_versions.is_deleted is 'Whether the memory was soft-deleted then.';

create table ibex_core.memory_votes (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  memory_id uuid not null,
  user_id uuid,
  agent_id uuid,
  vote text not null,
  comment text,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint memory_votes_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint memory_votes_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE CASCADE,
  constraint memory_votes_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint memory_votes_org_id_memory_id_fkey FOREIGN KEY (org_id, memory_id) REFERENCES ibex_core.memories(org_id, id) ON DELETE CASCADE,
  constraint memory_votes_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE CASCADE,
  constraint memory_votes_comment_check CHECK (((char_length(comment) >= 1) AND (char_length(comment) <= 2000))),
  constraint memory_votes_user_id_agent_id_check CHECK ((num_nonnulls(user_id, agent_id) = 1)),
  constraint memory_votes_vote_check CHECK ((vote = ANY (ARRAY['positive'::text, 'negative'::text])))
);
CREATE INDEX memory_votes_org_id_agent_id_idx ON ibex_core.memory_votes USING btree (org_id, agent_id);
CREATE UNIQUE INDEX memory_votes_org_id_memory_id_user_id_agent_id_key ON ibex_core.memory_votes USING btree (org_id, memory_id, user_id, agent_id) NULLS NOT DISTINCT;
CREATE INDEX memory_votes_org_id_user_id_idx ON ibex_core.memory_votes USING btree (org_id, user_id);
alter table ibex_core.memory_votes enable row level security;
alter table ibex_core.memory_votes force row level security;
create policy memory_votes_system_access on ibex_core.memory_votes as permissive for all to ibex_system using (true) with check (true);
create policy memory_votes_tenant_isolation on ibex_core.memory_votes as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.memory_votes to ibex_app;
grant delete, insert, select on ibex_core.memory_votes to ibex_system;
grant update (id, memory_id, user_id, agent_id, vote, comment, created_at, updated_at) on ibex_core.memory_votes to ibex_app;
grant update (id, memory_id, user_id, agent_id, vote, comment, created_at, updated_at) on ibex_core.memory_votes to ibex_system;
CREATE TRIGGER memory_votes_count_deleted AFTER DELETE ON ibex_core.memory_votes REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.count_memory_votes();
CREATE TRIGGER memory_votes_count_inserted AFTER INSERT ON ibex_core.memory_votes REFERENCING NEW TABLE AS come FOR EACH STATEMENT WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.count_memory_votes();
CREATE TRIGGER memory_votes_count_updated AFTER UPDATE ON ibex_core.memory_votes REFERENCING OLD TABLE AS gone NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.count_memory_votes();
CREATE TRIGGER memory_votes_touch_updated_at BEFORE UPDATE ON ibex_core.memory_votes FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.memory_votes is 'Whether a user or an agent found a memory useful, one vote each. A trigger counts it in memory_usage.';
comment on column ibex_core.memory_votes.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.memory_votes.user_id is 'The user who voted; null when an agent did.';
comment on column ibex_core.memory_votes.agent_id is 'The agent that voted; null when a user did.';
comment on column ibex_core.memory_votes.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.messages (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  session_id uuid not null,
  seq integer default 0 not null,
  agent_id uuid,
  role_id uuid,
  role text not null,
  content text not null,
  tool_calls jsonb,
  tool_results jsonb,
  token_count integer default 0 not null,
  model text,
  is_summary boolean default false not null,
  summary_up_to integer,
  is_ai_to_ai boolean default false not null,
  feedback_rating text,
  feedback_comment text,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  constraint messages_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint messages_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE SET NULL (agent_id),
  constraint messages_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint messages_org_id_role_id_fkey FOREIGN KEY (org_id, role_id) REFERENCES ibex_core.roles(org_id, id) ON DELETE SET NULL (role_id),
  constraint messages_org_id_session_id_fkey FOREIGN KEY (org_id, session_id) REFERENCES ibex_core.sessions(org_id, id) ON DELETE CASCADE,
  constraint messages_org_id_session_id_seq_key UNIQUE (org_id, session_id, seq),
  constraint messages_feedback_rating_check CHECK ((feedback_rating = ANY (ARRAY['positive'::text, 'negative'::text]))),
  constraint messages_is_summary_summary_up_to_seq_check CHECK (((is_summary = (summary_up_to IS NOT NULL)) AND ((summary_up_to >= 0) AND (summary_up_to <= (seq - 1))))),
  constraint messages_role_check CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text, 'system'::text, 'tool'::text]))),
  constraint messages_seq_check CHECK ((seq >= 1)),
  constraint messages_token_count_check CHECK ((token_count >= 0)),
  constraint messages_tool_calls_check CHECK ((jsonb_typeof(tool_calls) = 'array'::text)),
  constraint messages_tool_results_check CHECK ((jsonb_typeof(tool_results) = 'array'::text))
);
CREATE INDEX messages_org_id_agent_id_idx ON ibex_core.messages USING btree (org_id, agent_id) WHERE (agent_id IS NOT NULL);
CREATE INDEX messages_org_id_role_id_idx ON ibex_core.messages USING btree (org_id, role_id) WHERE (role_id IS NOT NULL);
CREATE INDEX messages_org_id_session_id_seq_idx ON ibex_core.messages USING btree (org_id, session_id, seq) WHERE (is_summary AND (deleted_at IS NULL));
alter table ibex_core.messages enable row level security;
alter table ibex_core.messages force row level security;
create policy messages_system_access on ibex_core.messages as permissive for all to ibex_system using (true) with check (true);
create policy messages_tenant_isolation on ibex_core.messages as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy messages_untrusted_read on ibex_core.messages as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.messages to ibex_app;
grant delete, insert, select on ibex_core.messages to ibex_system;
grant update (id, session_id, seq, agent_id, role_id, role, content, tool_calls, tool_results, token_count, model, is_summary, summary_up_to, is_ai_to_ai, feedback_rating, feedback_comment, created_at, updated_at, deleted_at) on ibex_core.messages to ibex_app;
grant update (id, session_id, seq, agent_id, role_id, role, content, tool_calls, tool_results, token_count, model, is_summary, summary_up_to, is_ai_to_ai, feedback_rating, feedback_comment, created_at, updated_at, deleted_at) on ibex_core.messages to ibex_system;
grant select (org_id, id, session_id, seq, agent_id, role, content, token_count, model, is_summary, feedback_rating, feedback_comment, created_at, deleted_at) on ibex_core.messages to ibex_untrusted;
CREATE TRIGGER messages_count_deleted AFTER DELETE ON ibex_core.messages REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.count_messages();
CREATE TRIGGER messages_count_inserted AFTER INSERT ON ibex_core.messages REFERENCING NEW TABLE AS come FOR EACH STATEMENT WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.count_messages();
CREATE TRIGGER messages_count_updated AFTER UPDATE ON ibex_core.messages REFERENCING OLD TABLE AS gone NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.count_messages();
CREATE TRIGGER messages_keep_number BEFORE UPDATE OF session_id, seq ON ibex_core.messages FOR EACH ROW WHEN (((old.session_id IS DISTINCT FROM new.session_id) OR (old.seq IS DISTINCT FROM new.seq))) EXECUTE FUNCTION ibex_core.number_message();
CREATE TRIGGER messages_number BEFORE INSERT ON ibex_core.messages FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.number_message();
CREATE TRIGGER messages_touch_updated_at BEFORE UPDATE ON ibex_core.messages FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.messages is 'What was said in a session, or a summary of it.';
comment on column ibex_core.messages.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.messages.seq is 'Counts from 1 per session, without gaps. Left out, it is the next one; it never changes.';
comment on column ibex_core.messages.agent_id is 'The agent that said it.';
comment on column ibex_core.messages.role_id is 'The persona that the agent had taken on.';
comment on column ibex_core.messages.tool_calls is 'The tools that the assistant asked for.';
comment on column ibex_core.messages.tool_results is 'What the tools answered.';
comment on column ibex_core.messages.token_count is 'The tokens of the content, as the model counts them.';
comment on column ibex_core.messages.is_summary is 'It stands for the messages before it.';
comment on column ibex_core.messages.summary_up_to is 'The seq of the last message that a summary stands for; left out, the one before it.';
comment on column ibex_core.messages.is_ai_to_ai is 'One agent said it to another.';
comment on column ibex_core.messages.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.messages.deleted_at is 'When the row was soft-deleted; null while it lives.';

create table ibex_core.order_items (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  order_id uuid not null,
  seq integer not null,
  product_id uuid,
  sku text not null,
  name text not null,
  quantity integer not null,
  taken_quantity integer default 0 not null,
  unit_price numeric(10,2) not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint order_items_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint order_items_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint order_items_org_id_order_id_fkey FOREIGN KEY (org_id, order_id) REFERENCES ibex_core.orders(org_id, id) ON DELETE CASCADE,
  constraint order_items_org_id_product_id_fkey FOREIGN KEY (org_id, product_id) REFERENCES ibex_core.products(org_id, id) ON DELETE SET NULL (product_id),
  constraint order_items_org_id_order_id_seq_key UNIQUE (org_id, order_id, seq),
  constraint order_items_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 500))),
  constraint order_items_quantity_check CHECK ((quantity >= 1)),
  constraint order_items_seq_check CHECK ((seq >= 1)),
  constraint order_items_sku_check CHECK (((char_length(sku) >= 1) AND (char_length(sku) <= 100))),
  constraint order_items_taken_quantity_check CHECK ((taken_quantity >= 0)),
  constraint order_items_taken_quantity_quantity_check CHECK ((taken_quantity <= quantity)),
  constraint order_items_unit_price_check CHECK ((unit_price >= (0)::numeric))
);
CREATE INDEX order_items_org_id_product_id_idx ON ibex_core.order_items USING btree (org_id, product_id) WHERE (product_id IS NOT NULL);
alter table ibex_core.order_items enable row level security;
alter table ibex_core.order_items force row level security;
create policy order_items_system_access on ibex_core.order_items as permissive for all to ibex_system using (true) with check (true);
create policy order_items_tenant_isolation on ibex_core.order_items as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy order_items_untrusted_read on ibex_core.order_items as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.order_items to ibex_app;
grant delete, insert, select on ibex_core.order_items to ibex_system;
grant update (id, order_id, seq, product_id, sku, name, quantity, taken_quantity, unit_price, created_at, updated_at) on ibex_core.order_items to ibex_app;
grant update (id, order_id, seq, product_id, sku, name, quantity, taken_quantity, unit_price, created_at, updated_at) on ibex_core.order_items to ibex_system;
grant select (org_id, id, order_id, seq, product_id, sku, name, quantity, unit_price) on ibex_core.order_items to ibex_untrusted;
CREATE CONSTRAINT TRIGGER order_items_order_subtotal_check AFTER INSERT OR DELETE OR UPDATE OF order_id, quantity, unit_price ON ibex_core.order_items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ibex_core.check_order_subtotal();
CREATE TRIGGER order_items_touch_updated_at BEFORE UPDATE ON ibex_core.order_items FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.order_items is 'One line of an order, as it was when the order was placed.';
comment on column ibex_core.order_items.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.order_items.seq is 'Counts from 1 per order.';
comment on column ibex_core.order_items.product_id is 'Null when the product was deleted since.';
comment on column ibex_core.order_items.taken_quantity is 'How many were taken from the inventory: what a cancelled order gives back.';
comment on column ibex_core.order_items.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.orders (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  order_number text not null,
  user_id uuid,
  status text default 'pending'::text not null,
  subtotal numeric(10,2) not null,
  total_price numeric(10,2) not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint orders_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint orders_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint orders_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE SET NULL (user_id),
  constraint orders_org_id_order_number_key UNIQUE (org_id, order_number),
  constraint orders_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint orders_order_number_check CHECK (((char_length(order_number) >= 1) AND (char_length(order_number) <= 100))),
  constraint orders_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'completed'::text, 'cancelled'::text]))),
  constraint orders_subtotal_check CHECK ((subtotal >= (0)::numeric)),
  constraint orders_total_price_check CHECK ((total_price >= (0)::numeric))
);
CREATE INDEX orders_org_id_created_at_idx ON ibex_core.orders USING btree (org_id, created_at DESC);
CREATE INDEX orders_org_id_user_id_created_at_idx ON ibex_core.orders USING btree (org_id, user_id, created_at DESC) WHERE (user_id IS NOT NULL);
alter table ibex_core.orders enable row level security;
alter table ibex_core.orders force row level security;
create policy orders_system_access on ibex_core.orders as permissive for all to ibex_system using (true) with check (true);
create policy orders_tenant_isolation on ibex_core.orders as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy orders_untrusted_read on ibex_core.orders as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.orders to ibex_app;
grant delete, insert, select on ibex_core.orders to ibex_system;
grant update (id, order_number, user_id, status, subtotal, total_price, metadata, created_at, updated_at) on ibex_core.orders to ibex_app;
grant update (id, order_number, user_id, status, subtotal, total_price, metadata, created_at, updated_at) on ibex_core.orders to ibex_system;
grant select (org_id, id, order_number, user_id, status, subtotal, total_price, created_at) on ibex_core.orders to ibex_untrusted;
CREATE TRIGGER orders_check_status BEFORE UPDATE OF status ON ibex_core.orders FOR EACH ROW WHEN ((old.status <> new.status)) EXECUTE FUNCTION ibex_core.check_order_status();
CREATE TRIGGER orders_give_back_inventory AFTER UPDATE OF status ON ibex_core.orders FOR EACH ROW WHEN (((old.status <> 'cancelled'::text) AND (new.status = 'cancelled'::text))) EXECUTE FUNCTION ibex_core.give_back_inventory();
CREATE CONSTRAINT TRIGGER orders_subtotal_items_check AFTER INSERT OR UPDATE OF subtotal ON ibex_core.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ibex_core.check_order_subtotal();
CREATE TRIGGER orders_touch_updated_at BEFORE UPDATE ON ibex_core.orders FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.orders is 'An order of a user, or of a guest.';
comment on column ibex_core.orders.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.orders.order_number is 'Unique in the organization.';
comment on column ibex_core.orders.user_id is 'Null for a guest.';
comment on column ibex_core.orders.subtotal is 'The sum of the items; checked when the transaction ends.';
comment on column ibex_core.orders.total_price is 'What is to be paid: the subtotal with shipping, taxes, discounts.';
comment on column ibex_core.orders.metadata is 'Shipping, payment and the like; adjustments: label and amount of each.';
comment on column ibex_core.orders.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.organization_erasures (
  id uuid default gen_random_uuid() not null,
  subject_hash character(64) not null,
  reason text not null,
  erased_by_type text,
  erased_by text,
  tables jsonb not null,
  deleted bigint default 0 not null,
  cleared bigint default 0 not null,
  created_at timestamp with time zone default now() not null,
  constraint organization_erasures_id_pkey PRIMARY KEY (id),
  constraint organization_erasures_cleared_check CHECK ((cleared >= 0)),
  constraint organization_erasures_deleted_check CHECK ((deleted >= 0)),
  constraint organization_erasures_reason_check CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 1000))),
  constraint organization_erasures_subject_hash_check CHECK ((subject_hash ~ '^[0-9a-f]{64}$'::text)),
  constraint organization_erasures_tables_check CHECK ((jsonb_typeof(tables) = 'array'::text))
);
CREATE INDEX organization_erasures_subject_hash_idx ON ibex_core.organization_erasures USING btree (subject_hash);
alter table ibex_core.organization_erasures disable row level security;
alter table ibex_core.organization_erasures no force row level security;
grant delete, insert, select, update on ibex_core.organization_erasures to ibex_eraser;
grant select on ibex_core.organization_erasures to ibex_system;
CREATE TRIGGER organization_erasures_refuse_change BEFORE DELETE OR UPDATE ON ibex_core.organization_erasures FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_change();
CREATE TRIGGER organization_erasures_refuse_truncate BEFORE TRUNCATE ON ibex_core.organization_erasures FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.refuse_change();
comment on table ibex_core.organization_erasures is 'What an erasure of an organization took; outlives it. Read by the system role alone. Append-only.';
comment on column ibex_core.organization_erasures.subject_hash is 'SHA-256 of the id that was erased, in lower case: proves it to whoever knows the id.';
comment on column ibex_core.organization_erasures.erased_by_type is 'The setting app.actor_type.';
comment on column ibex_core.organization_erasures.erased_by is 'The setting app.actor_id.';
comment on column ibex_core.organization_erasures.tables is 'Of each table with a change: {table, deleted, cleared}, in rows.';
comment on column ibex_core.organization_erasures.deleted is 'Rows that are gone, over all tables.';
comment on column ibex_core.organization_erasures.cleared is 'Rows that stayed and no longer name it, over all tables.';

create table ibex_core.organizations (
  id uuid default gen_random_uuid() not null,
  name text not null,
  slug text not null,
  tier text default 'free'::text not null,
  status text default 'active'::text not null,
  custom_token_quota_monthly bigint,
  custom_memory_quota bigint,
  custom_agent_quota integer,
  stripe_customer_id text,
  billing_email text,
  billing_cycle_anchor date,
  embedding_model text default 'all-MiniLM-L6-v2'::text not null,
  embedding_dim integer default 384 not null,
  settings jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  constraint organizations_id_pkey PRIMARY KEY (id),
  constraint organizations_slug_key UNIQUE (slug),
  constraint organizations_stripe_customer_id_key UNIQUE (stripe_customer_id),
  constraint organizations_settings_check CHECK ((jsonb_typeof(settings) = 'object'::text)),
  constraint organizations_slug_check CHECK ((slug ~ '^[a-z0-9-]+$'::text)),
  constraint organizations_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'cancelled'::text, 'trial'::text]))),
  constraint organizations_tier_check CHECK ((tier = ANY (ARRAY['free'::text, 'pro'::text, 'enterprise'::text])))
);
alter table ibex_core.organizations enable row level security;
alter table ibex_core.organizations force row level security;
create policy organizations_system_access on ibex_core.organizations as permissive for all to ibex_system using (true) with check (true);
create policy organizations_tenant_isolation on ibex_core.organizations as permissive for all to ibex_app using ((id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant select on ibex_core.organizations to ibex_app;
grant delete, update on ibex_core.organizations to ibex_eraser;
grant delete, insert, select on ibex_core.organizations to ibex_system;
grant update (name, billing_email, embedding_model, embedding_dim, settings) on ibex_core.organizations to ibex_app;
grant update (name, slug, tier, status, custom_token_quota_monthly, custom_memory_quota, custom_agent_quota, stripe_customer_id, billing_email, billing_cycle_anchor, embedding_model, embedding_dim, settings, created_at, updated_at, deleted_at) on ibex_core.organizations to ibex_system;
CREATE TRIGGER organizations_refuse_held_delete BEFORE DELETE ON ibex_core.organizations FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_held_delete('organizations');
CREATE TRIGGER organizations_touch_updated_at BEFORE UPDATE ON ibex_core.organizations FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.organizations is 'A customer: the tenant that every other row belongs to.';
comment on column ibex_core.organizations.slug is 'The name in URLs; unique among all organizations.';
comment on column ibex_core.organizations.tier is 'What the customer pays for.';
comment on column ibex_core.organizations.status is 'Only active and trial organizations are served.';
comment on column ibex_core.organizations.custom_token_quota_monthly is 'Tokens a month; null for what the tier gives.';
comment on column ibex_core.organizations.custom_memory_quota is 'Memories at most; null for what the tier gives.';
comment on column ibex_core.organizations.custom_agent_quota is 'Agents at most; null for what the tier gives.';
comment on column ibex_core.organizations.billing_cycle_anchor is 'The day on which billing months begin.';
comment on column ibex_core.organizations.embedding_model is 'The model that embeds the memories of this organization.';
comment on column ibex_core.organizations.embedding_dim is 'The dimension of that model.';
comment on column ibex_core.organizations.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.organizations.deleted_at is 'When the row was soft-deleted; null while it lives.';

create table ibex_core.point_accounts (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  user_id uuid not null,
  balance bigint default 0 not null,
  frozen_balance bigint default 0 not null,
  lifetime_earned bigint default 0 not null,
  lifetime_spent bigint default 0 not null,
  version bigint default 0 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint point_accounts_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint point_accounts_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint point_accounts_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE CASCADE,
  constraint point_accounts_org_id_user_id_key UNIQUE (org_id, user_id),
  constraint point_accounts_balance_check CHECK ((balance >= 0)),
  constraint point_accounts_balance_lifetime_check CHECK ((balance = (lifetime_earned - lifetime_spent))),
  constraint point_accounts_frozen_balance_balance_check CHECK ((frozen_balance <= balance)),
  constraint point_accounts_frozen_balance_check CHECK ((frozen_balance >= 0)),
  constraint point_accounts_lifetime_earned_check CHECK ((lifetime_earned >= 0)),
  constraint point_accounts_lifetime_spent_check CHECK ((lifetime_spent >= 0)),
  constraint point_accounts_version_check CHECK ((version >= 0))
);
alter table ibex_core.point_accounts enable row level security;
alter table ibex_core.point_accounts force row level security;
create policy point_accounts_system_access on ibex_core.point_accounts as permissive for all to ibex_system using (true) with check (true);
create policy point_accounts_tenant_isolation on ibex_core.point_accounts as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.point_accounts to ibex_app;
grant delete, insert, select on ibex_core.point_accounts to ibex_system;
grant update (id, user_id, balance, frozen_balance, lifetime_earned, lifetime_spent, version, created_at, updated_at) on ibex_core.point_accounts to ibex_app;
grant update (id, user_id, balance, frozen_balance, lifetime_earned, lifetime_spent, version, created_at, updated_at) on ibex_core.point_accounts to ibex_system;
CREATE TRIGGER point_accounts_refuse_direct_change BEFORE DELETE OR UPDATE ON ibex_core.point_accounts FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_account_change();
CREATE TRIGGER point_accounts_refuse_direct_insert BEFORE INSERT ON ibex_core.point_accounts FOR EACH ROW WHEN ((((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text))) AND ((new.balance IS DISTINCT FROM 0) OR (new.frozen_balance IS DISTINCT FROM 0) OR (new.lifetime_earned IS DISTINCT FROM 0) OR (new.lifetime_spent IS DISTINCT FROM 0) OR (new.version IS DISTINCT FROM 0)))) EXECUTE FUNCTION ibex_core.refuse_account_change();
CREATE TRIGGER point_accounts_touch_updated_at BEFORE UPDATE ON ibex_core.point_accounts FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.point_accounts is 'The points of a user: what the ledger adds up to, written by its triggers.';
comment on column ibex_core.point_accounts.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.point_accounts.frozen_balance is 'The part of the balance that cannot be spent now.';
comment on column ibex_core.point_accounts.lifetime_earned is 'All credits but releases.';
comment on column ibex_core.point_accounts.lifetime_spent is 'All debits but freezes.';
comment on column ibex_core.point_accounts.version is 'Counts the movements: the optimistic lock.';
comment on column ibex_core.point_accounts.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.points_ledger (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  user_id uuid not null,
  version bigint default 0 not null,
  change_type text not null,
  amount bigint not null,
  direction text not null,
  balance_after bigint default 0 not null,
  frozen_after bigint default 0 not null,
  biz_type text not null,
  event_id text not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  constraint points_ledger_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint points_ledger_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint points_ledger_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE CASCADE,
  constraint points_ledger_org_id_event_id_key UNIQUE (org_id, event_id),
  constraint points_ledger_org_id_user_id_version_key UNIQUE (org_id, user_id, version),
  constraint points_ledger_amount_check CHECK ((amount > 0)),
  constraint points_ledger_balance_after_check CHECK ((balance_after >= 0)),
  constraint points_ledger_biz_type_check CHECK (((char_length(biz_type) >= 1) AND (char_length(biz_type) <= 50))),
  constraint points_ledger_change_type_check CHECK ((change_type = ANY (ARRAY['earn'::text, 'refund'::text, 'release'::text, 'spend'::text, 'expire'::text, 'freeze'::text, 'settle'::text, 'adjust'::text]))),
  constraint points_ledger_change_type_direction_check CHECK (((change_type = 'adjust'::text) OR ((direction = 'credit'::text) = (change_type = ANY (ARRAY['earn'::text, 'refund'::text, 'release'::text]))))),
  constraint points_ledger_direction_check CHECK ((direction = ANY (ARRAY['credit'::text, 'debit'::text]))),
  constraint points_ledger_event_id_check CHECK (((char_length(event_id) >= 1) AND (char_length(event_id) <= 100))),
  constraint points_ledger_frozen_after_balance_after_check CHECK ((frozen_after <= balance_after)),
  constraint points_ledger_frozen_after_check CHECK ((frozen_after >= 0)),
  constraint points_ledger_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint points_ledger_version_check CHECK ((version >= 0))
);
alter table ibex_core.points_ledger enable row level security;
alter table ibex_core.points_ledger force row level security;
create policy points_ledger_system_access on ibex_core.points_ledger as permissive for all to ibex_system using (true) with check (true);
create policy points_ledger_tenant_isolation on ibex_core.points_ledger as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant insert, select on ibex_core.points_ledger to ibex_app;
grant delete, update on ibex_core.points_ledger to ibex_eraser;
grant insert, select on ibex_core.points_ledger to ibex_system;
CREATE TRIGGER points_ledger_move_account AFTER INSERT ON ibex_core.points_ledger FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.move_point_account();
CREATE TRIGGER points_ledger_number_movement BEFORE INSERT ON ibex_core.points_ledger FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.number_points_movement();
CREATE TRIGGER points_ledger_refuse_change BEFORE DELETE OR UPDATE ON ibex_core.points_ledger FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_change();
CREATE TRIGGER points_ledger_refuse_truncate BEFORE TRUNCATE ON ibex_core.points_ledger FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.refuse_change();
comment on table ibex_core.points_ledger is 'A movement of points. Append-only; a trigger moves the account with it.';
comment on column ibex_core.points_ledger.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.points_ledger.version is 'Counts from 1 per user; the version of the account after it. A trigger sets it, or checks the one given.';
comment on column ibex_core.points_ledger.change_type is 'Settle spends points that are frozen; freeze and release leave the balance as it is.';
comment on column ibex_core.points_ledger.balance_after is 'Set by a trigger.';
comment on column ibex_core.points_ledger.frozen_after is 'The part of balance_after that is frozen; set by a trigger.';
comment on column ibex_core.points_ledger.biz_type is 'What the points were given or taken for.';
comment on column ibex_core.points_ledger.event_id is 'What happened; moves points once in the organization.';

create table ibex_core.products (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  sku text not null,
  name text not null,
  description text,
  category text,
  price numeric(10,2) not null,
  inventory_quantity integer default 0 not null,
  status text default 'draft'::text not null,
  tags text[] default '{}'::text[] not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  constraint products_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint products_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint products_org_id_sku_key UNIQUE (org_id, sku),
  constraint products_category_check CHECK (((char_length(category) >= 1) AND (char_length(category) <= 100))),
  constraint products_inventory_quantity_check CHECK ((inventory_quantity >= 0)),
  constraint products_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint products_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 500))),
  constraint products_price_check CHECK ((price >= (0)::numeric)),
  constraint products_sku_check CHECK (((char_length(sku) >= 1) AND (char_length(sku) <= 100))),
  constraint products_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'archived'::text])))
);
CREATE INDEX products_org_id_category_created_at_idx ON ibex_core.products USING btree (org_id, category, created_at DESC);
alter table ibex_core.products enable row level security;
alter table ibex_core.products force row level security;
create policy products_system_access on ibex_core.products as permissive for all to ibex_system using (true) with check (true);
create policy products_tenant_isolation on ibex_core.products as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy products_untrusted_read on ibex_core.products as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.products to ibex_app;
grant delete, insert, select on ibex_core.products to ibex_system;
grant update (id, sku, name, description, category, price, inventory_quantity, status, tags, metadata, created_at, updated_at, deleted_at) on ibex_core.products to ibex_app;
grant update (id, sku, name, description, category, price, inventory_quantity, status, tags, metadata, created_at, updated_at, deleted_at) on ibex_core.products to ibex_system;
grant select (org_id, id, sku, name, description, category, price, inventory_quantity, status, tags, created_at, deleted_at) on ibex_core.products to ibex_untrusted;
CREATE TRIGGER products_touch_updated_at BEFORE UPDATE ON ibex_core.products FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.products is 'Something that an organization sells.';
comment on column ibex_core.products.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.products.sku is 'The stock-keeping unit; unique in the organization.';
comment on column ibex_core.products.inventory_quantity is 'How many are there to sell.';
comment on column ibex_core.products.metadata is 'Variants, specifications and the like.';
comment on column ibex_core.products.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.products.deleted_at is 'When the row was soft-deleted; null while it lives.';

create table ibex_core.project_roles (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  project_id uuid not null,
  role_id uuid not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint project_roles_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint project_roles_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint project_roles_org_id_project_id_fkey FOREIGN KEY (org_id, project_id) REFERENCES ibex_core.projects(org_id, id) ON DELETE CASCADE,
  constraint project_roles_org_id_role_id_fkey FOREIGN KEY (org_id, role_id) REFERENCES ibex_core.roles(org_id, id) ON DELETE CASCADE,
  constraint project_roles_org_id_project_id_role_id_key UNIQUE (org_id, project_id, role_id)
);
CREATE INDEX project_roles_org_id_role_id_idx ON ibex_core.project_roles USING btree (org_id, role_id);
alter table ibex_core.project_roles enable row level security;
alter table ibex_core.project_roles force row level security;
create policy project_roles_system_access on ibex_core.project_roles as permissive for all to ibex_system using (true) with check (true);
create policy project_roles_tenant_isolation on ibex_core.project_roles as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.project_roles to ibex_app;
grant delete, insert, select on ibex_core.project_roles to ibex_system;
grant update (id, project_id, role_id, created_at, updated_at) on ibex_core.project_roles to ibex_app;
grant update (id, project_id, role_id, created_at, updated_at) on ibex_core.project_roles to ibex_system;
CREATE TRIGGER project_roles_touch_updated_at BEFORE UPDATE ON ibex_core.project_roles FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.project_roles is 'A persona that works in a project.';
comment on column ibex_core.project_roles.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.project_roles.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.projects (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  name text not null,
  slug text not null,
  description text,
  project_structure text,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  constraint projects_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint projects_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint projects_org_id_name_key UNIQUE (org_id, name),
  constraint projects_org_id_slug_key UNIQUE (org_id, slug),
  constraint projects_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
  constraint projects_slug_check CHECK (((char_length(slug) >= 1) AND (char_length(slug) <= 255)))
);
alter table ibex_core.projects enable row level security;
alter table ibex_core.projects force row level security;
create policy projects_system_access on ibex_core.projects as permissive for all to ibex_system using (true) with check (true);
create policy projects_tenant_isolation on ibex_core.projects as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy projects_untrusted_read on ibex_core.projects as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.projects to ibex_app;
grant delete, insert, select on ibex_core.projects to ibex_system;
grant update (id, name, slug, description, project_structure, created_at, updated_at, deleted_at) on ibex_core.projects to ibex_app;
grant update (id, name, slug, description, project_structure, created_at, updated_at, deleted_at) on ibex_core.projects to ibex_system;
grant select (org_id, id, name, slug, description, created_at, deleted_at) on ibex_core.projects to ibex_untrusted;
CREATE TRIGGER projects_touch_updated_at BEFORE UPDATE ON ibex_core.projects FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.projects is 'Something that an organization works on with its agents.';
comment on column ibex_core.projects.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.projects.slug is 'The key that APIs filter by; unique in the organization.';
comment on column ibex_core.projects.project_structure is 'How the project is laid out, for prompts.';
comment on column ibex_core.projects.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.projects.deleted_at is 'When the row was soft-deleted; null while it lives.';

create table ibex_core.prompt_templates (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  role_id uuid not null,
  name text not null,
  content text not null,
  is_default boolean default false not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint prompt_templates_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint prompt_templates_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint prompt_templates_org_id_role_id_fkey FOREIGN KEY (org_id, role_id) REFERENCES ibex_core.roles(org_id, id) ON DELETE CASCADE,
  constraint prompt_templates_org_id_role_id_name_key UNIQUE (org_id, role_id, name),
  constraint prompt_templates_content_check CHECK ((content ~ '[^[:space:]]'::text)),
  constraint prompt_templates_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)))
);
CREATE UNIQUE INDEX prompt_templates_org_id_role_id_key ON ibex_core.prompt_templates USING btree (org_id, role_id) WHERE is_default;
alter table ibex_core.prompt_templates enable row level security;
alter table ibex_core.prompt_templates force row level security;
create policy prompt_templates_system_access on ibex_core.prompt_templates as permissive for all to ibex_system using (true) with check (true);
create policy prompt_templates_tenant_isolation on ibex_core.prompt_templates as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.prompt_templates to ibex_app;
grant delete, insert, select on ibex_core.prompt_templates to ibex_system;
grant update (id, role_id, name, content, is_default, created_at, updated_at) on ibex_core.prompt_templates to ibex_app;
grant update (id, role_id, name, content, is_default, created_at, updated_at) on ibex_core.prompt_templates to ibex_system;
CREATE TRIGGER prompt_templates_choose_default BEFORE INSERT ON ibex_core.prompt_templates FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.choose_default_template();
CREATE TRIGGER prompt_templates_move_default BEFORE UPDATE ON ibex_core.prompt_templates FOR EACH ROW WHEN (((old.is_default <> new.is_default) OR (old.role_id <> new.role_id))) EXECUTE FUNCTION ibex_core.move_default_template();
CREATE TRIGGER prompt_templates_promote_default AFTER DELETE ON ibex_core.prompt_templates REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION ibex_core.promote_default_template();
CREATE TRIGGER prompt_templates_touch_updated_at BEFORE UPDATE ON ibex_core.prompt_templates FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.prompt_templates is 'A prompt for a role. Of the templates of a role, exactly one is its default.';
comment on column ibex_core.prompt_templates.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.prompt_templates.role_id is 'A template stays with its role.';
comment on column ibex_core.prompt_templates.is_default is 'The first template of a role is its default; updating another to true moves it, deleting it passes it on to the oldest left.';
comment on column ibex_core.prompt_templates.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.rag_documents (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  document_id text not null,
  chunk_index integer default 0 not null,
  total_chunks integer default 1 not null,
  source_path text,
  content text not null,
  content_hash character(64) not null,
  embedding public.vector(1536),
  embedding_model text,
  search_vector tsvector generated always as (to_tsvector('english'::regconfig, content)) stored not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint rag_documents_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint rag_documents_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint rag_documents_org_id_document_id_chunk_index_key UNIQUE (org_id, document_id, chunk_index),
  constraint rag_documents_chunk_index_total_chunks_check CHECK (((chunk_index >= 0) AND (chunk_index < total_chunks))),
  constraint rag_documents_content_check CHECK (((char_length(content) >= 1) AND (char_length(content) <= 100000))),
  constraint rag_documents_content_hash_check CHECK ((content_hash ~ '^[0-9a-f]{64}$'::text)),
  constraint rag_documents_document_id_check CHECK (((char_length(document_id) >= 1) AND (char_length(document_id) <= 100))),
  constraint rag_documents_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint rag_documents_source_path_check CHECK (((char_length(source_path) >= 1) AND (char_length(source_path) <= 500)))
) partition by HASH (org_id);
CREATE INDEX rag_documents_embedding_idx ON ONLY ibex_core.rag_documents USING hnsw (embedding public.vector_cosine_ops);
CREATE INDEX rag_documents_org_id_created_at_id_idx ON ONLY ibex_core.rag_documents USING btree (org_id, created_at, id) WHERE (embedding IS NULL);
CREATE INDEX rag_documents_org_id_search_vector_idx ON ONLY ibex_core.rag_documents USING gin (org_id, search_vector);
alter table ibex_core.rag_documents enable row level security;
alter table ibex_core.rag_documents force row level security;
create policy rag_documents_search_access on ibex_core.rag_documents as permissive for select to ibex_search using (true);
create policy rag_documents_system_access on ibex_core.rag_documents as permissive for all to ibex_system using (true) with check (true);
create policy rag_documents_tenant_isolation on ibex_core.rag_documents as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy rag_documents_untrusted_read on ibex_core.rag_documents as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.rag_documents to ibex_app;
grant delete, insert, select on ibex_core.rag_documents to ibex_system;
grant update (id, document_id, chunk_index, total_chunks, source_path, content, content_hash, embedding, embedding_model, metadata, created_at, updated_at) on ibex_core.rag_documents to ibex_app;
grant select (org_id, id, document_id, search_vector) on ibex_core.rag_documents to ibex_search;
grant update (id, document_id, chunk_index, total_chunks, source_path, content, content_hash, embedding, embedding_model, metadata, created_at, updated_at) on ibex_core.rag_documents to ibex_system;
grant select (org_id, id, document_id, chunk_index, total_chunks, source_path, content, embedding, created_at) on ibex_core.rag_documents to ibex_untrusted;
CREATE TRIGGER rag_documents_touch_updated_at BEFORE UPDATE ON ibex_core.rag_documents FOR EACH ROW WHEN ((((((((((((((old.org_id IS DISTINCT FROM new.org_id) OR (old.id IS DISTINCT FROM new.id)) OR (old.document_id IS DISTINCT FROM new.document_id)) OR (old.chunk_index IS DISTINCT FROM new.chunk_index)) OR (old.total_chunks IS DISTINCT FROM new.total_chunks)) OR (old.source_path IS DISTINCT FROM new.source_path)) OR (old.content IS DISTINCT FROM new.content)) OR (old.content_hash IS DISTINCT FROM new.content_hash)) OR (old.embedding IS DISTINCT FROM new.embedding)) OR (old.embedding_model IS DISTINCT FROM new.embedding_model)) OR (old.metadata IS DISTINCT FROM new.metadata)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.updated_at IS DISTINCT FROM new.updated_at))) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.rag_documents is 'A chunk of a document that agents look things up in.';
comment on column ibex_core.rag_documents.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.rag_documents.document_id is 'The document that the chunk is of, as the service calls it.';
comment on column ibex_core.rag_documents.chunk_index is 'Counts from 0 per document.';
comment on column ibex_core.rag_documents.total_chunks is 'How many chunks the document has.';
comment on column ibex_core.rag_documents.source_path is 'Where the document comes from.';
comment on column ibex_core.rag_documents.content_hash is 'SHA-256 of the content in 64 hexadecimal digits.';
comment on column ibex_core.rag_documents.embedding is 'Null until the chunk is embedded.';
comment on column ibex_core.rag_documents.embedding_model is 'The model that made the embedding.';
comment on column ibex_core.rag_documents.search_vector is 'The words of the content, for text search.';
comment on column ibex_core.rag_documents.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.rag_documents_p00 partition of ibex_core.rag_documents for values with (modulus 16, remainder 0);
alter table ibex_core.rag_documents_p00 enable row level security;
alter table ibex_core.rag_documents_p00 force row level security;

create table ibex_core.rag_documents_p01 partition of ibex_core.rag_documents for values with (modulus 16, remainder 1);
alter table ibex_core.rag_documents_p01 enable row level security;
alter table ibex_core.rag_documents_p01 force row level security;

create table ibex_core.rag_documents_p02 partition of ibex_core.rag_documents for values with (modulus 16, remainder 2);
alter table ibex_core.rag_documents_p02 enable row level security;
alter table ibex_core.rag_documents_p02 force row level security;

create table ibex_core.rag_documents_p03 partition of ibex_core.rag_documents for values with (modulus 16, remainder 3);
alter table ibex_core.rag_documents_p03 enable row level security;
alter table ibex_core.rag_documents_p03 force row level security;

create table ibex_core.rag_documents_p04 partition of ibex_core.rag_documents for values with (modulus 16, remainder 4);
alter table ibex_core.rag_documents_p04 enable row level security;
alter table ibex_core.rag_documents_p04 force row level security;

create table ibex_core.rag_documents_p05 partition of ibex_core.rag_documents for values with (modulus 16, remainder 5);
alter table ibex_core.rag_documents_p05 enable row level security;
alter table ibex_core.rag_documents_p05 force row level security;

create table ibex_core.rag_documents_p06 partition of ibex_core.rag_documents for values with (modulus 16, remainder 6);
alter table ibex_core.rag_documents_p06 enable row level security;
alter table ibex_core.rag_documents_p06 force row level security;

create table ibex_core.rag_documents_p07 partition of ibex_core.rag_documents for values with (modulus 16, remainder 7);
alter table ibex_core.rag_documents_p07 enable row level security;
alter table ibex_core.rag_documents_p07 force row level security;

create table ibex_core.rag_documents_p08 partition of ibex_core.rag_documents for values with (modulus 16, remainder 8);
alter table ibex_core.rag_documents_p08 enable row level security;
alter table ibex_core.rag_documents_p08 force row level security;

create table ibex_core.rag_documents_p09 partition of ibex_core.rag_documents for values with (modulus 16, remainder 9);
alter table ibex_core.rag_documents_p09 enable row level security;
alter table ibex_core.rag_documents_p09 force row level security;

create table ibex_core.rag_documents_p10 partition of ibex_core.rag_documents for values with (modulus 16, remainder 10);
alter table ibex_core.rag_documents_p10 enable row level security;
alter table ibex_core.rag_documents_p10 force row level security;

create table ibex_core.rag_documents_p11 partition of ibex_core.rag_documents for values with (modulus 16, remainder 11);
alter table ibex_core.rag_documents_p11 enable row level security;
alter table ibex_core.rag_documents_p11 force row level security;

create table ibex_core.rag_documents_p12 partition of ibex_core.rag_documents for values with (modulus 16, remainder 12);
alter table ibex_core.rag_documents_p12 enable row level security;
alter table ibex_core.rag_documents_p12 force row level security;

create table ibex_core.rag_documents_p13 partition of ibex_core.rag_documents for values with (modulus 16, remainder 13);
alter table ibex_core.rag_documents_p13 enable row level security;
alter table ibex_core.rag_documents_p13 force row level security;

create table ibex_core.rag_documents_p14 partition of ibex_core.rag_documents for values with (modulus 16, remainder 14);
alter table ibex_core.rag_documents_p14 enable row level security;
alter table ibex_core.rag_documents_p14 force row level security;

create table ibex_core.rag_documents_p15 partition of ibex_core.rag_documents for values with (modulus 16, remainder 15);
alter table ibex_core.rag_documents_p15 enable row level security;
alter table ibex_core.rag_documents_p15 force row level security;

create table ibex_core.roles (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  name text not null,
  description text,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint roles_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint roles_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint roles_org_id_name_key UNIQUE (org_id, name),
  constraint roles_description_check CHECK (((char_length(description) >= 0) AND (char_length(description) <= 255))),
  constraint roles_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 50)))
);
alter table ibex_core.roles enable row level security;
alter table ibex_core.roles force row level security;
create policy roles_system_access on ibex_core.roles as permissive for all to ibex_system using (true) with check (true);
create policy roles_tenant_isolation on ibex_core.roles as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.roles to ibex_app;
grant delete, insert, select on ibex_core.roles to ibex_system;
grant update (id, name, description, created_at, updated_at) on ibex_core.roles to ibex_app;
grant update (id, name, description, created_at, updated_at) on ibex_core.roles to ibex_system;
CREATE TRIGGER roles_touch_updated_at BEFORE UPDATE ON ibex_core.roles FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.roles is 'A persona that an agent takes on, with prompt templates for it.';
comment on column ibex_core.roles.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.roles.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.sessions (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  agent_id uuid not null,
  user_id uuid,
  directive_version_id uuid,
  external_id text,
  title text,
  status text default 'active'::text not null,
  model text,
  provider text,
  turn_count integer default 0 not null,
  message_count integer default 0 not null,
  total_input_tokens bigint default 0 not null,
  total_output_tokens bigint default 0 not null,
  total_latency_ms bigint default 0 not null,
  last_extracted_turn integer default 0 not null,
  summary text,
  metadata jsonb default '{}'::jsonb not null,
  last_message_at timestamp with time zone,
  completed_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  project_id uuid,
  last_seq integer default 0 not null,
  constraint sessions_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint sessions_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE CASCADE,
  constraint sessions_org_id_directive_version_id_fkey FOREIGN KEY (org_id, directive_version_id) REFERENCES ibex_core.directive_versions(org_id, id) ON DELETE SET NULL (directive_version_id),
  constraint sessions_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint sessions_org_id_project_id_fkey FOREIGN KEY (org_id, project_id) REFERENCES ibex_core.projects(org_id, id) ON DELETE SET NULL (project_id),
  constraint sessions_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE SET NULL (user_id),
  constraint sessions_org_id_agent_id_external_id_key UNIQUE (org_id, agent_id, external_id),
  constraint sessions_last_extracted_turn_check CHECK ((last_extracted_turn >= 0)),
  constraint sessions_last_seq_check CHECK ((last_seq >= 0)),
  constraint sessions_message_count_check CHECK ((message_count >= 0)),
  constraint sessions_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint sessions_status_check CHECK ((status = ANY (ARRAY['active'::text, 'idle'::text, 'completed'::text, 'abandoned'::text, 'error'::text]))),
  constraint sessions_total_input_tokens_check CHECK ((total_input_tokens >= 0)),
  constraint sessions_total_latency_ms_check CHECK ((total_latency_ms >= 0)),
  constraint sessions_total_output_tokens_check CHECK ((total_output_tokens >= 0)),
  constraint sessions_turn_count_check CHECK ((turn_count >= 0))
);
CREATE INDEX sessions_org_id_agent_id_created_at_idx ON ibex_core.sessions USING btree (org_id, agent_id, created_at DESC);
CREATE INDEX sessions_org_id_agent_id_silent_since_idx ON ibex_core.sessions USING btree (org_id, agent_id, (
CASE
    WHEN (last_message_at IS NULL) THEN created_at
    ELSE last_message_at
END));
CREATE INDEX sessions_org_id_completed_at_idx ON ibex_core.sessions USING btree (org_id, completed_at) WHERE ((status = 'completed'::text) AND (last_extracted_turn < turn_count) AND (deleted_at IS NULL));
CREATE INDEX sessions_org_id_directive_version_id_idx ON ibex_core.sessions USING btree (org_id, directive_version_id) WHERE (directive_version_id IS NOT NULL);
CREATE INDEX sessions_org_id_project_id_idx ON ibex_core.sessions USING btree (org_id, project_id) WHERE (project_id IS NOT NULL);
CREATE INDEX sessions_org_id_status_silent_since_idx ON ibex_core.sessions USING btree (org_id, status, (
CASE
    WHEN (last_message_at IS NULL) THEN created_at
    ELSE last_message_at
END)) WHERE (deleted_at IS NULL);
CREATE INDEX sessions_org_id_user_id_idx ON ibex_core.sessions USING btree (org_id, user_id) WHERE (user_id IS NOT NULL);
alter table ibex_core.sessions enable row level security;
alter table ibex_core.sessions force row level security;
create policy sessions_system_access on ibex_core.sessions as permissive for all to ibex_system using (true) with check (true);
create policy sessions_tenant_isolation on ibex_core.sessions as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy sessions_untrusted_read on ibex_core.sessions as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.sessions to ibex_app;
grant delete, insert, select on ibex_core.sessions to ibex_system;
grant update (id, agent_id, user_id, directive_version_id, external_id, title, status, model, provider, turn_count, message_count, total_input_tokens, total_output_tokens, total_latency_ms, last_extracted_turn, summary, metadata, last_message_at, completed_at, created_at, updated_at, deleted_at, project_id, last_seq) on ibex_core.sessions to ibex_app;
grant update (id, agent_id, user_id, directive_version_id, external_id, title, status, model, provider, turn_count, message_count, total_input_tokens, total_output_tokens, total_latency_ms, last_extracted_turn, summary, metadata, last_message_at, completed_at, created_at, updated_at, deleted_at, project_id, last_seq) on ibex_core.sessions to ibex_system;
grant select (org_id, id, agent_id, user_id, title, status, model, provider, turn_count, message_count, total_input_tokens, total_output_tokens, summary, last_message_at, completed_at, created_at, deleted_at, project_id) on ibex_core.sessions to ibex_untrusted;
CREATE TRIGGER sessions_refuse_held_delete BEFORE DELETE ON ibex_core.sessions FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_held_delete('sessions');
CREATE TRIGGER sessions_touch_updated_at BEFORE UPDATE ON ibex_core.sessions FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.sessions is 'A conversation with an agent.';
comment on column ibex_core.sessions.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.sessions.user_id is 'The user who owns the session.';
comment on column ibex_core.sessions.directive_version_id is 'The instructions that the agent followed.';
comment on column ibex_core.sessions.external_id is 'The id that the caller knows it by; unique per agent.';
comment on column ibex_core.sessions.message_count is 'How many messages it has, summaries included and soft-deleted ones not; set by a trigger.';
comment on column ibex_core.sessions.last_extracted_turn is 'Memories were extracted from the turns up to this one.';
comment on column ibex_core.sessions.last_message_at is 'The time of the newest message that is neither soft-deleted nor a summary, which is no sign of life; set by a trigger.';
comment on column ibex_core.sessions.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.sessions.deleted_at is 'When the row was soft-deleted; null while it lives.';
comment on column ibex_core.sessions.project_id is 'The project that it is about.';
comment on column ibex_core.sessions.last_seq is 'The seq of the last message; set by a trigger.';

create table ibex_core.team_memberships (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  team_id uuid not null,
  user_id uuid not null,
  role text default 'member'::text not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint team_memberships_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint team_memberships_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint team_memberships_org_id_team_id_fkey FOREIGN KEY (org_id, team_id) REFERENCES ibex_core.teams(org_id, id) ON DELETE CASCADE,
  constraint team_memberships_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE CASCADE,
  constraint team_memberships_org_id_team_id_user_id_key UNIQUE (org_id, team_id, user_id),
  constraint team_memberships_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text, 'viewer'::text])))
);
CREATE INDEX team_memberships_org_id_user_id_idx ON ibex_core.team_memberships USING btree (org_id, user_id);
alter table ibex_core.team_memberships enable row level security;
alter table ibex_core.team_memberships force row level security;
create policy team_memberships_system_access on ibex_core.team_memberships as permissive for all to ibex_system using (true) with check (true);
create policy team_memberships_tenant_isolation on ibex_core.team_memberships as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.team_memberships to ibex_app;
grant delete, insert, select on ibex_core.team_memberships to ibex_system;
grant update (id, team_id, user_id, role, created_at, updated_at) on ibex_core.team_memberships to ibex_app;
grant update (id, team_id, user_id, role, created_at, updated_at) on ibex_core.team_memberships to ibex_system;
CREATE TRIGGER team_memberships_keep_team_owned_on_delete BEFORE DELETE ON ibex_core.team_memberships FOR EACH ROW WHEN ((old.role = 'owner'::text)) EXECUTE FUNCTION ibex_core.keep_team_owned();
CREATE TRIGGER team_memberships_keep_team_owned_on_update BEFORE UPDATE ON ibex_core.team_memberships FOR EACH ROW WHEN (((old.role = 'owner'::text) AND (((new.role IS DISTINCT FROM 'owner'::text) OR (new.team_id IS DISTINCT FROM old.team_id)) OR (new.user_id IS DISTINCT FROM old.user_id)))) EXECUTE FUNCTION ibex_core.keep_team_owned();
CREATE TRIGGER team_memberships_touch_updated_at BEFORE UPDATE ON ibex_core.team_memberships FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.team_memberships is 'A member of a team.';
comment on column ibex_core.team_memberships.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.team_memberships.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.teams (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  name text not null,
  slug text not null,
  owner_id uuid not null,
  settings jsonb default '{}'::jsonb not null,
  shared_skill_names text[] default '{}'::text[] not null,
  webhook_url text,
  webhook_secret text,
  conversation_retention_days integer default 90 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  constraint teams_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint teams_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint teams_org_id_owner_id_fkey FOREIGN KEY (org_id, owner_id) REFERENCES ibex_core.users(org_id, id),
  constraint teams_org_id_slug_key UNIQUE (org_id, slug),
  constraint teams_conversation_retention_days_check CHECK ((conversation_retention_days >= 1)),
  constraint teams_settings_check CHECK ((jsonb_typeof(settings) = 'object'::text)),
  constraint teams_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$'::text))
);
CREATE INDEX teams_org_id_owner_id_idx ON ibex_core.teams USING btree (org_id, owner_id);
alter table ibex_core.teams enable row level security;
alter table ibex_core.teams force row level security;
create policy teams_system_access on ibex_core.teams as permissive for all to ibex_system using (true) with check (true);
create policy teams_tenant_isolation on ibex_core.teams as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.teams to ibex_app;
grant delete, insert, select on ibex_core.teams to ibex_system;
grant update (id, name, slug, owner_id, settings, shared_skill_names, webhook_url, webhook_secret, conversation_retention_days, created_at, updated_at, deleted_at) on ibex_core.teams to ibex_app;
grant update (id, name, slug, owner_id, settings, shared_skill_names, webhook_url, webhook_secret, conversation_retention_days, created_at, updated_at, deleted_at) on ibex_core.teams to ibex_system;
CREATE TRIGGER teams_keep_owner_a_member_on_insert AFTER INSERT ON ibex_core.teams FOR EACH ROW WHEN (((COALESCE(current_setting('app.import'::text, true), ''::text) <> 'on'::text) OR (NOT pg_has_role('ibex_system'::name, 'usage'::text)))) EXECUTE FUNCTION ibex_core.keep_owner_a_member();
CREATE TRIGGER teams_keep_owner_a_member_on_update AFTER UPDATE ON ibex_core.teams FOR EACH ROW WHEN ((old.owner_id <> new.owner_id)) EXECUTE FUNCTION ibex_core.keep_owner_a_member();
CREATE TRIGGER teams_touch_updated_at BEFORE UPDATE ON ibex_core.teams FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.teams is 'People of an organization who share agents.';
comment on column ibex_core.teams.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.teams.slug is 'The name in URLs; unique in the organization.';
comment on column ibex_core.teams.owner_id is 'The user who answers for the team; always an owner among its members.';
comment on column ibex_core.teams.shared_skill_names is 'Skills that every agent of the team has.';
comment on column ibex_core.teams.webhook_secret is 'What calls of webhook_url are signed with.';
comment on column ibex_core.teams.conversation_retention_days is 'Sessions of the team''s agents are swept when they were silent for so many days.';
comment on column ibex_core.teams.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.teams.deleted_at is 'When the row was soft-deleted; null while it lives.';

create table ibex_core.tokens (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  user_id uuid,
  agent_id uuid,
  type text not null,
  hash character(64) not null,
  prefix text not null,
  name text not null,
  description text,
  permissions bigint default 0 not null,
  expires_at timestamp with time zone,
  is_revoked boolean default false not null,
  revoked_at timestamp with time zone,
  revoked_by uuid,
  revoke_reason text,
  last_used_at timestamp with time zone,
  last_used_ip inet,
  use_count bigint default 0 not null,
  allowed_ips inet[] default '{}'::inet[] not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint tokens_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint tokens_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE CASCADE,
  constraint tokens_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint tokens_org_id_revoked_by_fkey FOREIGN KEY (org_id, revoked_by) REFERENCES ibex_core.users(org_id, id) ON DELETE SET NULL (revoked_by),
  constraint tokens_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE CASCADE,
  constraint tokens_org_id_hash_key UNIQUE (org_id, hash),
  constraint tokens_hash_check CHECK ((hash ~ '^[0-9a-f]{64}$'::text)),
  constraint tokens_type_check CHECK ((type = ANY (ARRAY['pat'::text, 'org_token'::text, 'service_token'::text, 'marketplace'::text]))),
  constraint tokens_use_count_check CHECK ((use_count >= 0))
);
CREATE INDEX tokens_hash_idx ON ibex_core.tokens USING btree (hash);
CREATE INDEX tokens_org_id_agent_id_idx ON ibex_core.tokens USING btree (org_id, agent_id);
CREATE INDEX tokens_org_id_revoked_by_idx ON ibex_core.tokens USING btree (org_id, revoked_by) WHERE (revoked_by IS NOT NULL);
CREATE INDEX tokens_org_id_user_id_idx ON ibex_core.tokens USING btree (org_id, user_id);
alter table ibex_core.tokens enable row level security;
alter table ibex_core.tokens force row level security;
create policy tokens_system_access on ibex_core.tokens as permissive for all to ibex_system using (true) with check (true);
create policy tokens_tenant_isolation on ibex_core.tokens as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.tokens to ibex_app;
grant delete, insert, select on ibex_core.tokens to ibex_system;
grant update (id, user_id, agent_id, type, hash, prefix, name, description, permissions, expires_at, is_revoked, revoked_at, revoked_by, revoke_reason, last_used_at, last_used_ip, use_count, allowed_ips, created_at, updated_at) on ibex_core.tokens to ibex_app;
grant update (id, user_id, agent_id, type, hash, prefix, name, description, permissions, expires_at, is_revoked, revoked_at, revoked_by, revoke_reason, last_used_at, last_used_ip, use_count, allowed_ips, created_at, updated_at) on ibex_core.tokens to ibex_system;
CREATE TRIGGER tokens_touch_updated_at BEFORE UPDATE ON ibex_core.tokens FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.tokens is 'An access token. Only the SHA-256 of the secret is stored.';
comment on column ibex_core.tokens.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.tokens.user_id is 'The user that the token acts for.';
comment on column ibex_core.tokens.agent_id is 'The agent that the token acts for.';
comment on column ibex_core.tokens.hash is 'SHA-256 of the secret in 64 hexadecimal digits.';
comment on column ibex_core.tokens.prefix is 'The first characters of the secret, to recognize it by.';
comment on column ibex_core.tokens.permissions is 'A bitmap.';
comment on column ibex_core.tokens.expires_at is 'Null for a token that does not expire.';
comment on column ibex_core.tokens.revoked_by is 'The user who revoked it.';
comment on column ibex_core.tokens.allowed_ips is 'Empty allows every address.';
comment on column ibex_core.tokens.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.tool_executions (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  correlation_id text not null,
  tool_name text not null,
  agent_id uuid,
  user_id uuid,
  inputs jsonb default '{}'::jsonb not null,
  output jsonb,
  status text default 'running'::text not null,
  duration_ms double precision,
  error_message text,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  updated_at timestamp with time zone default clock_timestamp() not null,
  constraint tool_executions_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint tool_executions_org_id_agent_id_fkey FOREIGN KEY (org_id, agent_id) REFERENCES ibex_core.agents(org_id, id) ON DELETE SET NULL (agent_id),
  constraint tool_executions_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint tool_executions_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES ibex_core.users(org_id, id) ON DELETE SET NULL (user_id),
  constraint tool_executions_correlation_id_check CHECK (((char_length(correlation_id) >= 1) AND (char_length(correlation_id) <= 100))),
  constraint tool_executions_duration_ms_check CHECK (((duration_ms >= (0)::double precision) AND (duration_ms < 'Infinity'::double precision))),
  constraint tool_executions_inputs_check CHECK ((jsonb_typeof(inputs) = 'object'::text)),
  constraint tool_executions_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint tool_executions_status_check CHECK ((status = ANY (ARRAY['running'::text, 'completed'::text, 'failed'::text]))),
  constraint tool_executions_tool_name_check CHECK (((char_length(tool_name) >= 1) AND (char_length(tool_name) <= 100)))
);
CREATE INDEX tool_executions_org_id_agent_id_idx ON ibex_core.tool_executions USING btree (org_id, agent_id) WHERE (agent_id IS NOT NULL);
CREATE INDEX tool_executions_org_id_correlation_id_created_at_idx ON ibex_core.tool_executions USING btree (org_id, correlation_id, created_at);
CREATE INDEX tool_executions_org_id_created_at_tool_name_idx ON ibex_core.tool_executions USING btree (org_id, created_at, tool_name);
CREATE INDEX tool_executions_org_id_running_idx ON ibex_core.tool_executions USING btree (org_id, created_at) WHERE (status = 'running'::text);
CREATE INDEX tool_executions_org_id_user_id_idx ON ibex_core.tool_executions USING btree (org_id, user_id) WHERE (user_id IS NOT NULL);
alter table ibex_core.tool_executions enable row level security;
alter table ibex_core.tool_executions force row level security;
create policy tool_executions_system_access on ibex_core.tool_executions as permissive for all to ibex_system using (true) with check (true);
create policy tool_executions_tenant_isolation on ibex_core.tool_executions as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
grant delete, insert, select on ibex_core.tool_executions to ibex_app;
grant delete, insert, select on ibex_core.tool_executions to ibex_system;
grant update (id, correlation_id, tool_name, agent_id, user_id, inputs, output, status, duration_ms, error_message, metadata, created_at, updated_at) on ibex_core.tool_executions to ibex_app;
grant update (id, correlation_id, tool_name, agent_id, user_id, inputs, output, status, duration_ms, error_message, metadata, created_at, updated_at) on ibex_core.tool_executions to ibex_system;
CREATE TRIGGER tool_executions_touch_updated_at BEFORE UPDATE ON ibex_core.tool_executions FOR EACH ROW WHEN ((old.* *<> new.*)) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.tool_executions is 'One call of a tool.';
comment on column ibex_core.tool_executions.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.tool_executions.correlation_id is 'What all calls of one request share.';
comment on column ibex_core.tool_executions.duration_ms is 'Whole milliseconds, measured by the database; null while it runs.';
comment on column ibex_core.tool_executions.updated_at is 'When the row last really changed; set by a trigger.';

create table ibex_core.users (
  org_id uuid default ibex_core.current_org_id() not null,
  id uuid default gen_random_uuid() not null,
  email text not null,
  username text,
  name text,
  password_hash text,
  role text default 'member'::text not null,
  status text default 'active'::text not null,
  is_verified boolean default false not null,
  sso_provider text,
  sso_subject text,
  avatar_url text,
  settings jsonb default '{}'::jsonb not null,
  metadata jsonb default '{}'::jsonb not null,
  last_login_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  deleted_at timestamp with time zone,
  email_lower text generated always as (lower(email)) stored not null,
  constraint users_org_id_id_pkey PRIMARY KEY (org_id, id),
  constraint users_org_id_fkey FOREIGN KEY (org_id) REFERENCES ibex_core.organizations(id) ON DELETE CASCADE,
  constraint users_org_id_username_key UNIQUE (org_id, username),
  constraint users_email_check CHECK ((email ~ '^[^@[:space:]]+@[^@[:space:]]+$'::text)),
  constraint users_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint users_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text, 'viewer'::text, 'customer'::text]))),
  constraint users_settings_check CHECK ((jsonb_typeof(settings) = 'object'::text)),
  constraint users_status_check CHECK ((status = ANY (ARRAY['active'::text, 'invited'::text, 'suspended'::text, 'deactivated'::text])))
);
CREATE UNIQUE INDEX users_org_id_email_key ON ibex_core.users USING btree (org_id, email_lower) WHERE (deleted_at IS NULL);
CREATE INDEX users_org_id_role_idx ON ibex_core.users USING btree (org_id, role) WHERE ((role = 'owner'::text) AND (status = 'active'::text) AND (deleted_at IS NULL));
alter table ibex_core.users enable row level security;
alter table ibex_core.users force row level security;
create policy users_system_access on ibex_core.users as permissive for all to ibex_system using (true) with check (true);
create policy users_tenant_isolation on ibex_core.users as permissive for all to ibex_app using ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id))) with check ((org_id = ( SELECT ibex_core.current_org_id() AS current_org_id)));
create policy users_untrusted_read on ibex_core.users as permissive for select to ibex_untrusted using ((org_id = ( SELECT ibex_core.signed_org_id() AS signed_org_id)));
grant delete, insert, select on ibex_core.users to ibex_app;
grant delete, insert, select on ibex_core.users to ibex_system;
grant update (id, email, username, name, password_hash, role, status, is_verified, sso_provider, sso_subject, avatar_url, settings, metadata, last_login_at, created_at, updated_at, deleted_at) on ibex_core.users to ibex_app;
grant update (id, email, username, name, password_hash, role, status, is_verified, sso_provider, sso_subject, avatar_url, settings, metadata, last_login_at, created_at, updated_at, deleted_at) on ibex_core.users to ibex_system;
grant select (org_id, id, username, name, role, status, created_at, deleted_at) on ibex_core.users to ibex_untrusted;
CREATE TRIGGER users_keep_organization_owned_on_delete BEFORE DELETE ON ibex_core.users FOR EACH ROW WHEN (((old.role = 'owner'::text) AND (old.status = 'active'::text) AND (old.deleted_at IS NULL))) EXECUTE FUNCTION ibex_core.keep_organization_owned();
CREATE TRIGGER users_keep_organization_owned_on_update BEFORE UPDATE ON ibex_core.users FOR EACH ROW WHEN (((old.role = 'owner'::text) AND (old.status = 'active'::text) AND (old.deleted_at IS NULL) AND (NOT ((new.role = 'owner'::text) AND (new.status = 'active'::text) AND (new.deleted_at IS NULL))))) EXECUTE FUNCTION ibex_core.keep_organization_owned();
CREATE TRIGGER users_refuse_held_delete BEFORE DELETE ON ibex_core.users FOR EACH ROW EXECUTE FUNCTION ibex_core.refuse_held_delete('users');
CREATE TRIGGER users_touch_updated_at BEFORE UPDATE ON ibex_core.users FOR EACH ROW WHEN (((((((((((((((((((old.org_id IS DISTINCT FROM new.org_id) OR (old.id IS DISTINCT FROM new.id)) OR (old.email IS DISTINCT FROM new.email)) OR (old.username IS DISTINCT FROM new.username)) OR (old.name IS DISTINCT FROM new.name)) OR (old.password_hash IS DISTINCT FROM new.password_hash)) OR (old.role IS DISTINCT FROM new.role)) OR (old.status IS DISTINCT FROM new.status)) OR (old.is_verified IS DISTINCT FROM new.is_verified)) OR (old.sso_provider IS DISTINCT FROM new.sso_provider)) OR (old.sso_subject IS DISTINCT FROM new.sso_subject)) OR (old.avatar_url IS DISTINCT FROM new.avatar_url)) OR (old.settings IS DISTINCT FROM new.settings)) OR (old.metadata IS DISTINCT FROM new.metadata)) OR (old.last_login_at IS DISTINCT FROM new.last_login_at)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.updated_at IS DISTINCT FROM new.updated_at)) OR (old.deleted_at IS DISTINCT FROM new.deleted_at))) EXECUTE FUNCTION ibex_core.touch_updated_at();
comment on table ibex_core.users is 'A person of an organization.';
comment on column ibex_core.users.org_id is 'The organization that the row belongs to; the tenant of the session by default.';
comment on column ibex_core.users.email is 'Unique among the living users of the organization, whatever the case.';
comment on column ibex_core.users.password_hash is 'Null for who signs in through sso_provider.';
comment on column ibex_core.users.is_verified is 'The person proved to own the email address.';
comment on column ibex_core.users.sso_subject is 'The id of the person at sso_provider.';
comment on column ibex_core.users.updated_at is 'When the row last really changed; set by a trigger.';
comment on column ibex_core.users.deleted_at is 'When the row was soft-deleted; null while it lives.';
comment on column ibex_core.users.email_lower is 'The email address in lower case, to look it up by.';
