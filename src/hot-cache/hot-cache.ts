/** The lists of the best memories of each agent, kept for some minutes. */
import { randomUUID } from 'node:crypto'
import type { ConnectionPool } from '../database/connection-pool.ts'
import type { HotCacheError } from '../errors.ts'
import { scopeKey } from '../tenancy/scope.ts'
import type { CacheEntry } from './cache-entry.ts'
import { parseEntry, serializeEntry } from './cache-entry.ts'
import { ChangeListener } from './change-listener.ts'
import type { Change } from './change-listener.ts'
import { GuardedStore } from './guarded-store.ts'
import type { ResolvedHotCacheOptions } from './options.ts'

/** What the database says: the ids of an agent's best memories, best first. */
export interface Ranking {
  readonly ids: readonly string[]
  /** `pg_snapshot_xmax` of its snapshot: how late it was made, in numbers of transactions. */
  readonly horizon: bigint
}

/** Whose list it is. */
export interface ListOwner {
  readonly orgId: string
  /** In lower case, as notifications spell it. */
  readonly agentId: string
}

/** The ids of a list, and whether they come from the store. */
export interface CachedRanking {
  readonly ids: readonly string[]
  readonly isCached: boolean
}

/** Milliseconds after a failure of the store in which it is left alone. */
const pause = 1_000
/** A stamp outlives the lists that carry it. */
const stampLifetime = 12

/**
 * A read-through cache of ids: whatever fails in it, the database answers.
 *
 * A list carries two stamps, the agent's and that of the memories that all agents share, and is good as long as both are the
 * ones in the store. A change deletes a stamp: so a slow reader, who has read the rows before the change and writes its list
 * after it, writes one that nobody takes. Whoever finds no stamp makes a new one *before* it asks the database.
 *
 * A list is trusted only from a process that has heard of every change since the list was made; the numbers of transactions
 * say so, which are the same for all processes.
 */
export class HotCache {
  readonly #options: ResolvedHotCacheOptions
  readonly #store: GuardedStore
  readonly #listener: ChangeListener
  /** What the database is being asked, by the key of the list: concurrent misses of one tenant and agent ask once. */
  readonly #queries: Map<string, Promise<Ranking>> = new Map()
  /** Lists made before this transaction may lack what this process has not heard of; undefined: no list is trusted. */
  #trustedSince: bigint | undefined
  #pausedUntil = 0

  constructor(pool: ConnectionPool, options: ResolvedHotCacheOptions) {
    this.#options = options
    this.#store = new GuardedStore(options.store, {
      timeout: options.storeTimeout,
      onFailure: (error) => this.#onStoreFailure(error),
    })
    this.#listener = new ChangeListener({
      open: async (onNotification) => await pool.openNotifications(onNotification, options.listenUrl),
      onChange: (change) => void this.#onChange(change),
      onListening: (since) => {
        this.#trustedSince = since
      },
      onDown: (error) => this.#distrust(error),
    })
  }

  /** Reads a list, from the store or else by `query`, which must run outside a transaction: others may get its result. */
  async rank(owner: ListOwner, query: () => Promise<Ranking>): Promise<CachedRanking> {
    this.#listen()
    const keys = keysOf(owner)
    const found = await this.#find(keys)
    if (found.ids !== undefined) return { ids: found.ids, isCached: true }
    const { ids } = await this.#askOnce(keys, found.stamps, query)
    return { ids, isCached: false }
  }

  /** Drops a list that turned out to be outdated. */
  async drop({ orgId, agentId }: ListOwner): Promise<void> {
    await this.#onChange({ orgId, agentId })
  }

  /** Ends the connection that hears of changes. The store is its owner's to close. */
  async close(): Promise<void> {
    this.#trustedSince = undefined
    await this.#listener.close()
  }

  #listen(): void {
    this.#listener.start()
    const now = performance.now()
    if (this.#trustedSince !== undefined || now < this.#pausedUntil) return
    this.#pausedUntil = now + pause
    void this.#listener.refresh()
  }

  async #find(keys: Keys): Promise<{ readonly ids?: readonly string[]; readonly stamps: Partial<Stamps> }> {
    if (this.#trustedSince === undefined) return { stamps: {} }
    const [text, own, shared] = await Promise.all([
      this.#store.get(keys.list),
      this.#store.get(keys.own),
      this.#store.get(keys.shared),
    ])
    const stamps = { ...(own === undefined ? {} : { own }), ...(shared === undefined ? {} : { shared }) }
    const entry = text === undefined ? undefined : parseEntry(text)
    return entry !== undefined && this.#isGood(entry, stamps) ? { ids: entry.ids, stamps } : { stamps }
  }

  #isGood(entry: CacheEntry, { own, shared }: Partial<Stamps>): boolean {
    // asked now: it may have changed while the store was read
    const since = this.#trustedSince
    return since !== undefined && entry.horizon > since && entry.own === own && entry.shared === shared
  }

  async #askOnce(keys: Keys, stamps: Partial<Stamps>, query: () => Promise<Ranking>): Promise<Ranking> {
    const running = this.#queries.get(keys.list)
    if (running !== undefined) {
      try {
        return await running
      } catch {
        // what the other caller did wrong (a scope used inside a transaction) is not this one's fault
        return await query()
      }
    }
    const started = this.#ask(keys, stamps, query)
    this.#queries.set(keys.list, started)
    try {
      return await started
    } finally {
      if (this.#queries.get(keys.list) === started) this.#queries.delete(keys.list)
    }
  }

  async #ask(keys: Keys, found: Partial<Stamps>, query: () => Promise<Ranking>): Promise<Ranking> {
    if (this.#trustedSince === undefined) return await query()
    const [own, shared] = await Promise.all([
      found.own ?? this.#newStamp(keys.own),
      found.shared ?? this.#newStamp(keys.shared),
    ])
    const ranking = await query()
    // nobody waits for it: the caller has what it asked for
    if (this.#trustedSince !== undefined)
      void this.#store.set(keys.list, serializeEntry({ ...ranking, own, shared }), this.#options.ttl)
    return ranking
  }

  async #newStamp(key: string): Promise<string> {
    const stamp = randomUUID()
    if (this.#trustedSince !== undefined) await this.#store.set(key, stamp, this.#options.ttl * stampLifetime)
    return stamp
  }

  async #onChange({ orgId, agentId }: Change): Promise<void> {
    const changed = scopeKey(orgId, list, ...(agentId === undefined ? [] : [agentId]))
    // whoever asks from now on must not get what was asked before
    for (const key of this.#queries.keys())
      if (key === changed || (agentId === undefined && key.startsWith(`${changed}:`)))
        this.#queries.delete(key)
    if (this.#trustedSince !== undefined) await this.#store.delete(stampKey(orgId, agentId))
  }

  /** What could not be dropped is not trusted: once the store answers again, only what was made after that is. */
  #onStoreFailure(error: HotCacheError): void {
    this.#pausedUntil = performance.now() + pause
    this.#distrust(error)
  }

  #distrust(error: HotCacheError): void {
    const isNews = this.#trustedSince !== undefined || error.operation === 'listen'
    this.#trustedSince = undefined
    if (isNews) this.#tell(error)
  }

  #tell(error: HotCacheError): void {
    try {
      this.#options.onError?.(error)
    } catch {
      process.emitWarning('hotCache.onError threw: its error is ignored', { code: 'IBEX_HOT_CACHE_ON_ERROR' })
    }
  }
}

const list = 'hot-memories'

interface Stamps {
  readonly own: string
  readonly shared: string
}

interface Keys extends Stamps {
  readonly list: string
}

function keysOf({ orgId, agentId }: ListOwner): Keys {
  return {
    list: scopeKey(orgId, list, agentId),
    own: stampKey(orgId, agentId),
    shared: stampKey(orgId, undefined),
  }
}

function stampKey(orgId: string, agentId: string | undefined): string {
  // no agent's id is "shared"
  return scopeKey(orgId, list, agentId ?? 'shared', 'stamp')
}
