import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { addTenantColumn } from '../src/migration/add-tenant-column.ts'
import { counter, oneOf, textOfLength } from '../src/migration/columns.ts'
import type { Column } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { dropTenantColumn } from '../src/migration/drop-tenant-column.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { addTenantForeignKey } from '../src/migration/references.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'

/** Completes sessions: their project, their messages and what was attached to them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await completeSessions(db)
  await createMessages(db)
  await createAttachments(db)
  await createNumbering(db)
  await createCounting(db)
  await replaceIdleIndex(db)
}

/** Drops the tables, the functions of their triggers, and the columns. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop index ibex_core.sessions_org_id_agent_id_silent_since_idx`.execute(db)
  await sql`drop index ibex_core.sessions_org_id_status_silent_since_idx`.execute(db)
  await createTenantIndex(db, 'ibex_core.sessions', {
    columns: ['status', 'last_message_at'],
    where: 'deleted_at is null',
  })
  await db.schema.dropTable('ibex_core.attachments').execute()
  await db.schema.dropTable('ibex_core.messages').execute()
  await sql`drop function ibex_core.count_messages()`.execute(db)
  await sql`drop function ibex_core.number_message()`.execute(db)
  await sql`comment on column ibex_core.sessions.message_count is null`.execute(db)
  await sql`comment on column ibex_core.sessions.last_message_at is null`.execute(db)
  await dropTenantColumn(db, 'ibex_core.sessions', 'last_seq')
  await dropTenantColumn(db, 'ibex_core.sessions', 'project_id')
}

async function completeSessions(db: Kysely<unknown>): Promise<void> {
  await addTenantColumn(db, 'ibex_core.sessions', 'project_id', {
    type: 'uuid',
    optional: true,
    comment: 'The project that it is about.',
  })
  await addTenantForeignKey(db, 'ibex_core.sessions', {
    columns: ['project_id'],
    table: 'ibex_core.projects',
    onDelete: 'set null',
  })
  await addTenantColumn(
    db,
    'ibex_core.sessions',
    'last_seq',
    counter('integer', { comment: 'The seq of the last message; set by a trigger.' }),
  )
  await sql`comment on column ibex_core.sessions.message_count is
    'How many messages it has, summaries included and soft-deleted ones not; set by a trigger.'`.execute(db)
  await sql`comment on column ibex_core.sessions.last_message_at is
    'The time of the newest message that is neither soft-deleted nor a summary, which is no sign of life; set by a trigger.'`.execute(
    db,
  )
}

const jsonArray: Column = {
  type: 'jsonb',
  optional: true,
  check: (column) => `jsonb_typeof(${column}) = 'array'`,
}

async function createMessages(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.messages', {
    comment: 'What was said in a session, or a summary of it.',
    softDelete: true,
    columns: {
      session_id: { type: 'uuid' },
      seq: {
        type: 'integer',
        default: '0',
        check: (seq) => `${seq} >= 1`,
        comment: 'Counts from 1 per session, without gaps. Left out, it is the next one; it never changes.',
      },
      agent_id: { type: 'uuid', optional: true, comment: 'The agent that said it.' },
      role_id: { type: 'uuid', optional: true, comment: 'The persona that the agent had taken on.' },
      role: oneOf(['user', 'assistant', 'system', 'tool']),
      content: { type: 'text' },
      tool_calls: { ...jsonArray, comment: 'The tools that the assistant asked for.' },
      tool_results: { ...jsonArray, comment: 'What the tools answered.' },
      token_count: counter('integer', { comment: 'The tokens of the content, as the model counts them.' }),
      model: { type: 'text', optional: true },
      is_summary: { type: 'boolean', default: 'false', comment: 'It stands for the messages before it.' },
      summary_up_to: {
        type: 'integer',
        optional: true,
        comment: 'The seq of the last message that a summary stands for; left out, the one before it.',
      },
      is_ai_to_ai: { type: 'boolean', default: 'false', comment: 'One agent said it to another.' },
      feedback_rating: oneOf(['positive', 'negative'], { optional: true }),
      feedback_comment: { type: 'text', optional: true },
    },
    unique: [['session_id', 'seq']],
    checks: [
      {
        columns: ['is_summary', 'summary_up_to', 'seq'],
        condition: 'is_summary = (summary_up_to is not null) and summary_up_to between 0 and seq - 1',
      },
    ],
    references: [
      { columns: ['session_id'], table: 'ibex_core.sessions', onDelete: 'cascade', index: false },
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'set null' },
      { columns: ['role_id'], table: 'ibex_core.roles', onDelete: 'set null' },
    ],
  })
  // a session's summaries, few among its messages
  await createTenantIndex(db, 'ibex_core.messages', {
    columns: ['session_id', 'seq'],
    where: 'is_summary and deleted_at is null',
  })
}

async function createAttachments(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.attachments', {
    comment: 'A file that came with a message; the file itself lies elsewhere.',
    columns: {
      message_id: { type: 'uuid' },
      filename: textOfLength(1, 255, { comment: 'The name that it is stored under.' }),
      original_filename: textOfLength(1, 255, { comment: 'The name that the user gave it.' }),
      file_type: oneOf(['image', 'document', 'data']),
      mime_type: textOfLength(1, 100),
      file_size: { type: 'bigint', check: (size) => `${size} >= 0`, comment: 'Bytes.' },
      file_path: textOfLength(1, 500),
      uploaded_at: { type: 'timestamptz', default: 'now()' },
    },
    references: [{ columns: ['message_id'], table: 'ibex_core.messages', onDelete: 'cascade' }],
  })
}

/** Gives each message the next number of its session, whoever inserts it, and refuses to change it. */
async function createNumbering(db: Kysely<unknown>): Promise<void> {
  // A number is the last one's plus 1, read under the lock of the session's row: concurrent writers wait for each other,
  // and one that rolls back leaves no gap. last_seq is written when the statement ends, once for all its rows; within it
  // the rows before this one are seen in the table itself (PostgreSQL manual, "Visibility of Data Changes"). An update of
  // the session per row would read all its earlier versions each time: 1,000 rows would cost a million.
  // No sequential scans, here and below: a connection keeps its plans, and one of the day when a table was small would
  // read all of it for each message.
  await sql`create function ibex_core.number_message() returns trigger language plpgsql
  set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
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
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.number_message()',
    'Gives a new message the next number of its session, under the lock of the session, and refuses to move a message.',
  )
  await sql`create trigger messages_number before insert on ibex_core.messages
    for each row execute function ibex_core.number_message()`.execute(db)
  await sql`create trigger messages_keep_number before update of session_id, seq on ibex_core.messages
    for each row when ((old.session_id, old.seq) is distinct from (new.session_id, new.seq))
    execute function ibex_core.number_message()`.execute(db)
}

/** Keeps last_seq, message_count and last_message_at of sessions, once per statement and session. */
async function createCounting(db: Kysely<unknown>): Promise<void> {
  // What a statement did is summed up per session first. The lock comes before the update, in a statement of its own: the
  // update's snapshot must be younger than what other transactions committed meanwhile, or it would bring a message back.
  // Rows that go with their session, by the foreign key, find none to count them in.
  await sql`create function ibex_core.count_messages() returns trigger language plpgsql
  set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
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
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.count_messages()',
    'Keeps last_seq, message_count and last_message_at of the sessions whose messages a statement changed.',
  )
  await sql`create trigger messages_count_inserted after insert on ibex_core.messages
    referencing new table as come for each statement execute function ibex_core.count_messages()`.execute(db)
  await sql`create trigger messages_count_updated after update on ibex_core.messages
    referencing old table as gone new table as come for each statement execute function ibex_core.count_messages()`.execute(
    db,
  )
  await sql`create trigger messages_count_deleted after delete on ibex_core.messages
    referencing old table as gone for each statement execute function ibex_core.count_messages()`.execute(db)
}

/** Indexes the time since when a session is silent, for the idle sweep and for retention. */
async function replaceIdleIndex(db: Kysely<unknown>): Promise<void> {
  // a CASE, because PostgreSQL does not know that COALESCE leaks nothing, and under a policy would not use the index
  const silentSince = {
    name: 'silent_since',
    expression: '(case when last_message_at is null then created_at else last_message_at end)',
  }
  await sql`drop index ibex_core.sessions_org_id_status_last_message_at_idx`.execute(db)
  await createTenantIndex(db, 'ibex_core.sessions', {
    columns: ['status', silentSince],
    where: 'deleted_at is null',
  })
  await createTenantIndex(db, 'ibex_core.sessions', { columns: ['agent_id', silentSince] })
}
