import { hash } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { seedDemoOrganization } from '../../scripts/seed/demo-organization.ts'
import { type Database, createDatabase } from '../../src/create-database.ts'
import type { Embedder } from '../../src/embedding/embedder.ts'
import { lexicalEmbedder } from '../../src/embedding/lexical-embedder.ts'
import {
  EmbeddingFailedError,
  InvalidArgumentError,
  OrganizationExistsError,
  UniqueViolationError,
  UnknownOrganizationError,
} from '../../src/errors.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { secretColumns } from '../../src/transfer/transfer-plan.ts'
import { tables } from '../../types/tables.ts'
import { insertMemory, insertOrganization } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { failure } from '../support/two-tenants.ts'
import { untilBlocked } from '../support/until-blocked.ts'
import { everything, exportText, importText, watchOthers } from './transfers.ts'

let here: TestDatabase
let there: TestDatabase
let home: Database
let abroad: Database
let orgId: string
let othersUnchanged: () => Promise<void>

beforeAll(async () => {
  here = await setup()
  there = await setup()
  home = createDatabase(here.target)
  abroad = createDatabase(there.target)
  orgId = (await seedDemoOrganization(home)).orgId
  await addHardRows()
  // what the other database has: a tenant with the same rows under ids of its own
  const other = await seedDemoOrganization(abroad)
  await there.admin
    .updateTable('ibex_core.organizations')
    .set({ slug: 'another-shop' })
    .where('id', '=', other.orgId)
    .execute()
  othersUnchanged = await watchOthers(there.admin, orgId)
}, 60_000)

afterEach(async () => {
  await othersUnchanged()
  await there.admin.deleteFrom('ibex_core.organizations').where('id', '=', orgId).execute()
})

afterAll(async () => {
  await home.close()
  await abroad.close()
  await here.close()
  await there.close()
})

/** What is lost first where values are not taken exactly, and what triggers would change when it is inserted again. */
async function addHardRows(): Promise<void> {
  const { admin } = here
  const org = { org_id: orgId }
  const [last, middle] = [await insertMemory(admin, org), await insertMemory(admin, org)]
  await insertMemory(admin, { ...org, status: 'superseded', superseded_by: middle.id })
  await admin
    .updateTable('ibex_core.memories')
    .set({
      status: 'merged',
      merged_into: last.id,
      confidence: 0.1,
      metadata: sql`'{"n": 0.1234567890123456789}'`,
    })
    .where('id', '=', middle.id)
    .execute()
  await insertMemory(admin, {
    ...org,
    content: 'line\u2028feed\r\n"quoted" \\ \u{1f410}',
    deleted_at: new Date(),
  })
  await sql`update ibex_core.organizations set custom_token_quota_monthly = 9007199254740993,
    created_at = '2020-02-29 23:59:59.123456+02', billing_cycle_anchor = '2020-02-29' where id = ${orgId}`.execute(
    admin,
  )
  await sql`update ibex_core.tokens set allowed_ips = '{10.0.0.0/8,::1}', permissions = 9223372036854775807
    where org_id = ${orgId}`.execute(admin)
  await sql`update ibex_core.tool_executions set output = 'null' where org_id = ${orgId}`.execute(admin)
  await sql`update ibex_core.agents set tags = '{"a,b","NULL",NULL,"\\""}' where org_id = ${orgId}`.execute(
    admin,
  )
  // a session that would take no message
  await sql`update ibex_core.sessions set deleted_at = now() where org_id = ${orgId}`.execute(admin)
}

function shop(database: Database): TenantScope {
  return database.forTenant(orgId)
}

test('gives the same bytes again after an import into another database, and changes no other tenant', async () => {
  const text = await exportText(shop(home), everything)
  const report = await importText(abroad, text)
  expect(report).toMatchObject({ outcome: 'imported', organizationId: orgId })
  expect(Object.keys(report.rows).length).toBeGreaterThan(30)
  expect(await exportText(shop(abroad), everything)).toBe(text)
  expect(await exportText(shop(home), everything)).toBe(text)
})

test('exports every tenant table, and every column that PostgreSQL does not compute', async () => {
  const lines = (await exportText(shop(home), everything)).trimEnd().split('\n')
  const exported = new Map<string, Set<string>>()
  for (const line of lines.slice(1, -1)) {
    // the format says so
    const { table, row, later } = JSON.parse(line) as Record<string, object> & { table: string }
    const columns = exported.get(table) ?? new Set<string>()
    for (const column of Object.keys(row ?? later ?? {})) columns.add(column)
    exported.set(table, columns)
  }
  for (const { name, columns, tenantColumn, generatedColumns } of Object.values(tables)) {
    if (tenantColumn === null) continue
    const generated: readonly string[] = generatedColumns
    const expected = Object.keys(columns).filter(
      (column) => column !== 'org_id' && !generated.includes(column),
    )
    expect([name, [...(exported.get(name) ?? [])].toSorted()]).toEqual([name, expected.toSorted()])
  }
})

test('leaves the tenant working: the next message and version continue the imported ones', async () => {
  await importText(abroad, await exportText(shop(home), everything))
  await sql`update ibex_core.sessions set deleted_at = null where org_id = ${orgId}`.execute(there.admin)
  const tenant = shop(abroad)
  const [session] = await tenant.sessions.find()
  const before = await tenant.messages.count({ session_id: session?.id ?? '' })
  const message = await tenant.messages.append({
    sessionId: session?.id ?? '',
    role: 'user',
    content: 'Still here?',
  })
  expect(message.seq).toBe((session?.last_seq ?? 0) + 1)
  const after = await tenant.sessions.findByIdOrThrow(session?.id ?? '')
  expect(after.message_count).toBe(before + 1)
  const [memory] = await tenant.memories.find({ where: { status: 'active' } })
  const versions = await tenant.memories.history(memory?.id ?? '')
  await tenant.memories.update(memory?.id ?? '', { importance: memory?.importance === 9 ? 8 : 9 })
  expect(await tenant.memories.history(memory?.id ?? '')).toHaveLength(versions.length + 1)
  expect(await tenant.points.reconcile()).toEqual([])
})

test('keeps secrets to itself unless asked for them', async () => {
  const text = await exportText(shop(home))
  const secrets = await sql<{
    secret: string
  }>`select password_hash as secret from ibex_core.users where org_id = ${orgId}
    union all select webhook_secret from ibex_core.teams where org_id = ${orgId}
    union all select hash from ibex_core.tokens where org_id = ${orgId}`.execute(here.admin)
  const known = secrets.rows.flatMap(({ secret }) => secret ?? [])
  expect(known.length).toBeGreaterThan(0)
  for (const secret of known) expect(text).not.toContain(secret)
  await importText(abroad, text)
  expect(await shop(abroad).tokens.count()).toBe(0)
  expect(await shop(abroad).users.count()).toBe(await shop(home).users.count())
  expect(await exportText(shop(abroad))).toBe(text)
})

test('knows every column that looks like a secret', () => {
  const suspicious = Object.values(tables).flatMap(({ name, columns }) =>
    Object.keys(columns)
      .filter(
        (column) =>
          /hash|secret|password/.test(column) && !/(content|messages|completion|subject)_hash/.test(column),
      )
      .map((column) => `${name}.${column}`),
  )
  const known = Object.entries(secretColumns).flatMap(([name, columns]) =>
    columns.map((column) => `${name}.${column}`),
  )
  expect(suspicious.toSorted()).toEqual(known.toSorted())
})

test('makes the embeddings anew where the export holds none, and names their model', async () => {
  const text = await exportText(shop(home), { embeddings: false })
  expect(text).not.toContain('embedding"')
  const embedder: Embedder<384> = { ...lexicalEmbedder, model: 'another-model' }
  await importText(abroad, text, { embedder })
  const tenant = shop(abroad)
  const memories = await tenant.memories.find({ includeDeleted: true })
  expect(memories.length).toBeGreaterThan(3)
  const vectors = await embedder.embed(memories.map(({ content }) => content))
  expect(memories.map(({ embedding }) => embedding)).toEqual(vectors)
  expect(new Set(memories.map((memory) => memory.embedding_model))).toEqual(new Set(['another-model']))
  expect((await tenant.organizations.findByIdOrThrow(orgId)).embedding_model).toBe('another-model')
  expect(await tenant.documents.count({ embedding: null })).toBe(await tenant.documents.count())
  expect(rowsOf(await exportText(tenant, { embeddings: false }))).toEqual(rowsOf(text))
})

/** All lines but those of the header and the organization, which names its model, and the last, which has digested it. */
function rowsOf(text: string): readonly string[] {
  return text.split('\n').slice(2, -2)
}

test('writes nothing when the embedder fails, or is missing', async () => {
  const text = await exportText(shop(home), { embeddings: false })
  const embedder: Embedder<384> = { ...lexicalEmbedder, embed: async () => await Promise.resolve([]) }
  const failed = await failure(async () => await importText(abroad, text, { embedder }))
  expect(failed).toBeInstanceOf(EmbeddingFailedError)
  const missing = await failure(async () => await importText(abroad, text))
  expect(missing).toMatchObject({ name: 'InvalidArgumentError', argument: 'embedder' })
  expect(await isThere()).toBe(false)
})

async function isThere(): Promise<boolean> {
  const rows = await there.admin
    .selectFrom('ibex_core.organizations')
    .select('id')
    .where('id', '=', orgId)
    .execute()
  return rows.length > 0
}

test('refuses a tenant that is there, or leaves it alone when told so', async () => {
  const text = await exportText(shop(home), everything)
  await importText(abroad, text)
  await shop(abroad).organizations.update(orgId, { name: 'Renamed since' })
  const error = await failure(async () => await importText(abroad, text))
  expect(error).toBeInstanceOf(OrganizationExistsError)
  const report = await importText(abroad, text, { ifExists: 'skip' })
  expect(report).toEqual({ outcome: 'skipped', organizationId: orgId, rows: {} })
  expect((await shop(abroad).organizations.findByIdOrThrow(orgId)).name).toBe('Renamed since')
})

test('lets one of two imports at once have the tenant', async () => {
  const text = await exportText(shop(home), everything)
  const results = await Promise.allSettled([importText(abroad, text), importText(abroad, text)])
  const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  expect(failed).toHaveLength(1)
  expect(failed[0]).toBeInstanceOf(OrganizationExistsError)
  expect(await exportText(shop(abroad), everything)).toBe(text)
})

test(
  'lets one of several have it that all find nobody and then write together',
  skipOnEmbedded('one connection: nothing happens at once'),
  async () => {
    // long enough to be stored out of line, for which PostgreSQL looks after it has looked for the id
    const words = Array.from({ length: 200 }, (_, index) => hash('sha256', `word ${index}`))
    await shop(home).organizations.update(orgId, { settings: { words } })
    const text = await exportText(shop(home), everything)
    const {
      rows: [outOfLine],
    } = await sql<{ name: string }>`select reltoastrelid::regclass::text as name
      from pg_class where oid = 'ibex_core.organizations'::regclass`.execute(there.admin)
    const imports = await there.admin.transaction().execute(async (trx) => {
      await sql`reindex table ${sql.table(outOfLine?.name ?? '')}`.execute(trx)
      const started = Array.from({ length: 6 }, async () => await importText(abroad, text))
      await untilBlocked(there.admin, started.length)
      return { settled: Promise.allSettled(started) }
    })
    const results = await imports.settled
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    )
    expect(reasons).toEqual(Array.from({ length: 5 }, () => expect.any(OrganizationExistsError)))
    expect(await exportText(shop(abroad), everything)).toBe(text)
  },
)

test('writes nothing when another organization has the slug', async () => {
  const text = await exportText(shop(home), everything)
  const { slug } = await shop(home).organizations.findByIdOrThrow(orgId)
  const other = await insertOrganization(there.admin, { slug })
  const error = await failure(async () => await importText(abroad, text))
  expect(error).toBeInstanceOf(UniqueViolationError)
  expect(error).toMatchObject({ constraint: 'organizations_slug_key' })
  expect(await isThere()).toBe(false)
  await there.admin.deleteFrom('ibex_core.organizations').where('id', '=', other.id).execute()
})

test('stops when the signal says so, and writes nothing', async () => {
  const text = await exportText(shop(home), everything)
  const controller = new AbortController()
  const reason = new Error('enough')
  const error = await failure(
    async () =>
      await importText(abroad, text, {
        signal: controller.signal,
        onProgress: ({ rows }) => {
          if (rows > 10) controller.abort(reason)
        },
      }),
  )
  expect(error).toBe(reason)
  expect(await isThere()).toBe(false)
})

test('refuses to export from inside a transaction, or an organization that does not exist', async () => {
  const nobody = home.forTenant('00000000-0000-4000-8000-000000000000')
  expect(await failure(async () => await exportText(nobody))).toBeInstanceOf(UnknownOrganizationError)
  const inside = await failure(
    async () =>
      await shop(home).transaction(
        // what untyped code may pass
        async (trx) => await exportText(trx as unknown as TenantScope),
      ),
  )
  expect(inside).toBeInstanceOf(InvalidArgumentError)
})

test('knows every trigger that an import must not fire', async () => {
  const { rows } = await sql<{ name: string }>`select tgname::text as name from pg_trigger
    join pg_class on pg_class.oid = tgrelid
    where relnamespace = 'ibex_core'::regnamespace and not tgisinternal and tgparentid = 0 and tgconstraint = 0
      and tgtype & 4 <> 0 and pg_get_triggerdef(pg_trigger.oid) not like '%app.import%'`.execute(here.admin)
  expect(rows).toEqual([])
})

test('lets no tenant import for itself: the setting is heard of the system role only', async () => {
  const tenant = shop(home)
  const error = await failure(
    async () =>
      await tenant.transaction(async (trx) => {
        await sql`select set_config('app.import', 'on', true)`.execute(trx.db)
        const [user] = await trx.users.find({ limit: 1 })
        await sql`insert into ibex_core.point_accounts (user_id, balance, lifetime_earned)
          values (${user?.id}, 1000, 1000)`.execute(trx.db)
      }),
  )
  expect(error).toMatchObject({ name: 'InsufficientPrivilegeError', table: 'point_accounts' })
})
