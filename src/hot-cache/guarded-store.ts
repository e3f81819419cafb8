/** A store that neither throws nor holds its caller up. */
import { HotCacheError } from '../errors.ts'
import type { HotCacheStore } from './hot-cache-store.ts'

/** How long the store may take, and who is told when it fails. */
export interface GuardOptions {
  /** Milliseconds. */
  readonly timeout: number
  readonly onFailure: (error: HotCacheError) => void
}

/** A {@link HotCacheStore} whose failures and delays look like entries that are not there. */
export class GuardedStore {
  readonly #store: HotCacheStore
  readonly #options: GuardOptions

  constructor(store: HotCacheStore, options: GuardOptions) {
    this.#store = store
    this.#options = options
  }

  async get(key: string): Promise<string | undefined> {
    return await this.#guard('read', async () => await this.#store.get(key))
  }

  async set(key: string, value: string, ttl: number): Promise<void> {
    await this.#guard('write', async () => await this.#store.set(key, value, ttl))
  }

  async delete(key: string): Promise<void> {
    await this.#guard('drop', async () => await this.#store.delete(key))
  }

  async #guard<T>(operation: HotCacheError['operation'], run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await withinTime(run(), this.#options.timeout)
    } catch (cause) {
      const reason = cause instanceof NoAnswer ? 'does not answer in time' : 'fails'
      const text = `the store of the hot cache ${reason}: the database answers until it is back`
      this.#options.onFailure(new HotCacheError(operation, text, { cause }))
      return undefined
    }
  }
}

class NoAnswer extends Error {}

async function withinTime<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`no answer in ${milliseconds} ms`)), milliseconds)
  })
  try {
    return await Promise.race([promise, end])
  } finally {
    clearTimeout(timer)
  }
}
