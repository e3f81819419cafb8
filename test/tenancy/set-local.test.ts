import { Kysely, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TenantDialect } from '../../src/tenancy/tenant-dialect.ts'
import { serverUrl } from '../support/server-url.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { skipBehindPooler, skipOnEmbedded } from '../support/skip.ts'
import { settingsStatements } from '../../src/tenancy/settings.ts'
import { withSettings } from '../../src/tenancy/query-settings.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { failure, openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants({ poolSize: 1, context: 'set local' })
})

afterAll(async () => {
  await bundle.close()
})

async function valueOf(name: string, value: string): Promise<string | undefined> {
  const query = sql<{ value: string }>`select current_setting(${name}) as value`.compile(bundle.mine.db)
  const { rows } = await bundle.mine.db.executeQuery<{ value: string }>(
    withSettings(query, { [name]: value }),
  )
  return rows[0]?.value
}

test('writes one statement a setting, its name quoted part by part', () => {
  const statements = settingsStatements({ role: 'a"b', 'app.x"y': "it's \\ so" }, 'set local')
  expect(statements.map(({ text }) => text)).toEqual([
    `set local "role" = 'a"b'`,
    `set local "app"."x""y" = E'it''s \\\\ so'`,
  ])
})

test.each(['', "'", "''; select 1 --", '\\', "\\'", 'ü🦌', '$1', 'a\nb'])(
  'carries %j unchanged',
  async (value) => {
    expect(await valueOf('app.test', value)).toBe(value)
  },
)

test('reads a list of names as set_config does', async () => {
  expect(await valueOf('search_path', '"$user", Public')).toBe('"$user", public')
})

test.each([
  { 'app.test': 'a\0b' },
  { 'app.te\0st': 'a' },
  { 'app.': 'a' },
  { [`app.${'x'.repeat(64)}`]: 'a' },
])('refuses what is no literal', (settings) => {
  expect(() => settingsStatements(settings, 'set local')).toThrow(InvalidArgumentError)
})

test('runs the next statement on the same connection after an error, for its own tenant', async () => {
  const look = sql<{
    id: string
    pid: number
  }>`select ibex_core.current_org_id() as id, pg_backend_pid() as pid`
  const before = await look.execute(bundle.mine.db)
  await failure(async () => await sql`select 1 / 0`.execute(bundle.mine.db))
  const after = await look.execute(bundle.theirs.db)
  expect(after.rows).toEqual([{ id: bundle.theirs.orgId, pid: before.rows[0]?.pid }])
})

test('keeps an error to its statement when several run on one connection at once', async () => {
  const [failed, fine] = await bundle.mine.db
    .connection()
    .execute(
      async (connection) =>
        await Promise.allSettled([
          sql`select 1 / 0`.execute(connection),
          sql`select 1 as one`.execute(connection),
        ]),
    )
  expect(failed).toHaveProperty('status', 'rejected')
  expect(fine).toMatchObject({ status: 'fulfilled', value: { rows: [{ one: 1 }] } })
})

test('commits a write, and takes one back whose statement fails', async () => {
  await bundle.mine.agents.insert({ name: 'One', slug: 'one' })
  await failure(async () => await bundle.mine.agents.insert({ name: 'Two', slug: 'one' }))
  expect(await bundle.mine.agents.find()).toMatchObject([{ name: 'One' }])
  expect(await bundle.theirs.agents.find()).toEqual([])
})

test('refuses to begin a transaction that the statement would end', async () => {
  await expect(sql`begin`.execute(bundle.mine.db)).rejects.toThrow('use transaction()')
})

test('refuses what is no way to send the context', async () => {
  // @ts-expect-error a typing error
  await expect(openTwoTenants({ context: 'set_local' })).rejects.toThrow('context must be')
})

test('sends a batch, and a transaction', async () => {
  const [agent, count] = await bundle.mine.batch((batch) => [
    batch.agents.insert({ name: 'Batch', slug: 'batch' }),
    batch.agents.count({ slug: 'batch' }),
  ])
  expect([agent.org_id, count]).toEqual([bundle.mine.orgId, 1])
  const undone = bundle.mine.batch((batch) => [
    batch.agents.insert({ name: 'Undone', slug: 'undone' }),
    sql`select 1 / 0`.execute(batch.db),
  ])
  await expect(undone).rejects.toThrow('22012')
  await bundle.mine.transaction(async (trx) => {
    expect(await trx.agents.count({ slug: 'undone' })).toBe(0)
    await trx.transaction(async (nested) => await nested.agents.insert({ name: 'Nested', slug: 'nested' }))
  })
  expect(await bundle.mine.agents.count({ slug: 'nested' })).toBe(1)
  expect(await bundle.theirs.agents.find()).toEqual([])
})

test('tells of a constraint that fails with the COMMIT, and lends the connection again', async () => {
  await sql`create table public.pairs (id int primary key, other int references public.pairs deferrable initially deferred)`.execute(
    bundle.admin,
  )
  await sql`grant select, insert on public.pairs to ibex_app`.execute(bundle.admin)
  const insert = sql`insert into public.pairs values (1, 2)`.execute(bundle.mine.db)
  await expect(insert).rejects.toMatchObject({ name: 'ForeignKeyViolationError' })
  const { rows } = await sql`select id from public.pairs`.execute(bundle.mine.db)
  expect(rows).toEqual([])
})

test(
  'is sent again when the server has forgotten its prepared statements',
  skipBehindPooler('statements are not prepared there'),
  async () => {
    const count = async () => await bundle.mine.agents.count({ slug: 'one' })
    expect(await count()).toBe(1)
    await sql`do $$ begin execute 'deallocate all'; end $$`.execute(bundle.mine.db)
    expect(await count()).toBe(1)
  },
)

describe('on the wire', skipOnEmbedded('its connection is no pg client that could be listened to'), () => {
  let server: TestDatabase
  let db: Kysely<object>
  let sent: string[] = []

  beforeAll(async () => {
    server = await setup()
    const pool = new pg.Pool({ connectionString: serverUrl(server), max: 1 })
    pool.on('connect', (client) => {
      // pg's types leave the connection out
      listen((client as unknown as { connection: Listened }).connection, (what) => void sent.push(what))
    })
    db = new Kysely<object>({
      dialect: new TenantDialect({
        pool,
        role: 'ibex_app',
        settings: { 'app.current_org_id': orgId },
        context: 'set local',
        prepare: false,
      }),
    })
    await sql`select 1`.execute(db)
  })

  afterAll(async () => {
    await db.destroy()
    await server.close()
  })

  const orgId = '0199a0a0-0000-4000-8000-000000000000'
  const context = [
    `set local "citus"."propagate_set_commands" = 'local'`,
    `set local "role" = 'ibex_app'`,
    `set local "app"."current_org_id" = '${orgId}'`,
  ]

  test('puts a statement into one flight with its transaction', async () => {
    sent = []
    await sql`select ${1}::int`.execute(db)
    expect(sent).toEqual(['begin', ...context, 'select $1::int', 'commit', 'sync'])
  })

  test('puts the settings of a statement behind those of the scope', async () => {
    sent = []
    await db.executeQuery(withSettings(sql`select 1`.compile(db), { 'hnsw.ef_search': '77' }))
    expect(sent).toEqual([
      'begin',
      ...context,
      `set local "hnsw"."ef_search" = '77'`,
      'select 1',
      'commit',
      'sync',
    ])
  })

  test('follows an error with a rollback', async () => {
    sent = []
    await expect(sql`select 1 / 0`.execute(db)).rejects.toThrow()
    expect(sent).toEqual(['begin', ...context, 'select 1 / 0', 'commit', 'sync', 'rollback', 'sync'])
  })

  test('begins a transaction with its first statement', async () => {
    sent = []
    await db.transaction().execute(async (trx) => {
      await sql`select 1`.execute(trx)
      await sql`select 2`.execute(trx)
    })
    expect(sent).toEqual(['begin', ...context, 'select 1', 'sync', 'select 2', 'sync', 'commit', 'sync'])
  })
})

interface Listened {
  parse(query: { readonly text: string }): void
  sync(): void
}

/** Tells what a connection sends: the text of each statement, and where a flight ends. */
function listen(connection: Listened, tell: (what: string) => void): void {
  const parse = connection.parse.bind(connection)
  const sync = connection.sync.bind(connection)
  connection.parse = (query) => {
    tell(query.text)
    parse(query)
  }
  connection.sync = () => {
    tell('sync')
    sync()
  }
}
