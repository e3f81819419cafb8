/** What every function must be that runs with the rights of its owner, asked of every one but those of erasure and of untrusted SQL. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { createSearchFunction } from '../../src/migration/search-function.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { asTenant, createTenant } from './as-tenant.ts'

let database: TestDatabase
let functions: readonly DefinerFunction[]

interface DefinerFunction {
  readonly name: string
  readonly owner: string
  readonly settings: readonly string[] | null
  readonly volatility: string
  readonly callers: readonly string[]
  readonly results: readonly string[]
  readonly body: string
  readonly argumentCount: number
}

beforeAll(async () => {
  database = await setup()
  await createConsumerSearch()
  const { rows } =
    await sql<DefinerFunction>`select oid::regproc::text as name, proowner::regrole::text as owner,
      proconfig as settings, provolatile as volatility, prosrc as body, pronargs::int as "argumentCount",
      array(select grantee::regrole::text from aclexplode(coalesce(proacl, acldefault('f', proowner)))
        where grantee <> proowner order by 1) as callers,
      array(select type::regtype::text from unnest(proallargtypes, proargmodes) as argument (type, mode)
        where mode <> 'i') as results
    from pg_proc where prosecdef and pronamespace <> 'pg_catalog'::regnamespace
      and proname not like 'erase\\_%' and proname not in ('run_untrusted', 'sign_tenant', 'signed_org_id') order by 1`.execute(
      database.admin,
    )
  functions = rows
})

afterAll(async () => {
  await database.close()
})

/** A search of a consumer's own table, which finds everything of the tenant when it is asked for nothing. */
async function createConsumerSearch(): Promise<void> {
  const { admin } = database
  await createTenantTable(admin, 'public.notes', {
    comment: 'Something that an agent wrote down.',
    columns: { words: { type: 'tsvector' } },
  })
  await createSearchFunction(admin, 'public.search_notes', {
    table: 'public.notes',
    columns: ['org_id', 'id', 'words'],
    parameters: 'query text',
    query: `select note.id, ts_rank(note.words, term) from public.notes as note, plainto_tsquery('english', query) as term
      where note.org_id = tenant and (query is null or note.words @@ term)`,
    comment: 'Finds notes.',
  })
  const { orgId } = await createTenant(admin, 'consumer')
  await sql`insert into public.notes (org_id, words) values (${orgId}, 'found')`.execute(admin)
}

async function names(query: ReturnType<typeof sql<{ value: string }>>): Promise<string[]> {
  const { rows } = await query.execute(database.admin)
  return rows.map(({ value }) => value)
}

test('finds the search functions, ours and those of a consumer', () => {
  expect(functions.map(({ name }) => name)).toEqual([
    'ibex_core.memories_containing',
    'ibex_core.memories_with_words',
    'ibex_core.search_canon_items',
    'ibex_core.search_memories',
    'ibex_core.search_rag_documents',
    'search_notes',
  ])
})

/** How those plan whose plans are held to indexes; the others, with each call. */
const plansOf: Readonly<Record<string, readonly string[]>> = {
  'ibex_core.memories_with_words': [
    'plan_cache_mode=force_custom_plan',
    'enable_seqscan=on',
    'enable_sort=on',
  ],
  'ibex_core.search_memories': ['plan_cache_mode=force_generic_plan', 'enable_seqscan=off', 'enable_sort=on'],
  'ibex_core.search_rag_documents': ['plan_cache_mode=force_custom_plan', 'enable_seqscan=off'],
}

test('belong to the search role, look nothing up in a path, and can be called by the app role alone', () => {
  for (const { name, owner, settings, volatility, callers } of functions) {
    expect({ name, owner, settings, volatility, callers }).toEqual({
      name,
      owner: 'ibex_search',
      settings: ['search_path=""', ...(plansOf[name] ?? ['plan_cache_mode=force_custom_plan'])],
      volatility: 's',
      callers: ['ibex_app'],
    })
  }
})

test('compare the tenant, and return ids and ranks only', () => {
  for (const { name, body, results } of functions) {
    expect({ name, body }).toEqual({ name, body: expect.stringMatching(/\borg_id = tenant\b/) })
    const others = results.filter((type) => type !== 'uuid' && type !== 'real')
    expect({ name, others }).toEqual({ name, others: [] })
  }
})

test('find nothing without a tenant, and nothing for one that has nothing', async () => {
  for (const { name, argumentCount } of functions) {
    const nothing = sql.join(Array.from({ length: argumentCount }, () => sql`null`))
    for (const orgId of ['', '00000000-0000-4000-8000-000000000000']) {
      const rows = await asTenant(database.admin, orgId, async (trx) => {
        return (await sql`select from ${sql.raw(name)}(${nothing})`.execute(trx)).rows
      })
      expect({ name, orgId, rows }).toEqual({ name, orgId, rows: [] })
    }
  }
})

test('the search role reads the columns that they need, owns nothing but them, and can create nothing', async () => {
  const rights =
    await names(sql`select value from (select format('%s %s %s', attrelid::regclass, privilege_type, attname) as value
    from pg_attribute, aclexplode(attacl) as acl where acl.grantee = 'ibex_search'::regrole
    union all select format('%s %s', pg_class.oid::regclass, privilege_type) from pg_class, aclexplode(relacl) as acl
    where acl.grantee = 'ibex_search'::regrole
    union all select oid::regclass::text from pg_class where relowner = 'ibex_search'::regrole
    union all select nspname from pg_namespace where has_schema_privilege('ibex_search', oid, 'create')) as rights
    order by value collate "C"`)
  const canon = [
    'created_at',
    'id',
    'is_active',
    'org_id',
    'project_id',
    'role_id',
    'search_vector',
    'tags',
    'type',
  ]
  const documents = ['document_id', 'id', 'org_id', 'search_vector']
  const memories =
    `agent_id category confidence created_at deleted_at expires_at id importance metadata org_id search_vector
    session_id source status subject tier user_id`.split(/\s+/)
  expect(rights).toEqual([
    ...canon.map((column) => `ibex_core.canon_items SELECT ${column}`),
    ...memories.map((column) => `ibex_core.memories SELECT ${column}`),
    ...['memory_id', 'org_id', 'tag'].map((column) => `ibex_core.memory_tags SELECT ${column}`),
    ...documents.map((column) => `ibex_core.rag_documents SELECT ${column}`),
    ...['id', 'org_id', 'words'].map((column) => `notes SELECT ${column}`),
  ])
})
