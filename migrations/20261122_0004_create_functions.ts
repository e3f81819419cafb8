import { sql } from 'kysely'
import type { Kysely } from 'kysely'

/** Creates the tenant of the session, which every policy asks for, and the functions of the triggers. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // a RETURN body is bound to pg_catalog here and now, so no search path can change what it calls; a SET clause would do
  // the same and keep the planner from inlining it
  await sql`create function ibex_core.current_org_id() returns uuid language sql stable parallel safe
    return nullif(current_setting('app.current_org_id', true), '')::uuid`.execute(db)
  await sql`comment on function ibex_core.current_org_id() is
    'The tenant of the session: the setting app.current_org_id, or null without one.'`.execute(db)
  await sql`create function ibex_core.touch_updated_at() returns trigger language plpgsql set search_path = '' as $$
begin
  new.updated_at := now();
  return new;
end
$$`.execute(db)
  await sql`comment on function ibex_core.touch_updated_at() is
    'Sets updated_at; the condition of the trigger says whether the row really changed.'`.execute(db)
  await sql`create function ibex_core.refuse_change() returns trigger language plpgsql set search_path = '' as $$
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
$$`.execute(db)
  await sql`comment on function ibex_core.refuse_change() is
    'Raises for every UPDATE, DELETE and TRUNCATE of an append-only table but those of foreign keys.'`.execute(
    db,
  )
  await sql`revoke all on all functions in schema ibex_core from public`.execute(db)
  await sql`grant execute on function ibex_core.current_org_id() to ibex_app, ibex_system, ibex_search`.execute(
    db,
  )
}

/** Drops the functions. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop function ibex_core.refuse_change()`.execute(db)
  await sql`drop function ibex_core.touch_updated_at()`.execute(db)
  await sql`drop function ibex_core.current_org_id()`.execute(db)
}
