/** What a service might send, by mistake or on purpose, to get at another tenant's rows through the public API. */
import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { withSettings } from '../../src/tenancy/query-settings.ts'
import type { ScopeOptions } from '../../src/tenancy/tenancy.ts'
import type { DB } from '../../types/database.d.ts'
import { failure, openTwoTenants, ownersView, type TwoTenants } from '../support/two-tenants.ts'
import { insertAgent, insertMemory, insertUser } from '../support/factories.ts'
import { skipBehindPooler } from '../support/skip.ts'

/** A pool of one: both tenants always share the connection. */
let bundle: TwoTenants

function nameOf(orgId: string): string {
  return orgId === bundle.mine.orgId ? 'mine' : 'theirs'
}

async function namesOf(db: Kysely<DB>): Promise<string[]> {
  const rows = await db.selectFrom('ibex_core.agents').select('name').distinct().orderBy('name').execute()
  return rows.map(({ name }) => name)
}

/** What came back, or what was thrown, as text. */
async function outcome(run: () => Promise<unknown>): Promise<string> {
  try {
    return inspect(await run(), { depth: 9 })
  } catch (error) {
    return inspect(error, { depth: 9 })
  }
}

async function theirRows(): Promise<unknown> {
  const tables = ['ibex_core.agents', 'ibex_core.users', 'ibex_core.memories', 'ibex_core.memory_versions']
  return await Promise.all(
    tables.map(async (table) => await ownersView(bundle.admin, table, bundle.theirs.orgId)),
  )
}

function throwing(): never {
  throw new Error('the log is full')
}

describe.each(['set_config', 'set local'] as const)('with %s', (context) => {
  beforeAll(async () => {
    bundle = await openTwoTenants({ poolSize: 1, connectTimeout: 3_000, context })
    for (const { orgId } of [bundle.mine, bundle.theirs]) {
      await insertAgent(bundle.admin, { org_id: orgId, name: nameOf(orgId) })
      await insertUser(bundle.admin, { org_id: orgId, name: nameOf(orgId) })
      await insertMemory(bundle.admin, { org_id: orgId, content: `A memory of ${nameOf(orgId)}` })
    }
  })

  afterAll(async () => {
    await bundle.close()
  })

  describe('plain SQL', () => {
    test.each([
      'select * from ibex_core.agents a full join ibex_core.users u on true',
      'select * from ibex_core.memories_p00 union all select * from ibex_core.memories_p01',
      'with gone as (delete from ibex_core.users returning *) select * from gone',
      "update ibex_core.agents a set tagline = 'changed' from ibex_core.users u returning a.*, u.*",
      "merge into ibex_core.agents t using ibex_core.users s on true when matched then update set tagline = 'merged'",
      "insert into ibex_core.agents (org_id, id, name, slug) select org_id, id, 'x', slug from ibex_core.agents on conflict (org_id, id) do update set name = 'mine'",
      'truncate ibex_core.agents cascade',
      'alter table ibex_core.agents disable row level security',
      'create temporary table stolen as select * from ibex_core.agents',
      'select * from pg_catalog.pg_statistic',
      "select * from pg_catalog.pg_stats where schemaname = 'ibex_core'",
      "select pg_read_file('postgresql.conf')",
      "copy ibex_core.agents to '/tmp/stolen'",
    ])('neither shows nor changes their rows: %s', async (text) => {
      const before = await theirRows()
      const sent = async (): Promise<unknown> =>
        await bundle.mine.transaction(async (trx) => await sql.raw(text).execute(trx.db))
      expect(await outcome(sent)).not.toContain('theirs')
      expect(await theirRows()).toEqual(before)
    })

    test('cannot do without the policies: an error comes in place of rows', async () => {
      const read = bundle.mine.transaction(async (trx) => {
        await sql`set local row_security = off`.execute(trx.db)
        return await namesOf(trx.db)
      })
      await expect(read).rejects.toHaveProperty('code', 'insufficient_privilege')
    })

    test('meets the same error for their row as for one that does not exist', async () => {
      const { id } = await bundle.admin
        .selectFrom('ibex_core.agents')
        .select('id')
        .where('org_id', '=', bundle.theirs.orgId)
        .executeTakeFirstOrThrow()
      const errors = []
      for (const agentId of [id, randomUUID()]) {
        const error = await failure(async () => await bundle.mine.sessions.start({ agentId }))
        errors.push([error.name, error.message, inspect(error.cause).replaceAll(agentId, 'id')])
      }
      expect(errors[0]).toEqual(errors[1])
    })

    test('takes an id that another tenant has', async () => {
      const [theirs] = await bundle.theirs.agents.find()
      const id = theirs?.id ?? ''
      const mine = await bundle.mine.agents.insert({ id, name: 'mine', slug: 'same-id' })
      expect(mine.id).toBe(id)
      expect(await bundle.mine.agents.delete(id)).toBe(true)
      expect(await bundle.theirs.agents.findById(id)).toEqual(theirs)
    })

    test('does not learn which slugs other organizations have', async () => {
      const { slug: taken } = await bundle.theirs.organizations.requireActive()
      const errors = []
      for (const slug of [taken, `free-${randomUUID()}`]) {
        const write = bundle.mine.transaction(async (trx) => {
          await trx.db.updateTable('ibex_core.organizations').set({ slug }).execute()
          throw new Error('undone')
        })
        errors.push((await failure(async () => await write)).name)
      }
      expect(errors[0]).toBe(errors[1])
    })
  })

  describe('arguments of the API', () => {
    test.each([
      ['the tenant', () => ({ orgId: bundle.theirs.orgId })],
      ['the system', () => ({ systemReason: 'because' })],
    ])('refuses scope options that name %s', async (_, options) => {
      // what a caller without types, or with a parsed body, can hand in
      const make = (): unknown => bundle.database.forTenant(bundle.mine.orgId, options() as ScopeOptions)
      expect(make).toThrow(InvalidArgumentError)
    })

    test('keeps the options that a scope was made with', async () => {
      const actor = { type: 'user' as const, id: 'one' }
      const scope = bundle.database.forTenant(bundle.mine.orgId, { actor })
      actor.id = 'two'
      const actorId = sql<{ id: string }>`select current_setting('app.actor_id') as id`
      const read = async (): Promise<unknown> =>
        await scope.transaction(async (trx) => (await actorId.execute(trx.db)).rows, {
          changeReason: 'a test',
        })
      expect(await read()).toEqual([{ id: 'one' }])
    })

    test.each(['app.current_org_id', 'App.Current_Org_Id', 'role', 'ROLE', 'session_authorization'])(
      'refuses to set for a single statement what the scope is made of: %s',
      async (name) => {
        const query = bundle.mine.db.selectFrom('ibex_core.agents').selectAll().compile()
        const value = name.includes('.') ? bundle.theirs.orgId : 'none'
        const run = async (): Promise<unknown> =>
          await bundle.mine.db.executeQuery(withSettings(query, { [name]: value }))
        expect(await failure(run)).toBeInstanceOf(InvalidArgumentError)
      },
    )

    test.each(['{"__proto__": "x"}', '{"constructor": "x"}', '{"hasOwnProperty": "x"}'])(
      'refuses the keys of every object as columns: %s',
      async (json) => {
        const { agents } = bundle.mine
        for (const run of [
          async () => await agents.find({ where: JSON.parse(json) }),
          async () => await agents.find({ orderBy: JSON.parse(json) }),
          async () => await agents.insert({ name: 'x', slug: 'x', ...JSON.parse(json) }),
          async () => await agents.update(randomUUID(), JSON.parse(json)),
        ]) {
          expect(await failure(run)).toHaveProperty('code', 'invalid_column')
        }
      },
    )

    test.each([
      ['a Map', new Map([['name', 'nobody']])],
      ['an array', []],
      ['a Date', new Date()],
      ['null', null],
    ])('refuses as a filter, where it would match every row or none: %s', async (_, where) => {
      const run = async (): Promise<unknown> => await bundle.mine.agents.find({ where: where as never })
      expect(await failure(run)).toBeInstanceOf(InvalidArgumentError)
    })
  })

  describe('a handle that is kept too long', () => {
    test('of connection() cannot reach into the next transaction on that connection', async () => {
      const mine = await bundle.mine.db.connection().execute(async (connection) => {
        await namesOf(connection)
        return connection
      })
      await bundle.theirs.transaction(async (trx) => {
        await namesOf(trx.db)
        await failure(async () => await namesOf(mine))
        expect(await namesOf(trx.db)).toEqual(['theirs'])
        await trx.agents.insert({ name: 'theirs', slug: 'after-a-stale-handle' })
      })
      expect(await bundle.theirs.agents.count({ slug: 'after-a-stale-handle' })).toBe(1)
      expect(await namesOf(bundle.mine.db)).toEqual(['mine'])
    })

    test('of a transaction or a savepoint cannot send anything', async () => {
      const [outer, inner] = await bundle.mine.transaction(async (trx) => {
        await trx.agents.find()
        return [trx, await trx.transaction(async (nested) => await Promise.resolve(nested))]
      })
      await bundle.theirs.transaction(async (trx) => {
        await trx.agents.find()
        const sent = bundle.statements.length
        for (const stale of [outer, inner]) {
          await failure(async () => await stale?.agents.find())
          await failure(async () => await stale?.transaction(async (nested) => await nested.agents.find()))
        }
        expect(bundle.statements).toHaveLength(sent)
        expect(await namesOf(trx.db)).toEqual(['theirs'])
      })
    })
  })

  describe('raw SQL that ends the transaction of its scope', () => {
    test.each([
      '/* a */ commit and chain',
      '-- a\nrollback and chain',
      '/* /* */ */ end and chain',
      '; commit and chain',
    ])('lets no statement run without the tenant: %s', async (text) => {
      const seen: string[] = []
      const run = bundle.mine.transaction(async (trx) => {
        await namesOf(trx.db)
        await sql.raw(text).execute(trx.db)
        seen.push(await outcome(async () => await namesOf(trx.db)))
      })
      await run.catch(() => {})
      expect(seen.join()).not.toContain('theirs')
      expect(await namesOf(bundle.theirs.db)).toEqual(['theirs'])
    })

    test('cannot do so from within a block of code', async () => {
      const block = sql`do $$ declare seen text; begin
      commit; select string_agg(name, ' ') into seen from ibex_core.agents; raise exception 'saw %', seen;
    end $$`
      expect(await outcome(async () => await block.execute(bundle.mine.db))).not.toContain('theirs')
    })
  })

  describe('what one tenant leaves in the session', () => {
    test('is no actor or reason in the history of another one', async () => {
      await sql`select set_config('app.actor_id', 'mine', false), set_config('app.change_reason', 'mine', false)`.execute(
        bundle.mine.db,
      )
      const [embedding = []] = await lexicalEmbedder.embed(['some words'])
      const { memory } = await bundle.theirs.memories.add({
        agentId: null,
        content: `Something new: ${randomUUID()}`,
        embedding,
        category: 'factual',
      })
      const [version] = await bundle.theirs.memoryVersions.find({ where: { memory_id: memory.id } })
      expect(version).toMatchObject({ changed_by: null, change_reason: null })
    })

    test('is no cursor', skipBehindPooler('a pooler keeps the session of a client that goes'), async () => {
      await sql`declare kept cursor with hold for select name from ibex_core.agents`.execute(bundle.mine.db)
      const fetched = await outcome(async () => await sql`fetch all from kept`.execute(bundle.theirs.db))
      expect(fetched).not.toContain('mine')
    })

    test('is no setting that changes what the next statement means', async () => {
      await sql`set time zone 'Asia/Tokyo'`.execute(bundle.mine.db)
      const { rows } = await sql<{ zone: string }>`select current_setting('timezone') as zone`.execute(
        bundle.theirs.db,
      )
      expect(rows).not.toEqual([{ zone: 'Asia/Tokyo' }])
    })

    test(
      'is no text of a statement',
      skipBehindPooler('a pooler keeps the session of a client that goes'),
      async () => {
        await sql`prepare kept as select 'a secret of mine'`.execute(bundle.mine.db)
        const { rows } = await sql`select statement from pg_prepared_statements where name = 'kept'`.execute(
          bundle.theirs.db,
        )
        expect(rows).toEqual([])
      },
    )
  })

  describe('one batch', () => {
    test('may hold the same statement twice: settings of the scope and of the query', async () => {
      await using database = createDatabase({ ...bundle.test.target, statementTimeout: 10_000, poolSize: 1 })
      const query = sql<{ value: string }>`select current_setting('app.c') as value`.compile(bundle.mine.db)
      const settings = { 'app.a': '1', 'app.b': '2', 'app.c': '3' }
      const { db } = database.forTenant(bundle.mine.orgId)
      const { rows } = await db.executeQuery(withSettings(query, settings))
      expect(rows).toEqual([{ value: '3' }])
    })

    test('that succeeded is no failure because the query hook threw', async () => {
      await using database = createDatabase({ ...bundle.test.target, poolSize: 1, onQuery: throwing })
      const scope = database.forTenant(bundle.mine.orgId)
      const row = await scope.transaction(
        async (trx) => await trx.agents.insert({ name: 'mine', slug: 'hook' }),
      )
      expect(await bundle.mine.agents.findById(row.id)).toEqual(row)
    })
  })

  test.each([
    ['to_tsquery', sql`select to_tsquery(${'a-secret & & '})`],
    ['current_setting', sql`select current_setting(${'app.a-secret'})`],
    ['regproc', sql`select ${'a-secret'}::regproc`],
    ['a cast', sql`select ${'a-secret'}::int`],
  ])('an error of the server holds no parameter: %s', async (_, query) => {
    const error = await failure(async () => await query.execute(bundle.mine.db))
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('a-secret')
  })
})
