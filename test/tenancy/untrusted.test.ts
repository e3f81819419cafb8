import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  InvalidArgumentError,
  OuterScopeError,
  QueryCanceledError,
  UntrustedStatementError,
} from '../../src/errors.ts'
import { insertMemory, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { serverUrl } from '../support/server-url.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'
import { attempts } from './untrusted-attempts.ts'

let tenants: TwoTenants
let theirMemory: string

beforeAll(async () => {
  // one connection: what a statement leaves behind meets the next one
  tenants = await openTwoTenants({ poolSize: 1 })
  const { admin, mine, theirs } = tenants
  for (const number of [1, 2, 3]) await insertMemory(admin, { org_id: mine.orgId, content: `mine ${number}` })
  theirMemory = (await insertMemory(admin, { org_id: theirs.orgId, content: 'theirs, a canary' })).id
  await insertUser(admin, {
    org_id: theirs.orgId,
    email: 'canary@example.com',
    password_hash: 'a canary hash',
  })
  await insertUser(admin, { org_id: mine.orgId, email: 'me@example.com', password_hash: 'my secret hash' })
})

afterAll(async () => {
  await tenants.close()
})

test('reads the rows of its tenant, in the order asked for', async () => {
  const { rows, isTruncated } = await tenants.mine.untrusted(
    "select content, status = 'active' as active from memories order by content desc; ",
  )
  expect(rows).toEqual([
    { content: 'mine 3', active: true },
    { content: 'mine 2', active: true },
    { content: 'mine 1', active: true },
  ])
  expect(isTruncated).toBe(false)
})

test('reads through joins, expressions, comments and values lists', async () => {
  const { mine } = tenants
  const joined =
    'with m as (select id, content from memories) select count(*) from m join memories using (id) -- all'
  expect((await mine.untrusted(joined)).rows).toEqual([{ count: 3 }])
  expect((await mine.untrusted("values (1, 'a')")).rows).toEqual([{ column1: 1, column2: 'a' }])
})

test('stops at the rows and at the bytes allowed, and says so', async () => {
  const { mine } = tenants
  const query = 'select content from memories order by content'
  const some = await mine.untrusted(query, { maxRows: 2 })
  expect(some).toEqual({ rows: [{ content: 'mine 1' }, { content: 'mine 2' }], isTruncated: true })
  expect(await mine.untrusted(query, { maxRows: 3 })).toHaveProperty('isTruncated', false)
  const small = await mine.untrusted(query, { maxBytes: 25 })
  expect(small).toEqual({ rows: [{ content: 'mine 1' }], isTruncated: true })
})

describe('keeps the other tenant out of reach', () => {
  test(`holds against ${attempts.length} attempts, and leaves the connection as it was`, async () => {
    const { admin, mine, theirs } = tenants
    expect(attempts.length).toBeGreaterThanOrEqual(100)
    const unchanged = await watchTheirs(tenants, 'ibex_core.memories', 'ibex_core.users')
    const before = await sessionState()
    const reached: string[] = []
    for (const attempt of attempts) {
      const statement = attempt.replaceAll('THEIRS', theirs.orgId).replaceAll('MEMORY', theirMemory)
      const seen = await mine.untrusted(statement, { timeout: 10_000 }).then(
        ({ rows }) => JSON.stringify(rows),
        (error: unknown) => {
          expect(error).toBeInstanceOf(UntrustedStatementError)
          return String(error)
        },
      )
      if (/canary|secret|[0-9a-f]{64}.*inner/.test(seen)) reached.push(`${attempt} -> ${seen}`)
      expect({ attempt, state: await sessionState() }).toEqual({ attempt, state: before })
    }
    expect(reached).toEqual([])
    expect((await theirs.memories.find()).map(({ content }) => content)).toEqual(['theirs, a canary'])
    await unchanged()
    expect(await mine.memories.count()).toBe(3)
    expect((await sql`select from pg_cursors where name = 'leak'`.execute(admin)).rows).toEqual([])
  })

  test('would notice: the canary is there to be seen by who may see it', async () => {
    const { rows } = await tenants.theirs.untrusted('select content from memories')
    expect(rows).toEqual([{ content: 'theirs, a canary' }])
  })

  test('would notice: run as the tenant itself, the same attempts reach the other', async () => {
    const { mine, theirs } = tenants
    const reached: string[] = []
    for (const attempt of attempts.slice(0, 24)) {
      const statement = attempt.replaceAll('THEIRS', theirs.orgId)
      const rows = await mine
        .transaction(async ({ db }) => (await sql.raw(statement).execute(db)).rows)
        .catch(() => [])
      if (JSON.stringify(rows).includes('canary')) reached.push(attempt)
    }
    expect(reached.length).toBeGreaterThan(2)
  })

  test('sees nothing with a signature of another connection', skipOnEmbedded('one session'), async () => {
    const { mine, theirs } = tenants
    const client = new pg.Client({ connectionString: serverUrl(tenants.test) })
    await client.connect()
    // signed for the other tenant by somebody who may, and handed to the attacker
    await client.query("begin; select set_config('app.current_org_id', $$" + theirs.orgId + '$$, true)')
    const { rows } = await client.query<{ signed: string }>(
      "select ibex_core.sign_tenant(interval '1 minute') as signed",
    )
    await client.end()
    const stolen = `select set_config('app.signed_tenant', '${rows[0]?.signed ?? ''}', true), query_to_xml('select content from memories', true, false, '')::text as found`
    const [seen] = (await mine.untrusted(stolen)).rows
    expect(rows[0]?.signed).toContain(theirs.orgId)
    expect(seen?.['found']).not.toContain('canary')
  })

  test('sees nothing with a signature that is too old', async () => {
    const { mine } = tenants
    const read = async (lifetime: string): Promise<unknown> =>
      await mine.transaction(async ({ db }) => {
        const { rows } = await sql<{ lines: readonly string[] }>`select lines from ibex_core.run_untrusted(
          ibex_core.sign_tenant(${lifetime}::interval), 'select content from memories', 10, 1000)`.execute(db)
        return rows[0]?.lines.length
      })
    expect(await read('1 minute')).toBe(3)
    expect(await read('-2 seconds')).toBe(0)
  })

  test('gives back the locks that a statement took', async () => {
    const { admin, mine } = tenants
    await mine.untrusted('select pg_advisory_lock(8)')
    await failure(async () => await mine.untrusted('select pg_advisory_lock(8), 1 / 0'))
    const { rows } = await sql`select from pg_locks join pg_database d on d.oid = database
      where datname = current_database() and locktype = 'advisory' and objid = 8`.execute(admin)
    expect(rows).toEqual([])
  })
})

test('ends a statement that takes too long', skipOnEmbedded('it cannot time out'), async () => {
  const error = await failure(
    async () => await tenants.mine.untrusted('select pg_sleep(20)', { timeout: 50 }),
  )
  expect(error).toBeInstanceOf(QueryCanceledError)
  const renewed = "select set_config('statement_timeout', '0', true), pg_sleep(20)"
  expect(await failure(async () => await tenants.mine.untrusted(renewed, { timeout: 50 }))).toBeInstanceOf(
    QueryCanceledError,
  )
})

test('tells the author of a statement what was wrong with it', async () => {
  const error = await failure(async () => await tenants.mine.untrusted('select contents from memories'))
  expect(error).toBeInstanceOf(UntrustedStatementError)
  expect(error).toHaveProperty('sqlState', '42703')
  expect(error.message).toBe('the statement was refused or failed (42703): column "contents" does not exist')
})

test('is refused inside a transaction of its tenant', async () => {
  const { mine } = tenants
  const error = await failure(
    async () => await mine.transaction(async () => await mine.untrusted('select 1')),
  )
  expect(error).toBeInstanceOf(OuterScopeError)
})

test('refuses bad arguments before any SQL', async () => {
  const { mine } = tenants
  const bad: readonly (() => Promise<unknown>)[] = [
    async () => await mine.untrusted(''),
    async () => await mine.untrusted(' \n'),
    async () => await mine.untrusted('select \0'),
    async () => await mine.untrusted(`select '${'x'.repeat(100_000)}'`),
    async () => await mine.untrusted('select 1', { maxRows: 0 }),
    async () => await mine.untrusted('select 1', { maxRows: 10_001 }),
    async () => await mine.untrusted('select 1', { maxBytes: Number.NaN }),
    async () => await mine.untrusted('select 1', { timeout: 60_001 }),
    // @ts-expect-error: no such option
    async () => await mine.untrusted('select 1', { rows: 1 }),
  ]
  for (const run of bad) expect(await refusal(tenants, run)).toBeInstanceOf(InvalidArgumentError)
})

test('signs as HMAC-SHA-256 does, with a key of 256 bits', async () => {
  const { rows } = await sql<{ inner_key: Buffer; signature: string }>`
    select inner_key, ibex_core.tenant_signature('a message') as signature from ibex_private.tenant_signing_key`.execute(
    tenants.admin,
  )
  const padded = rows[0]?.inner_key ?? Buffer.alloc(0)
  const key = padded.map((byte) => byte ^ 0x36)
  expect(key.subarray(32).every((byte) => byte === 0)).toBe(true)
  expect(new Set(key.subarray(0, 32)).size).toBeGreaterThan(16)
  expect(rows[0]?.signature).toBe(createHmac('sha256', key).update('a message').digest('hex'))
})

test('reads nothing of a column or a table that was not opened', async () => {
  for (const query of ['select metadata from memories', 'select 1 from tool_executions', 'table tokens']) {
    const error = await failure(async () => await tenants.mine.untrusted(query))
    expect(error).toHaveProperty('sqlState', '42501')
  }
})

/** What a session can be left with. */
async function sessionState(): Promise<unknown> {
  const { rows } = await sql`select current_setting('search_path') as path, current_setting('role') as role,
    current_setting('row_security') as row_security, current_setting('plan_cache_mode') as plans,
    current_setting('app.signed_tenant', true) is not distinct from '' or
      current_setting('app.signed_tenant', true) is null as unsigned,
    session_user as login, current_setting('app.current_org_id') as tenant,
    (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks`.execute(
    tenants.mine.db,
  )
  return rows
}
