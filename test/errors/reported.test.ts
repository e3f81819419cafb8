/** What PostgreSQL reports to one connection, provoked for real: class, code, names, and no value anywhere. */
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as errors from '../../src/errors.ts'
import { insertAgent, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

/** Stands in every value of these tests: it may not come back. */
const canary = 'canary7f3'
const uuid = 'ca4a4700-0000-4000-8000-0000000000f3'

let tenants: TwoTenants
let userId: string

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine } = tenants
  await insertAgent(admin, { org_id: mine.orgId, slug: canary })
  userId = (await insertUser(admin, { org_id: mine.orgId })).id
  await sql`create table public.badges (org_id uuid, user_id uuid,
    constraint badges_fkey foreign key (org_id, user_id) references ibex_core.users)`.execute(admin)
  await sql`insert into public.badges values (${mine.orgId}, ${userId})`.execute(admin)
  await sql`create table public.bookings (during tstzrange, note text, exclude using gist (during with &&))`.execute(
    admin,
  )
  await sql`create table public.codes (number int, name text)`.execute(admin)
  await sql`create unique index codes_key on public.codes (number, lower(name))`.execute(admin)
  await sql`grant select, insert on public.bookings, public.codes to ibex_app`.execute(admin)
  await sql`insert into public.bookings values ('[2024-01-01,2024-01-03)')`.execute(admin)
})

afterAll(async () => {
  await tenants.close()
})

/** The whole error as a log would show it, its causes and hidden fields too. */
function expectNoValues(error: unknown): void {
  const text = inspect(error, { showHidden: true, depth: Infinity, maxStringLength: Infinity })
  for (const value of [canary, uuid, userId, tenants.mine.orgId, tenants.theirs.orgId, '2024-01'])
    expect(text).not.toContain(value)
}

/** The error of a statement, once what holds for every error was checked. */
async function reported(
  run: () => Promise<unknown>,
  ErrorClass: new (...rest: never[]) => errors.DatabaseError,
): Promise<Error> {
  const error = await failure(run)
  expect(error).toBeInstanceOf(ErrorClass)
  expect(error).toMatchObject({ name: ErrorClass.name, isRetryable: false })
  // the voice of errors: lower case, no full stop
  expect(error.message).toMatch(/^[^A-Z].*[^.]$/s)
  expectNoValues(error)
  return error
}

/** Runs raw SQL as the tenant. */
const raw = (statement: string) => async () => await sql.raw(statement).execute(tenants.mine.db)

test('23505: a key that is taken', async () => {
  const { agents } = tenants.mine
  const error = await reported(
    async () => await agents.insert({ name: canary, slug: canary }),
    errors.UniqueViolationError,
  )
  expect(error).toMatchObject({
    code: 'unique_violation',
    sqlState: '23505',
    schema: 'ibex_core',
    table: 'agents',
    constraint: 'agents_org_id_slug_key',
    columns: [],
  })
  expect(error.message).toBe(
    'constraint "agents_org_id_slug_key" of "agents": another row of this tenant has the same key',
  )
})

test('23505: a key of a table without row-level security, of which PostgreSQL names the columns', async () => {
  await raw(`insert into public.codes values (1, '${canary}')`)()
  expect(
    await reported(raw(`insert into public.codes values (1, '${canary}')`), errors.UniqueViolationError),
  ).toMatchObject({
    code: 'unique_violation',
    sqlState: '23505',
    schema: 'public',
    table: 'codes',
    constraint: 'codes_key',
    columns: ['number', 'lower(name)'],
  })
})

test('23503: a row that refers to nothing', async () => {
  const error = await reported(
    async () => await tenants.mine.agents.insert({ name: canary, slug: 'x', created_by: uuid }),
    errors.ForeignKeyViolationError,
  )
  expect(error).toMatchObject({
    code: 'foreign_key_violation',
    sqlState: '23503',
    table: 'agents',
    constraint: 'agents_org_id_created_by_fkey',
    columns: [],
  })
  expect(error.message).toMatch(/the row it refers to does not exist for this tenant$/)
})

test('23503: a row that others refer to', async () => {
  const error = await reported(
    async () => await tenants.mine.users.delete(userId),
    errors.ForeignKeyViolationError,
  )
  expect(error).toMatchObject({
    code: 'foreign_key_violation',
    sqlState: '23503',
    table: 'badges',
    constraint: 'badges_fkey',
    columns: [],
  })
  expect(error.message).toMatch(/other rows still refer to this row: delete them first$/)
})

test('23502: a required column without a value', async () => {
  const statement = `insert into ibex_core.agents (slug) values ('${canary}-2')`
  expect(await reported(raw(statement), errors.NotNullViolationError)).toMatchObject({
    code: 'not_null_violation',
    sqlState: '23502',
    schema: 'ibex_core',
    table: 'agents',
    columns: ['name'],
  })
})

test('23514: a value that a check refuses', async () => {
  const row = { name: canary, slug: 'x', status: canary as 'active' }
  expect(
    await reported(async () => await tenants.mine.agents.insert(row), errors.CheckViolationError),
  ).toMatchObject({
    code: 'check_violation',
    sqlState: '23514',
    table: 'agents',
    constraint: 'agents_status_check',
    columns: [],
  })
})

test('23P01: a row that overlaps another', async () => {
  const statement = `insert into public.bookings values ('[2024-01-02,2024-01-04)', '${canary}')`
  expect(await reported(raw(statement), errors.ExclusionViolationError)).toMatchObject({
    code: 'exclusion_violation',
    sqlState: '23P01',
    table: 'bookings',
    constraint: 'bookings_during_excl',
    columns: ['during'],
  })
})

describe('class 22: a value that does not fit', () => {
  test.each([
    ['22P02', `select id from ibex_core.agents where id = '${canary}'`],
    ['22003', `select 2147483647 + length('${canary}')`],
    ['22007', `select '${canary}'::date`],
    ['22008', `select '2024-01-32'::date`],
    ['22012', `select length('${canary}') / 0`],
    ['22023', `select set_config('work_mem', '${canary}', true)`],
    ['22P02', `select '{"${canary}": '::jsonb`],
    ['22000', `select '[1,2]'::vector <=> '[1,2,3]'::vector, '${canary}'`],
  ])('%s in %s', async (sqlState, statement) => {
    const error = await reported(raw(statement), errors.DataExceptionError)
    expect(error).toMatchObject({
      code: 'data_exception',
      sqlState,
      columns: [],
    })
    // PostgreSQL's own message quotes the input
    expect(error.cause).toBeUndefined()
  })
})

describe('42501: what the role may not do', () => {
  test.each([
    [
      'a policy refuses',
      () => `insert into ibex_core.agents (org_id, name, slug)
      values ('${tenants.theirs.orgId}', '${canary}', '${canary}')`,
    ],
    ['was never granted', () => 'truncate ibex_core.agents'],
    ['only an owner may do', () => `comment on table ibex_core.agents is '${canary}'`],
    ['would move a row', () => `update ibex_core.agents set org_id = '${tenants.theirs.orgId}'`],
  ])('%s', async (_, statement) => {
    expect(
      await reported(async () => await raw(statement())(), errors.InsufficientPrivilegeError),
    ).toMatchObject({
      code: 'insufficient_privilege',
      sqlState: '42501',
      columns: [],
    })
  })
})

test('42501: a schema that the role may not use', async () => {
  await sql`create schema closed`.execute(tenants.admin)
  await sql`create table closed.things (id int)`.execute(tenants.admin)
  const error = await reported(raw('select from closed.things'), errors.InsufficientPrivilegeError)
  expect(error.message).toContain('may not use the schema: run the migrations')
})

test('25006: a write in a read-only transaction', async () => {
  const { mine } = tenants
  const write = async (): Promise<unknown> =>
    await mine.transaction(async (trx) => await trx.agents.insert({ name: canary, slug: 'x' }), {
      readOnly: true,
    })
  expect(await reported(write, errors.ReadOnlyTransactionError)).toMatchObject({
    code: 'read_only_sql_transaction',
    sqlState: '25006',
    columns: [],
  })
})

test.each([
  ['42P01', 'select from public.rumours'],
  ['42883', `select public.rumour('${canary}')`],
  ['3F000', `select rumours.spread('${canary}')`],
])('%s: a name that does not exist', async (sqlState, statement) => {
  expect(await reported(raw(statement), errors.UndefinedObjectError)).toMatchObject({
    code: 'undefined_object',
    sqlState,
    columns: [],
  })
})

test(
  '57014: a statement that takes too long',
  skipOnEmbedded('the embedded engine has no timer that interrupts a statement'),
  async () => {
    const { mine } = tenants
    const wait = async (): Promise<unknown> =>
      await mine.transaction(async (trx) => await sql`select pg_sleep(5), ${canary}`.execute(trx.db), {
        statementTimeout: 50,
      })
    expect(await reported(wait, errors.QueryCanceledError)).toMatchObject({
      code: 'query_canceled',
      sqlState: '57014',
      columns: [],
    })
  },
)

test('passes an error through that it knows no condition for, without the values that PostgreSQL adds', async () => {
  const error = await failure(
    raw(`do $$ begin raise exception 'out of stock' using detail = '${canary}', errcode = 'P0042'; end $$`),
  )
  expect(error).not.toBeInstanceOf(errors.IbexError)
  expect(error).toMatchObject({ message: 'out of stock', code: 'P0042' })
  expectNoValues(error)
})

test('says that the organization is unknown where the tenant has none, of partitioned tables too', async () => {
  const nobody = tenants.database.forTenant(uuid)
  const embedding = new Float32Array(384).fill(1)
  for (const write of [
    async () => await nobody.agents.insert({ name: canary, slug: canary }),
    async () => await nobody.memories.add({ agentId: null, content: canary, embedding, category: 'factual' }),
  ]) {
    const error = await failure(write)
    expect(error).toBeInstanceOf(errors.UnknownOrganizationError)
    expect(error).toMatchObject({ code: 'unknown_organization', isRetryable: false })
    expectNoValues(error)
  }
})
