import { createClient, createClientPool, createCluster } from 'redis'
import { RedisHotCacheStore } from '../../src/hot-cache/redis-hot-cache-store.ts'

// every kind of client of the package `redis` is one
void new RedisHotCacheStore(createClient())
void new RedisHotCacheStore(createClientPool())
void new RedisHotCacheStore(createCluster({ rootNodes: [{ url: 'redis://127.0.0.1' }] }))
// @ts-expect-error: a Map has no `del`
void new RedisHotCacheStore(new Map())
