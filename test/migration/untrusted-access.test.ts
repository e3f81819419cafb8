import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { closeToUntrusted, openToUntrusted } from '../../src/migration/untrusted-access.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  await createTenantTable(admin, 'public.notes', {
    comment: 'A note.',
    columns: { body: { type: 'text' }, secret: { type: 'text', default: "'hush'" } },
  })
  for (const [org, body] of [
    [mine, 'mine'],
    [theirs, 'theirs'],
  ] as const)
    await sql`insert into public.notes (org_id, body) values (${org.orgId}, ${body})`.execute(admin)
})

afterAll(async () => {
  await tenants.close()
})

test('opens the columns named, for the rows of the tenant, and closes them again', async () => {
  const { admin, mine, theirs } = tenants
  const read = async (query: string): Promise<unknown> => (await mine.untrusted(query)).rows
  const refused = { sqlState: '42501' }
  expect(await failure(async () => await read('select body from notes'))).toMatchObject(refused)
  await openToUntrusted(admin, 'public.notes', { columns: ['org_id', 'body'] })
  expect(await read('select body from notes')).toEqual([{ body: 'mine' }])
  expect((await theirs.untrusted('select body from notes')).rows).toEqual([{ body: 'theirs' }])
  expect(await failure(async () => await read('select secret from notes'))).toMatchObject(refused)
  await closeToUntrusted(admin, 'public.notes')
  expect(await failure(async () => await read('select body from notes'))).toMatchObject(refused)
})

test('leaves what tenants themselves may do as it was', async () => {
  const { admin, mine } = tenants
  await openToUntrusted(admin, 'public.notes', { columns: ['org_id', 'body'] })
  const { rows } = await sql`select body, secret from public.notes`.execute(mine.db)
  expect(rows).toEqual([{ body: 'mine', secret: 'hush' }])
  await closeToUntrusted(admin, 'public.notes')
})
