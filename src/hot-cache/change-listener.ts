/** Hears which lists have changed, whoever changed them: the notifications of the trigger on memories. */
import { setTimeout as delay } from 'node:timers/promises'
import type { NotificationHandler, NotificationSession } from '../database/notification-session.ts'
import { HotCacheError } from '../errors.ts'
import { isUuid } from '../tenancy/arguments.ts'

/** Whose list changed: an agent's, or those of all agents where there is none. */
export interface Change {
  readonly orgId: string
  readonly agentId: string | undefined
}

/** What the listener needs, and what it tells. */
export interface ChangeListenerOptions {
  readonly open: (onNotification: NotificationHandler) => Promise<NotificationSession>
  readonly onChange: (change: Change) => void
  /** Every change is heard of that a snapshot does not see which was taken after this transaction. */
  readonly onListening: (since: bigint) => void
  /** Changes are not heard of any more, until `onListening` is called again. */
  readonly onDown: (error: HotCacheError) => void
}

const channel = 'ibex_core.hot_memories'
/** Whoever listens holds it: without one the trigger notifies nobody. It ends with the session, however that ends. */
const register = `select pg_advisory_lock_shared(hashtextextended('${channel}', 0))`
/** Names and not `::regclass`: the login of a service may not use the schema. */
const writers = `select virtualtransaction as id from pg_catalog.pg_locks
  where mode = 'RowExclusiveLock' and relation = (
    select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'ibex_core' and c.relname = 'memories'
  ) and database = (select oid from pg_catalog.pg_database where datname = current_database())`
/** Milliseconds between two looks at the writers. */
const patience = 100
/** Milliseconds between two signs of life. */
const heartbeat = 15_000
const firstPause = 100
const longestPause = 30_000

/** Keeps one session listening: connects again, after longer and longer pauses, when it breaks. */
export class ChangeListener {
  readonly #options: ChangeListenerOptions
  readonly #closing: AbortController = new AbortController()
  #session: NotificationSession | undefined
  #running: Promise<void> | undefined
  #isListening = false
  #failures = 0

  constructor(options: ChangeListenerOptions) {
    this.#options = options
  }

  /** Begins to listen, in the background; does nothing when it has begun. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Begins anew, with a later transaction; does nothing while there is no session. */
  async refresh(): Promise<void> {
    const session = this.#session
    if (session === undefined || !this.#isListening) return
    try {
      await this.#tellBeginning(session)
    } catch {
      await session.close()
    }
  }

  /** Ends the session and waits for it. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#session?.close()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const error = await this.#listen().catch((cause: unknown) => toHotCacheError(cause))
      if (signal.aborted) return
      this.#options.onDown(error)
      if (!error.isRetryable) return
      const pause = Math.min(firstPause * 2 ** this.#failures++, longestPause)
      // not all processes at once after a restart of the server
      await delay(pause * (0.5 + Math.random()), undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** Listens until the session ends, and returns the error that says so. */
  async #listen(): Promise<HotCacheError> {
    const session = await this.#options.open((name, payload) => {
      const change = name === channel ? parseChange(payload) : undefined
      if (change !== undefined) this.#options.onChange(change)
    })
    this.#session = session
    try {
      await this.#begin(session)
      this.#isListening = true
      this.#failures = 0
      while (!session.ended.aborted && !this.#closing.signal.aborted) {
        await delay(heartbeat, undefined, { signal: session.ended, ref: false }).catch(() => {})
        if (!session.ended.aborted) await session.check()
      }
      return new HotCacheError('listen', `the connection that hears of changes broke: ${bypass}`)
    } finally {
      this.#session = undefined
      this.#isListening = false
      await session.close()
    }
  }

  async #begin(session: NotificationSession): Promise<void> {
    if (session.isPooled) throw new PooledConnection()
    // a lock that somebody holds exclusively on purpose must not keep it waiting for ever
    await session.query("select set_config('lock_timeout', '5s', false)")
    await session.query(`listen "${channel}"`)
    await session.query(register)
    await this.#outlastWriters(session)
    await this.#tellBeginning(session)
  }

  /** Writers look at the lock when they write: who did so before it was held notifies nobody, and must have ended. */
  async #outlastWriters(session: NotificationSession): Promise<void> {
    let left = await session.query<{ id: string }>(writers)
    while (left.length > 0) {
      await delay(patience, undefined, { signal: session.ended, ref: false })
      const ids = left.map(({ id }) => id)
      left = await session.query<{ id: string }>(`${writers} and virtualtransaction = any($1)`, [ids])
    }
  }

  /** Takes a number of its own, which a snapshot has passed only when it was taken later. */
  async #tellBeginning(session: NotificationSession): Promise<void> {
    const [row] = await session.query<{ id: string }>('select pg_current_xact_id()::text as id')
    if (row !== undefined && !session.ended.aborted) this.#options.onListening(BigInt(row.id))
  }
}

const bypass = 'the database answers until it is back'

/** The one failure that trying again does not mend. */
class PooledConnection extends Error {}

function toHotCacheError(cause: unknown): HotCacheError {
  if (!(cause instanceof PooledConnection))
    return new HotCacheError('listen', `changes cannot be heard of: ${bypass}`, { cause })
  return new HotCacheError(
    'listen',
    'changes cannot be heard of through a pooler: pass a direct url as hotCache.listenUrl; the hot cache is not used',
    { isRetryable: false },
  )
}

/** Any role can notify on any channel, so what does not look like ids is left alone. */
function parseChange(payload: string): Change | undefined {
  const [orgId, agentId, ...rest] = payload.split(':')
  if (!isUuid(orgId) || rest.length > 0 || (agentId !== undefined && !isUuid(agentId))) return undefined
  return { orgId, agentId }
}
