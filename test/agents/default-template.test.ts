/** Exactly one default template per role: the database keeps it, whatever plain Kysely writes, and at the same moment. */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  CheckViolationError,
  DeadlockDetectedError,
  ForeignKeyViolationError,
  SerializationFailureError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { TenantScope, TenantTransaction } from '../../src/tenant-scope.ts'
import type { PromptTemplate } from '../../types/database.d.ts'
import { insertPromptTemplate } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'

const table = 'ibex_core.prompt_templates'
let tenants: TwoTenants
let roleId: string
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 20 })
  const foreign = await insertPromptTemplate(tenants.admin, { org_id: tenants.theirs.orgId })
  await insertPromptTemplate(tenants.admin, { org_id: tenants.theirs.orgId, role_id: foreign.role_id })
  theirsUnchanged = await watchTheirs(tenants, table, 'ibex_core.roles')
})

beforeEach(async () => {
  roleId = (await tenants.mine.roles.insert({ name: randomUUID() })).id
})

afterEach(async () => {
  await theirsUnchanged()
  await keepsOneDefault()
})

afterAll(async () => {
  await tenants.close()
})

/** Every role that has templates, of whatever tenant, has one default. */
async function keepsOneDefault(): Promise<void> {
  const { rows } =
    await sql`select role_id, count(*) filter (where is_default) as defaults from ibex_core.prompt_templates
    group by org_id, role_id having count(*) filter (where is_default) <> 1`.execute(tenants.admin)
  expect(rows).toEqual([])
}

const row = (name: string): { role_id: string; name: string; content: string } => ({
  role_id: roleId,
  name,
  content: 'Hi',
})

/** Inserts templates one after the other, so that each is younger than the one before. */
async function insertAll(...names: string[]): Promise<PromptTemplate[]> {
  const inserted: PromptTemplate[] = []
  for (const name of names) inserted.push(await tenants.mine.promptTemplates.insert(row(name)))
  return inserted
}

async function deleteAll(...names: string[]): Promise<void> {
  await tenants.mine.db.deleteFrom(table).where('role_id', '=', roleId).where('name', 'in', names).execute()
}

async function defaultName(): Promise<string | undefined> {
  return (await tenants.mine.promptTemplates.defaultOf(roleId))?.name
}

describe('plain Kysely', () => {
  test('makes the first of several the default, though it says that none is', async () => {
    const values = [{ ...row('a'), is_default: false }, row('b'), row('c')]
    await tenants.mine.db.insertInto(table).values(values).execute()
    expect(await defaultName()).toBe('a')
  })

  test('moves the default by an update to true', async () => {
    await insertAll('a', 'b', 'c')
    await tenants.mine.db
      .updateTable(table)
      .set({ is_default: true, content: 'Hello' })
      .where('role_id', '=', roleId)
      .where('name', '=', 'c')
      .execute()
    expect(await defaultName()).toBe('c')
  })

  test('takes the default from no template without giving it to another', async () => {
    await insertAll('a', 'b')
    const { db } = tenants.mine
    const query = db.updateTable(table).set({ is_default: false }).where('role_id', '=', roleId)
    expect(await failure(async () => await query.execute())).toBeInstanceOf(CheckViolationError)
    expect(await defaultName()).toBe('a')
  })

  test('takes it away neither where it has just been moved in the same transaction', async () => {
    const [, second] = await insertAll('a', 'b')
    await tenants.mine.transaction(async (trx) => {
      await trx.promptTemplates.makeDefault(second?.id ?? '')
      const takeAway = async (): Promise<unknown> =>
        await trx.transaction(
          async (inner) => await inner.promptTemplates.update(second?.id ?? '', { is_default: false }),
        )
      expect(await failure(takeAway)).toBeInstanceOf(CheckViolationError)
    })
    expect(await defaultName()).toBe('b')
  })

  test('moves the default not at all when nothing is inserted after all', async () => {
    await insertAll('a', 'b')
    await tenants.mine.db
      .insertInto(table)
      .values([
        { ...row('a'), is_default: true },
        { ...row('b'), is_default: true },
        { ...row('c'), is_default: true },
      ])
      .onConflict((oc) => oc.doNothing())
      .execute()
    expect(await defaultName()).toBe('a')
  })

  test('moves the default when an insert turns into an update to true', async () => {
    await insertAll('a', 'b')
    for (const name of ['b', 'b', 'a']) {
      await tenants.mine.db
        .insertInto(table)
        .values({ ...row(name), is_default: true })
        .onConflict((oc) => oc.columns(['org_id', 'role_id', 'name']).doUpdateSet({ is_default: true }))
        .execute()
      expect(await defaultName()).toBe(name)
    }
  })

  test('inserts no second default', async () => {
    await insertAll('a')
    const query = tenants.mine.db.insertInto(table).values({ ...row('b'), is_default: true })
    expect(await failure(async () => await query.execute())).toBeInstanceOf(UniqueViolationError)
  })

  test('passes the default on to the oldest that is left, and to nobody when none is', async () => {
    await insertAll('a', 'b', 'c', 'd')
    await deleteAll('c')
    expect(await defaultName()).toBe('a')
    await deleteAll('b', 'a')
    expect(await defaultName()).toBe('d')
    await deleteAll('d')
    expect(await defaultName()).toBeUndefined()
    await insertAll('e')
    expect(await defaultName()).toBe('e')
  })

  test('replaces the default within one statement', async () => {
    await insertAll('a', 'b')
    const { name, content } = row('c')
    await sql`with gone as (delete from ibex_core.prompt_templates where role_id = ${roleId} and name = 'a')
      insert into ibex_core.prompt_templates (role_id, name, content) values (${roleId}, ${name}, ${content})`.execute(
      tenants.mine.db,
    )
    expect(['b', 'c']).toContain(await defaultName())
  })

  test('deletes a role, and an organization, with templates of several roles', async () => {
    await insertAll('a', 'b')
    await tenants.mine.db.deleteFrom('ibex_core.roles').where('id', '=', roleId).execute()
    expect(await tenants.mine.promptTemplates.count({ role_id: roleId })).toBe(0)

    const template = await insertPromptTemplate(tenants.admin, { org_id: await newOrganization() })
    await insertPromptTemplate(tenants.admin, { org_id: template.org_id, role_id: template.role_id })
    await insertPromptTemplate(tenants.admin, { org_id: template.org_id })
    await tenants.database.asSystem('a customer leaves', async ({ db }) => {
      await db.deleteFrom('ibex_core.organizations').where('id', '=', template.org_id).execute()
      expect(await db.selectFrom(table).where('org_id', '=', template.org_id).execute()).toEqual([])
    })
  })
})

async function newOrganization(): Promise<string> {
  const { id } = await tenants.admin
    .insertInto('ibex_core.organizations')
    .values({ name: 'Leaving', slug: randomUUID() })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

describe('at the same moment', skipOnEmbedded('one connection: nothing happens at the same moment'), () => {
  const twenty = Array.from({ length: 20 }, (_, index) => `template ${index}`)
  const all = async (run: (name: string, index: number) => Promise<unknown>): Promise<unknown[]> =>
    await Promise.all(twenty.map(run))

  test('20 first inserts make one default', async () => {
    const inserted = await all(async (name) => await tenants.mine.promptTemplates.insert(row(name)))
    const defaults = inserted.filter((template) => (template as PromptTemplate).is_default)
    expect(defaults).toHaveLength(1)
  })

  test('20 templates are made the default, each for a moment', async () => {
    const { promptTemplates } = tenants.mine
    const inserted = await promptTemplates.insertMany(twenty.map(row))
    const made = await all(async (_, index) => await promptTemplates.makeDefault(inserted[index]?.id ?? ''))
    for (const template of made) expect(template).toMatchObject({ is_default: true })
  })

  test('20 are inserted, made the default and deleted without a deadlock', async () => {
    const { promptTemplates } = tenants.mine
    const old = await promptTemplates.insertMany(twenty.map((name) => row(`old ${name}`)))
    const results = await all(async (name, index) => {
      const { id } = await promptTemplates.insert(row(name))
      const gone = old[index]?.id ?? ''
      const [made] = await Promise.all([promptTemplates.makeDefault(id), promptTemplates.delete(gone)])
      return made
    })
    for (const template of results) expect(template).toMatchObject({ is_default: true })
    expect(await promptTemplates.count({ role_id: roleId })).toBe(20)
  })

  test('plain Kysely that updates and deletes may have to give way, but leaves one default', async () => {
    const inserted = await tenants.mine.promptTemplates.insertMany(twenty.map(row))
    const { db } = tenants.mine
    const results = await Promise.allSettled(
      inserted.map(async ({ id }, index) =>
        index % 2 === 0
          ? await db.updateTable(table).set({ is_default: true }).where('id', '=', id).execute()
          : await db.deleteFrom(table).where('id', '=', id).execute(),
      ),
    )
    const errors = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    )
    for (const error of errors) expect(error).toBeInstanceOf(DeadlockDetectedError)
    expect(await tenants.mine.promptTemplates.count({ role_id: roleId })).toBeGreaterThanOrEqual(10)
  })

  test('an insert waits for the deletion of the only template, and becomes the default', async () => {
    const [only] = await insertAll('a')
    const { promptTemplates } = tenants.mine
    const inserted = await overlap(
      async (trx) => await trx.promptTemplates.delete(only?.id ?? ''),
      async () => await promptTemplates.insert(row('b')),
    )
    expect(inserted).toMatchObject({ status: 'fulfilled', value: { is_default: true } })
  })

  test('the deletion of the default waits for an insert, and passes it on to it', async () => {
    const [only] = await insertAll('a')
    const { promptTemplates } = tenants.mine
    await overlap(
      async (trx) => await trx.promptTemplates.insert(row('b')),
      async () => await promptTemplates.delete(only?.id ?? ''),
    )
    expect(await defaultName()).toBe('b')
  })

  test('the deletion of the default chooses again when the one chosen is deleted meanwhile', async () => {
    const [first, second] = await insertAll('a', 'b', 'c')
    const { db } = tenants.mine
    await overlap(
      async (trx) =>
        await trx.db
          .deleteFrom(table)
          .where('id', '=', second?.id ?? '')
          .execute(),
      async () =>
        await db
          .deleteFrom(table)
          .where('id', '=', first?.id ?? '')
          .execute(),
    )
    expect(await defaultName()).toBe('c')
  })

  test('an insert into a role that is deleted meanwhile finds no role', async () => {
    const { roles, promptTemplates } = tenants.mine
    await insertAll('a')
    const inserted = await overlap(
      async (trx) => await trx.roles.delete(roleId),
      async () => await promptTemplates.insert(row('b')),
    )
    expect(inserted).toMatchObject({ status: 'rejected' })
    expect((inserted as PromiseRejectedResult).reason).toBeInstanceOf(ForeignKeyViolationError)
    expect(await roles.exists({ id: roleId })).toBe(false)
  })

  test('a transaction that saw an older state fails instead of deciding by it', async () => {
    const [only] = await insertAll('a')
    const remove: Act = async ({ promptTemplates }) => await promptTemplates.delete(only?.id ?? '')
    expect(await failure(async () => await afterAnother(insertB, remove))).toBeInstanceOf(
      SerializationFailureError,
    )
    await deleteAll('b')
    expect(await failure(async () => await afterAnother(remove, insertB))).toBeInstanceOf(
      SerializationFailureError,
    )
    expect(await tenants.mine.promptTemplates.count({ role_id: roleId })).toBe(0)
  })
})

const insertB: Act = async ({ promptTemplates }) => await promptTemplates.insert(row('b'))

type Act = (scope: TenantScope | TenantTransaction) => Promise<unknown>

/** Runs `late` in a transaction that began to read before `early` was committed. */
async function afterAnother(early: Act, late: Act): Promise<void> {
  await tenants.mine.transaction(
    async (trx) => {
      await trx.promptTemplates.count()
      await runOutsideTransaction(async () => await early(tenants.mine))
      await late(trx)
    },
    { isolationLevel: 'repeatable read' },
  )
}

/** Runs `late` while a transaction that did `early` is open, and lets it commit once `late` waits for it. */
async function overlap<T>(
  early: (trx: TenantTransaction) => Promise<unknown>,
  late: () => Promise<T>,
): Promise<PromiseSettledResult<T>> {
  let waiting: Promise<PromiseSettledResult<T>[]> | undefined
  await tenants.mine.transaction(async (trx) => {
    await early(trx)
    waiting = runOutsideTransaction(async () => await Promise.allSettled([late()]))
    await untilOneWaits()
  })
  const [result] = (await waiting) ?? []
  if (result === undefined) throw new Error('the transaction did not start')
  return result
}

async function untilOneWaits(): Promise<void> {
  const query = sql`select from pg_locks where not granted and pid in
    (select pid from pg_stat_activity where datname = current_database())`
  while ((await query.execute(tenants.admin)).rows.length === 0) await new Promise((go) => setTimeout(go, 10))
}
