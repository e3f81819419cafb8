import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import {
  insertMemory,
  insertOrganization,
  insertProduct,
  insertProject,
  insertRole,
  insertSession,
  insertTeam,
  insertUser,
} from './factories.ts'
import { insertNeighbour, neighbourId } from './neighbour.ts'
import { emptyDatabase, setup, type TestDatabase } from './setup.ts'

async function open(opening: Promise<TestDatabase>): Promise<TestDatabase> {
  const database = await opening
  onTestFinished(async () => {
    await database.close()
  })
  return database
}

async function findOnlyMine({ admin }: TestDatabase): Promise<readonly { id: string }[]> {
  return await admin
    .selectFrom('ibex_core.organizations')
    .select('id')
    .where('slug', '=', 'only-mine')
    .execute()
}

test('gives each caller a migrated database of its own', async () => {
  const mine = await open(setup())
  const theirs = await open(setup())
  const { id } = await insertOrganization(mine.admin, { slug: 'only-mine' })

  expect(await findOnlyMine(mine)).toEqual([{ id }])
  expect(await findOnlyMine(theirs)).toEqual([])
})

test('gives an empty database without the schema and its extension', async () => {
  const { admin } = await open(emptyDatabase())
  const found = await sql`
    select nspname from pg_namespace where nspname = 'ibex_core'
    union all select extname from pg_extension where extname = 'vector'`.execute(admin)
  expect(found.rows).toEqual([])
})

test('makes rows whose unique keys two tenants share', async () => {
  const { admin } = await open(setup())
  for (const slug of ['one', 'two']) {
    const { id } = await insertOrganization(admin, { slug })
    const user = await insertUser(admin, { org_id: id })
    const session = await insertSession(admin, { org_id: id, user_id: user.id })
    const memory = await insertMemory(admin, { org_id: id, session_id: session.id })
    const made = {
      team: (await insertTeam(admin, { org_id: id, owner_id: user.id })).slug,
      role: (await insertRole(admin, { org_id: id })).name,
      project: (await insertProject(admin, { org_id: id })).slug,
      product: (await insertProduct(admin, { org_id: id })).sku,
    }
    expect(made).toEqual({ team: 'team-1', role: 'Role 1', project: 'project-1', product: 'sku-1' })
    expect(user.email).toBe('user-1@example.com')
    expect(memory.embedding).toHaveLength(384)
  }
})

test('finds rows of the neighbour in every tenant table of the catalog', async () => {
  const { admin } = await open(setup())
  await admin.deleteFrom('ibex_core.organizations').where('id', '=', neighbourId).execute()
  await insertNeighbour(admin)

  const tables = await tenantTables(admin)
  const empty: string[] = []
  for (const { name } of tables) {
    const { rows } = await sql`select from ${sql.table(name)} where org_id = ${neighbourId} limit 1`.execute(
      admin,
    )
    if (rows.length === 0) empty.push(name)
  }
  expect(tables.length).toBeGreaterThan(0)
  expect(empty).toEqual([])
})

async function tenantTables(admin: TestDatabase['admin']): Promise<readonly { name: string }[]> {
  const { rows } = await sql<{ name: string }>`
    select format('%s.%s', n.nspname, c.relname) as name
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where a.attname = 'org_id' and c.relkind in ('r', 'p') and not c.relispartition and n.nspname = 'ibex_core'
    order by 1`.execute(admin)
  return rows
}
