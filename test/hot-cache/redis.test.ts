import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { HotCacheError } from '../../src/errors.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { RedisHotCacheStore } from '../../src/hot-cache/redis-hot-cache-store.ts'
import { serverUrl } from '../support/server-url.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
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
import { type RedisClient, RedisServer, connectRedis, skipWithoutRedis } from './redis-server.ts'
import { readElsewhere, writeElsewhere } from './run-worker.ts'

const errors: HotCacheError[] = []

function onError(error: HotCacheError): void {
  errors.push(error)
}

describe('several processes with a real Redis', skipWithoutRedis(), () => {
  let server: RedisServer
  let redis: RedisClient
  let bundle: TwoTenants
  let url: string

  beforeAll(async () => {
    server = await RedisServer.start()
    redis = await connectRedis(server.path)
    const store = new RedisHotCacheStore(redis)
    bundle = await openTwoTenants({ hotCache: { store, storeTimeout: 2_000, onError } })
    url = serverUrl(bundle.test)
  })

  afterEach(() => {
    errors.length = 0
  })

  afterAll(async () => {
    await bundle.close()
    redis.destroy()
    await server[Symbol.asyncDispose]()
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

  test('a list made in another process serves this one, until a third one writes', async () => {
    const { admin, mine, statements } = bundle
    const agentId = await insertHotAgent(admin, mine.orgId)
    await untilHeard(bundle, mine)
    const target = { url, orgId: mine.orgId, agentId }
    expect(await readElsewhere(target, server.path)).toEqual(['first', 'second', 'third'])
    const before = rankings(statements)
    expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
    expect(rankings(statements)).toBe(before)
    await writeElsewhere(target, 'from elsewhere')
    await untilHot(mine, agentId, ['from elsewhere', 'first', 'second', 'third'])
  })

  test('keeps two tenants apart whose agents have the same id; entries hold ids and end by themselves', async () => {
    const { mine, theirs } = bundle
    const agentId = await cachedAgents()
    expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
    expect(await hotContents(theirs, agentId)).toEqual(['theirs'])
    const keys = (await redis.keys('*')).filter((key) => key.includes(agentId))
    const expected = [mine, theirs].map(({ orgId }) => `ibex-db:org:${orgId}:hot-memories:${agentId}`)
    expect(keys.toSorted()).toEqual(expected.flatMap((key) => [key, `${key}:stamp`]).toSorted())
    const shared = [mine, theirs].map(({ orgId }) => `ibex-db:org:${orgId}:hot-memories:shared:stamp`)
    for (const key of [...keys, ...shared]) {
      expect(await redis.get(key)).not.toMatch(/first|theirs/)
      expect(await redis.pTTL(key)).toBeGreaterThan(0)
      expect(await redis.pTTL(key)).toBeLessThanOrEqual(key.endsWith('stamp') ? 3_600_000 : 300_000)
    }
  })

  test('killed in the middle: the database answers, and the cache comes back with it', async () => {
    const { admin, mine } = bundle
    const agentId = await cachedAgents()
    await server.kill()
    expect(await hotContents(mine, agentId)).toEqual(['first', 'second', 'third'])
    expect(errors.map(({ operation }) => operation)).toEqual(['read'])
    await insertHotMemory(admin, {
      org_id: mine.orgId,
      agent_id: agentId,
      content: 'meanwhile',
      confidence: 0.9,
    })
    expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
    await server.restart()
    await untilCached(bundle, mine, agentId)
    expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
  })

  test('hanging: the database answers, and what could not be dropped is not trusted afterwards', async () => {
    const { admin, mine } = bundle
    const agentId = await cachedAgents()
    server.hang()
    await insertHotMemory(admin, {
      org_id: mine.orgId,
      agent_id: agentId,
      content: 'meanwhile',
      confidence: 0.9,
    })
    expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
    await until(() => errors.length > 0)
    expect(errors[0]?.message).toMatch(/does not answer in time/)
    server.resume()
    for (let reads = 0; reads < 5; reads++)
      expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
    await untilCached(bundle, mine, agentId)
    expect(await hotContents(mine, agentId)).toEqual(['meanwhile', 'first', 'second', 'third'])
  })
})

// what a service without types passes
function makeStore(...args: readonly unknown[]): unknown {
  return Reflect.construct(RedisHotCacheStore, args)
}

test('refuses what is no client and an option that does not exist', () => {
  const client = { get: async () => {}, set: async () => {}, del: async () => {} }
  expect(() => makeStore(undefined)).toThrow(InvalidArgumentError)
  expect(() => makeStore({ get: client.get })).toThrow(/client must be a client of the package redis/)
  expect(() => makeStore(client, { prefix: 7 })).toThrow(/prefix must be a text/)
  expect(() => makeStore(client, { prefx: '' })).toThrow(/"prefx" does not exist/)
})
