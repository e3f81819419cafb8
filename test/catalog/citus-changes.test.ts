/** The statements that docs/scaling.md writes for Citus, run on PostgreSQL: what they change, and that tenants stay apart. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertAgent } from '../support/factories.ts'
import { failure, openTwoTenants, type TwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { readCitusTables } from './citus-catalog.ts'
import { citusPlan, knownActions } from './citus-exceptions.ts'
import { citusObjections } from './citus-rules.ts'

let tenants: TwoTenants
let blocks: readonly string[]
/** The tables in the order in which they would be distributed. */
let distributed: readonly string[]

beforeAll(async () => {
  tenants = await openTwoTenants()
  const text = await readFile(join(import.meta.dirname, '../../docs/scaling.md'), 'utf8')
  blocks = Array.from(text.matchAll(/^```sql\n(.*?)^```$/gms), ([, block = '']) => block)
  const policies = await written('alter policy')
  const keys = await written('drop constraint')
  for (const { statement } of policies) await run(statement)
  for (const { before } of keys) await run(before)
  distributed = (await written('create_distributed_table')).map(({ statement = '' }) => named(statement))
  for (const { after } of keys) await run(after)
  await insertAgent(tenants.admin, { org_id: tenants.mine.orgId, slug: 'mine' })
  await insertAgent(tenants.admin, { org_id: tenants.theirs.orgId, slug: 'theirs' })
})

afterAll(async () => {
  await tenants.close()
})

/** What the query of the document with this text in it writes. */
async function written(part: string): Promise<Record<string, string>[]> {
  const found = blocks.filter((block) => block.includes(part))
  expect(found).toHaveLength(1)
  const { rows } = await sql.raw<Record<string, string>>(found.join('')).execute(tenants.admin)
  expect(rows.length).toBeGreaterThan(15)
  return rows
}

async function run(statement = ''): Promise<void> {
  await sql.raw(statement).execute(tenants.admin)
}

test('leave nothing that Citus refuses but triggers', async () => {
  const tables = await readCitusTables(tenants.admin, 'ibex_core')
  const refused = new Set(citusObjections(tables, citusPlan).map(({ rule }) => rule))
  expect([...refused]).toEqual(['trigger'])
  const keys = tables.flatMap((table) => table.keys)
  const { length } = keys.filter(({ name, onDelete }) => onDelete === 'a' && knownActions.includes(name))
  expect(length).toBe(knownActions.length)
})

test('distribute every table after those that it refers to, and name every reference table', async () => {
  const tables = await readCitusTables(tenants.admin, 'ibex_core')
  const first = blocks.filter((block) => block.includes('create_reference_table')).join('')
  const references = Array.from(first.matchAll(/create_reference_table\('(.*)'\)/g), ([, name = '']) => name)
  expect(new Set(references)).toEqual(citusPlan.references)
  const order = [...references, ...distributed]
  const expected = tables.map(({ name }) => name).filter((name) => !citusPlan.locals.has(name))
  expect(order.toSorted()).toEqual(expected.toSorted())
  for (const { name, keys } of tables) {
    // the keys that set to null have been dropped at this point
    const targets = keys.filter((key) => !knownActions.includes(key.name)).map(({ target }) => target)
    const late = targets.filter((target) => order.indexOf(target) > order.indexOf(name))
    expect({ name, late }).toEqual({ name, late: [] })
  }
})

function named(statement: string): string {
  return /^select create_distributed_table\('(.*)', 'org_id'\);$/.exec(statement)?.[1] ?? statement
}

test('hide the rows of other tenants from reading, updating and deleting', async () => {
  const { mine } = tenants
  const areTheirsUnchanged = await watchTheirs(tenants, 'ibex_core.agents')
  const { db } = mine
  expect(await db.selectFrom('ibex_core.agents').select('slug').execute()).toEqual([{ slug: 'mine' }])
  const updated = await db.updateTable('ibex_core.agents').set({ name: 'Renamed' }).executeTakeFirst()
  expect(updated.numUpdatedRows).toBe(1n)
  const deleted = await db.deleteFrom('ibex_core.agents').executeTakeFirst()
  expect(deleted.numDeletedRows).toBe(1n)
  await areTheirsUnchanged()
})

test('refuse rows that are said to be of another tenant', async () => {
  const { mine, theirs } = tenants
  const areTheirsUnchanged = await watchTheirs(tenants, 'ibex_core.agents')
  const error = await failure(
    async () =>
      await sql`insert into ibex_core.agents (org_id, name, slug) values (${theirs.orgId}, 'Planted', 'planted')`.execute(
        mine.db,
      ),
  )
  expect(error).toMatchObject({ name: 'InsufficientPrivilegeError' })
  await areTheirsUnchanged()
})

test('show the system role everything, and untrusted SQL its own tenant', async () => {
  const { database, theirs } = tenants
  const slugs = await database.asSystem(
    'count agents',
    async (system) => await system.db.selectFrom('ibex_core.agents').select('slug').execute(),
  )
  expect(slugs).toContainEqual({ slug: 'theirs' })
  const { rows } = await theirs.untrusted('select slug from ibex_core.agents')
  expect(rows).toEqual([{ slug: 'theirs' }])
})
