import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InsufficientPrivilegeError, InvalidArgumentError, InvalidCursorError } from '../../src/errors.ts'
import type { AuditFilter } from '../../src/executions/audit-log-repository.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { AuditLog } from '../../types/database.d.ts'
import { insertOrganization, insertProject, insertSession } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  refusal,
  watchTheirs,
} from '../support/two-tenants.ts'

const table = 'ibex_core.audit_logs'

let tenants: TwoTenants
let foreign: AuditLog
let theirsUnchanged: () => Promise<void>
/** The log cannot be emptied, so each test gets a tenant of its own. */
let mine: TenantScope

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await tenants.theirs.auditLogs.append({
    action: 'read',
    actor: 'eve',
    metadata: { secret: true },
  })
  theirsUnchanged = await watchTheirs(tenants, table)
})

beforeEach(async () => {
  mine = tenants.database.forTenant((await insertOrganization(tenants.admin)).id)
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await mine.auditLogs.exists({ id: foreign.id })).toBe(false)
}

const day = { from: new Date(Date.now() - 86_400_000), to: new Date(Date.now() + 86_400_000) }

async function actionsBetween(filter: Partial<AuditFilter> = {}): Promise<string[]> {
  return (await mine.auditLogs.between({ ...day, ...filter })).rows.map(({ action }) => action)
}

test('appends an entry with what is given, and defaults for the rest', async () => {
  const ids = { projectId: randomUUID(), roleId: randomUUID(), sessionId: randomUUID() }
  const entry = await mine.auditLogs.append({
    action: 'generate',
    actor: 'ana',
    ...ids,
    provider: 'anthill',
    query: 'Why?',
    modelVersion: 'm-1',
    metadata: { tokens: 3 },
  })
  expect(entry).toMatchObject({
    org_id: mine.orgId,
    action: 'generate',
    actor: 'ana',
    project_id: ids.projectId,
    role_id: ids.roleId,
    session_id: ids.sessionId,
    provider: 'anthill',
    query: 'Why?',
    model_version: 'm-1',
    metadata: { tokens: 3 },
  })
  expect(await mine.auditLogs.append({ action: 'read' })).toMatchObject({
    actor: null,
    project_id: null,
    provider: null,
    query: null,
    metadata: {},
  })
})

test("names the scope's actor when no other is named, whichever way the entry is written", async () => {
  const scope = tenants.database.forTenant(mine.orgId, { actor: { type: 'user', id: 'ana' } })
  await scope.auditLogs.append({ action: 'append' })
  await scope.auditLogs.append({ action: 'named', actor: 'bob' })
  await scope.auditLogs.insert({ action: 'insert' })
  await scope.auditLogs.appendMany([{ action: 'many' }, { action: 'many named', actor: 'bob' }])
  await scope.db.insertInto(table).values({ org_id: scope.orgId, action: 'kysely' }).execute()
  await scope.transaction(async (trx) => await trx.auditLogs.append({ action: 'transaction' }), {
    actor: { type: 'user', id: 'eve' },
  })
  // the same connection, and nobody said who
  await mine.auditLogs.append({ action: 'nobody' })
  const entries = await mine.auditLogs.find()
  expect(Object.fromEntries(entries.map(({ action, actor }) => [action, actor]))).toEqual({
    append: 'ana',
    named: 'bob',
    insert: 'ana',
    many: 'ana',
    'many named': 'bob',
    kysely: 'ana',
    transaction: 'eve',
    nobody: null,
  })
})

test('appends many, all or none, and returns them in their order', async () => {
  const { auditLogs } = mine
  const entries = Array.from({ length: 20 }, (_, index) => ({
    action: `action-${index}`,
    ...(index % 3 === 0 ? { projectId: randomUUID(), query: 'q' } : {}),
  }))
  const appended = await auditLogs.appendMany(entries)
  expect(appended.map(({ action }) => action)).toEqual(entries.map(({ action }) => action))
  expect((await actionsBetween()).toSorted()).toEqual(entries.map(({ action }) => action).toSorted())
  expect(await auditLogs.appendMany([])).toEqual([])

  const bad = [{ action: 'good' }, { action: 'bad', metadata: [] as never }]
  expect(await failure(async () => await auditLogs.appendMany(bad))).toMatchObject({
    code: 'check_violation',
  })
  expect(await auditLogs.count()).toBe(20)
})

test('keeps of a transaction that is rolled back nothing', async () => {
  const undone = mine.transaction(async (trx) => {
    await trx.auditLogs.append({ action: 'lost' })
    throw new Error('undone')
  })
  await expect(undone).rejects.toThrow('undone')
  expect(await mine.auditLogs.count()).toBe(0)
})

test('reads pages of a time, newest first, whatever is appended meanwhile', async () => {
  const actions = Array.from({ length: 7 }, (_, index) => `action-${index}`)
  await mine.auditLogs.insertMany(
    actions.map((action, index) => ({ action, created_at: new Date(Date.now() - 60_000 + index) })),
  )
  const read: string[] = []
  let after: string | undefined
  do {
    const page = await mine.auditLogs.between({ ...day, limit: 3, after })
    read.push(...page.rows.map(({ action }) => action))
    after = page.nextCursor
    await mine.auditLogs.append({ action: 'meanwhile' })
  } while (after !== undefined)
  expect(read).toEqual(actions.toReversed())
})

test(
  'keeps the order of what one transaction appends',
  skipOnEmbedded('its clock counts milliseconds'),
  async () => {
    const actions = Array.from({ length: 7 }, (_, index) => `action-${index}`)
    await mine.transaction(async (trx) => {
      for (const action of actions) await trx.auditLogs.append({ action })
    })
    expect(await actionsBetween()).toEqual(actions.toReversed())
  },
)

test('reads by action, actor and project, from the beginning of a time up to its end', async () => {
  const projectId = randomUUID()
  await mine.auditLogs.insertMany([
    { action: 'read', actor: 'ana', created_at: '2026-03-01T00:00:00Z' },
    { action: 'write', actor: 'ana', project_id: projectId, created_at: '2026-03-02T00:00:00Z' },
    { action: 'read', actor: 'bob', project_id: projectId, created_at: '2026-03-03T00:00:00Z' },
    { action: 'delete', actor: 'bob', created_at: '2026-03-04T00:00:00Z' },
  ])
  const march = { from: new Date('2026-03-01T00:00:00Z'), to: new Date('2026-03-04T00:00:00Z') }
  expect(await actionsBetween(march)).toEqual(['read', 'write', 'read'])
  expect(await actionsBetween({ ...march, to: new Date('2026-03-04T00:00:00.001Z') })).toHaveLength(4)
  expect(await actionsBetween({ ...march, action: 'write' })).toEqual(['write'])
  expect(await actionsBetween({ ...march, actor: 'bob' })).toEqual(['read'])
  expect(await actionsBetween({ ...march, projectId })).toEqual(['read', 'write'])
  expect(await actionsBetween({ ...march, projectId, actor: 'ana', action: 'read' })).toEqual([])
})

test('takes no cursor of another filter or tenant', async () => {
  const { theirs } = tenants
  await mine.auditLogs.appendMany([{ action: 'a' }, { action: 'b' }])
  const { nextCursor: after } = await mine.auditLogs.between({ ...day, limit: 1 })
  expect(after).toBeDefined()
  for (const read of [
    async () => await mine.auditLogs.between({ ...day, limit: 1, after, action: 'a' }),
    async () => await theirs.auditLogs.between({ ...day, limit: 1, after }),
  ]) {
    expect(await failure(read)).toBeInstanceOf(InvalidCursorError)
  }
})

test('keeps what it says of a project, a role and a session after they are deleted', async () => {
  const { admin } = tenants
  const org = { org_id: mine.orgId }
  const [project, session] = [await insertProject(admin, org), await insertSession(admin, org)]
  const role = await mine.roles.insert({ name: 'Scribe' })
  const named = { projectId: project.id, roleId: role.id, sessionId: session.id }
  const entry = await mine.auditLogs.append({ action: 'work', ...named })
  await mine.projects.delete(project.id)
  await mine.roles.delete(role.id)
  await mine.sessions.delete(session.id)
  expect(await mine.auditLogs.find()).toEqual([entry])
})

describe('nobody changes an entry', () => {
  let entry: AuditLog

  beforeEach(async () => {
    entry = await mine.auditLogs.append({ action: 'read', actor: 'ana' })
  })

  async function entryUnchanged(): Promise<void> {
    expect(await mine.auditLogs.find()).toEqual([entry])
  }

  afterEach(async () => {
    await entryUnchanged()
  })

  test.each<[string, (scope: TenantScope, id: string) => Promise<unknown>]>([
    ['update', async ({ auditLogs }, id) => await auditLogs.update(id, { action: 'other' })],
    ['delete', async ({ auditLogs }, id) => await auditLogs.delete(id)],
    [
      'upsert',
      async ({ auditLogs }, id) => await auditLogs.upsert({ id, action: 'other' }, { conflict: ['id'] }),
    ],
    ['plain Kysely', async ({ db }) => await db.updateTable(table).set({ actor: null }).execute()],
    ['truncate', async ({ db }) => await sql`truncate ${sql.table(table)}`.execute(db)],
  ])('a tenant, by %s', async (_, change) => {
    const error = await failure(async () => await change(mine, entry.id))
    expect(error).toBeInstanceOf(InsufficientPrivilegeError)
    expect(error.message).not.toContain(entry.id)
  })

  const changes = [
    sql`update ${sql.table(table)} set actor = 'eve'`,
    sql`delete from ${sql.table(table)}`,
    sql`insert into ${sql.table(table)} (org_id, id, action) select org_id, id, 'other' from ${sql.table(table)}
      on conflict (org_id, id) do update set action = excluded.action`,
    sql`merge into ${sql.table(table)} as kept using (select 1) as one on true when matched then delete`,
    sql`truncate ${sql.table(table)}`,
  ]

  test('the system role', async () => {
    for (const change of changes) {
      const run = async (): Promise<unknown> =>
        await tenants.database.asSystem('an attempt', async ({ db }) => await change.execute(db))
      expect(await failure(run)).toBeInstanceOf(InsufficientPrivilegeError)
    }
  })

  test('a superuser', async () => {
    for (const change of changes)
      await expect(change.execute(tenants.admin)).rejects.toMatchObject({ code: '42501' })
  })

  /** What becomes of a change by an owner who is no superuser; taken back in any case. */
  async function asOwner(policies: 'force' | 'no force', change: (typeof changes)[number]): Promise<unknown> {
    let outcome: unknown
    const attempt = tenants.admin.transaction().execute(async (trx) => {
      await sql`create role audit_owner`.execute(trx)
      await sql`grant usage, create on schema ibex_core to audit_owner`.execute(trx)
      await sql`alter table ${sql.table(table)} owner to audit_owner`.execute(trx)
      await sql`alter table ${sql.table(table)} ${sql.raw(policies)} row level security`.execute(trx)
      await sql`set local role audit_owner`.execute(trx)
      outcome = (await change.execute(trx)).numAffectedRows
      throw new Error('rolled back on purpose')
    })
    const error = await failure(async () => await attempt)
    return outcome ?? (error as Error & { readonly code?: unknown }).code
  }

  test('the owner of the table', async () => {
    for (const change of changes) {
      expect(await asOwner('no force', change)).toBe('42501')
      // held by its policies, an owner sees no row that it could change
      expect(['42501', 0n]).toContain(await asOwner('force', change))
    }
  })
})

test('goes with its organization, and with nothing else', async () => {
  await mine.auditLogs.append({ action: 'read' })
  await tenants.admin.deleteFrom('ibex_core.organizations').where('id', '=', mine.orgId).execute()
  expect(await ownersView(tenants.admin, table, mine.orgId)).toEqual([])
})

test.each<[string, string, (repository: TenantScope['auditLogs']) => Promise<unknown>]>([
  ['no action', 'action', async (logs) => await logs.append({ action: '' })],
  ['an action of 51', 'action', async (logs) => await logs.append({ action: 'x'.repeat(51) })],
  ['an empty actor', 'actor', async (logs) => await logs.append({ action: 'a', actor: '' })],
  [
    'a project id that is no uuid',
    'projectId',
    async (logs) => await logs.append({ action: 'a', projectId: '1' }),
  ],
  ['a role id that is no uuid', 'roleId', async (logs) => await logs.append({ action: 'a', roleId: '1' })],
  [
    'a session id that is no uuid',
    'sessionId',
    async (logs) => await logs.append({ action: 'a', sessionId: '1' }),
  ],
  [
    'a provider of 51',
    'provider',
    async (logs) => await logs.append({ action: 'a', provider: 'x'.repeat(51) }),
  ],
  ['an empty model', 'modelVersion', async (logs) => await logs.append({ action: 'a', modelVersion: '' })],
  ['a query with a NUL', 'query', async (logs) => await logs.append({ action: 'a', query: '\0' })],
  [
    'one bad entry of many',
    'action',
    async (logs) => await logs.appendMany([{ action: 'a' }, { action: '' }]),
  ],
  ['no beginning', 'from', async (logs) => await logs.between({ to: day.to } as AuditFilter)],
  ['an end before the beginning', 'to', async (logs) => await logs.between({ from: day.to, to: day.from })],
  ['a project that is no uuid', 'projectId', async (logs) => await logs.between({ ...day, projectId: '1' })],
  ['a page of 0', 'limit', async (logs) => await logs.between({ ...day, limit: 0 })],
])('throws before any SQL when it is given %s', async (_, argument, call) => {
  const error = await refusal(tenants, async () => await call(mine.auditLogs))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})
