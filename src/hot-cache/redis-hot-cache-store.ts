/** The store that many processes share: Redis. */
import { InvalidArgumentError } from '../errors.ts'
import { checkOptionNames } from '../tenancy/arguments.ts'
import type { HotCacheStore } from './hot-cache-store.ts'

/** A client of the package `redis`, by the part of it that is used: one of `createClient`, a pool or a cluster. */
export interface RedisHotCacheClient {
  get(key: string): Promise<unknown>
  set(
    key: string,
    value: string,
    options: { readonly expiration: { readonly type: 'PX'; readonly value: number } },
  ): Promise<unknown>
  del(key: string): Promise<unknown>
}

/** The options of {@link RedisHotCacheStore}. */
export interface RedisHotCacheStoreOptions {
  /** Put before every key (default `ibex-db:`): two databases that share a Redis need two. */
  readonly prefix?: string
}

const known: ReadonlySet<string> = new Set<keyof RedisHotCacheStoreOptions>(['prefix'])

/**
 * Keeps the entries of the hot cache in Redis, so that the list which one process made serves all.
 *
 * The client is yours: connect it, listen to its `error` event (without a listener a lost connection ends the process), and
 * close it after the database. It is used as it is, so `ibex-db` never loads the package `redis` itself.
 *
 * ```ts
 * import { createClient } from 'redis'
 *
 * const redis = await createClient({ url: process.env['REDIS_URL'] }).on('error', () => {}).connect()
 * const database = createDatabase({
 *   url: process.env['DATABASE_URL'],
 *   hotCache: { store: new RedisHotCacheStore(redis), onError: (error) => console.warn(error.message) },
 * })
 * ```
 *
 * One that comes back from a snapshot on its disk may bring back entries that were deleted after it; they end after their time.
 */
export class RedisHotCacheStore implements HotCacheStore {
  readonly #client: RedisHotCacheClient
  readonly #prefix: string

  /** @throws {InvalidArgumentError} when the client or an option is not what it should be. */
  constructor(client: RedisHotCacheClient, options: RedisHotCacheStoreOptions = {}) {
    if (
      typeof client?.get !== 'function' ||
      typeof client.set !== 'function' ||
      typeof client.del !== 'function'
    )
      throw new InvalidArgumentError('client', 'must be a client of the package redis')
    checkOptionNames('option', options, known)
    const { prefix = 'ibex-db:' } = options
    if (typeof prefix !== 'string') throw new InvalidArgumentError('prefix', 'must be a text')
    this.#client = client
    this.#prefix = prefix
  }

  async get(key: string): Promise<string | undefined> {
    const value = await this.#client.get(this.#prefix + key)
    return typeof value === 'string' ? value : undefined
  }

  async set(key: string, value: string, ttl: number): Promise<void> {
    await this.#client.set(this.#prefix + key, value, { expiration: { type: 'PX', value: ttl } })
  }

  async delete(key: string): Promise<void> {
    await this.#client.del(this.#prefix + key)
  }
}
