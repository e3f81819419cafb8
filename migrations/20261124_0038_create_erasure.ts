import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { closeAllToErasure, openAllToErasure } from '../src/migration/erasure-access.ts'
import { handOver, requireHandover } from '../src/migration/handover.ts'
import { parseTableName } from '../src/migration/names.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'

/**
 * Creates the functions that erase, which run as `ibex_eraser`.
 *
 * It is an app role, so the policies of the tenant hold it; beside that it may change what is append-only. The work
 * is done in a trigger of the receipt: nothing is erased without one, none is written without an erasure, and the guards of
 * append-only tables, which let pass what other triggers do, need not know of it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createContentHash(db)
  await createReferences(db)
  await createMentions(db)
  await createWork(db)
  await createDoors(db)
  await sql`grant update, delete on ibex_core.organizations to ibex_eraser`.execute(db)
  await openAllToErasure(db)
}

/** Drops the functions and the trigger. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await closeAllToErasure(db)
  await sql`revoke all on ibex_core.organizations from ibex_eraser`.execute(db)
  await sql`drop function ibex_core.erase_organization`.execute(db)
  await sql`drop function ibex_core.erase_subject`.execute(db)
  await sql`drop trigger erasure_receipts_carry_out on ibex_core.erasure_receipts`.execute(db)
  await sql`drop function ibex_core.carry_out_erasure()`.execute(db)
  await sql`drop function ibex_core.mentions_in`.execute(db)
  await sql`drop function ibex_core.references_to`.execute(db)
  await sql`drop function ibex_core.memory_content_hash`.execute(db)
}

/** The same as `contentHash` of the library: what JavaScript calls white space is listed, because PostgreSQL's differs. */
async function createContentHash(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(String.raw`create function ibex_core.memory_content_hash(content text) returns text language sql stable
  set search_path = ''
  return encode(sha256(convert_to(btrim(regexp_replace(normalize(content, nfc),
    '[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+', ' ', 'g')), 'UTF8')), 'hex')`)
    .execute(db)
  await describe(db, 'memory_content_hash', 'The SHA-256 of a normalised content: content_hash of memories.')
}

async function createReferences(db: Kysely<unknown>): Promise<void> {
  // $2 is what the erasure has found: of each table, by its object id, the values of the columns that others refer to. The
  // condition finds rows by an index; the membership is hashed, for statements that look at every row. The values are cast
  // within: a cast of the array is done for each row, and is not leakproof, so that a policy keeps it from the index
  await sql`create function ibex_core.references_to(parent oid)
returns table (child oid, name text, action "char", condition text, membership text, emptied text[], targets text[])
language sql stable set search_path = '' as $$
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
$$`.execute(db)
  await describe(
    db,
    'references_to',
    'The foreign keys to a table: what happens to their rows, and the condition that finds these.',
  )
}

async function createMentions(db: Kysely<unknown>): Promise<void> {
  // $3 is the id. A column of a foreign key cannot hold the id of a row that is gone; a unique one gets a value of its own
  await sql`create function ibex_core.mentions_in(relation oid)
returns table (name text, condition text, replacement text)
language sql stable set search_path = '' as $$
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
$$`.execute(db)
  await describe(
    db,
    'mentions_in',
    'The columns of a table that can hold an id without a foreign key, and what takes it out of them.',
  )
}

async function createWork(db: Kysely<unknown>): Promise<void> {
  // no sequential scans: how many rows the subject has is not known when a statement is planned, and others' are not to be read
  await sql.raw(carryOutErasure).execute(db)
  await describe(
    db,
    'carry_out_erasure',
    'Erases what a new receipt names: walks the foreign keys of the catalogue, deletes what depends, takes the id out of the rest.',
  )
  await sql`create trigger erasure_receipts_carry_out before insert on ibex_core.erasure_receipts
    for each row execute function ibex_core.carry_out_erasure()`.execute(db)
}

/** Comments a function of erasure, and lets nobody call it but the role that erases. */
async function describe(db: Kysely<unknown>, name: string, comment: string): Promise<void> {
  await describeFunction(db, `ibex_core.${name}`, comment)
  await sql`grant execute on function ${sql.table(`ibex_core.${name}`)} to ibex_eraser`.execute(db)
}

const carryOutErasure = `create function ibex_core.carry_out_erasure() returns trigger language plpgsql
  set search_path = '' set enable_seqscan = off set jit = off as $$
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
$$`

/** What a tenant and the system call: functions that run as the role that erases. */
async function createDoors(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.erase_subject(kind text, subject uuid, why text, include_derived boolean, allow_relearning boolean)
returns setof ibex_core.erasure_receipts language plpgsql security definer set search_path = '' as $$
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
$$`.execute(db)
  await openDoor(
    db,
    'erase_subject',
    'ibex_app',
    'Erases a memory or a user of the tenant; without a row there was none.',
  )
  await sql`create function ibex_core.erase_organization(tenant uuid, why text)
returns setof ibex_core.organization_erasures language plpgsql security definer
  set search_path = '' set enable_seqscan = off set jit = off as $$
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
$$`.execute(db)
  await openDoor(
    db,
    'erase_organization',
    'ibex_system',
    'Erases an organization with all its rows; without a row there was none.',
  )
}

async function openDoor(db: Kysely<unknown>, name: string, role: string, comment: string): Promise<void> {
  const fn = parseTableName(`ibex_core.${name}`)
  await describeFunction(db, fn.sql, comment)
  await sql`grant execute on function ${sql.raw(fn.sql)} to ${sql.id(role)}`.execute(db)
  await requireHandover(db, fn, 'ibex_eraser')
  await handOver(db, fn, 'ibex_eraser')
}
