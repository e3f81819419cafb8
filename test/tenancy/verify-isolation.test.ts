import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import { IsolationError, MissingMigrationsError, TenantMismatchError } from '../../src/errors.ts'
import { failure } from '../support/two-tenants.ts'
import { serverUrl, urlForLogin, urlForPort } from '../support/server-url.ts'
import { emptyDatabase, setup, type TestDatabase } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { countFlights } from './flight-counter.ts'

let server: TestDatabase

beforeAll(async () => {
  server = await setup()
})

afterAll(async () => {
  await server.close()
})

function open(role?: string, url?: string): Database {
  const database = createDatabase({ ...(url === undefined ? server.target : { url }), role })
  onTestFinished(async () => {
    await database.close()
  })
  return database
}

/** Roles belong to the whole server, which other runs use too: one of a name of its own, gone after the test. */
async function createRole(attribute: 'bypassrls' | 'login' | 'nologin'): Promise<string> {
  const role = `ibex_test_${randomBytes(4).toString('hex')}`
  await sql`create role ${sql.ref(role)} ${sql.raw(attribute)}`.execute(server.admin)
  onTestFinished(async () => {
    await sql`drop owned by ${sql.ref(role)}`.execute(server.admin)
    await sql`drop role ${sql.ref(role)}`.execute(server.admin)
  })
  return role
}

test('finds a migrated database in order, and warns of a login that no policy holds', async () => {
  const report = await open().verifyIsolation()
  expect(report.role).toBe('ibex_app')
  expect(report.tables).toBeGreaterThanOrEqual(12)
  expect(report.warnings).toEqual([expect.stringContaining('the login is a superuser')])
})

test('refuses a role that is a superuser', async () => {
  const { rows } = await sql<{ name: string }>`select current_user::text as name`.execute(server.admin)
  const error = await failure(async () => await open(rows[0]?.name).verifyIsolation())
  expect(error).toBeInstanceOf(IsolationError)
  expect(error.message).toContain('is a superuser, whom no policy holds')
})

test('refuses a role that bypasses row-level security', async () => {
  const role = await createRole('bypassrls')
  await sql`grant usage on schema ibex_core to ${sql.ref(role)}`.execute(server.admin)
  const error = await failure(async () => await open(role).verifyIsolation())
  expect(error).toBeInstanceOf(IsolationError)
  expect(error).toHaveProperty('problems', [expect.stringContaining(`alter role ${role} nobypassrls`)])
})

test('names each table that the role can reach and no policy holds', async () => {
  await sql`create table public.leaky (org_id uuid, secret text)`.execute(server.admin)
  await sql`create table public.unreachable (org_id uuid)`.execute(server.admin)
  await sql`grant select (secret) on public.leaky to ibex_app`.execute(server.admin)
  await sql`alter table ibex_core.agents disable row level security`.execute(server.admin)
  onTestFinished(async () => {
    await sql`drop table public.leaky, public.unreachable`.execute(server.admin)
    await sql`alter table ibex_core.agents enable row level security`.execute(server.admin)
  })
  const error = await failure(async () => await open().verifyIsolation())
  expect(error).toHaveProperty('problems', [
    expect.stringContaining(
      'not in force on ibex_core.agents for "ibex_app": alter table ibex_core.agents enable',
    ),
    expect.stringContaining('not in force on public.leaky for "ibex_app"'),
  ])
})

test('looks at the organizations too, which have no tenant column', async () => {
  await sql`alter table ibex_core.organizations disable row level security`.execute(server.admin)
  onTestFinished(async () => {
    await sql`alter table ibex_core.organizations enable row level security`.execute(server.admin)
  })
  const error = await failure(async () => await open().verifyIsolation())
  expect(error).toHaveProperty('problems', [expect.stringContaining('on ibex_core.organizations')])
})

test('finds policies that open a table to be read or written, and leaves those of other roles and restrictive ones alone', async () => {
  await sql`create policy opened on ibex_core.agents to ibex_app using (true)`.execute(server.admin)
  await sql`create policy opened on ibex_core.sessions to public using (false) with check (true)`.execute(
    server.admin,
  )
  await sql`create policy restricted on ibex_core.users as restrictive to ibex_app using (true)`.execute(
    server.admin,
  )
  onTestFinished(async () => {
    await sql`drop policy opened on ibex_core.agents`.execute(server.admin)
    await sql`drop policy opened on ibex_core.sessions`.execute(server.admin)
    await sql`drop policy restricted on ibex_core.users`.execute(server.admin)
  })
  const error = await failure(async () => await open().verifyIsolation())
  expect(error).toHaveProperty('problems', [
    expect.stringContaining('a policy on ibex_core.agents lets "ibex_app" reach rows of every tenant'),
    expect.stringContaining('a policy on ibex_core.sessions lets "ibex_app" reach rows of every tenant'),
  ])
})

test('finds the policies of a role that the role is a member of', async () => {
  const role = await createRole('nologin')
  await sql`grant ibex_system to ${sql.ref(role)}`.execute(server.admin)
  const error = await failure(async () => await open(role).verifyIsolation())
  expect(error).toHaveProperty(
    'problems',
    expect.arrayContaining([expect.stringContaining(`a policy on ibex_core.memories lets "${role}" reach`)]),
  )
})

test(
  'refuses a login for which a tenant is set outside every transaction',
  skipOnEmbedded('settings of the one session'),
  async () => {
    const login = await createRole('login')
    const password = randomBytes(8).toString('hex')
    const name = sql.ref(login)
    await sql`grant ibex_app to ${name}`.execute(server.admin)
    await sql`alter role ${name} password ${sql.lit(password)}`.execute(server.admin)
    await sql`alter role ${name} set app.current_org_id = '11111111-1111-1111-1111-111111111111'`.execute(
      server.admin,
    )
    const url = urlForLogin(serverUrl(server), login, password)
    const error = await failure(async () => await open(undefined, url).verifyIsolation())
    expect(error).toHaveProperty('problems', [
      expect.stringContaining('has a value outside every transaction'),
    ])
  },
)

test('takes one round trip, the first time and after it', skipOnEmbedded('no network'), async () => {
  await using counter = await countFlights(serverUrl(server))
  const database = open(undefined, urlForPort(serverUrl(server), counter.port))
  await sql`select 1`.execute(database.forTenant(randomUUID()).db)
  for (const _ of [1, 2]) {
    const before = counter.flights
    expect(await database.verifyIsolation()).toHaveProperty('isPooled', false)
    expect(counter.flights - before).toBe(1)
  }
})

test('is refused inside the transaction of a tenant, for which it would wait', async () => {
  const database = open()
  const error = await failure(
    async () =>
      await database.forTenant(randomUUID()).transaction(async ({ db }) => {
        await sql`select 1`.execute(db)
        await database.verifyIsolation()
      }),
  )
  expect(error).toBeInstanceOf(TenantMismatchError)
})

test('asks for the migrations when the role does not exist', async () => {
  const error = await failure(async () => await open('ibex_nobody').verifyIsolation())
  expect(error).toBeInstanceOf(MissingMigrationsError)
  expect(error.message).toContain('role "ibex_nobody" does not exist')
})

test('asks for the migrations on a database that has none', async () => {
  const empty = await emptyDatabase()
  const database = createDatabase({ ...empty.target })
  const error = await failure(async () => await database.verifyIsolation())
  await database.close()
  await empty.close()
  expect(error).toBeInstanceOf(MissingMigrationsError)
  expect(error.message).toContain('run the migrations first')
})
