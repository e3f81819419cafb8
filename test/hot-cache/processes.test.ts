import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import type { HotCacheError } from '../../src/errors.ts'
import { serverUrl } from '../support/server-url.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import {
  hotContents,
  insertHotAgent,
  insertHotMemory,
  rankings,
  until,
  untilCached,
  untilHeard,
  untilHot,
} from './hot-agent.ts'
import { writeElsewhere } from './run-worker.ts'

const errors: HotCacheError[] = []

function onError(error: HotCacheError): void {
  errors.push(error)
}

describe('several processes with PostgreSQL alone', skipOnEmbedded('one process'), () => {
  let bundle: TwoTenants
  let url: string

  beforeAll(async () => {
    bundle = await openTwoTenants({ hotCache: { onError }, applicationName: 'hot-cache-test' })
    url = serverUrl(bundle.test)
  })

  beforeEach(() => {
    errors.length = 0
  })

  afterAll(async () => {
    await bundle.close()
  })

  async function cachedAgents(): Promise<string> {
    const { admin, mine, theirs } = bundle
    const agentId = await insertHotAgent(admin, mine.orgId)
    await insertHotAgent(admin, theirs.orgId, { id: agentId, contents: ['theirs'] })
    await untilHeard(bundle, mine)
    await untilCached(bundle, mine, agentId)
    await untilCached(bundle, theirs, agentId)
    return agentId
  }

  test('what another process writes enters the list of this one, and of no other tenant', async () => {
    const { mine, theirs, statements } = bundle
    const agentId = await cachedAgents()
    const unchanged = await watchTheirs(bundle, 'ibex_core.memories')
    await writeElsewhere({ url, orgId: mine.orgId, agentId }, 'from elsewhere')
    await untilHot(mine, agentId, ['from elsewhere', 'first', 'second', 'third'])
    const before = rankings(statements)
    expect(await hotContents(theirs, agentId)).toEqual(['theirs'])
    expect(rankings(statements)).toBe(before)
    await unchanged()
  })

  test('a terminated connection is replaced, and nothing written meanwhile is missed', async () => {
    const { admin, mine } = bundle
    const agentId = await cachedAgents()
    // keeps the new connection from being in force before something was written
    const blocker = new pg.Client({ connectionString: url })
    await blocker.connect()
    const blocked = blocker.query("select pg_advisory_lock(hashtextextended('ibex_core.hot_memories', 0))")
    await until(async () => {
      const { rows } = await sql`select pg_terminate_backend(holder.pid) from pg_locks holder, pg_locks waiter
        where holder.locktype = 'advisory' and holder.granted and waiter.locktype = 'advisory' and not waiter.granted
          and holder.database = (select oid from pg_database where datname = current_database())
          and waiter.database = holder.database`.execute(admin)
      return rows.length === 1
    })
    await blocked
    await until(() => errors.length > 0)
    await insertHotMemory(admin, {
      org_id: mine.orgId,
      agent_id: agentId,
      content: 'meanwhile',
      confidence: 0.9,
    })
    for (let reads = 0; reads < 3; reads++)
      expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
    await blocker.end()
    await untilCached(bundle, mine, agentId)
    expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
    expect(errors.map(({ operation, isRetryable }) => ({ operation, isRetryable }))).toEqual([
      { operation: 'listen', isRetryable: true },
    ])
  })

  test('a writer that began before anybody listened is waited for', async () => {
    // a database of its own: where somebody listens already the writer would notify
    await using other = await openTwoTenantsAgain()
    const { admin, mine, statements } = other.bundle
    const agentId = await insertHotAgent(admin, mine.orgId)
    const [written, commit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const writer = admin.transaction().execute(async (trx) => {
      await insertHotMemory(trx, { org_id: mine.orgId, agent_id: agentId, content: 'early', confidence: 0.9 })
      written.resolve()
      await commit.promise
    })
    await written.promise
    for (let reads = 1; reads <= 10; reads++) {
      expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
      // each time from the database: a list without what the writer is about to commit must not stay
      expect(rankings(statements)).toBe(reads)
      await delay(50)
    }
    commit.resolve()
    await writer
    expect(await hotContents(mine, agentId)).toEqual(['early', 'first', 'second', 'third'])
    await untilCached(other.bundle, mine, agentId)
  })

  test('a transaction notifies once, and not at all while nobody listens', async () => {
    await using other = await openTwoTenantsAgain()
    const { admin, mine, test: server } = other.bundle
    const agentId = await insertHotAgent(admin, mine.orgId)
    const heard: unknown[] = []
    const client = new pg.Client({ connectionString: serverUrl(server) })
    client.on('notification', ({ payload }) => void heard.push(payload))
    await client.connect()
    await client.query('listen "ibex_core.hot_memories"')
    const write = async (): Promise<void> => {
      await admin
        .updateTable('ibex_core.memories')
        .set({ confidence: sql<number>`confidence * 0.9` })
        .where('org_id', '=', mine.orgId)
        .execute()
      await client.query("select pg_notify('ibex_core.hot_memories', 'end')")
      await until(() => heard.includes('end'))
    }
    await write()
    expect(heard.splice(0)).toEqual(['end'])
    await untilCached(other.bundle, mine, agentId)
    await write()
    expect(heard).toEqual([`${mine.orgId}:${agentId}`, 'end'])
    await client.end()
  })

  test('close leaves no connection behind', async () => {
    const { admin, test: server } = bundle
    const database = createDatabase({
      ...server.target,
      hotCache: { onError },
      applicationName: 'hot-cache-closed',
    })
    const tenant = database.forTenant(bundle.mine.orgId)
    const count = async (): Promise<number> => {
      const { rows } = await sql`select from pg_stat_activity where datname = current_database()
          and application_name = 'hot-cache-closed'`.execute(admin)
      return rows.length
    }
    await hotContents(tenant, bundle.mine.orgId)
    await until(async () => (await count()) === 2)
    await database.close()
    await until(async () => (await count()) === 0)
    expect(errors).toEqual([])
  })

  test('close does not wait for a connection that does not come about', async () => {
    const listenUrl = 'postgresql://postgres@127.0.0.1:1/nobody'
    const database = createDatabase({ ...bundle.test.target, hotCache: { onError, listenUrl } })
    const agentId = await insertHotAgent(bundle.admin, bundle.mine.orgId)
    expect(await hotContents(database.forTenant(bundle.mine.orgId), agentId)).toEqual([
      'first',
      'second',
      'third',
    ])
    await until(() => errors.length > 1)
    await database.close()
    expect(errors[0]?.message).toBe('changes cannot be heard of: the database answers until it is back')
  })
})

/** Another database with two tenants and a cache of its own. */
async function openTwoTenantsAgain(): Promise<AsyncDisposable & { readonly bundle: TwoTenants }> {
  const bundle = await openTwoTenants({ hotCache: { onError } })
  return { bundle, [Symbol.asyncDispose]: async () => await bundle.close() }
}
