/** Where the entries of the hot cache are kept. */

/**
 * A store of short texts by key: in this process, or one that many processes share.
 *
 * It may lose any entry at any time, fail, or not answer: the database answers then. It must not give back an entry that it
 * was told to delete. Keys name the tenant and the agent; values hold ids, never content.
 */
export interface HotCacheStore {
  /** Reads an entry; undefined when there is none, or its time is over. */
  get(key: string): Promise<string | undefined>
  /** Writes an entry that ends after `ttl` milliseconds. */
  set(key: string, value: string, ttl: number): Promise<void>
  delete(key: string): Promise<void>
}
