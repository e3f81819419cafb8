/** How statements of sessions and messages find their rows: counted by PostgreSQL, for a large tenant and a small one. */
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TenantScope, TenantTransaction } from '../../src/tenant-scope.ts'
import type { DB } from '../../types/database.d.ts'
import { insertAgent, insertTeam } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'
import { file, said } from './samples.ts'

let tenants: TwoTenants
/** The longest session of each tenant. */
const longest = new Map<string, string>()

beforeAll(async () => {
  tenants = await openTwoTenants()
  await fill(tenants.theirs, 3_000)
  await fill(tenants.mine, 30)
  for (const table of filled) await sql`analyze ${sql.table(`ibex_core.${table}`)}`.execute(tenants.admin)
})

afterAll(async () => {
  await tenants.close()
})

/** A team with ten agents and their sessions of 3 messages and an attachment each, silent for 0 to 99 days, those of
 * each status alike; one is long. */
async function fill({ orgId, messages }: TenantScope, sessions: number): Promise<void> {
  const { admin } = tenants
  const team = await insertTeam(admin, { org_id: orgId, conversation_retention_days: 90 })
  for (let agent = 0; agent < 10; agent++) await insertAgent(admin, { org_id: orgId, team_id: team.id })
  await sql`insert into ibex_core.sessions (org_id, agent_id, status, completed_at, turn_count)
    select org_id, id, (array['active', 'completed', 'abandoned'])[1 + number % 3], now(), number % 2
    from ibex_core.agents, generate_series(1, ${sessions / 10}::int) as number where org_id = ${orgId}`.execute(
    admin,
  )
  await sql`insert into ibex_core.messages (org_id, session_id, role, content, token_count)
    select org_id, id, 'user', repeat('word ', 40), 10 from ibex_core.sessions, generate_series(1, 3)
    where org_id = ${orgId}`.execute(admin)
  await sql`insert into ibex_core.attachments (org_id, message_id, filename, original_filename, file_type, mime_type, file_size, file_path)
    select org_id, id, 'a', 'a', 'data', 'text/csv', 1, '/a' from ibex_core.messages where org_id = ${orgId} and seq = 1`.execute(
    admin,
  )
  await sql`update ibex_core.sessions set last_message_at = now() - make_interval(days => place * 11 % 100)
    from (
      select id, (row_number() over (partition by status order by id))::int as place from ibex_core.sessions
      where org_id = ${orgId}
    ) as placed
    where org_id = ${orgId} and placed.id = sessions.id`.execute(admin)
  const { rows } = await sql<{ id: string }>`select id from ibex_core.sessions where org_id = ${orgId}
    and status = 'completed' limit 1`.execute(admin)
  const id = rows[0]?.id ?? ''
  longest.set(orgId, id)
  const line = { role: 'user', content: 'a line', tokenCount: 10 } as const
  await messages.appendMany(
    id,
    Array.from({ length: 2_000 }, () => line),
  )
  await messages.summarize(id, 'in short', { tokenCount: 10 })
}

/** The tables with enough rows to be worth an index. */
const filled: ReadonlySet<string> = new Set(['sessions', 'messages', 'attachments'])

interface Scans {
  readonly table: string
  readonly scans: number
  readonly fetched: number
  readonly updated: number
}

/** What this session has counted and not yet published: the difference is what was done in between. */
async function scansOf(db: Kysely<DB>): Promise<Scans[]> {
  const { rows } =
    await sql<Scans>`select relname::text as table, seq_scan::int as scans, coalesce(idx_tup_fetch, 0)::int as fetched, n_tup_upd::int as updated
    from pg_stat_xact_user_tables where schemaname = 'ibex_core' order by 1`.execute(db)
  return rows
}

interface Scanned {
  /** The tables that were read from beginning to end. */
  readonly whole: readonly string[]
  /** How many rows of a table were fetched by an index, and updated. */
  readonly rows: (table: string) => { readonly fetched: number; readonly updated: number }
}

/** Runs statements, looks at what they read, and takes back what they did. */
async function scannedBy(
  scope: TenantScope,
  run: (trx: TenantTransaction, sessionId: string) => Promise<unknown>,
): Promise<Scanned> {
  let scanned: Scanned | undefined
  const undone = await failure(
    async () =>
      await scope.transaction(async (trx) => {
        const before = await scansOf(trx.db)
        await run(trx, longest.get(scope.orgId) ?? '')
        scanned = difference(before, await scansOf(trx.db))
        throw new Error('taken back')
      }),
  )
  if (scanned === undefined) throw undone
  return scanned
}

function difference(before: readonly Scans[], after: readonly Scans[]): Scanned {
  const of = (rows: readonly Scans[], name: string): Scans =>
    rows.find(({ table }) => table === name) ?? { table: name, scans: 0, fetched: 0, updated: 0 }
  const whole = after.filter(({ table, scans }) => scans > of(before, table).scans)
  return {
    whole: whole.map(({ table }) => table),
    rows: (table) => ({
      fetched: of(after, table).fetched - of(before, table).fetched,
      updated: of(after, table).updated - of(before, table).updated,
    }),
  }
}

const statements: [string, (trx: TenantTransaction, sessionId: string) => Promise<unknown>][] = [
  [
    'append',
    async ({ messages }, sessionId) =>
      await messages.append({ sessionId, role: 'user', content: 'a', attachments: [file()] }),
  ],
  ['appendMany', async ({ messages }, sessionId) => await messages.appendMany(sessionId, said('a', 'b'))],
  ['last', async ({ messages }, sessionId) => await messages.last(sessionId, 20)],
  ['summarize', async ({ messages }, sessionId) => await messages.summarize(sessionId, 'shorter')],
  ['summaries', async ({ messages }, sessionId) => await messages.summaries(sessionId)],
  ['window', async ({ messages }, sessionId) => await messages.window(sessionId, { tokens: 500 })],
  [
    'rate, softDelete, restore and delete',
    async ({ messages }, sessionId) => {
      const [{ id } = { id: '' }] = await messages.appendMany(sessionId, said('a'))
      expect(await messages.rate(id, { rating: 'positive' })).toBeDefined()
      expect(await messages.softDelete(id)).toBeDefined()
      expect(await messages.restore(id)).toBeDefined()
      expect(await messages.delete(id)).toBe(true)
    },
  ],
  [
    'findWithMessages',
    async ({ sessions }, id) =>
      expect((await sessions.findWithMessages(id, { last: 20 }))?.messages).toHaveLength(20),
  ],
  ['forExtraction', async ({ sessions }) => expect(await sessions.forExtraction()).not.toEqual([])],
  ['markExtracted', async ({ sessions }, id) => expect(await sessions.markExtracted(id, 0)).toBeDefined()],
  [
    'abandonIdle',
    async ({ sessions }) => expect(await sessions.abandonIdle({ idleSeconds: 50 * 86_400 })).not.toEqual([]),
  ],
  [
    'sweepExpired',
    async ({ sessions }) => expect(await sessions.sweepExpired({ limit: 50 })).not.toEqual([]),
  ],
  ['delete', async ({ sessions }, id) => expect(await sessions.delete(id)).toBe(true)],
]

describe.each(['large', 'small'] as const)('of a %s tenant', (size) => {
  test.each(statements)('%s reads no whole table', async (_, run) => {
    const scope = size === 'large' ? tenants.theirs : tenants.mine
    const { whole } = await scannedBy(scope, async (trx, id) => {
      // of tables with a page or two an index is not worth it: here it is taken wherever there is one
      await sql`select set_config('enable_seqscan', 'off', true)`.execute(trx.db)
      await run(trx, id)
    })
    expect(whole).toEqual([])
    const natural = await scannedBy(scope, run)
    expect(natural.whole.filter((table) => filled.has(table))).toEqual([])
  })
})

test('a window costs what it holds, not what the session holds', async () => {
  const { rows } = await scannedBy(tenants.theirs, async ({ messages }, sessionId) => {
    expect(await messages.window(sessionId, { tokens: 500 })).toHaveLength(50)
  })
  expect(rows('messages').fetched).toBeGreaterThan(100)
  expect(rows('messages').fetched).toBeLessThan(300)
})

test('a batch looks up as many rows as it has, and updates its session once', async () => {
  const batch = said(...Array.from({ length: 1_000 }, () => 'a line'))
  const { rows } = await scannedBy(tenants.mine, async ({ messages }, sessionId) => {
    await messages.appendMany(sessionId, batch)
  })
  expect(rows('sessions').updated).toBe(1)
  // the lock of each message's session, and its foreign key
  expect(rows('sessions').fetched).toBeLessThan(2_100)
  expect(rows('messages').fetched).toBeLessThan(1_100)
})
