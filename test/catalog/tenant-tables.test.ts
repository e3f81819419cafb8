/** What every tenant table must be, asked of every table that the catalog has. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oneOf } from '../../src/migration/columns.ts'
import { addTenantColumn } from '../../src/migration/add-tenant-column.ts'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { createSearchFunction } from '../../src/migration/search-function.ts'
import { setup } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'

let database: TestDatabase
let tables: readonly TenantTable[]

beforeAll(async () => {
  database = await setup()
  await createConsumerTables()
  tables = await readTenantTables()
})

afterAll(async () => {
  await database.close()
})

interface TenantTable {
  readonly name: string
  readonly tenantColumn: string
  readonly appendOnly: boolean
}

test('finds the tables of the data model, and those of a consumer', () => {
  expect(tables.map(({ name }) => name)).toEqual([
    'ibex_core.agent_executions',
    'ibex_core.agents',
    'ibex_core.attachments',
    'ibex_core.audit_logs',
    'ibex_core.canon_items',
    'ibex_core.checkpoints',
    'ibex_core.directive_versions',
    'ibex_core.directives',
    'ibex_core.embedding_models',
    'ibex_core.erasure_receipts',
    'ibex_core.legal_holds',
    'ibex_core.llm_round_table_results',
    'ibex_core.memories',
    'ibex_core.memory_embeddings_staged',
    'ibex_core.memory_reembeddings',
    'ibex_core.memory_relationships',
    'ibex_core.memory_tags',
    'ibex_core.memory_tombstones',
    'ibex_core.memory_usage',
    'ibex_core.memory_versions',
    'ibex_core.memory_votes',
    'ibex_core.messages',
    'ibex_core.order_items',
    'ibex_core.orders',
    'ibex_core.organizations',
    'ibex_core.point_accounts',
    'ibex_core.points_ledger',
    'ibex_core.products',
    'ibex_core.project_roles',
    'ibex_core.projects',
    'ibex_core.prompt_templates',
    'ibex_core.rag_documents',
    'ibex_core.roles',
    'ibex_core.sessions',
    'ibex_core.team_memberships',
    'ibex_core.teams',
    'ibex_core.tokens',
    'ibex_core.tool_executions',
    'ibex_core.users',
    'public.note_log',
    'public.notes',
    'public.shards',
  ])
})

/** The tables that all tenants share. */
const catalogues = ['ibex_core.llm_models', 'ibex_core.llm_providers']

/** What is left of tenants that are gone. */
const outliving = ['ibex_core.organization_erasures']

test('has no table in ibex_core that is none of a tenant table, a partition, a catalogue, of the migrations, or what outlives a tenant', async () => {
  const names = await column<string>(sql`
    select oid::regclass::text as value from pg_class where relnamespace = 'ibex_core'::regnamespace
      and relkind not in ('i', 'I') and not relispartition`)
  const migrations = ['ibex_core.kysely_migration', 'ibex_core.kysely_migration_lock']
  expect(names.toSorted()).toEqual(
    [
      ...tables.map(({ name }) => name).filter((name) => name.startsWith('ibex_core.')),
      ...migrations,
      ...catalogues,
      ...outliving,
    ].toSorted(),
  )
  for (const table of migrations) expect(await granted(table)).toEqual([])
})

test('lets every tenant read a catalogue, and only the system role write it', async () => {
  for (const table of catalogues) {
    const rights = ['DELETE', 'INSERT', 'SELECT', 'UPDATE'].map((right) => `ibex_system ${right}`)
    expect({ table, rights: await granted(table) }).toEqual({ table, rights: ['ibex_app SELECT', ...rights] })
  }
})

test('enables and forces row-level security on every tenant table', async () => {
  for (const { name } of tables) {
    const flags = await column(
      sql`select relrowsecurity and relforcerowsecurity as value from pg_class where oid = ${name}::regclass`,
    )
    expect({ name, flags }).toEqual({ name, flags: [true] })
  }
})

/** The tables that search functions read. */
const searched: ReadonlySet<string> = new Set([
  'ibex_core.canon_items',
  'ibex_core.memories',
  'ibex_core.memory_tags',
  'ibex_core.rag_documents',
  'public.notes',
])

/** The tables that untrusted SQL may read, of one tenant. */
async function tablesOpenToUntrusted(): Promise<ReadonlySet<string>> {
  const names = await column<string>(sql`
    select oid::regclass::text as value from pg_class where relnamespace = 'ibex_core'::regnamespace
      and has_any_column_privilege('ibex_untrusted', oid, 'select')`)
  return new Set(names)
}

test('has one policy for the tenant and one for the system role, the same for reading and for writing', async () => {
  const open = await tablesOpenToUntrusted()
  expect(open.size).toBeGreaterThan(5)
  for (const { name, tenantColumn } of tables) {
    const { rows } = await sql`select polname::text as name, polcmd as command, polpermissive as permissive,
        (select array_agg(role::regrole::text) from unnest(polroles) as role) as roles,
        pg_get_expr(polqual, polrelid) as using, pg_get_expr(polwithcheck, polrelid) as check
      from pg_policy where polrelid = ${name}::regclass order by 1`.execute(database.admin)
    // a sub-select is evaluated once a statement, a bare call once a row
    const condition = `(${tenantColumn} = ( SELECT ibex_core.current_org_id() AS current_org_id))`
    const table = name.slice(name.indexOf('.') + 1)
    const common = { command: '*', permissive: true }
    const read = { command: 'r', permissive: true, check: null }
    const search = { ...read, name: `${table}_search_access` }
    const signed = `(${tenantColumn} = ( SELECT ibex_core.signed_org_id() AS signed_org_id))`
    const untrusted = { ...read, roles: ['ibex_untrusted'], using: signed }
    expect(rows).toEqual([
      ...(searched.has(name) ? [{ ...search, roles: ['ibex_search'], using: 'true' }] : []),
      { ...common, name: `${table}_system_access`, roles: ['ibex_system'], using: 'true', check: 'true' },
      {
        ...common,
        name: `${table}_tenant_isolation`,
        roles: ['ibex_app'],
        using: condition,
        check: condition,
      },
      ...(open.has(name) ? [{ ...untrusted, name: `${table}_untrusted_read` }] : []),
    ])
  }
})

/** Append-only tables that the system role prunes; a trigger says which rows. */
const pruned: ReadonlySet<string> = new Set(['ibex_core.checkpoints'])

/** Append-only tables from which the system role takes a row back. */
const lifted: ReadonlySet<string> = new Set(['ibex_core.memory_tombstones'])

test('grants exactly what the roles need, and UPDATE on every column but the tenant and generated ones', async () => {
  for (const { name, tenantColumn, appendOnly } of tenantTables()) {
    const rights = appendOnly ? ['INSERT', 'SELECT'] : ['DELETE', 'INSERT', 'SELECT']
    const expected = ['ibex_app', 'ibex_system'].flatMap((role) => rights.map((right) => `${role} ${right}`))
    if (pruned.has(name) || lifted.has(name)) expected.push('ibex_system DELETE')
    // it is an app role too, and may do beside that what an erasure takes
    if (appendOnly) expected.push('ibex_eraser DELETE', 'ibex_eraser UPDATE')
    expect({ name, rights: await granted(name) }).toEqual({ name, rights: expected.toSorted() })
    for (const role of ['ibex_app', 'ibex_system']) {
      const closed = await column(sql`
        select attname::text as value from pg_attribute where attrelid = ${name}::regclass and attnum > 0 and not attisdropped
          and not has_column_privilege(${role}, attrelid, attnum, 'update') and attgenerated = ''`)
      const all = await column(sql`
        select attname::text as value from pg_attribute where attrelid = ${name}::regclass and attnum > 0 and not attisdropped and attgenerated = ''`)
      // what is pruned is locked before, which needs a column that may be updated; a trigger refuses the update
      const isPruned = role === 'ibex_system' && pruned.has(name)
      const unwritten = isPruned ? all.filter((each) => each !== 'id') : all
      expect({ name, role, closed }).toEqual({ name, role, closed: appendOnly ? unwritten : [tenantColumn] })
    }
  }
})

test('lets a tenant read the organization that it is, and change only what concerns nobody else', async () => {
  const name = 'ibex_core.organizations'
  const system = ['DELETE', 'INSERT', 'SELECT'].map((right) => `ibex_system ${right}`)
  const erasure = ['ibex_eraser DELETE', 'ibex_eraser UPDATE']
  expect(await granted(name)).toEqual(['ibex_app SELECT', ...erasure, ...system])
  const open = await column(sql`
    select attname::text as value from pg_attribute where attrelid = ${name}::regclass and attnum > 0
      and has_column_privilege('ibex_app', attrelid, attnum, 'update') order by 1`)
  expect(open).toEqual(['billing_email', 'embedding_dim', 'embedding_model', 'name', 'settings'])
})

test('hides partitions from everybody: no right, row-level security without a policy', async () => {
  const { rows } = await sql<{ name: string; hidden: boolean; policies: number }>`
    select relnamespace::regnamespace || '.' || relname as name, relrowsecurity and relforcerowsecurity as hidden,
      (select count(*)::int from pg_policy where polrelid = oid) as policies
    from pg_class join pg_inherits on inhrelid = oid where relispartition and relkind = 'r' order by 1`.execute(
    database.admin,
  )
  const numbers = Array.from({ length: 16 }, (_, index) => String(index).padStart(2, '0'))
  expect(rows.map(({ name }) => name)).toEqual([
    ...numbers.map((number) => `ibex_core.memories_p${number}`),
    ...numbers.map((number) => `ibex_core.rag_documents_p${number}`),
    'public.shards_p00',
    'public.shards_p01',
    'public.shards_p02',
  ])
  for (const { name, hidden, policies } of rows) {
    expect({ name, hidden, policies }).toEqual({ name, hidden: true, policies: 0 })
    expect(await granted(name)).toEqual([])
    for (const right of ['select', 'insert', 'update', 'delete', 'truncate']) {
      const allowed = await column(sql`select rolname as value from pg_roles
        where rolname like 'ibex%' and has_table_privilege(oid, ${name}::regclass, ${right})`)
      expect({ name, right, allowed }).toEqual({ name, right, allowed: [] })
    }
  }
})

describe('tables that belong to a tenant', () => {
  test('have a tenant that is required and filled in from the session', async () => {
    for (const { name } of tenantTables()) {
      const { rows } = await sql`select attnotnull as required, pg_get_expr(adbin, adrelid) as default
        from pg_attribute join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attrelid = ${name}::regclass and attname = 'org_id'`.execute(database.admin)
      const tenant = { required: true, default: 'ibex_core.current_org_id()' }
      expect({ name, rows }).toEqual({ name, rows: [tenant] })
    }
  })

  test('begin every key with the tenant', async () => {
    for (const { name } of tenantTables()) {
      const firsts =
        await column(sql`select (select attname::text from pg_attribute where attrelid = indrelid and attnum = indkey[0]) as value
        from pg_index where indrelid = ${name}::regclass and indisunique`)
      expect({ name, firsts: [...new Set(firsts)] }).toEqual({ name, firsts: ['org_id'] })
    }
  })

  test('carry the tenant in every foreign key, and keep it when the other row goes', async () => {
    for (const { name } of tenantTables()) {
      const keys = await readForeignKeys(name)
      const [organization, ...others] = keys.filter(({ target }) => target === 'ibex_core.organizations')
      expect({ name, ...organization, others }).toMatchObject({
        columns: ['org_id'],
        targetColumns: ['id'],
        action: 'c',
        others: [],
      })
      const wrong = keys.filter((key) => key.target !== 'ibex_core.organizations' && !isComposite(key))
      expect({ name, wrong }).toEqual({ name, wrong: [] })
    }
  })

  test('find the rows that refer to a deleted one by an index', async () => {
    for (const { name } of tenantTables()) {
      const missing = await column(sql`select conname::text as value from pg_constraint
        where conrelid = ${name}::regclass and contype = 'f' and conparentid = 0 and not exists (
          select from pg_index where indrelid = conrelid and indkey[0] = conkey[1] and (cardinality(conkey) = 1 or indkey[1] = conkey[2]))`)
      expect({ name, missing }).toEqual({ name, missing: [] })
    }
  })
})

test('names constraints and indexes after table and columns', async () => {
  for (const { name } of tables) {
    const table = name.slice(name.indexOf('.') + 1)
    const names = await column<string>(sql`
      select conname::text as value from pg_constraint where conrelid = ${name}::regclass and conparentid = 0 and contype <> 'n'
      union select indexrelid::regclass::text from pg_index where indrelid = ${name}::regclass`)
    for (const found of names) {
      expect(found.replace(/^.*\./, '')).toMatch(
        new RegExp(`^${table}_[a-z0-9_]+_(pkey|fkey|key|check|idx)$`),
      )
    }
  }
})

test('describes every table', async () => {
  for (const { name } of tables) {
    const [comment] = await column(sql`select obj_description(${name}::regclass, 'pg_class') as value`)
    expect(comment).toMatch(/^[A-Z].+\.$/)
  }
})

test('has no enum, no numeric but money, and no default that ties a role to a tenant', async () => {
  expect(
    await column(
      sql`select typname as value from pg_type where typtype = 'e' and typnamespace = 'ibex_core'::regnamespace`,
    ),
  ).toEqual([])
  expect(
    await column(sql`select format_type(atttypid, atttypmod) || ' ' || attname as value from pg_attribute
      where atttypid = 'numeric'::regtype and attrelid in (select oid from pg_class where relkind in ('r', 'p')
        and relnamespace = 'ibex_core'::regnamespace) order by 1`),
  ).toEqual([
    'numeric(10,2) price',
    'numeric(10,2) subtotal',
    'numeric(10,2) total_price',
    'numeric(10,2) unit_price',
  ])
  // roles belong to the whole server: other files make some, called ibex_test_…
  expect(
    await column(sql`select setrole as value from pg_db_role_setting
      where setrole::regrole::text like 'ibex%' and setrole::regrole::text not like 'ibex\\_test\\_%'`),
  ).toEqual([])
})

function tenantTables(): readonly TenantTable[] {
  return tables.filter(({ tenantColumn }) => tenantColumn === 'org_id')
}

async function readTenantTables(): Promise<readonly TenantTable[]> {
  const { rows } = await sql<TenantTable>`
    select relnamespace::regnamespace || '.' || relname as name, case when oid = 'ibex_core.organizations'::regclass then 'id' else 'org_id' end as "tenantColumn",
      exists (select from pg_trigger where tgrelid = pg_class.oid and tgname = relname || '_refuse_change') as "appendOnly"
    from pg_class where relkind in ('r', 'p') and not relispartition and (oid = 'ibex_core.organizations'::regclass
      or exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'org_id')) order by 1`.execute(
    database.admin,
  )
  return rows
}

interface ForeignKey {
  readonly target: string
  /** `a` no action, `c` cascade, `n` set null. */
  readonly action: string
  readonly columns: readonly string[]
  readonly targetColumns: readonly string[]
  /** What `set null` empties; null for all columns, the tenant included. */
  readonly emptied: readonly string[] | null
}

async function readForeignKeys(table: string): Promise<readonly ForeignKey[]> {
  const { rows } = await sql<ForeignKey>`
    select confrelid::regclass::text as target, confdeltype as action,
      (select array_agg(attname::text order by position) from unnest(conkey) with ordinality as key (number, position)
        join pg_attribute on attrelid = conrelid and attnum = number) as columns,
      (select array_agg(attname::text order by position) from unnest(confkey) with ordinality as key (number, position)
        join pg_attribute on attrelid = confrelid and attnum = number) as "targetColumns",
      (select array_agg(attname::text) from pg_attribute where attrelid = conrelid and attnum = any (confdelsetcols)) as emptied
    from pg_constraint where conrelid = ${table}::regclass and contype = 'f' and conparentid = 0`.execute(
    database.admin,
  )
  return rows
}

function isComposite({ action, columns, targetColumns, emptied }: ForeignKey): boolean {
  if (columns.length < 2 || columns[0] !== 'org_id' || targetColumns[0] !== 'org_id') return false
  return action === 'n' ? emptied !== null && !emptied.includes('org_id') : ['a', 'c'].includes(action)
}

/** Who has which right on a table, its owner left out. */
async function granted(table: string): Promise<readonly unknown[]> {
  return await column(sql`
    select coalesce(grantee::regrole::text, 'public') || ' ' || privilege_type as value
    from pg_class, aclexplode(relacl) where pg_class.oid = ${table}::regclass and grantee <> relowner order by 1`)
}

async function column<T = unknown>(query: ReturnType<typeof sql>): Promise<readonly T[]> {
  const { rows } = await query.execute(database.admin)
  // every query above selects one column and calls it value
  return rows.map((row) => (row as { value: T }).value)
}

async function createConsumerTables(): Promise<void> {
  const { admin } = database
  // what an administrator may have left behind: every new table open to the app role
  await sql`alter default privileges in schema public grant all on tables to ibex_app, public`.execute(admin)
  await createTenantTable(admin, 'public.notes', {
    comment: 'Something that an agent wrote down.',
    softDelete: true,
    columns: {
      agent_id: { type: 'uuid' },
      reviewer_id: { type: 'uuid', optional: true },
      body: { type: 'text' },
      words: { type: 'tsvector', generated: "to_tsvector('english', body)" },
    },
    unique: [['agent_id', 'body']],
    references: [
      { columns: ['agent_id'], table: 'ibex_core.agents', onDelete: 'cascade', index: false },
      { columns: ['reviewer_id'], table: 'ibex_core.users', onDelete: 'set null' },
    ],
  })
  await createSearchFunction(admin, 'public.search_notes', {
    table: 'public.notes',
    columns: ['org_id', 'id', 'words'],
    parameters: 'query text',
    query: `select note.id, ts_rank(note.words, term) from public.notes as note, plainto_tsquery('english', query) as term
      where note.org_id = tenant and (query is null or note.words @@ term)`,
    comment: 'Finds notes.',
  })
  await addTenantColumn(
    admin,
    'public.notes',
    'mood',
    oneOf(['good', 'bad'], { value: 'good', comment: 'How it felt.' }),
  )
  await createTenantTable(admin, 'public.note_log', {
    comment: 'What happened to notes.',
    appendOnly: true,
    columns: { text: { type: 'text' } },
  })
  await addTenantColumn(admin, 'public.note_log', 'level', { type: 'integer', default: '0' })
  await createTenantTable(admin, 'public.shards', { comment: 'Many rows.', partitions: 3, columns: {} })
}
