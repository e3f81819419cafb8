/** Row 13 of the ways it goes wrong: what is not leakproof uses no index under a policy, so a function searches for it. */
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { InsufficientPrivilegeError, MigrationError } from '../../src/errors.ts'
import { addTenantColumn } from '../../src/migration/add-tenant-column.ts'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { dropTenantColumn } from '../../src/migration/drop-tenant-column.ts'
import { createTenantIndex } from '../../src/migration/indexes.ts'
import {
  type SearchFunction,
  createSearchFunction,
  dropSearchFunction,
} from '../../src/migration/search-function.ts'
import { listenToPlans } from '../support/plan-listener.ts'
import { serverUrl } from '../support/server-url.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants
let admin: Kysely<unknown>

const searchNotes: SearchFunction = {
  table: 'public.notes',
  columns: ['org_id', 'id', 'words'],
  parameters: 'query text, most integer',
  query: `select note.id, ts_rank(note.words, term)
    from public.notes as note, websearch_to_tsquery('pg_catalog.english', query) as term
    where note.org_id = tenant and note.words @@ term order by 2 desc, 1 limit most`,
  comment: 'Finds the notes that match, best first.',
}

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 1 })
  // a user's own tables are not in the types of the database
  admin = tenants.admin as unknown as Kysely<unknown>
  await createTenantTable(admin, 'public.notes', {
    comment: 'A note with many others around it.',
    columns: {
      body: { type: 'text' },
      words: { type: 'tsvector', generated: "to_tsvector('pg_catalog.english', body)" },
    },
  })
  await createTenantIndex(admin, 'public.notes', { columns: ['words'], using: 'gin' })
  await createSearchFunction(admin, 'public.search_notes', searchNotes)
  // every note says "common", each hundredth one "scarce" too, and mine are a tenth of them
  for (const [{ orgId }, count] of [
    [tenants.mine, 2_000],
    [tenants.theirs, 18_000],
  ] as const) {
    await sql`insert into public.notes (org_id, body)
      select ${orgId}, 'common ' || i || case when i % 100 = 0 then ' scarce' else '' end || repeat(' filler', 50)
      from generate_series(1, ${count}::int) as i`.execute(admin)
  }
  await sql`vacuum analyze public.notes`.execute(admin)
})

afterAll(async () => {
  await tenants.close()
})

interface Found {
  readonly id: string
  readonly rank: number
}

function search(query: string, most = 10_000, name = 'public.search_notes') {
  return sql<Found>`select id, rank from ${sql.table(name)}(${query}, ${most})`
}

async function column<T>(query: ReturnType<typeof sql<{ value: T }>>): Promise<T[]> {
  const { rows } = await query.execute(admin)
  return rows.map(({ value }) => value)
}

/** Whose the rows with these ids are. */
async function ownersOf(found: readonly Found[]): Promise<unknown[]> {
  return await column(
    sql`select distinct org_id as value from public.notes where id = any(${found.map(({ id }) => id)})`,
  )
}

test('belongs to the search role, runs with its rights, looks nothing up in a path, and plans each time anew', async () => {
  const { rows } =
    await sql`select proowner::regrole::text as owner, prosecdef as definer, provolatile as volatility,
      proconfig as settings, obj_description(oid, 'pg_proc') as comment
    from pg_proc where oid = 'public.search_notes'::regproc`.execute(admin)
  expect(rows).toEqual([
    {
      owner: 'ibex_search',
      definer: true,
      volatility: 's',
      settings: ['search_path=""', 'plan_cache_mode=force_custom_plan'],
      comment: searchNotes.comment,
    },
  ])
})

test('can be called by app roles and by nobody else', async () => {
  // logins of other tests may be members of the app role at this moment
  const callers = await column(sql`select rolname::text as value from pg_roles
    where not rolsuper and has_function_privilege(oid, 'public.search_notes(text, integer)', 'execute')
      and (rolname in ('ibex_app', 'ibex_eraser') or not pg_has_role(oid, 'ibex_app', 'usage')) order by 1`)
  // the role that erases is an app role
  expect(callers).toEqual(['ibex_app', 'ibex_eraser', 'ibex_search'])
  const everybody = await column(sql`select 1 as value from pg_proc, aclexplode(proacl) as acl
    where pg_proc.oid = 'public.search_notes'::regproc and acl.grantee = 0`)
  expect(everybody).toEqual([])
  const system = tenants.database.asSystem('a search across tenants', async ({ db }) => {
    await search('common').execute(db)
  })
  await expect(system).rejects.toThrow(InsufficientPrivilegeError)
})

test('opens to the search role the columns that are named, for reading, and nothing else', async () => {
  const rights = await column(sql`select attname || ' ' || privilege_type as value
    from pg_attribute, aclexplode(attacl) as acl
    where attrelid = 'public.notes'::regclass and acl.grantee = 'ibex_search'::regrole order by attnum`)
  expect(rights).toEqual(['org_id SELECT', 'id SELECT', 'words SELECT'])
  const onTable = await column(sql`select privilege_type as value from pg_class, aclexplode(relacl) as acl
    where pg_class.oid = 'public.notes'::regclass and acl.grantee = 'ibex_search'::regrole`)
  expect(onTable).toEqual([])
  const inSchema = await column(sql`select has_schema_privilege('ibex_search', 'public', 'create') as value`)
  expect(inSchema).toEqual([false])
  const policies =
    await column(sql`select format('%s %s %s %s %s', polcmd, polpermissive, polroles::regrole[],
      pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) as value
    from pg_policy where polrelid = 'public.notes'::regclass and polname = 'notes_search_access'`)
  expect(policies).toEqual(['r t {ibex_search} true '])
})

test('finds the rows of the tenant and of no other, best first', async () => {
  for (const [tenant, count] of [
    [tenants.mine, 20],
    [tenants.theirs, 180],
  ] as const) {
    const { rows } = await search('scarce').execute(tenant.db)
    expect(rows).toHaveLength(count)
    expect(await ownersOf(rows)).toEqual([tenant.orgId])
    const ranks = rows.map(({ rank }) => rank)
    expect(ranks).toEqual(ranks.toSorted((one, other) => other - one))
    expect((await search('scarce', 3).execute(tenant.db)).rows).toEqual(rows.slice(0, 3))
  }
})

test.each(['', undefined])('finds nothing when the tenant is %j', async (orgId) => {
  const trx = await admin.startTransaction().execute()
  try {
    await sql`select set_config('role', 'ibex_app', true)`.execute(trx)
    if (orgId !== undefined) await sql`select set_config('app.current_org_id', ${orgId}, true)`.execute(trx)
    expect((await search('common').execute(trx)).rows).toEqual([])
  } finally {
    await trx.rollback().execute()
  }
})

test('finds ids that the caller joins with the table, under its own policy', async () => {
  const joined = sql`select note.org_id from public.search_notes('scarce', 10000) as found
    join public.notes as note on note.id = found.id`
  const { rows } = await joined.execute(tenants.mine.db)
  expect(rows).toEqual(Array.from({ length: 20 }, () => ({ org_id: tenants.mine.orgId })))
  expect(await column(sql`select pg_has_role('ibex_app', 'ibex_search', 'member') as value`)).toEqual([false])
})

test('does not look a name up where the caller says', async () => {
  await sql`create schema decoy`.execute(admin)
  await sql`create function decoy.websearch_to_tsquery(text, text) returns tsquery language sql
    as $$ select 'common'::tsquery $$`.execute(admin)
  await sql`grant usage on schema decoy to ibex_app, ibex_search`.execute(admin)
  onTestFinished(async () => {
    await sql`drop schema decoy cascade`.execute(admin)
  })
  const found = await tenants.mine.transaction(async (trx) => {
    await sql`select set_config('search_path', 'decoy, pg_catalog', true)`.execute(trx.db)
    const { rows } = await sql`select websearch_to_tsquery('scarce', '')::text as decoy`.execute(trx.db)
    expect(rows).toEqual([{ decoy: "'common'" }])
    return (await search('scarce').execute(trx.db)).rows
  })
  expect(found).toHaveLength(20)
})

/** The plan of the query as a role. */
async function planAs(role: string): Promise<string> {
  const trx = await admin.startTransaction().execute()
  try {
    const { orgId } = tenants.mine
    await sql`select set_config('role', ${role}, true), set_config('app.current_org_id', ${orgId}, true)`.execute(
      trx,
    )
    const { rows } = await sql`explain (format json) select id from public.notes
      where org_id = ${sql.lit(orgId)} and words @@ 'scarce'::tsquery`.execute(trx)
    return JSON.stringify(rows)
  } finally {
    await trx.rollback().execute()
  }
}

describe('on a table of 20,000 rows', () => {
  test('uses the index of words, which the app role itself could not', async () => {
    expect(await planAs('ibex_search')).toContain('notes_words_idx')
    expect(await planAs('ibex_app')).not.toContain('notes_words_idx')
  })

  test(
    'uses it within the function, and plans for the words at hand however often it ran',
    skipOnEmbedded('it has no auto_explain'),
    async () => {
      await using listener = await listenToPlans(admin, serverUrl(tenants.test))
      const database = createDatabase({ url: listener.url, poolSize: 1 })
      onTestFinished(async () => {
        await database.close()
      })
      const indexesFor = async (word: string): Promise<readonly string[]> => {
        listener.take()
        await search(word).execute(database.forTenant(tenants.mine.orgId).db)
        const plan = listener.take().find(({ query }) => query.includes('public.notes'))
        expect(plan?.sequentialScans).toEqual([])
        return plan?.indexes ?? []
      }
      for (let count = 0; count < 8; count++)
        expect(await indexesFor('common')).not.toContain('notes_words_idx')
      for (let count = 0; count < 8; count++) expect(await indexesFor('scarce')).toContain('notes_words_idx')
    },
  )
})

/** The policies of the notes, and which of their columns the search role may read. */
async function access(): Promise<unknown[]> {
  return await column(sql`select format('%s %s', attname, attacl::text[] && array['ibex_search=r/' || current_user]) as value
    from pg_attribute where attrelid = 'public.notes'::regclass and attnum > 0 and not attisdropped
    union all select polname::text from pg_policy where polrelid = 'public.notes'::regclass order by 1`)
}

test('keeps policy, rights and results when a column comes or goes', async () => {
  const before = await access()
  await addTenantColumn(admin, 'public.notes', 'is_pinned', { type: 'boolean', default: 'false' })
  expect(await access()).toEqual(expect.arrayContaining(before))
  expect((await search('scarce').execute(tenants.mine.db)).rows).toHaveLength(20)
  await dropTenantColumn(admin, 'public.notes', 'is_pinned')
  expect(await access()).toEqual(before)
  expect((await search('scarce').execute(tenants.mine.db)).rows).toHaveLength(20)
})

test('lets two functions search one table, and closes it when the last one goes', async () => {
  await createTenantTable(admin, 'public.drawers', {
    comment: 'What is searched twice.',
    columns: { label: { type: 'text' }, tags: { type: 'text[]', default: "'{}'" } },
  })
  const common = {
    table: 'public.drawers',
    parameters: 'query text',
    returns: 'id uuid',
    comment: 'Finds drawers.',
  }
  await createSearchFunction(admin, 'public.search_labels', {
    ...common,
    columns: ['org_id', 'id', 'label'],
    query:
      'select drawer.id from public.drawers as drawer where drawer.org_id = tenant and drawer.label like query',
  })
  await createSearchFunction(admin, 'public.search_tags', {
    ...common,
    columns: ['org_id', 'id', 'tags'],
    query:
      'select drawer.id from public.drawers as drawer where drawer.org_id = tenant and drawer.tags @> array[query]',
  })
  await sql`insert into public.drawers (label, tags) values ('socks', '{wool}')`.execute(tenants.mine.db)
  const byTag = sql`select id from public.search_tags('wool')`
  const byLabel = sql`select id from public.search_labels('so%')`
  for (const each of [byTag, byLabel]) {
    expect((await each.execute(tenants.mine.db)).rows).toHaveLength(1)
    expect((await each.execute(tenants.theirs.db)).rows).toHaveLength(0)
  }

  await dropSearchFunction(admin, 'public.search_labels', 'public.drawers')
  expect((await byTag.execute(tenants.mine.db)).rows).toHaveLength(1)
  await dropSearchFunction(admin, 'public.search_tags', 'public.drawers')
  expect(
    await column(
      sql`select polname::text as value from pg_policy where polrelid = 'public.drawers'::regclass order by 1`,
    ),
  ).toEqual(['drawers_system_access', 'drawers_tenant_isolation'])
  expect(
    await column(sql`select attname::text as value from pg_attribute where attrelid = 'public.drawers'::regclass
      and has_column_privilege('ibex_search', attrelid, attnum, 'select')`),
  ).toEqual([])
  await sql`drop table public.drawers`.execute(admin)
})

test.each([
  ['names no tenant', 'select id from public.notes limit most'],
  ['compares something else with it', 'select id from public.notes where id = tenant limit most'],
])('refuses a query that %s', async (_, query) => {
  const create = createSearchFunction(admin, 'public.search_all', { ...searchNotes, query })
  await expect(create).rejects.toThrow(MigrationError)
  expect(await column(sql`select to_regproc('public.search_all') is null as value`)).toEqual([true])
})

test('takes no column for a variable, and no variable for a column', async () => {
  await createTenantTable(admin, 'public.traps', {
    comment: 'A table with a column that has the name of the variable.',
    columns: { tenant: { type: 'uuid' } },
  })
  await createSearchFunction(admin, 'public.search_traps', {
    table: 'public.traps',
    columns: ['org_id', 'id', 'tenant'],
    parameters: 'most integer',
    returns: 'id uuid',
    query: 'select trap.id from public.traps as trap where org_id = tenant limit most',
    comment: 'Would find the traps of whoever says so.',
  })
  await sql`insert into public.traps (tenant) values (${tenants.theirs.orgId})`.execute(tenants.theirs.db)
  const error = await failure(async () => await sql`select public.search_traps(1)`.execute(tenants.mine.db))
  expect(error).toMatchObject({ code: '42702' })
  await dropSearchFunction(admin, 'public.search_traps', 'public.traps')
  await sql`drop table public.traps`.execute(admin)
})

describe('for a migrator that is no superuser', () => {
  const migrator = `migrator_${process.pid}_${Date.now()}`

  beforeAll(async () => {
    await sql`create role ${sql.id(migrator)} noinherit`.execute(admin)
    await sql`create schema owned authorization ${sql.id(migrator)}`.execute(admin)
    await sql`create schema foreign_owned`.execute(admin)
    await sql`grant create, usage on schema foreign_owned to ${sql.id(migrator)}`.execute(admin)
    await createTenantTable(admin, 'owned.notes', {
      comment: 'A note.',
      columns: { words: { type: 'tsvector' } },
    })
    await sql`alter table owned.notes owner to ${sql.id(migrator)}`.execute(admin)
  })

  afterAll(async () => {
    await sql`drop schema owned, foreign_owned cascade`.execute(admin)
    await sql`drop role ${sql.id(migrator)}`.execute(admin)
  })

  const definition = {
    ...searchNotes,
    table: 'owned.notes',
    query: searchNotes.query.replace('public.', 'owned.'),
  }

  /** Runs the callback as the migrator, and rolls back. */
  async function asMigrator<T>(callback: (trx: Kysely<unknown>) => Promise<T>): Promise<T> {
    const trx = await admin.startTransaction().execute()
    try {
      await sql`select set_config('role', ${migrator}, true), set_config('row_security', 'off', true)`.execute(
        trx,
      )
      return await callback(trx)
    } finally {
      await trx.rollback().execute()
    }
  }

  async function refused(name: string): Promise<string> {
    const error = await asMigrator(
      async (trx) => await failure(async () => await createSearchFunction(trx, name, definition)),
    )
    expect(error).toBeInstanceOf(InsufficientPrivilegeError)
    return error.message
  }

  test('says what an administrator must run, and then creates and drops it', async () => {
    const message = await refused('owned.search_notes')
    const statement = message.slice(message.indexOf('run: ') + 'run: '.length)
    expect(statement).toMatch(
      new RegExp(`^grant ibex_search to ${migrator}( with inherit false, set true)?;$`),
    )
    await sql.raw(statement).execute(admin)
    await asMigrator(async (trx) => {
      await createSearchFunction(trx, 'owned.search_notes', definition)
      const owner = sql`select proowner::regrole::text as owner from pg_proc where oid = 'owned.search_notes'::regproc`
      expect((await owner.execute(trx)).rows).toEqual([{ owner: 'ibex_search' }])
      await dropSearchFunction(trx, 'owned.search_notes', 'owned.notes')
      expect((await sql`select to_regproc('owned.search_notes') as gone`.execute(trx)).rows).toEqual([
        { gone: null },
      ])
    })
  })

  test('refuses a schema of somebody else, from which it could not be dropped', async () => {
    await sql`grant ibex_search to ${sql.id(migrator)}`.execute(admin)
    expect(await refused('foreign_owned.search_notes')).toContain('as the owner of the schema foreign_owned')
  })
})
