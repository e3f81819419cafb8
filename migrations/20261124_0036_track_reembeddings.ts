import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { counter, oneOf, sha256, textOfLength } from '../src/migration/columns.ts'
import { createTenantTable } from '../src/migration/create-tenant-table.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { parseTableName } from '../src/migration/names.ts'
import { unlessImporting } from '../src/migration/skip-on-import.ts'
import { describeFunction } from '../src/migration/sql-functions.ts'
import { readColumns } from '../src/migration/tenant-isolation.ts'
import { touchUpdatedAt } from '../src/migration/triggers.ts'

/** Creates what a change of the embedding model needs: its progress, the new embeddings, and the rule that models never mix. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createReembeddings(db)
  await createStaged(db)
  await keepModel(db)
  await touchUnlessReembedded(db)
}

/** Drops the rule and the tables. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await touchUpdatedAt(db, parseTableName('ibex_core.memories'))
  await sql`drop trigger memories_keep_model_of_changed on ibex_core.memories`.execute(db)
  await sql`drop trigger memories_keep_model_of_new on ibex_core.memories`.execute(db)
  await sql`drop function ibex_core.keep_embedding_model()`.execute(db)
  await db.schema.dropTable('ibex_core.memory_embeddings_staged').execute()
  await db.schema.dropTable('ibex_core.memory_reembeddings').execute()
}

async function createReembeddings(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memory_reembeddings', {
    comment:
      'A change of the model that embeds the memories. From the first one on all memories have one model.',
    columns: {
      model: textOfLength(1, 200, { comment: 'The new model.' }),
      status: oneOf(['running', 'completed', 'cancelled'], { value: 'running' }),
      holder: { type: 'uuid', comment: 'The run that goes on with it; another one takes it over.' },
      embedded_count: counter('bigint', {
        comment: 'Contents embedded by all runs; one that changed meanwhile counts again.',
      }),
      finished_at: { type: 'timestamptz', optional: true },
    },
    checks: [
      { columns: ['status', 'finished_at'], condition: "(status = 'running') = (finished_at is null)" },
    ],
  })
  await createTenantIndex(db, 'ibex_core.memory_reembeddings', {
    name: 'memory_reembeddings_org_id_running_key',
    columns: [],
    unique: true,
    where: "status = 'running'",
  })
  await createTenantIndex(db, 'ibex_core.memory_reembeddings', { columns: ['status'] })
}

async function createStaged(db: Kysely<unknown>): Promise<void> {
  await createTenantTable(db, 'ibex_core.memory_embeddings_staged', {
    comment: 'The embeddings of a new model, until all memories have one.',
    primaryKey: ['memory_id'],
    columns: {
      memory_id: { type: 'uuid' },
      reembedding_id: { type: 'uuid' },
      content_hash: sha256({ comment: 'Of the content that was embedded, which may have changed since.' }),
      // without an index: nobody searches it
      embedding: { type: 'vector(384)' },
    },
    references: [
      { columns: ['memory_id'], table: 'ibex_core.memories', onDelete: 'cascade', index: false },
      { columns: ['reembedding_id'], table: 'ibex_core.memory_reembeddings', onDelete: 'cascade' },
    ],
  })
}

async function keepModel(db: Kysely<unknown>): Promise<void> {
  // the locks first, and in the order of a change of the model: when that is under way, it is over then. The second one makes a
  // transaction of repeatable read fail that began before it
  await sql`create function ibex_core.keep_embedding_model() returns trigger language plpgsql set search_path = '' as $$
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
$$`.execute(db)
  await describeFunction(
    db,
    'ibex_core.keep_embedding_model()',
    'Raises for an embedding of another model than the organization has, from the first change of it on.',
  )
  await sql
    .raw(`create trigger memories_keep_model_of_new before insert on ibex_core.memories
      for each row when (${unlessImporting}) execute function ibex_core.keep_embedding_model()`)
    .execute(db)
  await sql`create trigger memories_keep_model_of_changed before update of embedding, embedding_model on ibex_core.memories
    for each row execute function ibex_core.keep_embedding_model()`.execute(db)
}

/** An embedding says the same in other numbers: it is no change that a reader of updated_at looks for. */
async function touchUnlessReembedded(db: Kysely<unknown>): Promise<void> {
  const columns = await readColumns(db, parseTableName('ibex_core.memories'))
  const told = columns
    .filter(({ name, isGenerated }) => !isGenerated && name !== 'embedding' && name !== 'embedding_model')
    .map(({ name }) => name)
  const list = (row: string): string => told.map((name) => `${row}.${name}`).join(', ')
  await sql
    .raw(`create or replace trigger memories_touch_updated_at before update on ibex_core.memories
      for each row when ((${list('old')}) is distinct from (${list('new')})) execute function ibex_core.touch_updated_at()`)
    .execute(db)
}
