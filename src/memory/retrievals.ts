/** The memories that searches have returned, counted in this process until they are written down. */
import { runOutsideTransaction } from '../tenancy/ambient-transaction.ts'
import { TenantCounts } from '../tenancy/tenant-counts.ts'
import type { CountedUse } from './record-uses.ts'

/** Writes the uses of one tenant's memories down. */
export type WriteRetrievals = (orgId: string, uses: readonly CountedUse[]) => Promise<unknown>

/** How long a retrieval waits to be written down, in milliseconds. */
const delayMs = 2_000

/** Memories with uses that are not written down, after which they are written at once. */
const fullAt = 5_000

/** Beyond so many, which only a database that refuses all writes leads to, further memories are not counted. */
const maxMemories = 50_000

/**
 * Counts retrievals, so that a search writes nothing and waits for nothing; each database has one.
 *
 * They are written some seconds later, one statement a tenant, outside of whatever transaction the search was in, and when the
 * database is closed. What a process that is killed has not written is lost: the counts rank memories, nobody is billed by them.
 */
export class Retrievals {
  readonly #write: WriteRetrievals
  readonly #counts: TenantCounts<CountedUse> = new TenantCounts({
    keyOf: ({ memoryId }) => memoryId,
    together: (before, use) => ({
      ...use,
      count: before.count + use.count,
      lastAt: before.lastAt > use.lastAt ? before.lastAt : use.lastAt,
    }),
    most: maxMemories,
  })
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined

  constructor(write: WriteRetrievals) {
    this.#write = write
  }

  /** Counts one retrieval of each memory. */
  record(orgId: string, memoryIds: readonly string[]): void {
    const lastAt = new Date()
    for (const memoryId of memoryIds) this.#counts.add(orgId, { memoryId, count: 1, lastAt })
    if (this.#counts.size === 0) return
    if (this.#counts.size >= fullAt) this.#flushSoon(0)
    else this.#flushSoon(delayMs)
  }

  /**
   * Writes everything down that was counted before the call.
   *
   * @throws what the database does; what was not written stays for the next time.
   */
  async flush(): Promise<void> {
    await this.#flushing?.catch(() => undefined)
    this.#flushing = this.#flush()
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#counts.flush(this.#write)
  }

  #flushSoon(delay: number): void {
    if (this.#timer !== undefined && delay > 0) return
    clearTimeout(this.#timer)
    // a timer belongs to the transaction in which it was set, and would be refused the connection
    this.#timer = runOutsideTransaction(() =>
      setTimeout(() => {
        this.#timer = undefined
        // nobody waits for it: what was not written is tried again with the next retrieval
        void this.flush().catch(() => undefined)
      }, delay),
    )
    // a process that has nothing else to do may end
    this.#timer.unref()
  }
}
