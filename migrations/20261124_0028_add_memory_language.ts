import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import { addTenantColumn } from '../src/migration/add-tenant-column.ts'
import { oneOf } from '../src/migration/columns.ts'
import { dropTenantColumn } from '../src/migration/drop-tenant-column.ts'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { allowFunction, describeFunction } from '../src/migration/sql-functions.ts'

/** PostgreSQL's own text search configurations, the most frequent one first: a row is asked in this order. */
const languages = [
  'english',
  'simple',
  'arabic',
  'armenian',
  'basque',
  'catalan',
  'danish',
  'dutch',
  'finnish',
  'french',
  'german',
  'greek',
  'hindi',
  'hungarian',
  'indonesian',
  'irish',
  'italian',
  'lithuanian',
  'nepali',
  'norwegian',
  'portuguese',
  'romanian',
  'russian',
  'serbian',
  'spanish',
  'swedish',
  'tamil',
  'turkish',
  'yiddish',
]

/**
 * Lets each memory say its language, and keeps what a search reads where it is read fast.
 *
 * The generated column is written anew, and with it the table and its indexes: of many memories that takes minutes (100,000
 * with 384 dimensions: about one), in which nobody can read them. A large `maintenance_work_mem` makes it shorter.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createWordsOf(db)
  await addTenantColumn(
    db,
    'ibex_core.memories',
    'language',
    oneOf(languages, {
      value: 'english',
      comment: 'The language of the content, by which its words are found; simple takes each word as it is.',
    }),
  )
  await keepEmbeddingsInRows(db)
  await replaceSearchVector(db, 'ibex_core.words_of(language, content)')
  // the size of a scope, counted without the rows; 3 MB of 60,000 memories where the unique key takes 14
  await createTenantIndex(db, 'ibex_core.memories', {
    columns: ['agent_id'],
    where: "status = 'active' and deleted_at is null",
  })
  await createTenantIndex(db, 'ibex_core.memories', {
    columns: [{ name: 'metadata', expression: 'metadata jsonb_path_ops' }],
    using: 'gin',
  })
}

/** Takes the language away; the words are those of English again, in a column that is now the last one. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop index ibex_core.memories_metadata_idx`.execute(db)
  await sql`drop index ibex_core.memories_org_id_agent_id_idx`.execute(db)
  await replaceSearchVector(db, "to_tsvector('pg_catalog.english', content)")
  await undoEmbeddingsInRows(db)
  await dropTenantColumn(db, 'ibex_core.memories', 'language')
  await sql`drop function ibex_core.words_of(text, text)`.execute(db)
}

async function createWordsOf(db: Kysely<unknown>): Promise<void> {
  const cases = languages.map(
    (language) =>
      sql`when ${sql.lit(language)} then to_tsvector(${sql.lit(`pg_catalog.${language}`)}, content)`,
  )
  // a RETURN body is bound to pg_catalog here and now, so no search path can change what it calls; a column of type regconfig
  // would be shorter, and keep pg_upgrade from running
  await sql`create function ibex_core.words_of(language text, content text) returns tsvector
    language sql immutable parallel safe return case language ${sql.join(cases, sql` `)} end`.execute(db)
  await describeFunction(
    db,
    'ibex_core.words_of(text, text)',
    'The words of a text in their basic forms, by the rules of its language; null when there is no such language.',
  )
  await allowFunction(db, 'ibex_core.words_of(text, text)')
  await sql`grant execute on function ibex_core.words_of(text, text) to ibex_search`.execute(db)
}

/**
 * Keeps embedding, content and words together in the row.
 *
 * PostgreSQL moves out of a row what makes it longer than 2 KB, and an embedding of 1.5 KB is the first to go: an exact search
 * of 10,000 memories with 500 characters each took 25 ms, and 7 with the embeddings in their rows.
 */
async function keepEmbeddingsInRows(db: Kysely<unknown>): Promise<void> {
  await sql`alter table ibex_core.memories alter column embedding set storage plain`.execute(db)
  for (const partition of partitions())
    await sql`alter table ${partition} set (toast_tuple_target = 4080)`.execute(db)
}

async function undoEmbeddingsInRows(db: Kysely<unknown>): Promise<void> {
  await sql`alter table ibex_core.memories alter column embedding set storage external`.execute(db)
  for (const partition of partitions())
    await sql`alter table ${partition} reset (toast_tuple_target)`.execute(db)
}

function partitions(): RawBuilder<unknown>[] {
  return Array.from({ length: 16 }, (_, number) =>
    sql.table(`ibex_core.memories_p${String(number).padStart(2, '0')}`),
  )
}

/** A generated column cannot be given another expression before PostgreSQL 17. */
async function replaceSearchVector(db: Kysely<unknown>, generated: string): Promise<void> {
  await dropTenantColumn(db, 'ibex_core.memories', 'search_vector')
  await addTenantColumn(db, 'ibex_core.memories', 'search_vector', {
    type: 'tsvector',
    generated,
    comment: 'The words of the content, for text search.',
  })
  await createTenantIndex(db, 'ibex_core.memories', { columns: ['search_vector'], using: 'gin' })
}
