import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Columns } from '../src/migration/columns.ts'
import { counter, oneOf, sha256, textOfLength } from '../src/migration/columns.ts'
import { createTable, idColumn } from '../src/migration/create-table.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { parseTableName } from '../src/migration/names.ts'
import { createEraser } from '../src/migration/roles.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'
import { revokeAll } from '../src/migration/tenant-isolation.ts'
import { refuseChanges } from '../src/migration/triggers.ts'

/**
 * Creates the role that erases, the receipts of what it erased, and legal holds, which refuse to delete what they stand for,
 * whoever asks and however.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createEraser(db)
  await createReceipts(db)
  await createOrganizationReceipts(db)
  await createHolds(db)
  await guardHolds(db)
  await createRefusal(db)
  for (const table of held) {
    await sql`create trigger ${sql.id(`${table}_refuse_held_delete`)} before delete on ${sql.table(`ibex_core.${table}`)}
      for each row execute function ibex_core.refuse_held_delete(${sql.lit(table)})`.execute(db)
  }
}

/** Drops the triggers, the tables and the functions; the role stays, as the others do. */
export async function down(db: Kysely<unknown>): Promise<void> {
  for (const table of held) {
    await sql`drop trigger ${sql.id(`${table}_refuse_held_delete`)} on ${sql.table(`ibex_core.${table}`)}`.execute(
      db,
    )
  }
  await sql`drop function ibex_core.refuse_held_delete()`.execute(db)
  await db.schema.dropTable('ibex_core.legal_holds').execute()
  await sql`drop function ibex_core.guard_legal_hold()`.execute(db)
  await db.schema.dropTable('ibex_core.organization_erasures').execute()
  await db.schema.dropTable('ibex_core.erasure_receipts').execute()
}

const held = ['organizations', 'users', 'agents', 'sessions', 'memories']

async function createHolds(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.legal_holds', {
    comment:
      'A duty to keep what is known of somebody or something: until it is released, nothing of it is deleted.',
    columns: {
      subject_type: oneOf(['organization', 'user', 'agent', 'memory']),
      subject_id: {
        type: 'uuid',
        comment:
          'No foreign key: a released hold outlives what it stood for. A trigger looks the subject up.',
      },
      reason: textOfLength(1, 1000),
      placed_by: {
        type: 'text',
        optional: true,
        default: "nullif(current_setting('app.actor_id', true), '')",
        comment: 'The actor of the scope; created_at is when.',
      },
      released_at: { type: 'timestamptz', optional: true, comment: 'Null while it stands.' },
      released_by: { type: 'text', optional: true },
      release_reason: textOfLength(1, 1000, { optional: true }),
    },
    checks: [
      {
        columns: ['released_at', 'release_reason'],
        condition: '(released_at is null) = (release_reason is null)',
      },
    ],
  })
  await createTenantIndex(db, 'ibex_core.legal_holds', {
    columns: ['subject_id'],
    where: 'released_at is null',
  })
}

/**
 * Holds and deletions meet at an advisory lock of the organization: who places a hold has it alone, who deletes shares it.
 * The lock is a statement of its own, so that the next one sees what was committed while it waited.
 */
async function guardHolds(db: Kysely<unknown>): Promise<void> {
  await sql`create function ibex_core.guard_legal_hold() returns trigger language plpgsql set search_path = '' as $$
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
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.guard_legal_hold()',
    'Looks up what a hold is placed for, and lets a hold be released, but neither changed nor deleted while it stands.',
  )
  await sql`create trigger legal_holds_guard before insert or update or delete on ibex_core.legal_holds
    for each row execute function ibex_core.guard_legal_hold()`.execute(db)
}

async function createRefusal(db: Kysely<unknown>): Promise<void> {
  // no sequential scans: a connection keeps its plans, also one of the day when there was no hold
  await sql`create function ibex_core.refuse_held_delete() returns trigger language plpgsql
  set search_path = '' set enable_seqscan = off as $$
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
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.refuse_held_delete()',
    'Refuses to delete what a legal hold stands for: the row, whom it is about, or its organization.',
  )
}

const receiptColumns: Columns = {
  subject_hash: sha256({
    comment: 'SHA-256 of the id that was erased, in lower case: proves it to whoever knows the id.',
  }),
  reason: textOfLength(1, 1000),
  erased_by_type: { type: 'text', optional: true, comment: 'The setting app.actor_type.' },
  erased_by: { type: 'text', optional: true, comment: 'The setting app.actor_id.' },
  tables: {
    type: 'jsonb',
    check: (tables) => `jsonb_typeof(${tables}) = 'array'`,
    comment: 'Of each table with a change: {table, deleted, cleared}, in rows.',
  },
  deleted: counter('bigint', { comment: 'Rows that are gone, over all tables.' }),
  cleared: counter('bigint', { comment: 'Rows that stayed and no longer name it, over all tables.' }),
}

async function createReceipts(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.erasure_receipts', {
    comment:
      'What an erasure of a memory or a user took; holds nothing of them. Written by erase_subject alone. Append-only.',
    appendOnly: true,
    columns: {
      subject_type: oneOf(['memory', 'user']),
      ...receiptColumns,
      tombstones: counter('integer', { comment: 'Contents that are not learnt again, new ones only.' }),
    },
  })
  await createTenantIndex(db, 'ibex_core.erasure_receipts', { columns: ['subject_hash'] })
}

/** No tenant: the organization is gone. No tenant reads it; the system role does. */
async function createOrganizationReceipts(db: Kysely<unknown>): Promise<void> {
  const table = parseTableName('ibex_core.organization_erasures')
  await createTable(db, table, {
    comment:
      'What an erasure of an organization took; outlives it. Read by the system role alone. Append-only.',
    appendOnly: true,
    columns: { id: idColumn, ...receiptColumns, created_at: { type: 'timestamptz', default: 'now()' } },
    constraints: ['constraint organization_erasures_id_pkey primary key (id)'],
  })
  await revokeAll(db, table)
  await refuseChanges(db, table)
  await sql`create index organization_erasures_subject_hash_idx on ibex_core.organization_erasures (subject_hash)`.execute(
    db,
  )
  await sql`grant select on ibex_core.organization_erasures to ibex_system`.execute(db)
  await sql`grant select, insert on ibex_core.organization_erasures to ibex_eraser`.execute(db)
}
