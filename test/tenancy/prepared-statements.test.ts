import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { failure, openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'
import { insertAgent } from '../support/factories.ts'
import { skipBehindPooler } from '../support/skip.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants({ poolSize: 1 })
  await insertAgent(bundle.admin, { org_id: bundle.mine.orgId, name: 'Mine' })
  await sql`create table public.shapes (id int, name text)`.execute(bundle.admin)
  await sql`insert into public.shapes values (1, 'one')`.execute(bundle.admin)
  await sql`grant select on public.shapes to ibex_app`.execute(bundle.admin)
})

afterAll(async () => {
  await bundle.close()
})

/** The names that the session knows of this library. */
async function prepared({ db }: Pick<TenantScope, 'db'>): Promise<readonly string[]> {
  const { rows } = await sql<{
    statement: string
  }>`select statement from pg_prepared_statements where name like 'ibex%'`.execute(db)
  return rows.map(({ statement }) => statement)
}

async function countAgents({ db }: Pick<TenantScope, 'db'>): Promise<number> {
  const { rows } = await sql`select name from ibex_core.agents where 1 = 1`.execute(db)
  return rows.length
}

async function shapes({ db }: Pick<TenantScope, 'db'>): Promise<readonly unknown[]> {
  const { rows } = await sql`select * from public.shapes`.execute(db)
  return rows
}

test(
  'prepares a statement once, for scopes of all tenants',
  skipBehindPooler('statements are not prepared there'),
  async () => {
    for (const scope of [bundle.mine, bundle.theirs, bundle.mine]) {
      const { rows } = await sql<{ name: string }>`select name from ibex_core.agents where true`.execute(
        scope.db,
      )
      expect(rows).toHaveLength(scope === bundle.mine ? 1 : 0)
    }
    const statements = await prepared(bundle.mine)
    expect(statements.filter((text) => text === 'select name from ibex_core.agents where true')).toHaveLength(
      1,
    )
  },
)

test('keeps no more than 250 statements, and goes on using those it has forgotten', async () => {
  for (let count = 0; count < 300; count++) {
    const { rows } = await sql.raw<{ n: number }>(`select ${count} as n`).execute(bundle.mine.db)
    expect(rows[0]?.n).toBe(count)
  }
  expect((await prepared(bundle.mine)).length).toBeLessThanOrEqual(251)
  const { rows } = await sql.raw<{ n: number }>('select 0 as n').execute(bundle.mine.db)
  expect(rows).toEqual([{ n: 0 }])
})

test('does not let transactions, savepoints and streams push statements out', async () => {
  await shapes(bundle.mine)
  const before = await prepared(bundle.mine)
  await bundle.mine.transaction(async (trx) => {
    await shapes(trx)
    for (let count = 0; count < 10; count++) {
      await trx.transaction(async (nested) => await shapes(nested))
      await failure(async () => await trx.transaction(async () => await Promise.reject(new Error('no'))))
    }
  })
  expect(await prepared(bundle.mine)).toEqual(before)
})

test('runs on with the new columns after the table was changed', async () => {
  await shapes(bundle.mine)
  await sql`alter table public.shapes add column size int default 7`.execute(bundle.admin)
  expect(await shapes(bundle.mine)).toEqual([{ id: 1, name: 'one', size: 7 }])
  await sql`alter table public.shapes alter column size type text`.execute(bundle.admin)
  expect(await bundle.mine.transaction(shapes)).toEqual([{ id: 1, name: 'one', size: '7' }])
})

test(
  'fails inside a transaction whose table was changed, and runs in the next',
  skipBehindPooler('statements are not prepared there'),
  async () => {
    await shapes(bundle.mine)
    await sql`alter table public.shapes drop column if exists size`.execute(bundle.admin)
    const stale = await failure(
      async () =>
        await bundle.mine.transaction(async (trx) => {
          await sql`select 1`.execute(trx.db)
          await shapes(trx)
        }),
    )
    expect(stale).toHaveProperty('code', '0A000')
    const again = await bundle.mine.transaction(async (trx) => {
      await sql`select 1`.execute(trx.db)
      return await shapes(trx)
    })
    expect(again).toEqual([{ id: 1, name: 'one' }])
  },
)

test.each(['deallocate all', 'discard plans', 'discard all'])('survives %s', async (text) => {
  await shapes(bundle.mine)
  await sql
    .raw(text)
    .execute(bundle.mine.db)
    .catch(() => {})
  expect(await shapes(bundle.mine)).toHaveLength(1)
  expect(await bundle.mine.transaction(shapes)).toHaveLength(1)
})

test('survives deallocate all inside a transaction', async () => {
  await bundle.mine.transaction(async (trx) => {
    await shapes(trx)
    await sql`deallocate all`.execute(trx.db)
    expect(await shapes(trx)).toHaveLength(1)
  })
  expect(await shapes(bundle.mine)).toHaveLength(1)
})

test('survives statements that somebody else has deallocated', async () => {
  await sql`create or replace function public.forget_all() returns void language plpgsql as
    $$ begin execute 'deallocate all'; end $$`.execute(bundle.admin)
  for (const read of [shapes, async (scope: TenantScope) => await scope.transaction(shapes)]) {
    await bundle.mine.transaction(async (trx) => await shapes(trx))
    await sql`select public.forget_all()`.execute(bundle.mine.db)
    expect(await read(bundle.mine)).toHaveLength(1)
  }
})

test('never gives one role the plan of another', async () => {
  for (let count = 0; count < 8; count++) {
    expect(await countAgents(bundle.mine)).toBe(1)
    expect(await countAgents(bundle.theirs)).toBe(0)
    expect(await bundle.database.asSystem('a test', countAgents)).toBeGreaterThanOrEqual(1)
  }
})

describe('prepare: false', () => {
  let database: Database

  beforeAll(() => {
    database = createDatabase({ ...bundle.test.target, poolSize: 1, prepare: false })
  })

  afterAll(async () => {
    await database.close()
  })

  test('leaves no name on the server', async () => {
    const tenant = database.forTenant(bundle.mine.orgId)
    // on the embedded engine the session has the names of the other tests too
    const before = await prepared(tenant)
    await tenant.agents.find()
    await tenant.transaction(async (trx) => {
      await trx.agents.find()
      await trx.transaction(async (nested) => await nested.agents.find())
    })
    for await (const _ of tenant.db.selectFrom('ibex_core.agents').selectAll().stream(1)) break
    expect(await prepared(tenant)).toEqual(before)
  })
})
