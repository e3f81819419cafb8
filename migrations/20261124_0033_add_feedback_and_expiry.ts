import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { oneOf, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'

/** Creates the votes on memories and what counts them, and indexes the memories that expire. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createVotes(db)
  await createCounting(db)
  await describeCounts(db, countComments)
  // two, because neither serves the other: a tenant sweeps its own, the system sweeps all by time
  await createTenantIndex(db, 'ibex_core.memories', { columns: ['expires_at'], where: isExpiring })
  await createTenantIndex(db, 'ibex_core.memories', {
    columns: ['expires_at'],
    where: isExpiring,
    acrossTenants: true,
  })
}

/** Drops the indexes, the votes and the function of their triggers. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop index ibex_core.memories_expires_at_idx`.execute(db)
  await sql`drop index ibex_core.memories_org_id_expires_at_idx`.execute(db)
  await describeCounts(db, formerComments)
  await db.schema.dropTable('ibex_core.memory_votes').execute()
  await sql`drop function ibex_core.count_memory_votes()`.execute(db)
}

/** Few memories expire: the others cost these indexes nothing. */
const isExpiring = 'expires_at is not null and deleted_at is null'

async function createVotes(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memory_votes', {
    comment:
      'Whether a user or an agent found a memory useful, one vote each. A trigger counts it in memory_usage.',
    columns: {
      memory_id: { type: 'uuid' },
      user_id: { type: 'uuid', optional: true, comment: 'The user who voted; null when an agent did.' },
      agent_id: { type: 'uuid', optional: true, comment: 'The agent that voted; null when a user did.' },
      vote: oneOf(['positive', 'negative']),
      comment: textOfLength(1, 2_000, { optional: true }),
    },
    checks: [{ columns: ['user_id', 'agent_id'], condition: 'num_nonnulls(user_id, agent_id) = 1' }],
    references: [
      { columns: ['memory_id'], table: 'ibex_core.memories', onDelete: 'cascade', index: false },
      { columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade' },
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade' },
    ],
  })
  await createTenantIndex(db, 'ibex_core.memory_votes', {
    columns: ['memory_id', 'user_id', 'agent_id'],
    unique: true,
    nullsNotDistinct: true,
  })
}

/** Counts the votes of a memory anew after each statement that changed some, whoever sent it. */
async function createCounting(db: Kysely<unknown>): Promise<void> {
  // Counted, not added up: rows may come in any order from an export, and a row of memory_usage that was deleted comes back
  // right. The lock is a statement of its own, so that the count after it sees what others committed meanwhile. A vote that
  // goes with its memory finds no row to count it in, or one that goes too, and must not make a new one.
  // No sequential scans: a connection keeps its plans, also one of the day when the table was small.
  await sql`create function ibex_core.count_memory_votes() returns trigger language plpgsql
  set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
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
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.count_memory_votes()',
    'Counts the votes of the memories that a statement voted on, and derives how useful they are.',
  )
  await sql`create trigger memory_votes_count_inserted after insert on ibex_core.memory_votes
    referencing new table as come for each statement execute function ibex_core.count_memory_votes()`.execute(
    db,
  )
  await sql`create trigger memory_votes_count_updated after update on ibex_core.memory_votes
    referencing old table as gone new table as come for each statement execute function ibex_core.count_memory_votes()`.execute(
    db,
  )
  await sql`create trigger memory_votes_count_deleted after delete on ibex_core.memory_votes
    referencing old table as gone for each statement execute function ibex_core.count_memory_votes()`.execute(
    db,
  )
}

type CountComments = Readonly<Record<'usefulness_score' | 'positive_votes' | 'negative_votes', string | null>>

const countComments: CountComments = {
  usefulness_score:
    'How useful it turned out to be, 0 to 1: (positive votes + 1) / (votes + 2), so 0.5 without a vote; set by a trigger.',
  positive_votes: 'Set by a trigger from memory_votes.',
  negative_votes: 'Set by a trigger from memory_votes.',
}

const formerComments: CountComments = {
  usefulness_score: 'How useful it turned out to be, 0 to 1.',
  positive_votes: null,
  negative_votes: null,
}

async function describeCounts(db: Kysely<unknown>, comments: CountComments): Promise<void> {
  for (const [column, comment] of Object.entries(comments))
    await sql`comment on column ${sql.ref(`ibex_core.memory_usage.${column}`)} is ${comment === null ? sql`null` : sql.lit(comment)}`.execute(
      db,
    )
}
