import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { HotCacheError, OuterScopeError } from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import { type TwoTenants, failure, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import {
  MapStore,
  hotContents,
  insertHotAgent,
  insertHotMemory,
  rankings,
  until,
  untilCached,
  untilHot,
} from './hot-agent.ts'

const store = new MapStore()
const errors: HotCacheError[] = []
let bundle: TwoTenants

function onError(error: HotCacheError): void {
  errors.push(error)
}

beforeAll(async () => {
  bundle = await openTwoTenants({ hotCache: { store, storeTimeout: 5_000, onError } })
})

beforeEach(() => {
  store.before = async () => {}
  store.calls.length = 0
  errors.length = 0
})

afterAll(async () => {
  await bundle.close()
})

/** An agent of mine, and its namesake of the other tenant, whose lists both come from the cache. */
async function cachedAgents(): Promise<string> {
  const { admin, mine, theirs } = bundle
  const agentId = await insertHotAgent(admin, mine.orgId)
  await insertHotAgent(admin, theirs.orgId, { id: agentId, contents: ['theirs'] })
  await untilCached(bundle, mine, agentId)
  await untilHeard()
  await untilCached(bundle, mine, agentId)
  await untilCached(bundle, theirs, agentId)
  return agentId
}

/** Waits until the cache has heard of all that was written: what is heard late drops a list that was just made. */
async function untilHeard(): Promise<void> {
  const [orgId, agentId] = [randomUUID(), randomUUID()]
  await sql`select pg_notify('ibex_core.hot_memories', ${`${orgId}:${agentId}`})`.execute(bundle.admin)
  await until(() => store.calls.includes(`delete org:${orgId}:hot-memories:${agentId}:stamp`))
}

test('reads a list from the cache in one statement, for every limit and no other agent', async () => {
  const { admin, mine, statements } = bundle
  const agentId = await cachedAgents()
  const other = await insertHotAgent(admin, mine.orgId, { contents: ['of another agent'] })
  const before = statements.length
  expect(await hotContents(mine, agentId, 2)).toEqual(['first', 'second'])
  expect(await hotContents(mine, agentId.toUpperCase())).toEqual(['first', 'second', 'third'])
  expect(statements.length - before).toBe(2)
  expect(await hotContents(mine, other)).toEqual(['of another agent'])
})

test('keeps two tenants apart whose agents have the same id, and names the tenant in every key', async () => {
  const { mine, theirs } = bundle
  const agentId = await cachedAgents()
  expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
  expect(await hotContents(theirs, agentId)).toEqual(['theirs'])
  const keys = [...store.entries.keys()].filter((key) => key.includes(agentId))
  expect(keys.toSorted()).toEqual(
    [mine, theirs]
      .flatMap(({ orgId }) => [
        `org:${orgId}:hot-memories:${agentId}`,
        `org:${orgId}:hot-memories:${agentId}:stamp`,
      ])
      .toSorted(),
  )
})

test('gives no row of another tenant or agent when the store says its id', async () => {
  const { admin, mine, theirs } = bundle
  const agentId = await cachedAgents()
  const other = await insertHotAgent(admin, mine.orgId, { contents: ['of another agent'] })
  const [otherRow] = await mine.memories.hot({ agentId: other })
  const [own, foreign] = [mine, theirs].map(({ orgId }) => `org:${orgId}:hot-memories:${agentId}`)
  const [theirRow] = await theirs.memories.hot({ agentId })
  const entry = JSON.parse(store.entries.get(own ?? '') ?? '') as { ids: readonly string[] }
  store.entries.set(own ?? '', JSON.stringify({ ...entry, ids: [theirRow?.id, otherRow?.id, ...entry.ids] }))
  const before = rankings(bundle.statements)
  expect(await hotContents(mine, agentId, 3)).toEqual(['first', 'second', 'third'])
  expect(rankings(bundle.statements)).toBe(before)
  store.entries.set(own ?? '', store.entries.get(foreign ?? '') ?? '')
  expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
})

test.each(['', '[]', '{"ids":7}', 'null', '{"own":"a","shared":"b","horizon":"1","ids":["x"]}'])(
  'reads the database when the store says %j',
  async (text) => {
    const agentId = await cachedAgents()
    store.entries.set(`org:${bundle.mine.orgId}:hot-memories:${agentId}`, text)
    expect(await hotContents(bundle.mine, agentId)).toEqual(['first', 'second', 'third'])
  },
)

const columns = ['org_id', 'agent_id', 'content', 'content_hash', 'embedding', 'category', 'confidence']

test('a new memory enters the list, whoever writes it', async () => {
  const { mine } = bundle
  const agentId = await cachedAgents()
  const unchanged = await watchTheirs(bundle, 'ibex_core.memories')
  const embedding = Array.from({ length: 384 }, (_, index) => Math.sin(index))
  await mine.memories.add({
    agentId,
    content: 'by the repository',
    embedding,
    category: 'factual',
    confidence: 0.9,
  })
  await untilHot(mine, agentId, ['by the repository', 'first', 'second', 'third'])
  await untilCached(bundle, mine, agentId)
  const list = sql.join(columns.map((column) => sql.ref(column)))
  await sql`insert into ibex_core.memories (${list})
    select org_id, agent_id, 'by raw SQL', repeat('a', 64), embedding, category, 1 from ibex_core.memories
    where agent_id = ${agentId} and content = 'by the repository'`.execute(mine.db)
  await untilHot(mine, agentId, ['by raw SQL', 'by the repository', 'first', 'second', 'third'])
  await unchanged()
  expect(await hotContents(bundle.theirs, agentId)).toEqual(['theirs'])
})

test('a memory that changes its rank, its agent or its state changes the list', async () => {
  const { admin, mine } = bundle
  const agentId = await cachedAgents()
  const change = async (content: string, values: object): Promise<void> => {
    await untilCached(bundle, mine, agentId)
    await mine.db
      .updateTable('ibex_core.memories')
      .set(values)
      .where('agent_id', '=', agentId)
      .where('content', '=', content)
      .execute()
  }
  await change('third', { confidence: 1 })
  await untilHot(mine, agentId, ['third', 'first', 'second'])
  const other = await insertHotAgent(admin, mine.orgId, { contents: ['of another agent'] })
  await untilCached(bundle, mine, other)
  await change('first', { agent_id: other, confidence: 0.9 })
  await untilHot(mine, agentId, ['third', 'second'])
  await untilHot(mine, other, ['first', 'of another agent'])
  await change('second', { status: 'archived' })
  await untilHot(mine, agentId, ['third'])
  await change('second', { status: 'active' })
  await untilHot(mine, agentId, ['third', 'second'])
  await untilCached(bundle, mine, agentId)
  await mine.db.deleteFrom('ibex_core.memories').where('agent_id', '=', agentId).execute()
  await untilHot(mine, agentId, [])
  expect(await hotContents(bundle.theirs, agentId)).toEqual(['theirs'])
})

test('a shared memory changes the lists of all agents of its tenant', async () => {
  const { admin, mine, theirs } = bundle
  const agentId = await cachedAgents()
  const other = await insertHotAgent(admin, mine.orgId, { contents: ['of another agent'] })
  await untilCached(bundle, mine, other)
  const shared = await insertHotMemory(admin, { org_id: mine.orgId, content: 'shared', confidence: 0.1 })
  await untilHot(mine, agentId, ['first', 'second', 'third', 'shared'])
  await untilHot(mine, other, ['of another agent', 'shared'])
  const before = rankings(bundle.statements)
  expect(await hotContents(theirs, agentId)).toEqual(['theirs'])
  expect(rankings(bundle.statements)).toBe(before)
  await admin.deleteFrom('ibex_core.memories').where('id', '=', shared).execute()
  await untilHot(mine, agentId, ['first', 'second', 'third'])
})

test('content alone does not change a list, and is read anew all the same', async () => {
  const { admin, mine, statements } = bundle
  const agentId = await cachedAgents()
  const before = rankings(statements)
  await admin
    .updateTable('ibex_core.memories')
    .set({ content: 'first, said better' })
    .where('org_id', '=', mine.orgId)
    .where('agent_id', '=', agentId)
    .where('content', '=', 'first')
    .execute()
  await untilHeard()
  expect(await hotContents(mine, agentId)).toEqual(['first, said better', 'second', 'third'])
  expect(rankings(statements)).toBe(before)
})

test('leaves out what has expired, and makes the list anew when rows are missing', async () => {
  const { admin, mine } = bundle
  const agentId = await insertHotAgent(admin, mine.orgId, {
    contents: Array.from({ length: 51 }, (_, index) => `memory ${index}`),
  })
  const id = await insertHotMemory(admin, {
    org_id: mine.orgId,
    agent_id: agentId,
    content: 'soon over',
    confidence: 1,
    expires_at: new Date(Date.now() + 3_600_000),
  })
  await untilCached(bundle, mine, agentId)
  await untilHeard()
  await untilCached(bundle, mine, agentId)
  expect(await hotContents(mine, agentId, 2)).toEqual(['soon over', 'memory 0'])
  await admin.transaction().execute(async (trx) => {
    // nobody is told when its time is over
    await sql`set local session_replication_role = replica`.execute(trx)
    await trx
      .updateTable('ibex_core.memories')
      .set({ expires_at: new Date('2021-01-01') })
      .where('org_id', '=', mine.orgId)
      .where('id', '=', id)
      .execute()
  })
  const before = rankings(bundle.statements)
  expect(await hotContents(mine, agentId, 2)).toEqual(['memory 0', 'memory 1'])
  expect(rankings(bundle.statements)).toBe(before)
  const all = await hotContents(mine, agentId, 50)
  expect(all).toHaveLength(50)
  expect(all.at(-1)).toBe('memory 49')
  expect(rankings(bundle.statements)).toBe(before + 1)
})

test('concurrent misses of one agent ask the database once, those of two tenants twice', async () => {
  const { admin, mine, theirs, statements } = bundle
  const agentId = await insertHotAgent(admin, mine.orgId)
  await insertHotAgent(admin, theirs.orgId, { id: agentId, contents: ['theirs'] })
  const before = rankings(statements)
  const lists = await Promise.all(
    Array.from(
      { length: 40 },
      async (_, index) => await hotContents(index % 2 === 0 ? mine : theirs, agentId),
    ),
  )
  for (const [index, list] of lists.entries())
    expect(list).toEqual(index % 2 === 0 ? ['first', 'second', 'third'] : ['theirs'])
  expect(rankings(statements) - before).toBe(2)
})

test('the failure of one caller is not that of those who wait with it', async () => {
  const { admin, mine } = bundle
  const agentId = await insertHotAgent(admin, mine.orgId)
  let good: Promise<string[]> | undefined
  const bad = await mine.transaction(async (trx) => {
    await trx.agents.count()
    const misused = failure(async () => await mine.memories.hot({ agentId }))
    good = runOutsideTransaction(
      async () => await hotContents(bundle.database.forTenant(mine.orgId), agentId),
    )
    // on the embedded engine the other caller waits for the one session
    void good.catch(() => {})
    return await misused
  })
  expect(bad).toBeInstanceOf(OuterScopeError)
  expect(await good).toEqual(['first', 'second', 'third'])
})

test('a slow reader cannot put an outdated list back', async () => {
  const { admin, mine } = bundle
  const agentId = await cachedAgents()
  const key = `org:${mine.orgId}:hot-memories:${agentId}`
  store.entries.delete(key)
  const gate = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  store.before = async (operation, name) => {
    if (operation !== 'set' || name !== key) return
    reached.resolve()
    await gate.promise
  }
  await hotContents(mine, agentId)
  await reached.promise
  store.calls.length = 0
  await insertHotMemory(admin, { org_id: mine.orgId, agent_id: agentId, content: 'new', confidence: 0.9 })
  await until(() => store.calls.includes(`delete ${key}:stamp`))
  gate.resolve()
  await until(() => store.entries.has(key))
  store.before = async () => {}
  expect(await hotContents(mine, agentId)).toEqual(['new', 'first', 'second', 'third'])
})

test('whoever asks after a change does not get what was asked before it', async () => {
  const { admin, mine } = bundle
  const agentId = await cachedAgents()
  const stamp = `org:${mine.orgId}:hot-memories:${agentId}:stamp`
  store.entries.delete(stamp)
  const gate = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  // holds the first reader up between the stamp and its query
  store.before = async (operation, name) => {
    if (operation !== 'set' || name !== stamp) return
    store.before = async () => {}
    reached.resolve()
    await gate.promise
  }
  let isOver = false
  const slow = hotContents(mine, agentId).finally(() => {
    isOver = true
  })
  await reached.promise
  store.calls.length = 0
  await insertHotMemory(admin, { org_id: mine.orgId, agent_id: agentId, content: 'new', confidence: 0.9 })
  await until(() => store.calls.includes(`delete ${stamp}`))
  expect(await hotContents(mine, agentId)).toEqual(['new', 'first', 'second', 'third'])
  // it has asked for itself
  expect(isOver).toBe(false)
  gate.resolve()
  expect(await slow).toEqual(['new', 'first', 'second', 'third'])
})

test('a transaction neither reads the cache nor fills it', async () => {
  const { mine } = bundle
  const agentId = await cachedAgents()
  store.calls.length = 0
  const error = await failure(
    async () =>
      await mine.transaction(async (trx) => {
        await trx.memories.insertMany([])
        await trx.db.deleteFrom('ibex_core.memories').where('agent_id', '=', agentId).execute()
        expect(await trx.memories.hot({ agentId })).toEqual([])
        throw new Error('roll back')
      }),
  )
  expect(error.message).toBe('roll back')
  expect(store.calls).toEqual([])
  expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
})

const failures: readonly (readonly [string, () => Promise<void>, RegExp])[] = [
  ['fails', async () => await Promise.reject(new Error('no')), /the store of the hot cache fails/],
  ['hangs', async () => await new Promise<void>(() => {}), /does not answer in time/],
]

test.each(failures)(
  'the database answers while the store %s, and the hook is told',
  async (_, before, message) => {
    const { admin, mine } = bundle
    const agentId = await cachedAgents()
    store.before = before
    expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
    expect(errors).toHaveLength(1)
    expect(errors[0]).toBeInstanceOf(HotCacheError)
    expect(errors[0]).toMatchObject({
      operation: 'read',
      isRetryable: true,
      message: expect.stringMatching(message),
    })
    // what could not be dropped is not trusted afterwards
    await insertHotMemory(admin, {
      org_id: mine.orgId,
      agent_id: agentId,
      content: 'meanwhile',
      confidence: 0.9,
    })
    await delay(100)
    store.before = async () => {}
    for (let reads = 0; reads < 3; reads++)
      expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
    await untilCached(bundle, mine, agentId)
    expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
  },
)

test('notifications that are none of ours are left alone', async () => {
  const { admin, mine, statements } = bundle
  const agentId = await cachedAgents()
  const before = rankings(statements)
  for (const payload of [
    '',
    'x',
    `${mine.orgId}:x`,
    `${mine.orgId}:${agentId}:`,
    `:${agentId}`,
    randomUUID(),
  ])
    await sql`select pg_notify('ibex_core.hot_memories', ${payload})`.execute(admin)
  await untilHeard()
  expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
  expect(rankings(statements)).toBe(before)
})
