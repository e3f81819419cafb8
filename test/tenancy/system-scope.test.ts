import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { QueryEvent } from '../../src/database/options.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { failure, openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'
import { insertAgent } from '../support/factories.ts'

let bundle: TwoTenants
const events: QueryEvent[] = []

beforeAll(async () => {
  bundle = await openTwoTenants({ onQuery: (event) => void events.push(event) })
  await insertAgent(bundle.admin, { org_id: bundle.mine.orgId })
  await insertAgent(bundle.admin, { org_id: bundle.theirs.orgId })
})

afterAll(async () => {
  await bundle.close()
})

test('sees the rows of all tenants, as a role of its own', async () => {
  const tenants = await bundle.database.asSystem('count agents', async ({ db }) => {
    const { rows } =
      await sql`select current_user::text as role, current_setting('app.current_org_id', true) as tenant`.execute(
        db,
      )
    expect(rows).toEqual([{ role: 'ibex_system', tenant: '' }])
    return await db.selectFrom('ibex_core.agents').select('org_id').execute()
  })
  expect(tenants.map(({ org_id }) => org_id)).toEqual(
    expect.arrayContaining([bundle.mine.orgId, bundle.theirs.orgId]),
  )
})

test.each([undefined, null, '', '   ', 'ab', 'x'.repeat(1_001), 42])(
  'is refused before any SQL without a reason that says something: %s',
  async (reason) => {
    events.length = 0
    let isCalled = false
    const open = bundle.database.asSystem(
      // what a service without types passes
      reason as string,
      async () => await Promise.resolve((isCalled = true)),
    )
    expect(await failure(async () => await open)).toBeInstanceOf(InvalidArgumentError)
    expect(isCalled).toBe(false)
    expect(events).toEqual([])
  },
)

test('tells the query hook its reason, of statements and of transactions', async () => {
  events.length = 0
  await bundle.database.asSystem('nightly sweep', async (system) => {
    await sql`select 1`.execute(system.db)
    await system.transaction(async (trx) => await sql`select 2`.execute(trx), { readOnly: true })
  })
  await bundle.mine.agents.find()
  expect(events.map(({ sql: text, role, systemReason }) => [text, role, systemReason]).slice(0, 3)).toEqual([
    ['select 1', 'ibex_system', 'nightly sweep'],
    ['select 2', 'ibex_system', 'nightly sweep'],
    ['commit', 'ibex_system', 'nightly sweep'],
  ])
  expect(events.at(-1)).not.toHaveProperty('systemReason')
})

test('has no repositories', async () => {
  await bundle.database.asSystem('look around', async (system) => {
    for (const name of ['agents', 'memories', 'sessions', 'users']) expect(system).not.toHaveProperty(name)
    await Promise.resolve()
  })
})

test('commits its transaction or rolls it back', async () => {
  await bundle.database.asSystem('rename agents', async (system) => {
    await system.transaction(
      async (trx) => await trx.updateTable('ibex_core.agents').set({ tagline: 'kept' }).execute(),
    )
    await failure(
      async () =>
        await system.transaction(async (trx) => {
          await trx.updateTable('ibex_core.agents').set({ tagline: 'undone' }).execute()
          throw new Error('no')
        }),
    )
  })
  expect(await bundle.mine.agents.findOne({})).toHaveProperty('tagline', 'kept')
  expect(await bundle.theirs.agents.findOne({})).toHaveProperty('tagline', 'kept')
})
