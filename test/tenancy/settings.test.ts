import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withSettings } from '../../src/tenancy/query-settings.ts'
import { openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants({ poolSize: 1 })
})

afterAll(async () => {
  await bundle.close()
})

interface Context {
  readonly role: string
  readonly tenant: string | null
  readonly id: string | null
  readonly ef: string | null
}

const context = sql<Context>`select current_user::text as role,
  current_setting('app.current_org_id', true) as tenant, ibex_core.current_org_id() as id,
  current_setting('app.test', true) as ef`

/** What the session of the only connection is left with, read without a scope's prefix (a system scope carries its own). */
async function afterwards(): Promise<string | null | undefined> {
  const { rows } = await bundle.database.asSystem(
    'look at the session',
    async (system) => await context.execute(system.db),
  )
  return rows[0]?.tenant
}

test('gives every statement its role and its tenant', async () => {
  const { rows } = await context.execute(bundle.mine.db)
  expect(rows).toMatchObject([{ role: 'ibex_app', tenant: bundle.mine.orgId, id: bundle.mine.orgId }])
})

test('gives each scope its own on the same connection, whatever came before', async () => {
  for (const scope of [bundle.mine, bundle.theirs, bundle.mine]) {
    const { rows } = await context.execute(scope.db)
    expect(rows[0]?.id).toBe(scope.orgId)
    await scope.transaction(async (trx) => {
      const inside = await context.execute(trx.db)
      expect(inside.rows[0]?.id).toBe(scope.orgId)
    })
    await expect(sql`select 1 / 0`.execute(scope.db)).rejects.toThrow()
  }
  expect(await afterwards()).toBe('')
})

test('takes the empty setting, which a transaction leaves behind, for no tenant and not for an error', async () => {
  await bundle.mine.transaction(async (trx) => await sql`select 1`.execute(trx.db))
  const { rows } = await bundle.database.asSystem(
    'look at the session',
    async (system) => await context.execute(system.db),
  )
  expect(rows).toMatchObject([{ tenant: '', id: null }])
})

test('keeps the settings of one statement to that statement outside a transaction', async () => {
  const query = withSettings(context.compile(bundle.mine.db), { 'app.test': '7' })
  const during = await bundle.mine.db.executeQuery<Context>(query)
  const after = await context.execute(bundle.mine.db)
  expect(during.rows[0]?.ef).toBe('7')
  expect(after.rows[0]?.ef ?? '').toBe('')
})

test('keeps the settings of one statement until the end of its transaction, and no longer', async () => {
  await bundle.mine.transaction(async (trx) => {
    await trx.db.executeQuery(withSettings(context.compile(trx.db), { 'app.test': '8' }))
    const { rows } = await context.execute(trx.db)
    expect(rows[0]?.ef).toBe('8')
  })
  const { rows } = await context.execute(bundle.mine.db)
  expect(rows[0]?.ef ?? '').toBe('')
})

test('overrules a tenant that raw SQL has set for the whole session', async () => {
  await sql`select set_config('app.current_org_id', ${bundle.theirs.orgId}, false)`.execute(bundle.mine.db)
  const { rows } = await context.execute(bundle.mine.db)
  expect(rows[0]?.id).toBe(bundle.mine.orgId)
})
