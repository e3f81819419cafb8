import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { createTenantIndex } from '../src/migration/indexes.ts'
import { createSearchFunction, dropSearchFunction } from '../src/migration/search-function.ts'

/** Creates what searches memories with operators that row-level security would keep from their indexes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // few of a tenant's memories await a decision: a search for them begins here
  await createTenantIndex(db, 'ibex_core.memories', {
    columns: ['status'],
    where: "status <> 'active' and deleted_at is null",
  })
  await createWordSearch(db)
  await createTextSearch(db)
  await createSearchFunction(db, 'ibex_core.memories_containing', {
    table: 'ibex_core.memories',
    columns: ['org_id', 'id', 'metadata', 'deleted_at'],
    parameters: 'containing jsonb, most integer',
    returns: 'id uuid',
    query: `select memory.id from ibex_core.memories as memory
    where memory.org_id = tenant and memory.metadata @> containing and memory.deleted_at is null limit most`,
    comment: 'Finds memories whose metadata contain these keys and values, in no order.',
  })
}

/** Drops the functions and the index. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await dropSearchFunction(db, 'ibex_core.memories_containing', 'ibex_core.memories')
  await dropSearchFunction(db, 'ibex_core.search_memories', 'ibex_core.memories')
  await dropSearchFunction(db, 'ibex_core.memories_with_words', 'ibex_core.memories', 'ibex_core.memory_tags')
  await sql`drop index ibex_core.memories_org_id_status_idx`.execute(db)
}

/** What a memory must be beside its words; what is null asks for nothing. */
const filters = `any_status text[], only_ids uuid[], only_agent uuid, only_user uuid, only_session uuid, any_category text[],
  any_source text[], any_tier text[], least_confidence real, least_importance integer, since timestamptz, before timestamptz,
  about text, containing jsonb, any_tag text[], all_tags text[]`

const searched =
  `org_id id agent_id user_id session_id category source status tier importance subject confidence search_vector
  expires_at deleted_at created_at metadata`.split(/\s+/)

/**
 * Finds memories by words for the function below, which asks once for each word.
 *
 * A statement of its own, because its plan is made for that word: a rare one comes from the index of words, and of one that
 * most memories have (a bitmap of which would be as large as the tenant) the first ones that come along are enough.
 */
async function createWordSearch(db: Kysely<unknown>): Promise<void> {
  await createSearchFunction(db, 'ibex_core.memories_with_words', {
    table: 'ibex_core.memories',
    columns: searched,
    alsoReads: { 'ibex_core.memory_tags': ['org_id', 'memory_id', 'tag'] },
    parameters: `words tsquery, ${filters}, most integer`,
    returns: 'id uuid',
    query: `select memory.id from ibex_core.memories as memory
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
    limit most`,
    comment: 'Finds memories that match a query of words, in no order.',
  })
}

/**
 * Any word is enough, and a rare one counts for more than a frequent one: its weight is ln(1 + memories / memories with it).
 *
 * A word that every second memory of a large tenant has would make a search read half the tenant. So of each word no more
 * than 1,001 memories are looked at; those of the rare words are all taken, and of the frequent ones those that have all of
 * them, and some more. `skipped` is the rank that a memory which was passed over can have at most.
 */
async function createTextSearch(db: Kysely<unknown>): Promise<void> {
  const given = filters.replaceAll(/ (?:text|uuid|real|integer|timestamptz|jsonb)(?:\[\])?/g, '')
  await createSearchFunction(db, 'ibex_core.search_memories', {
    table: 'ibex_core.memories',
    columns: ['org_id', 'id', 'status', 'search_vector', 'deleted_at'],
    parameters: `query text, language text, ${filters}, most integer`,
    returns: 'id uuid, rank real, coverage real, skipped real',
    query: `with word as materialized (
    select entry.lexeme, ('''' || replace(replace(entry.lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery as term
    from unnest(ibex_core.words_of(language, query)) as entry
    order by entry.positions[1] limit 32
  ), hit as materialized (
    select word.lexeme, found.id from word
    cross join lateral ibex_core.memories_with_words(word.term, ${given}, 1001) as found
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
    cross join lateral ibex_core.memories_with_words(total.frequent, ${given}, 1001) as found
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
  order by 2 desc, 1 limit most`,
    comment:
      'Finds the memories that hold words of a text, best first: rank orders them, coverage is the share of the text, 0 to 1.',
  })
}
