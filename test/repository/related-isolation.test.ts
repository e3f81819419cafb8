/** Related rows stay the tenant's: with the same ids in another organization, in raw SQL, and without any policy. */
import { type Kysely, sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { Agent, DB, Session, User } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { insertAgent, insertSession, insertUser } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

const checkpoints = tables['ibex_core.checkpoints']
const agents = tables['ibex_core.agents']
const users = tables['ibex_core.users']

interface Family {
  readonly user: User
  readonly agent: Agent
  readonly session: Session
}

let tenants: TwoTenants
let mine: Family
let theirs: Family

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin } = tenants
  mine = await insertFamily(admin, tenants.mine.orgId, 'mine')
  // the ids of a row are the tenant's own: another tenant may have the same ones
  theirs = await insertFamily(admin, tenants.theirs.orgId, 'theirs', mine)
  await insertTurns(tenants.mine.orgId, [0, 1])
  await insertTurns(tenants.theirs.orgId, [1, 2, 3])
})

afterAll(async () => {
  await tenants.close()
})

async function insertFamily(admin: Kysely<DB>, orgId: string, name: string, ids?: Family): Promise<Family> {
  const org = { org_id: orgId }
  const user = await insertUser(admin, { ...org, name, id: ids?.user.id })
  const agent = await insertAgent(admin, { ...org, name, id: ids?.agent.id, created_by: user.id })
  const session = await insertSession(admin, { ...org, title: name, id: ids?.session.id, agent_id: agent.id })
  return { user, agent, session }
}

async function insertTurns(orgId: string, turns: readonly number[]): Promise<void> {
  for (const turn_index of turns) {
    const row = { org_id: orgId, session_id: mine.session.id, agent_id: mine.agent.id, turn_index }
    await tenants.admin.insertInto('ibex_core.checkpoints').values(row).execute()
  }
}

async function family(scope: TenantScope): Promise<unknown> {
  const sessions = await scope.sessions.find({
    related: ({ many, one }) => ({
      turns: many(checkpoints, 'session_id', { orderBy: { turn_index: 'asc' } }),
      any: many(checkpoints, 'session_id', {
        where: (eb) => eb.or([eb.lit(true), eb('turn_index', '=', 2)]),
      }),
      agent: one(agents, 'agent_id', { related: ({ one }) => ({ creator: one(users, 'created_by') }) }),
    }),
  })
  return sessions.map(({ turns, any, agent, title }) => ({
    title,
    turns: turns.map(({ turn_index }) => turn_index),
    any: any.length,
    names: [agent?.name, agent?.creator?.name],
  }))
}

const seenByMine = [{ title: 'mine', turns: [0, 1], any: 2, names: ['mine', 'mine'] }]
const seenByTheirs = [{ title: 'theirs', turns: [1, 2, 3], any: 3, names: ['theirs', 'theirs'] }]

test('gives each tenant its own related rows where all ids are the same', async () => {
  expect(theirs.session.id).toBe(mine.session.id)
  expect(await family(tenants.mine)).toEqual(seenByMine)
  expect(await family(tenants.theirs)).toEqual(seenByTheirs)
  await tenants.mine.transaction(async (trx) => {
    const found = await trx.sessions.findByIdOrThrow(mine.session.id, {
      related: ({ many }) => ({ turns: many(checkpoints, 'session_id') }),
    })
    expect(found.turns).toHaveLength(2)
  })
})

test("gives null, not the other tenant's row, when the tenant's own is gone", async () => {
  await tenants.mine.agents.softDelete(mine.agent.id)
  const found = await tenants.mine.sessions.findByIdOrThrow(mine.session.id, {
    related: ({ one }) => ({ agent: one(agents, 'agent_id') }),
  })
  expect(found.agent).toBeNull()
  await tenants.mine.agents.restore(mine.agent.id)
})

test('names the tenant for every table of the statement', async () => {
  await family(tenants.mine)
  const statement = tenants.statements.at(-1) ?? ''
  for (const table of ['sessions', 'checkpoints', 'agents', 'users'])
    expect(statement).toMatch(new RegExp(`"ibex_core"."${table}"."org_id" = \\$\\d`))
})

test('is held by the policies when the children are read by plain Kysely or raw SQL', async () => {
  const { db } = tenants.mine
  const plain = await db
    .selectFrom('ibex_core.sessions')
    .select((eb) =>
      jsonArrayFrom(
        eb
          .selectFrom('ibex_core.checkpoints')
          .select('turn_index')
          .whereRef('ibex_core.checkpoints.session_id', '=', 'ibex_core.sessions.id')
          .orderBy('turn_index'),
      ).as('turns'),
    )
    .execute()
  expect(plain).toEqual([{ turns: [{ turn_index: 0 }, { turn_index: 1 }] }])
  const { rows } =
    await sql`select (select count(*)::int from ibex_core.checkpoints c where c.session_id = s.id) as turns
    from ibex_core.sessions s`.execute(db)
  expect(rows).toEqual([{ turns: 2 }])
})

test('keeps tenants apart by its own conditions too, where a policy is missing', async () => {
  const names = ['sessions', 'checkpoints', 'agents', 'users'].map((name) => sql.table(`ibex_core.${name}`))
  for (const name of names) await sql`alter table ${name} disable row level security`.execute(tenants.admin)
  try {
    const { rows } = await sql`select from ibex_core.sessions where id = ${mine.session.id}`.execute(
      tenants.mine.db,
    )
    expect(rows).toHaveLength(2)
    expect(await family(tenants.mine)).toEqual(seenByMine)
    expect(await family(tenants.theirs)).toEqual(seenByTheirs)
  } finally {
    for (const name of names) await sql`alter table ${name} enable row level security`.execute(tenants.admin)
  }
})
