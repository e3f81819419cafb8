/** What the role that erases may do, and who may make it do so, asked of the catalog. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { asTenant, createTenant, insertMemory } from './as-tenant.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await setup()
  await createTenantTable(database.admin, 'public.visits', {
    comment: 'A visit.',
    appendOnly: true,
    columns: { visitor: { type: 'text' } },
  })
})

afterAll(async () => {
  await database.close()
})

async function column(query: ReturnType<typeof sql<{ value: string }>>): Promise<string[]> {
  const { rows } = await query.execute(database.admin)
  return rows.map(({ value }) => value)
}

test('runs as a role that nobody is but the migrations’ login, that is held by the policies of tenants', async () => {
  const { rows } =
    await sql`select rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb as mighty,
      array(select roleid::regrole::text from pg_auth_members where member = role.oid) as acts_as,
      array(select member::regrole::text from pg_auth_members join pg_roles on pg_roles.oid = member
        where roleid = role.oid and rolname like 'ibex%') as acted_as_by
    from pg_roles as role where rolname = 'ibex_eraser'`.execute(database.admin)
  expect(rows).toEqual([{ mighty: false, acts_as: ['ibex_app'], acted_as_by: [] }])
})

test('gives it two functions and nothing else, each for one role to call, none looking up a path', async () => {
  const owned =
    await column(sql`select proname || ' ' || array_to_string(proconfig, ' ') || ' ' || array_to_string(array(
      select grantee::regrole::text from aclexplode(proacl) where grantee <> proowner), ' ') as value
    from pg_proc where proowner = 'ibex_eraser'::regrole and prosecdef order by 1`)
  expect(owned).toEqual([
    'erase_organization search_path="" enable_seqscan=off jit=off ibex_system',
    'erase_subject search_path="" ibex_app',
  ])
  const others =
    await column(sql`select oid::regclass::text as value from pg_class where relowner = 'ibex_eraser'::regrole
    union all select nspname from pg_namespace where has_schema_privilege('ibex_eraser', oid, 'create')`)
  expect(others).toEqual([])
})

test('opens to it every append-only table, a consumer’s included, and beside these what an organization is', async () => {
  const appendOnly = await column(sql`select tgrelid::regclass::text as value from pg_trigger
    where tgfoid = 'ibex_core.refuse_change'::regproc group by tgrelid order by 1`)
  const opened =
    await column(sql`select pg_class.oid::regclass::text as value from pg_class, aclexplode(relacl)
    where grantee = 'ibex_eraser'::regrole and privilege_type in ('UPDATE', 'DELETE')
    group by pg_class.oid having count(*) = 2 order by 1`)
  expect(appendOnly).toContain('visits')
  expect(opened).toEqual([...appendOnly, 'ibex_core.organizations'].toSorted())
})

test('lets the system role alone read what is left of a tenant', async () => {
  const rights = await column(sql`select grantee::regrole || ' ' || privilege_type as value
    from pg_class, aclexplode(relacl) where pg_class.oid = 'ibex_core.organization_erasures'::regclass
      and grantee <> relowner order by 1`)
  const ofErasure = ['DELETE', 'INSERT', 'SELECT', 'UPDATE'].map((right) => `ibex_eraser ${right}`)
  expect(rights).toEqual([...ofErasure, 'ibex_system SELECT'])
})

test('erases nothing without a tenant, nor with another tenant’s setting', async () => {
  const { admin } = database
  const [mine, theirs] = [await createTenant(admin, 'mine'), await createTenant(admin, 'theirs')]
  const id = await asTenant(admin, mine.orgId, async (trx) => await insertMemory(trx, mine.agentId, 'mine'))
  const erase = sql`select from ibex_core.erase_subject('memory', ${id}, 'a reason', true, false)`
  const without = asTenant(admin, '', async (trx) => await erase.execute(trx))
  await expect(without).rejects.toThrow('nothing is erased without a tenant')
  const { rows } = await asTenant(admin, theirs.orgId, async (trx) => await erase.execute(trx))
  expect(rows).toEqual([])
  expect(await column(sql`select content as value from ibex_core.memories where id = ${id}`)).toEqual([
    'mine',
  ])
})

test('rewrites no history by itself: a tenant’s statement is refused with an erasure before it', async () => {
  const { admin } = database
  const { orgId, agentId } = await createTenant(admin, 'history')
  const kept = await asTenant(admin, orgId, async (trx) => await insertMemory(trx, agentId, 'kept'))
  const attempt = asTenant(admin, orgId, async (trx) => {
    const id = await insertMemory(trx, agentId, 'gone')
    await sql`select from ibex_core.erase_subject('memory', ${id}, 'a reason', true, false)`.execute(trx)
    await sql`delete from ibex_core.memory_versions where memory_id = ${kept}`.execute(trx)
  })
  await expect(attempt).rejects.toThrow(expect.objectContaining({ code: '42501' }))
})
