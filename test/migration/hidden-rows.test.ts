/** Row 3 of the ways it goes wrong: FORCE makes the owner's migrations lie. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { addTenantForeignKey } from '../../src/migration/references.ts'
import { withoutForce } from '../../src/migration/without-force.ts'
import { setup } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'

const owner = `owner_${process.pid}_${Date.now()}`
let database: TestDatabase

beforeAll(async () => {
  database = await setup()
  const { admin } = database
  await createTenantTable(admin, 'public.parents', { comment: 'What notes refer to.', columns: {} })
  await createTenantTable(admin, 'public.notes', {
    comment: 'A note that refers to a parent that does not exist.',
    partitions: 2,
    columns: { parent_id: { type: 'uuid' }, title: { type: 'text', optional: true } },
  })
  await sql`with organization as (insert into ibex_core.organizations (name, slug) values ('A', 'hidden-rows') returning id)
    insert into public.notes (org_id, parent_id) select id, gen_random_uuid() from organization`.execute(
    admin,
  )
  await sql`create role ${sql.id(owner)}`.execute(admin)
  await sql`alter table public.parents owner to ${sql.id(owner)}`.execute(admin)
  for (const table of ['notes', 'notes_p00', 'notes_p01'])
    await sql`alter table ${sql.table(`public.${table}`)} owner to ${sql.id(owner)}`.execute(admin)
  await sql`grant create on schema public to ${sql.id(owner)}`.execute(admin)
})

afterAll(async () => {
  await sql`drop table public.notes, public.parents`.execute(database.admin)
  await sql`revoke all on schema public from ${sql.id(owner)}`.execute(database.admin)
  await sql`drop role ${sql.id(owner)}`.execute(database.admin)
  await database.close()
})

const foreignKey = sql`alter table public.notes add constraint notes_parent_fkey
  foreign key (org_id, parent_id) references public.parents (org_id, id)`

test('without row_security off, PostgreSQL calls a violated foreign key valid and updates no row', async () => {
  await asOwner('on', async (trx) => {
    await foreignKey.execute(trx)
    const { rows } = await sql`select convalidated from pg_constraint where conname = 'notes_parent_fkey'
      and conrelid = 'public.notes'::regclass and conparentid = 0`.execute(trx)
    expect(rows).toEqual([{ convalidated: true }])
    const { numAffectedRows } = await sql`update public.notes set title = 'x'`.execute(trx)
    expect(numAffectedRows).toBe(0n)
  })
})

test('with row_security off, a hidden violating row fails the migration', async () => {
  await expect(asOwner('off', async (trx) => await foreignKey.execute(trx))).rejects.toThrow(
    expect.objectContaining({ code: '42501' }),
  )
})

test('with row_security off, a backfill that would find no row fails the migration', async () => {
  const backfill = asOwner('off', async (trx) => await sql`update public.notes set title = 'x'`.execute(trx))
  await expect(backfill).rejects.toThrow(expect.objectContaining({ code: '42501' }))
})

test('addTenantForeignKey checks the rows of all tenants', async () => {
  const reference = { columns: ['parent_id'], table: 'public.parents', onDelete: 'cascade' } as const
  const violated = asOwner('off', async (trx) => {
    await addTenantForeignKey(trx, 'public.notes', reference)
  })
  await expect(violated).rejects.toThrow(expect.objectContaining({ code: '23503' }))

  await asOwner('off', async (trx) => {
    await withoutForce(trx, ['public.notes', 'public.parents'], async () => {
      await sql`insert into public.parents (org_id, id) select org_id, parent_id from public.notes`.execute(
        trx,
      )
    })
    await addTenantForeignKey(trx, 'public.notes', reference)
    expect(await forced(trx)).toEqual(['notes', 'notes_p00', 'notes_p01', 'parents'])
  })
})

test('withoutForce lets the owner change the rows of all tenants, then forces row-level security again', async () => {
  await asOwner('off', async (trx) => {
    const { numAffectedRows } = await withoutForce(trx, ['public.notes'], async () => {
      expect(await forced(trx)).toEqual(['parents'])
      return await sql`update public.notes set title = 'x'`.execute(trx)
    })
    expect(numAffectedRows).toBe(1n)
    expect(await forced(trx)).toEqual(['notes', 'notes_p00', 'notes_p01', 'parents'])
  })
})

test('withoutForce forces row-level security again when the callback throws', async () => {
  await asOwner('off', async (trx) => {
    const broken = withoutForce(trx, ['public.notes'], async () => await Promise.reject(new Error('broken')))
    await expect(broken).rejects.toThrow('broken')
    expect(await forced(trx)).toEqual(['notes', 'notes_p00', 'notes_p01', 'parents'])
  })
})

test('withoutForce refuses to work outside a transaction', async () => {
  const open = withoutForce(database.admin, ['public.notes'], async () => await Promise.resolve())
  await expect(open).rejects.toThrow(/needs a transaction/)
})

/** Runs the callback as the tables' owner, who is no superuser, and rolls back. */
async function asOwner(
  rowSecurity: 'on' | 'off',
  callback: (trx: Kysely<unknown>) => Promise<unknown>,
): Promise<void> {
  const trx = await (database.admin as Kysely<unknown>).startTransaction().execute()
  try {
    await sql`select set_config('role', ${owner}, true), set_config('row_security', ${rowSecurity}, true)`.execute(
      trx,
    )
    await callback(trx)
  } finally {
    await trx.rollback().execute()
  }
}

async function forced(trx: Kysely<unknown>): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`select relname::text as name from pg_class
    where relnamespace = 'public'::regnamespace and relforcerowsecurity order by 1`.execute(trx)
  return rows.map(({ name }) => name)
}
