/** The store in this process. */
import { LRUCache } from 'lru-cache'
import { checkOptionNames, checkWholeNumber } from '../tenancy/arguments.ts'
import type { HotCacheStore } from './hot-cache-store.ts'

/** The options of {@link LruHotCacheStore}. */
export interface LruHotCacheStoreOptions {
  /** Entries at most (default 10,000, some 25 MB): the one that was not read for longest goes first. */
  readonly maxEntries?: number
}

const known: ReadonlySet<string> = new Set<keyof LruHotCacheStoreOptions>(['maxEntries'])

/**
 * Keeps the entries of the hot cache in this process: the store where none is given.
 *
 * An agent has two entries while its list is cached, an organization one.
 */
export class LruHotCacheStore implements HotCacheStore {
  readonly #entries: LRUCache<string, string>

  /** @throws {InvalidArgumentError} when an option does not exist, or `maxEntries` is no whole number of at least 1. */
  constructor(options: LruHotCacheStoreOptions = {}) {
    checkOptionNames('option', options, known)
    const max = checkWholeNumber('maxEntries', options.maxEntries ?? 10_000, 1, 10_000_000)
    this.#entries = new LRUCache({ max })
  }

  async get(key: string): Promise<string | undefined> {
    return await Promise.resolve(this.#entries.get(key))
  }

  async set(key: string, value: string, ttl: number): Promise<void> {
    this.#entries.set(key, value, { ttl })
    await Promise.resolve()
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key)
    await Promise.resolve()
  }
}
