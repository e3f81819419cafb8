/** Tables that all tenants share, made by `createGlobalTable`. */
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { MigrationError } from '../../src/errors.ts'
import { textOfLength } from '../../src/migration/columns.ts'
import { createGlobalTable } from '../../src/migration/create-global-table.ts'
import { dumpSchema } from '../../src/migration/dump-schema.ts'
import { nextMoment } from '../support/next-moment.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin } = tenants
  // what an administrator may have left behind: every new table open to everybody
  await sql`alter default privileges in schema public grant all on tables to ibex_app, ibex_search, public`.execute(
    admin,
  )
  await createGlobalTable(admin, 'public.currencies', {
    comment: 'A currency.',
    softDelete: true,
    columns: { code: textOfLength(3, 3, { comment: 'As ISO 4217 has it.' }), name: { type: 'text' } },
    unique: [['code'], ['name', 'code']],
    checks: [{ columns: ['name', 'code'], condition: 'name <> code' }],
  })
  await createGlobalTable(admin, 'public.rates', {
    comment: 'What a currency is worth.',
    columns: {
      currency_id: { type: 'uuid' },
      base_id: { type: 'uuid', optional: true },
      source_id: { type: 'uuid' },
      rate: { type: 'double precision' },
    },
    references: [
      { column: 'currency_id', table: 'public.currencies', onDelete: 'cascade' },
      { column: 'base_id', table: 'public.currencies', onDelete: 'set null' },
      { column: 'source_id', table: 'public.currencies', onDelete: 'no action' },
    ],
  })
})

afterEach(async () => {
  await sql`delete from public.rates`.execute(tenants.admin)
  await sql`delete from public.currencies`.execute(tenants.admin)
})

afterAll(async () => {
  await tenants.close()
})

async function column(query: ReturnType<typeof sql>): Promise<readonly unknown[]> {
  const { rows } = await query.execute(tenants.admin)
  // every query below selects one column and calls it value
  return rows.map((row) => (row as { readonly value: unknown }).value)
}

async function insertCurrency(code: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`insert into public.currencies (code, name)
    values (${code}, ${`The ${code}`}) returning id`.execute(tenants.admin)
  return rows[0]?.id ?? ''
}

test('has an id, times, comments, and no tenant', async () => {
  const names = await column(sql`select attname::text as value from pg_attribute
    where attrelid = 'public.currencies'::regclass and attnum > 0 order by attnum`)
  expect(names).toEqual(['id', 'code', 'name', 'created_at', 'updated_at', 'deleted_at'])
  expect(await column(sql`select obj_description('public.currencies'::regclass) as value`)).toEqual([
    'A currency.',
  ])
  expect(await column(sql`select col_description('public.currencies'::regclass, 2) as value`)).toEqual([
    'As ISO 4217 has it.',
  ])
})

test('has the keys, checks and references that were asked for, by the names of the house', async () => {
  const constraints =
    await column(sql`select conname || ': ' || pg_get_constraintdef(oid) as value from pg_constraint
    where conrelid in ('public.currencies'::regclass, 'public.rates'::regclass) and contype <> 'n' order by conname`)
  expect(constraints).toEqual([
    'currencies_code_check: CHECK (((char_length(code) >= 3) AND (char_length(code) <= 3)))',
    'currencies_code_key: UNIQUE (code)',
    'currencies_id_pkey: PRIMARY KEY (id)',
    'currencies_name_code_check: CHECK ((name <> code))',
    'currencies_name_code_key: UNIQUE (name, code)',
    'rates_base_id_fkey: FOREIGN KEY (base_id) REFERENCES currencies(id) ON DELETE SET NULL',
    'rates_currency_id_fkey: FOREIGN KEY (currency_id) REFERENCES currencies(id) ON DELETE CASCADE',
    'rates_id_pkey: PRIMARY KEY (id)',
    'rates_source_id_fkey: FOREIGN KEY (source_id) REFERENCES currencies(id)',
  ])
})

test('finds the rows that refer to a deleted one by an index', async () => {
  const indexes = await column(sql`select indexrelid::regclass::text as value from pg_index
    where indrelid = 'public.rates'::regclass and not indisprimary order by 1`)
  expect(indexes).toEqual(['rates_base_id_idx', 'rates_currency_id_idx', 'rates_source_id_idx'])
})

test('gives tenants the right to read, the system role those to write, and nobody another', async () => {
  for (const table of ['public.currencies', 'public.rates']) {
    const granted = await column(sql`
      select coalesce(nullif(grantee, 0)::regrole::text, 'public') || ' ' || privilege_type as value
      from pg_class, aclexplode(relacl) where pg_class.oid = ${table}::regclass and grantee <> relowner order by 1`)
    expect(granted).toEqual([
      'ibex_app SELECT',
      'ibex_system DELETE',
      'ibex_system INSERT',
      'ibex_system SELECT',
      'ibex_system UPDATE',
    ])
  }
})

test('is read by every tenant and written by none', async () => {
  const id = await insertCurrency('EUR')
  for (const { db } of [tenants.mine, tenants.theirs]) {
    const { rows } = await sql`select code from public.currencies`.execute(db)
    expect(rows).toEqual([{ code: 'EUR' }])
  }
  const before = await column(sql`select to_jsonb(c) as value from public.currencies c`)
  for (const write of [
    sql`insert into public.currencies (code, name) values ('USD', 'Dollar')`,
    sql`update public.currencies set name = 'x' where id = ${id}`,
    sql`delete from public.currencies`,
    sql`truncate public.currencies cascade`,
    sql`create trigger stolen before insert on public.currencies execute function ibex_core.refuse_change()`,
  ]) {
    expect(await failure(async () => await write.execute(tenants.mine.db))).toMatchObject({
      code: 'insufficient_privilege',
    })
  }
  expect(await column(sql`select to_jsonb(c) as value from public.currencies c`)).toEqual(before)
})

test('is written by the system role, which does not truncate it', async () => {
  await tenants.database.asSystem('a new currency', async ({ db }) => {
    await sql`insert into public.currencies (code, name) values ('USD', 'Dolar')`.execute(db)
    await sql`update public.currencies set name = 'Dollar'`.execute(db)
  })
  const { rows } = await sql`select name from public.currencies`.execute(tenants.theirs.db)
  expect(rows).toEqual([{ name: 'Dollar' }])
  await tenants.database.asSystem('an old currency', async ({ db }) => {
    await sql`delete from public.currencies`.execute(db)
    const truncation = async (): Promise<unknown> => await sql`truncate public.rates`.execute(db)
    expect(await failure(truncation)).toMatchObject({ code: 'insufficient_privilege' })
  })
  expect(await column(sql`select code as value from public.currencies`)).toEqual([])
})

test('moves updated_at when a row really changed, and only then', async () => {
  await insertCurrency('EUR')
  const updatedAt = sql`select updated_at::text as value from public.currencies`
  const before = await column(updatedAt)
  await nextMoment()
  await sql`update public.currencies set name = name`.execute(tenants.admin)
  expect(await column(updatedAt)).toEqual(before)
  await sql`update public.currencies set name = 'Euro'`.execute(tenants.admin)
  expect(await column(updatedAt)).not.toEqual(before)
})

test('does with a row what its references say when the other one is deleted', async () => {
  const [euro, dollar, bank] = [
    await insertCurrency('EUR'),
    await insertCurrency('USD'),
    await insertCurrency('XXX'),
  ]
  const insert = async (currency: string, base: string): Promise<unknown> =>
    await sql`insert into public.rates (currency_id, base_id, source_id, rate)
      values (${currency}, ${base}, ${bank}, 1.1)`.execute(tenants.admin)
  await insert(euro, dollar)
  await insert(dollar, euro)
  await sql`delete from public.currencies where id = ${dollar}`.execute(tenants.admin)
  expect(await column(sql`select base_id as value from public.rates`)).toEqual([null])
  await expect(
    sql`delete from public.currencies where id = ${bank}`.execute(tenants.admin),
  ).rejects.toMatchObject({ code: '23503' })
})

test('refuses a name without a schema, before any SQL', async () => {
  const creation = createGlobalTable(tenants.admin, 'units', { comment: 'A unit.', columns: {} })
  await expect(creation).rejects.toThrow(MigrationError)
})

test('goes away with drop table, and leaves nothing behind', async () => {
  const before = await dumpSchema(tenants.admin)
  const named = sql`select relname::text as value from pg_class where relnamespace = 'public'::regnamespace
      union all select proname from pg_proc where pronamespace = 'public'::regnamespace and prokind = 'f'
        and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e') order by 1`
  const objects = await column(named)
  await createGlobalTable(tenants.admin, 'public.units', {
    comment: 'A unit.',
    columns: { name: { type: 'text' }, currency_id: { type: 'uuid' } },
    unique: [['name']],
    references: [{ column: 'currency_id', table: 'public.currencies', onDelete: 'cascade' }],
  })
  expect(await column(named)).not.toEqual(objects)
  await sql`drop table public.units`.execute(tenants.admin)
  expect(await column(named)).toEqual(objects)
  expect(await dumpSchema(tenants.admin)).toBe(before)
})
