/** A person with rows in every table that can say something of one, and the look for an id in the whole database. */
import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import type { DB } from '../../types/database.d.ts'
import {
  insertAgent,
  insertMemory,
  insertProduct,
  insertSession,
  insertTeam,
  insertUser,
} from '../support/factories.ts'

/** The ids of what was inserted about a person. */
export interface Person {
  readonly userId: string
  readonly agentId: string
  readonly sessionId: string
  /** The user's own three: a fact, its earlier words, and one that was merged into it. */
  readonly memoryIds: readonly [string, string, string]
  readonly orderId: string
}

/** Tables of a consumer: one about users, one about memories, one that only mentions, and one that is append-only. */
export async function createConsumerTables(admin: Kysely<DB>): Promise<void> {
  await createTenantTable(admin, 'public.diaries', {
    comment: 'What a user wrote down.',
    columns: {
      user_id: { type: 'uuid' },
      parent_id: { type: 'uuid', optional: true },
      body: { type: 'text' },
    },
    references: [
      { columns: ['user_id'], table: 'ibex_core.users', onDelete: 'cascade' },
      { columns: ['parent_id'], table: 'public.diaries', onDelete: 'cascade' },
    ],
  })
  await createTenantTable(admin, 'public.memory_notes', {
    comment: 'A note on a memory.',
    columns: { memory_id: { type: 'uuid' } },
    references: [{ columns: ['memory_id'], table: 'ibex_core.memories', onDelete: 'cascade' }],
  })
  await createTenantTable(admin, 'public.sightings', {
    comment: 'Where somebody was seen, without a foreign key.',
    columns: {
      seen: { type: 'uuid', optional: true },
      everybody: { type: 'uuid[]', default: "'{}'" },
      names: { type: 'text[]', default: "'{}'" },
      label: { type: 'varchar(80)' },
      facts: { type: 'jsonb', default: "'{}'" },
    },
    unique: [['label']],
  })
  await createTenantTable(admin, 'public.visits', {
    comment: 'A visit. Append-only.',
    appendOnly: true,
    columns: { visitor: { type: 'text' } },
  })
}

/** Inserts a person of the organization, with rows that are about them and rows that only mention them. */
export async function insertPerson(admin: Kysely<DB>, orgId: string): Promise<Person> {
  const org = { org_id: orgId }
  const { id: userId } = await insertUser(admin, org)
  const { id: agentId } = await insertAgent(admin, { ...org, created_by: userId })
  const { id: sessionId } = await insertSession(admin, { ...org, agent_id: agentId, user_id: userId })
  const about = { ...org, agent_id: agentId, user_id: userId, session_id: sessionId }
  const fact = await insertMemory(admin, about)
  const past = await insertMemory(admin, {
    ...org,
    agent_id: agentId,
    status: 'superseded',
    superseded_by: fact.id,
  })
  const merged = await insertMemory(admin, {
    ...org,
    agent_id: agentId,
    status: 'merged',
    merged_into: past.id,
  })
  const insert = inserter(admin, orgId)
  await insertMemoryRows(insert, [fact.id, past.id])
  await insertTalk(insert, { userId, agentId, sessionId })
  const orderId = await insertMentions(admin, { userId, agentId, orgId })
  const diary = await insert('public.diaries', { user_id: userId, body: 'Dear diary' })
  const { id: other } = await insertUser(admin, org)
  // of another user, and yet a part of the first one
  await insert('public.diaries', { user_id: other, parent_id: diary, body: 'I agree' })
  await insert('public.memory_notes', { memory_id: fact.id })
  return { userId, agentId, sessionId, memoryIds: [fact.id, past.id, merged.id], orderId }
}

type Insert = (table: string, values: Readonly<Record<string, unknown>>) => Promise<string>

async function insertMemoryRows(insert: Insert, [fact, past]: readonly [string, string]): Promise<void> {
  await insert('ibex_core.memory_usage', { memory_id: fact })
  await insert('ibex_core.memory_tags', { memory_id: fact, tag: 'home' })
  await insert('ibex_core.memory_tags', { memory_id: past, tag: 'home' })
  const edge = { source_id: fact, target_id: past, relation_type: 'supersedes' }
  await insert('ibex_core.memory_relationships', edge)
}

async function insertTalk(
  insert: Insert,
  { userId, agentId, sessionId }: { userId: string; agentId: string; sessionId: string },
): Promise<void> {
  const said = { session_id: sessionId, role: 'user', content: 'Hello.' }
  const message = await insert('ibex_core.messages', { ...said, seq: 1 })
  await insert('ibex_core.messages', { ...said, seq: 2 })
  const file = { filename: 'a.png', original_filename: 'a.png', file_path: '/a.png', file_size: 1 }
  await insert('ibex_core.attachments', {
    message_id: message,
    ...file,
    file_type: 'image',
    mime_type: 'image/png',
  })
  await insert('ibex_core.checkpoints', {
    session_id: sessionId,
    agent_id: agentId,
    turn_index: 0,
    state: { user: userId },
  })
}

async function insertMentions(
  admin: Kysely<DB>,
  { userId, agentId, orgId }: { userId: string; agentId: string; orgId: string },
): Promise<string> {
  const insert = inserter(admin, orgId)
  await insert('ibex_core.tokens', { user_id: userId, type: 'pat', name: 'T', prefix: 'x', hash: hex() })
  const team = await insertTeam(admin, { org_id: orgId })
  await insert('ibex_core.team_memberships', { team_id: team.id, user_id: userId, role: 'owner' })
  const movement = { change_type: 'earn', amount: 5, direction: 'credit', biz_type: 'gift' }
  await insert('ibex_core.points_ledger', { user_id: userId, ...movement, event_id: randomUUID() })
  const directive = await insert('ibex_core.directives', { agent_id: agentId })
  const version = { directive_id: directive, version_num: 1, content: 'Be kind.', content_hash: hex() }
  await insert('ibex_core.directive_versions', { ...version, created_by: userId })
  const tool = { correlation_id: '1', tool_name: 'ear', user_id: userId, inputs: { for: userId } }
  await insert('ibex_core.tool_executions', tool)
  await insert('ibex_core.audit_logs', { action: 'read', actor: userId, metadata: { [userId]: 1 } })
  await insert('ibex_core.agent_executions', {
    execution_id: `run-${userId}`,
    agent_name: 'A',
    prompt: `Greet ${userId.toUpperCase()}.`,
  })
  const product = await insertProduct(admin, { org_id: orgId })
  const { rows } = await sql<{ id: string }>`select (placed).id from
    ibex_core.place_order(${orgId}, ${hex()}, ${userId}, ${[product.id]}, ${[1]}, '{}', null, '{}')`.execute(
    admin,
  )
  const seen = { seen: userId, everybody: [randomUUID(), userId], names: ['a', userId] }
  await insert('public.sightings', { ...seen, label: `at ${userId}`, facts: [{ who: userId }] })
  await insert('public.visits', { visitor: userId })
  return rows[0]?.id ?? ''
}

/** 64 hexadecimal digits. */
function hex(): string {
  return randomUUID().replaceAll('-', '').repeat(2)
}

function inserter(admin: Kysely<DB>, orgId: string): Insert {
  return async (table, values) => {
    const row = Object.entries({ org_id: orgId, ...values }).map(([name, value]) => {
      const isJson = typeof value === 'object' && (!Array.isArray(value) || typeof value[0] === 'object')
      return { name: sql.ref(name), value: isJson ? JSON.stringify(value) : value }
    })
    const { rows } = await sql<{ id?: string }>`insert into ${sql.table(table)}
      (${sql.join(row.map(({ name }) => name))}) values (${sql.join(row.map(({ value }) => value))}) returning *`.execute(
      admin,
    )
    return rows[0]?.id ?? ''
  }
}

/** The columns of all tables that carry the id: `schema.table.column`, whatever its type. */
export async function carriersOf(admin: Kysely<DB>, id: string): Promise<string[]> {
  const { rows: columns } = await sql<{ table: string; column: string }>`
    select relnamespace::regnamespace || '.' || relname as table, quote_ident(attname) as column
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relkind in ('r', 'p') and not relispartition and attnum > 0 and not attisdropped
      and relnamespace in ('ibex_core'::regnamespace, 'public'::regnamespace)`.execute(admin)
  const found: string[] = []
  const byTable = Map.groupBy(columns, ({ table }) => table)
  for (const [table, own] of byTable) {
    const tests = own.map(({ column }) => `coalesce(bool_or(${column}::text ilike '%${id}%'), false)`)
    const { rows } = await sql
      .raw<{ carries: boolean[] }>(`select array[${tests.join(', ')}] as carries from ${table}`)
      .execute(admin)
    found.push(
      ...own.filter((_, index) => rows[0]?.carries[index] === true).map(({ column }) => `${table}.${column}`),
    )
  }
  return found.toSorted()
}

/** How many rows an organization has in each tenant table, as the owner sees it. */
export async function countRows(admin: Kysely<DB>, orgId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of await tenantTables(admin)) {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from ${sql.raw(table)}
      where org_id = ${orgId}`.execute(admin)
    counts[table] = rows[0]?.count ?? 0
  }
  return counts
}

/** The rows of an organization in every tenant table, as text. */
export async function allRows(
  admin: Kysely<DB>,
  orgId: string,
  except: string = randomUUID(),
): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {}
  for (const table of await tenantTables(admin)) {
    const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.raw(table)} as t
      where org_id = ${orgId} and t::text not like ${`%${except}%`} order by 1`.execute(admin)
    all[table] = rows.map(({ row }) => row)
  }
  return all
}

/** The tables with an `org_id`, of whatever schema. */
async function tenantTables(admin: Kysely<DB>): Promise<string[]> {
  const { rows } = await sql<{ table: string }>`select relnamespace::regnamespace || '.' || relname as table
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where attname = 'org_id' and relkind in ('r', 'p') and not relispartition order by 1`.execute(admin)
  return rows.map(({ table }) => table)
}
