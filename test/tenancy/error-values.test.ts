import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { QueryEvent } from '../../src/database/options.ts'
import type { DB } from '../../types/database.d.ts'
import { failure, openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'
import { insertAgent, insertSession } from '../support/factories.ts'

const secret = 'canary-4711'

let bundle: TwoTenants
let foreign: { readonly agent: string; readonly session: string }
const events: QueryEvent[] = []

beforeAll(async () => {
  bundle = await openTwoTenants({ onQuery: (event) => void events.push(event) })
  const agent = await insertAgent(bundle.admin, { org_id: bundle.theirs.orgId, slug: 'theirs' })
  const session = await insertSession(bundle.admin, { org_id: bundle.theirs.orgId, agent_id: agent.id })
  foreign = { agent: agent.id, session: session.id }
  await insertAgent(bundle.admin, { org_id: bundle.mine.orgId, slug: secret })
  // PostgreSQL itself keeps back the detail of a table under row-level security: this one is not
  await sql`create table public.plain (value text unique, checked int check (checked < 10))`.execute(
    bundle.admin,
  )
  await sql`insert into public.plain values (${secret})`.execute(bundle.admin)
  await sql`grant select, insert on public.plain to ibex_app`.execute(bundle.admin)
})

afterAll(async () => {
  await bundle.close()
})

/** Everything of an error that a log or an API could show, hidden fields and causes included; without paths and lines. */
function everything(error: Error): string {
  const causes: string[] = []
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    current.stack = ''
    causes.push(inspect(current, { depth: 20, showHidden: true }), JSON.stringify(current), current.message)
  }
  return causes.join('\n')
}

const lookups: Readonly<Record<string, (id: { agent: string; session: string }) => Promise<unknown>>> = {
  findByIdOrThrow: async (id) => await bundle.mine.agents.findByIdOrThrow(id.agent),
  'insert a child': async (id) =>
    await bundle.mine.db.insertInto('ibex_core.sessions').values({ agent_id: id.agent }).execute(),
  'update a reference': async (id) => {
    const own = await insertSession(bundle.admin, { org_id: bundle.mine.orgId })
    const change = bundle.mine.db.updateTable('ibex_core.sessions').set({ agent_id: id.agent })
    return await change.where('id', '=', own.id).execute()
  },
  'insert a child in a transaction': async (id) =>
    await bundle.mine.transaction(
      async (trx) =>
        await trx.db
          .insertInto('ibex_core.checkpoints')
          .values({ session_id: id.session, agent_id: id.agent, turn_index: 0 })
          .execute(),
    ),
}

test.each(Object.entries(lookups))('gives a foreign id and a random id equal errors: %s', async (_, look) => {
  const theirs = await failure(async () => await look(foreign))
  const nobodys = await failure(async () => await look({ agent: randomUUID(), session: randomUUID() }))
  expect(everything(theirs)).toBe(everything(nobodys))
  expect(everything(theirs)).not.toContain(foreign.agent)
  expect(everything(theirs)).not.toContain(foreign.session)
})

const mistakes: Readonly<Record<string, (db: Kysely<DB>) => Promise<unknown>>> = {
  'unique violation': async (db) =>
    await db.insertInto('ibex_core.agents').values({ name: secret, slug: secret }).execute(),
  'not null violation': async (db) =>
    await sql`insert into ibex_core.agents (name, slug) values (null, ${secret})`.execute(db),
  'check violation': async (db) =>
    await sql`insert into ibex_core.agents (name, slug, status) values (${secret}, 'x', ${secret})`.execute(
      db,
    ),
  'row of another tenant': async (db) =>
    await sql`insert into ibex_core.agents (org_id, name, slug) values (${bundle.theirs.orgId}, ${secret}, 'x')`.execute(
      db,
    ),
  'unique violation without policies': async (db) =>
    await sql`insert into public.plain values (${secret})`.execute(db),
  'check violation without policies': async (db) =>
    await sql`insert into public.plain values ('other', 4711)`.execute(db),
  'invalid uuid': async (db) => await sql`select * from ibex_core.agents where id = ${secret}`.execute(db),
  'invalid json': async (db) => await sql`select ${`{"a": ${secret}`}::jsonb`.execute(db),
  'invalid number': async (db) => await sql`select ${secret}::int`.execute(db),
  'invalid date': async (db) => await sql`select ${secret}::timestamptz`.execute(db),
  'number out of range': async (db) => await sql`select ${'47110000000000000000'}::int`.execute(db),
  'wrong dimension': async (db) => await sql`select '[4711,4711]'::vector(3)`.execute(db),
  'unknown time zone': async (db) => await sql`select now() at time zone ${secret}`.execute(db),
}

test.each(Object.entries(mistakes))('says nothing of the values: %s', async (_, make) => {
  events.length = 0
  const error = await failure(async () => await make(bundle.mine.db))
  const reported = events.map(({ error: seen }) => seen).filter((seen) => seen instanceof Error)
  expect(reported).toEqual([error])
  expect(everything(error)).not.toContain('4711')
  expect(everything(error)).not.toContain(bundle.theirs.orgId)
  expect(error).toHaveProperty('code')
})
