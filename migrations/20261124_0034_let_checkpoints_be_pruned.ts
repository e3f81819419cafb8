import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'

/**
 * Lets the system role prune checkpoints that no resume needs, and finds the turn of a request by an index.
 *
 * Checkpoints stay append-only for tenants. `addTenantColumn` gives an append-only table its rights anew: a migration that
 * adds a column here grants the system role again what is granted below.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createRefusal(db)
  await sql`drop trigger checkpoints_refuse_change on ibex_core.checkpoints`.execute(db)
  await sql`create trigger checkpoints_refuse_change before update on ibex_core.checkpoints
    for each row execute function ibex_core.refuse_change()`.execute(db)
  await sql`create trigger checkpoints_refuse_delete before delete on ibex_core.checkpoints
    for each row execute function ibex_core.refuse_checkpoint_delete()`.execute(db)
  // a row can be locked only where a column of it may be updated: a prune then waits for nobody. The trigger refuses the update
  await sql`grant delete, update (id) on ibex_core.checkpoints to ibex_system`.execute(db)
  await describeTable(db, 'Append-only, but that the system role prunes turns which no resume needs.')
  // with the turn, so that a generic plan does not take the key of the session's turns for the sake of their order
  await createTenantIndex(db, 'ibex_core.checkpoints', {
    columns: ['session_id', 'request_id', 'turn_index'],
    where: 'request_id is not null',
  })
}

/** Refuses every change again, whoever makes it. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop index ibex_core.checkpoints_org_id_session_id_request_id_turn_index_idx`.execute(db)
  await describeTable(db, 'Append-only.')
  await sql`revoke delete, update (id) on ibex_core.checkpoints from ibex_system`.execute(db)
  await sql`drop trigger checkpoints_refuse_delete on ibex_core.checkpoints`.execute(db)
  await sql`drop trigger checkpoints_refuse_change on ibex_core.checkpoints`.execute(db)
  await sql`create trigger checkpoints_refuse_change before update or delete on ibex_core.checkpoints
    for each row execute function ibex_core.refuse_change()`.execute(db)
  await sql`drop function ibex_core.refuse_checkpoint_delete()`.execute(db)
}

async function describeTable(db: Kysely<unknown>, kind: string): Promise<void> {
  const comment = `What happened in a turn of a session, and what a resume needs. ${kind}`
  await sql`comment on table ibex_core.checkpoints is ${sql.lit(comment)}`.execute(db)
}

async function createRefusal(db: Kysely<unknown>): Promise<void> {
  // The look for a later turn is done here, for each row as it goes: whatever a statement asks for, and however many prune
  // at once, the turn that a resume begins with is there after it. Turns are only ever added behind it.
  await sql`create function ibex_core.refuse_checkpoint_delete() returns trigger language plpgsql
  set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
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
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.refuse_checkpoint_delete()',
    'Raises for every DELETE of a checkpoint but those of foreign keys, and of the system role where app.prune_checkpoints is on and the session has a later complete one.',
  )
}
