import { randomBytes } from 'node:crypto'
import { Kysely, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { InsufficientPrivilegeError, InvalidArgumentError, MissingMigrationsError } from '../../src/errors.ts'
import { ConnectionPool } from '../../src/database/connection-pool.ts'
import { resolveOptions } from '../../src/database/options.ts'
import { withSettings } from '../../src/tenancy/query-settings.ts'
import { TenantDialect } from '../../src/tenancy/tenant-dialect.ts'
import type { DB } from '../../types/database.d.ts'
import { failure, openTwoTenants, ownersView, type TwoTenants } from '../support/two-tenants.ts'
import { insertAgent } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { serverUrl, urlForLogin } from '../support/server-url.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants()
  await insertAgent(bundle.admin, { org_id: bundle.mine.orgId })
  await insertAgent(bundle.admin, { org_id: bundle.theirs.orgId })
})

afterAll(async () => {
  await bundle.close()
})

/** A Kysely of the public dialect on the test's database. */
function openDialect(config: { role?: string; settings?: Record<string, string> }): Kysely<DB> {
  const pool = new ConnectionPool(resolveOptions({ ...bundle.test.target }))
  return new Kysely<DB>({ dialect: new TenantDialect({ pool, ...config }) })
}

test('does not run the statement when the role does not exist', async () => {
  await using db = openDialect({ role: 'ibex_nobody', settings: { 'app.current_org_id': bundle.mine.orgId } })
  const before = await ownersView(bundle.admin, 'ibex_core.agents', bundle.mine.orgId)
  const write = async () => await db.updateTable('ibex_core.agents').set({ name: 'Changed' }).execute()

  const error = await failure(write)

  expect(error).toBeInstanceOf(MissingMigrationsError)
  expect(error.message).toBe('role "ibex_nobody" does not exist: run the migrations first')
  await expect(db.transaction().execute(async (trx) => await sql`select 1`.execute(trx))).rejects.toThrow(
    MissingMigrationsError,
  )
  expect(await ownersView(bundle.admin, 'ibex_core.agents', bundle.mine.orgId)).toEqual(before)
})

test.each([
  ['a name without a dot', { nonsense: 'x' }],
  ['a value out of range', { 'hnsw.ef_search': '-1', statement_timeout: 'soon' }],
])('does not run the statement when the server refuses a setting: %s', async (_, settings) => {
  const before = await ownersView(bundle.admin, 'ibex_core.agents', bundle.mine.orgId)
  const query = bundle.mine.db.updateTable('ibex_core.agents').set({ name: 'Changed' }).compile()

  const error = await failure(async () => await bundle.mine.db.executeQuery(withSettings(query, settings)))

  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error.message).toContain('settings hold a name or a value that the server does not take')
  expect(await ownersView(bundle.admin, 'ibex_core.agents', bundle.mine.orgId)).toEqual(before)
})

test('does not run a statement whose tenant setting is no uuid', async () => {
  await using db = openDialect({ role: 'ibex_app', settings: { 'app.current_org_id': "x' or true --" } })
  const error = await failure(async () => await db.selectFrom('ibex_core.agents').selectAll().execute())
  expect(error).toHaveProperty('sqlState', '22P02')
  expect(error.message).not.toContain('or true')
})

test('shows no row and takes none to a statement that comes as the role without a tenant', async () => {
  for (const settings of [{}, { 'app.current_org_id': '' }]) {
    await using db = openDialect({ role: 'ibex_app', settings })
    expect(await db.selectFrom('ibex_core.agents').selectAll().execute()).toEqual([])
    const { numUpdatedRows } = await db
      .updateTable('ibex_core.agents')
      .set({ name: 'Changed' })
      .executeTakeFirstOrThrow()
    expect(numUpdatedRows).toBe(0n)
    await expect(
      db.insertInto('ibex_core.agents').values({ name: 'New', slug: 'new' }).execute(),
    ).rejects.toHaveProperty('isRetryable', false)
  }
  const names = await bundle.admin.selectFrom('ibex_core.agents').select('name').execute()
  expect(names.map(({ name }) => name)).not.toContain('Changed')
})

test('is lost when the setting is sent before the statement and not with it', async () => {
  await using db = openDialect({ role: 'ibex_app' })
  await sql`select set_config('app.current_org_id', ${bundle.mine.orgId}, true)`.execute(db)
  expect(await db.selectFrom('ibex_core.agents').selectAll().execute()).toEqual([])
})

describe('for a login that is not the owner', skipOnEmbedded('one login only'), () => {
  // roles belong to the whole server, which other runs use too
  const login = `ibex_test_${randomBytes(4).toString('hex')}`
  let url: string

  beforeAll(async () => {
    url = urlForLogin(serverUrl(bundle.test), login, 'a-password')
    await sql`create role ${sql.ref(login)} login noinherit password 'a-password'`.execute(bundle.admin)
  })

  afterAll(async () => {
    await sql`drop role ${sql.ref(login)}`.execute(bundle.admin)
  })

  test('does not run the statement when the login may not take the role, and says what to grant', async () => {
    await using database = createDatabase({ url })
    const error = await failure(async () => await database.forTenant(bundle.mine.orgId).agents.find())
    expect(error).toBeInstanceOf(InsufficientPrivilegeError)
    expect(error.message).toBe(
      'the login may not take the role "ibex_app": an administrator must run: grant ibex_app to <login>',
    )
  })

  test('gives a member its tenant inside a scope, and nothing outside of one', async () => {
    await sql`grant ibex_app to ${sql.ref(login)}`.execute(bundle.admin)
    await using database = createDatabase({ url })
    expect(await database.forTenant(bundle.mine.orgId).agents.find()).toHaveLength(1)

    const bare = new pg.Client({ connectionString: url })
    await bare.connect()
    const read = bare.query('select * from ibex_core.agents')
    await expect(read).rejects.toHaveProperty('code', '42501')
    await bare.end()
  })
})
