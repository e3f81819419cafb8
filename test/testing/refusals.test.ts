import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { InsufficientPrivilegeError, InvalidArgumentError, NotEmptyDatabaseError } from '../../src/errors.ts'
import { TenantIsolationError } from '../../src/testing/assertion-errors.ts'
import { expectTenantIsolation } from '../../src/testing/expect-tenant-isolation.ts'
import type { IsolationReport } from '../../src/testing/isolation-report.ts'
import type { TestingOptions } from '../../src/testing/options.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { failure } from '../support/two-tenants.ts'
import { openShop } from './open-shop.ts'
import type { OpenShop } from './open-shop.ts'

let shop: OpenShop

beforeAll(async () => {
  shop = await openShop()
})

beforeEach(async () => {
  await shop.plant()
})

afterAll(async () => {
  await shop.close()
})

async function prove(options: TestingOptions = {}): Promise<IsolationReport> {
  return await expectTenantIsolation(shop.target, { ...shop.options, ...options })
}

async function refused(options: TestingOptions): Promise<Error> {
  return await failure(async () => await prove(options))
}

test('refuses a database that holds rows, unless told otherwise, and leaves them as they are', async () => {
  await sql`insert into shop.tenants (name) values ('real')`.execute(shop.admin)
  const error = await refused({})
  expect(error).toBeInstanceOf(NotEmptyDatabaseError)
  expect(error).toHaveProperty('table', 'shop.tenants')

  expect((await prove({ acceptExistingRows: true })).violations).toEqual([])
  const { rows } = await sql`select name from shop.tenants`.execute(shop.admin)
  expect(rows).toEqual([{ name: 'real' }])
})

/** No constraint says what the trigger wants. */
const picky = `create function shop.pick() returns trigger language plpgsql as $$ begin
    if new.body not like 'please %' then raise 'say please'; end if; return new; end $$;
  create trigger pick before insert on shop.notes for each row execute function shop.pick()`

test('fails over a table that it cannot fill, and says what the database said', async () => {
  await shop.plant(picky)
  const error = await refused({})
  expect(error).toBeInstanceOf(TenantIsolationError)
  expect(error.message).toContain('table shop.notes: no rows, so that nothing is proven of it')
  expect(error.message).toContain('say please (P0001)')
})

test('takes the values of a factory', async () => {
  await shop.plant(picky)
  const asked: unknown[] = []
  const { tables, unfilled } = await prove({
    factories: {
      'shop.notes': (context) => {
        asked.push(context)
        return { body: `please be number ${context.number} of ${context.tenant ?? ''}` }
      },
    },
  })
  expect({ tables, unfilled }).toEqual({ tables: 7, unfilled: [] })
  expect(asked).toContainEqual({ tenant: expect.any(String) as string, number: 2 })
})

test('leaves out what is exempt, and says so with the reason', async () => {
  await shop.plant(
    `${picky}; grant select on sequence shop.jobs to app; alter function shop.order_count(bigint) security definer`,
  )
  const exempt = {
    'shop.notes': 'only the archive writes here',
    'shop.jobs': 'numbers of jobs are no secret',
    'shop.order_count': 'is called by the billing alone',
  }
  const { tables, skipped } = await prove({ exempt })
  expect(tables).toBe(6)
  for (const [object, reason] of Object.entries(exempt)) expect(skipped).toContainEqual({ object, reason })
})

test.each([
  [{ role: 'nobody_is_called_this' }, 'role'],
  [{ tenantColumn: 'no_such_column', setting: 'no.such_setting' }, 'tenantColumn'],
  [{ schemas: ['no_such_schema'] }, 'schemas'],
  [{ exempt: { 'shop.notes': ' ' } }, 'exempt'],
  [{ exempt: { 'shop.nothing': 'a reason' } }, 'exempt'],
  [{ factories: { 'shop.nothing': () => ({}) } }, 'factories'],
  [{ seed: 0.5 }, 'seed'],
  [{ tenant: 'x' }, 'tenant'],
])('refuses options that cannot be meant: %o', async (options, argument) => {
  // what a caller without types can hand in
  const error = await refused(options as TestingOptions)
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toHaveProperty('argument', argument)
})

test('refuses what is no database', async () => {
  for (const database of [undefined, null, 'postgresql://localhost/x', {}])
    // what a caller without types can hand in
    expect(await failure(async () => await expectTenantIsolation(database as never))).toBeInstanceOf(
      InvalidArgumentError,
    )
})

test('refuses a login that is no superuser', skipOnEmbedded('one login'), async () => {
  await sql.raw(`alter role ${shop.role} login password 'x'`).execute(shop.admin)
  const url = new URL('url' in shop.target ? shop.target.url : '')
  url.username = shop.role
  url.password = 'x'
  const error = await failure(async () => await expectTenantIsolation({ url: url.href }, shop.options))
  expect(error).toBeInstanceOf(InsufficientPrivilegeError)
})

test('finds its way with settings of its own', async () => {
  await shop.plant(`create or replace function shop.current_tenant() returns bigint language sql stable
    return (nullif(current_setting('shop.claims', true), '')::jsonb ->> 'tenant')::bigint`)
  expect((await prove({ settings })).violations).toEqual([])
  expect((await refused({})).message).toContain('the tenant does not see its own rows')
})

function settings(tenant: string): Record<string, string> {
  return { 'shop.claims': JSON.stringify({ tenant }) }
}
