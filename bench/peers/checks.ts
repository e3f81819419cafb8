/** What is checked of every peer: right answers, one tenant at a time, all or nothing, a pool that outlives errors. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CheckDatabase, CheckTenant } from './check-data.ts'
import { newMemories } from './check-data.ts'
import type { AgentRow, FoundMemory, NewAgent, NewConversation, NewMemory, Peer } from './peer.ts'

/** Checks one promise of a peer, and throws when it is broken. */
export interface Check {
  readonly name: string
  readonly run: (peer: Peer, database: CheckDatabase) => Promise<void>
}

/** Connections that a peer is opened with: {@link checks} look whether it keeps to them. */
export const poolSize = 4

/** The checks, in an order in which they do not disturb each other. */
export const checks: readonly Check[] = [
  { name: 'says its name and version', run: checkName },
  { name: 'findAgent', run: checkFindAgent },
  { name: 'listAgents', run: checkListAgents },
  { name: 'insertAgent', run: checkInsertAgent },
  { name: 'updateAgent', run: checkUpdateAgent },
  { name: 'recordConversation', run: checkRecordConversation },
  { name: 'recordConversation rolls back', run: checkConversationRollsBack },
  { name: 'nearestMemories', run: checkNearestMemories },
  { name: 'memoriesByText', run: checkMemoriesByText },
  { name: 'addMemories', run: checkAddMemories },
  { name: 'addMemories rolls back', run: checkMemoriesRollBack },
  { name: 'keeps tenants apart when they take turns', run: checkTurns },
  { name: 'gives connections back', run: checkPool },
]

/** Checks that no connection is left when a peer has been disposed of; the server hears of it a little later. */
export async function checkDisposed({ admin, login }: CheckDatabase): Promise<void> {
  const sessions = 'select count(*)::int as count from pg_stat_activity where usename = $1'
  for (let tries = 0; tries < 50; tries += 1) {
    const { rows } = await admin.query<{ count: number }>(sessions, [login])
    if (rows[0]?.count === 0) return
    await sleep(100)
  }
  assert.fail('connections are left open')
}

async function checkName(peer: Peer): Promise<void> {
  assert.match(peer.name, /\S/)
  assert.match(peer.version, /^\d+\.\d+\.\d+/)
}

async function checkFindAgent(peer: Peer, database: CheckDatabase): Promise<void> {
  const { mine, theirs } = database
  const id = firstAgent(mine)
  same(await peer.findAgent(mine.orgId, id), await agentInside(database, id))
  assert.equal((await peer.findAgent(mine.orgId, mine.deletedAgentId)) ?? null, null, 'a deleted agent')
  assert.equal((await peer.findAgent(mine.orgId, randomUUID())) ?? null, null, 'an agent that is not there')
  assert.equal((await peer.findAgent(mine.orgId, firstAgent(theirs))) ?? null, null, 'an agent of theirs')
}

async function checkListAgents(peer: Peer, database: CheckDatabase): Promise<void> {
  const { orgId } = database.mine
  const { rows } = await database.admin.query<AgentRow>(
    'select * from ibex_core.agents where org_id = $1 and deleted_at is null order by created_at desc, id desc',
    [orgId],
  )
  same(await peer.listAgents(orgId, 20), rows.slice(0, 20))
  same(await peer.listAgents(orgId, 1_000), rows)
}

async function checkInsertAgent(peer: Peer, database: CheckDatabase): Promise<void> {
  const { mine, theirs } = database
  const agent = newAgent()
  const inserted = await peer.insertAgent(mine.orgId, agent)
  same(inserted, await agentInside(database, inserted.id))
  assert.equal(inserted.org_id, mine.orgId)
  same({ ...inserted, ...agent }, inserted)
  const foreign = await peer.insertAgent(theirs.orgId, agent)
  assert.equal(foreign.org_id, theirs.orgId)
  await assert.rejects(async () => await peer.insertAgent(mine.orgId, agent), 'a slug that is taken')
}

async function checkUpdateAgent(peer: Peer, database: CheckDatabase): Promise<void> {
  const { mine, theirs } = database
  const [, id = ''] = mine.agentIds
  const tagline = `It's “${randomUUID()}”`
  const before = await agentInside(database, id)
  const updated = await peer.updateAgent(mine.orgId, id, tagline)
  const after = await agentInside(database, id)
  same(updated, after)
  same({ ...before, tagline, updated_at: after['updated_at'] }, after)
  const untouched = await agentInside(database, firstAgent(theirs))
  await assert.rejects(
    async () => await peer.updateAgent(mine.orgId, firstAgent(theirs), tagline),
    'an agent of theirs must not be found',
  )
  same(await agentInside(database, firstAgent(theirs)), untouched)
}

async function checkRecordConversation(peer: Peer, database: CheckDatabase): Promise<void> {
  const { admin, mine } = database
  const conversation = newConversation(mine)
  const recorded = await peer.recordConversation(mine.orgId, conversation)
  same(recorded.agent, await agentInside(database, conversation.agentId))
  const { sessionId, seqs, title, status } = recorded
  const expected = { seqs: [1, 2], title: conversation.title, status: 'completed' }
  assert.deepEqual({ seqs: [...seqs], title, status }, expected)
  const sessions = await admin.query(
    'select org_id, agent_id, title, status, message_count from ibex_core.sessions where id = $1',
    [sessionId],
  )
  assert.deepEqual(sessions.rows, [
    {
      org_id: mine.orgId,
      agent_id: conversation.agentId,
      title: conversation.title,
      status: 'completed',
      message_count: 2,
    },
  ])
  const messages = await admin.query(
    'select org_id, seq, role, content from ibex_core.messages where session_id = $1 order by seq',
    [sessionId],
  )
  assert.deepEqual(messages.rows, [
    { org_id: mine.orgId, seq: 1, role: 'user', content: conversation.question },
    { org_id: mine.orgId, seq: 2, role: 'assistant', content: conversation.answer },
  ])
}

async function checkConversationRollsBack(peer: Peer, database: CheckDatabase): Promise<void> {
  const { admin, mine, theirs } = database
  const count = async (): Promise<unknown> =>
    (await admin.query('select count(*) from ibex_core.sessions')).rows
  const before = await count()
  // the fourth statement brings it
  const broken = { ...newConversation(mine), answer: 'refused' }
  await assert.rejects(async () => await peer.recordConversation(mine.orgId, broken), 'a bad answer')
  const foreign = { ...newConversation(mine), agentId: firstAgent(theirs) }
  await assert.rejects(async () => await peer.recordConversation(mine.orgId, foreign), 'an agent of theirs')
  assert.deepEqual(await count(), before, 'a session is left of a conversation that failed')
}

async function checkNearestMemories(peer: Peer, database: CheckDatabase): Promise<void> {
  const { mine, theirs, lookedFor } = database
  // all of mine, though everything of theirs is nearer: without the settings the index gives none
  const all = await peer.nearestMemories(mine.orgId, lookedFor, 100)
  same(byId(all), byId(await nearestInside(database, mine, 100)))
  const some = await peer.nearestMemories(theirs.orgId, lookedFor, 10)
  const exact = (await nearestInside(database, theirs, 10)).map(({ id }) => id)
  assert.equal(some.length, 10)
  assert.equal(some[0]?.id, exact[0], 'the nearest comes first')
  // the index is approximate
  assert.ok(some.filter(({ id }) => exact.includes(id)).length >= 8, 'the ten nearest')
}

async function nearestInside(
  { admin, lookedFor }: CheckDatabase,
  { orgId }: CheckTenant,
  limit: number,
): Promise<FoundMemory[]> {
  const { rows } = await admin.query<FoundMemory>(
    `select ${foundColumns} from ibex_core.memories
      where org_id = $1 and status = 'active' and deleted_at is null
      order by (embedding <=> $2) + 0, id limit $3`,
    [orgId, JSON.stringify(lookedFor), limit],
  )
  return rows
}

async function checkMemoriesByText(peer: Peer, database: CheckDatabase): Promise<void> {
  const { admin, mine } = database
  const { rows } = await admin.query<FoundMemory>(
    `select ${foundColumns} from ibex_core.memories
      where org_id = $1 and content like 'Ana%' order by length(content) desc`,
    [mine.orgId],
  )
  assert.equal(rows.length, 5)
  same(await peer.memoriesByText(mine.orgId, `the teas' "liking" & green:`, 10), rows)
  same(await peer.memoriesByText(mine.orgId, 'green tea', 3), rows.slice(0, 3))
  same(await peer.memoriesByText(mine.orgId, 'green coffee', 3), [])
}

async function checkAddMemories(peer: Peer, database: CheckDatabase): Promise<void> {
  const { admin, bulk } = database
  // more parameters than one statement can have, where each value is one
  const label = `good ${randomUUID()}`
  const memories = newMemories(firstAgent(bulk), label, 11_000)
  assert.equal(await peer.addMemories(bulk.orgId, memories), memories.length)
  const { rows } = await admin.query<Stored>(
    `select agent_id, content, content_hash, category, embedding::text from ibex_core.memories
      where org_id = $1 and starts_with(content, $2)`,
    [bulk.orgId, label],
  )
  assert.equal(rows.length, memories.length)
  const stored = new Map(rows.map((row) => [row.content, row]))
  for (const memory of memories) {
    const { embedding, ...row } = stored.get(memory.content) ?? assert.fail('a memory is missing')
    // PostgreSQL writes the fewest digits that name the 4 bytes
    const vector = Float32Array.from(JSON.parse(embedding) as number[])
    assert.deepEqual({ ...row, embedding: Array.from(vector) }, memory)
  }
}

interface Stored {
  readonly content: string
  readonly embedding: string
}

async function checkMemoriesRollBack(peer: Peer, database: CheckDatabase): Promise<void> {
  const { admin, bulk } = database
  const label = `bad ${randomUUID()}`
  const good = newMemories(firstAgent(bulk), label, 11_000)
  const bad = [...good, unhashed(firstAgent(bulk))]
  await assert.rejects(async () => await peer.addMemories(bulk.orgId, bad), 'a bad row')
  const left = 'select from ibex_core.memories where starts_with(content, $1)'
  const { rows } = await admin.query(left, [label])
  assert.equal(rows.length, 0, 'memories are left of a bulk that failed')
}

async function checkTurns(peer: Peer, { mine, theirs }: CheckDatabase): Promise<void> {
  const turns = Array.from({ length: 200 }, (_, turn) => {
    const [ours, others] = turn % 2 === 0 ? [mine, theirs] : [theirs, mine]
    return { ours, others, at: turn % ours.agentIds.length }
  })
  await Promise.all(
    turns.map(async ({ ours, others, at }) => {
      const found = await peer.findAgent(ours.orgId, ours.agentIds[at] ?? '')
      assert.equal(found?.org_id, ours.orgId)
      assert.equal((await peer.findAgent(ours.orgId, others.agentIds[at] ?? '')) ?? null, null)
      for (const agent of await peer.listAgents(ours.orgId, 5)) assert.equal(agent.org_id, ours.orgId)
    }),
  )
}

async function checkPool(peer: Peer, { admin, login, mine, theirs }: CheckDatabase): Promise<void> {
  const id = firstAgent(mine)
  const taken = { ...newAgent(), slug: 'agent-1' }
  const failures = Array.from({ length: 3 * poolSize }, () => [
    peer.insertAgent(mine.orgId, taken),
    peer.updateAgent(mine.orgId, firstAgent(theirs), 'x'),
    peer.recordConversation(mine.orgId, { ...newConversation(mine), title: 'refused' }),
    peer.addMemories(mine.orgId, [unhashed(id)]),
    peer.findAgent(mine.orgId, 'no uuid'),
    peer.findAgent('no uuid', id),
  ]).flat()
  for (const { status } of await Promise.allSettled(failures)) assert.equal(status, 'rejected')
  const reads = Array.from({ length: 100 }, async () => await peer.findAgent(mine.orgId, id))
  const late = new AbortController()
  const found = await Promise.race([
    Promise.all(reads),
    sleep(20_000, 'late' as const, { signal: late.signal }),
  ])
  late.abort()
  assert.notEqual(found, 'late', 'reads wait for connections that nobody gave back')
  const { rows } = await admin.query<{ sessions: number; busy: number }>(
    `select count(*)::int as sessions, (count(*) filter (where state <> 'idle'))::int as busy
       from pg_stat_activity where usename = $1`,
    [login],
  )
  assert.ok((rows[0]?.sessions ?? 0) <= poolSize, 'more connections than the pool may have')
  assert.equal(rows[0]?.busy, 0, 'a transaction is left open')
}

const foundColumns = 'id, agent_id, content, category, status, importance, confidence, created_at'

function firstAgent({ agentIds }: CheckTenant): string {
  return agentIds[0] ?? ''
}

function newAgent(): NewAgent {
  const slug = `new-${randomUUID()}`
  return { name: "New 'agent'", slug, tagline: 'Says \\ and ?', status: 'active', tags: ['a "b"', 'c,d', ''] }
}

/** A memory that a check constraint refuses. */
function unhashed(agentId: string): NewMemory {
  const [memory = assert.fail()] = newMemories(agentId, 'unhashed', 1)
  return { ...memory, content_hash: 'x' }
}

function newConversation(tenant: CheckTenant): NewConversation {
  const [, , agentId = ''] = tenant.agentIds
  return { agentId, question: `Why? ${randomUUID()}`, answer: "It's $1.", title: 'A question' }
}

type Row = Readonly<Record<string, unknown>>

/** An agent as a superuser sees it. */
async function agentInside({ admin }: CheckDatabase, id: string): Promise<Row> {
  const { rows } = await admin.query<Row>('select * from ibex_core.agents where id = $1', [id])
  return rows[0] ?? assert.fail('the agent is gone')
}

function byId(memories: readonly FoundMemory[]): FoundMemory[] {
  return [...memories].sort((one, other) => one.id.localeCompare(other.id))
}

/** Compares rows, whatever class a library makes of them, and however it gives times and large integers. */
function same(actual: unknown, expected: unknown): void {
  assert.deepEqual(plain(actual), plain(expected))
}

function plain(value: unknown, column = ''): unknown {
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'string' && column.endsWith('_at')) return new Date(value).toISOString()
  if (column === 'total_tokens_used') return String(value)
  if (typeof value === 'number') return Math.fround(value)
  if (Array.isArray(value)) return Array.from(value, (element) => plain(element))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, key)]))
}
