import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/**
 * Lets the adding of many memories look up those only that were there before: what it has just inserted it knows.
 *
 * Each look-up of a new memory was one more search of an index; and in a partition without statistics, such as that of the
 * first bulk load, the server took the index of the agent for it and read all of the agent's memories, each time.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await replaceFunction(db, {
    variables: `fresh ibex_core.memories[] := '{}';
  stored ibex_core.memories[];`,
    insertAndLookUp: `with added as (
      insert into ibex_core.memories as made (${columns()})
      select ${columns('item')} from (${distinct}) as item on conflict do nothing returning made as one
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
        where made.id is null and ${isSame('known')} and known.agent_id = item.agent_id
        union all
        select known from ibex_core.memories as known
        where made.id is null and ${isSame('known')} and known.agent_id is null and item.agent_id is null
      ) as same on true;`,
  })
}

/** Looks all of them up again. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await replaceFunction(db, {
    variables: 'stored ibex_core.memories[];',
    insertAndLookUp: `insert into ibex_core.memories (${columns()})
    select ${columns('item')} from (${distinct}) as item on conflict do nothing;
    select array_agg(same order by item.ordinality), bool_and(same.id is not null or item.content_hash = any (erased))
    into stored, is_complete
    from unnest(items) with ordinality as item left join lateral (
        select * from ibex_core.memories where ${isSame('memories')} and agent_id = item.agent_id
        union all
        select * from ibex_core.memories where ${isSame('memories')} and agent_id is null and item.agent_id is null
      ) as same on true;`,
  })
}

/** What an input gives of a memory; the rest has defaults. */
const givenColumns = `org_id, id, agent_id, user_id, session_id, content, content_hash, language, embedding,
  embedding_model, category, source, status, subject, importance, confidence, is_pinned, merged_into, source_message_ids, expires_at, metadata`

function columns(row?: string): string {
  return row === undefined ? givenColumns : givenColumns.replaceAll(/\w+/g, `${row}.$&`)
}

/** In one order, so that two batches of the same memories never wait for each other. */
const distinct = `
      select distinct on (agent_id, content_hash) * from unnest(items) with ordinality
      where content_hash <> all (erased) order by agent_id, content_hash, ordinality
    `

function isSame(row: string): string {
  return `${row}.org_id = tenant and ${row}.content_hash = item.content_hash and ${row}.status = 'active' and ${row}.deleted_at is null`
}

async function replaceFunction(
  db: Kysely<unknown>,
  { variables, insertAndLookUp }: { readonly variables: string; readonly insertAndLookUp: string },
): Promise<void> {
  await sql
    .raw(
      `create or replace function ibex_core.add_distinct_memories(tenant uuid, items ibex_core.memories[], tag_lists jsonb[],
  erased text[])
returns table (outcome text, memory ibex_core.memories, others jsonb) language plpgsql set search_path = '' as $$
declare
  ${variables}
  is_complete boolean;
begin
  -- what is in the way of an insert may be gone when it is looked up: each statement has a snapshot of its own
  for attempt in 1..5 loop
    ${insertAndLookUp}
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
$$`,
    )
    .execute(db)
}
