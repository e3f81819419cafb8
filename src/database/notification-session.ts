/** A session that hears notifications: a connection of its own to a server, or the one session of the embedded engine. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { EmbeddedEngine } from './embedded-engine.ts'
import { announcedProcess } from './announced-process.ts'
import { mapConnectError } from './map-error.ts'

/** Called for every notification of the session, whatever its channel. */
export type NotificationHandler = (channel: string, payload: string) => void

/** A session that hears notifications. */
export interface NotificationSession {
  /** Aborted when the session has ended, whoever ended it. */
  readonly ended: AbortSignal
  /** True when the server's process is another one than it said when connecting: a pooler stands between. */
  readonly isPooled: boolean
  query<R extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<readonly R[]>
  /** Asks for a sign of life: a cut network would be noticed by nobody else. */
  check(): Promise<void>
  close(): Promise<void>
}

/** Opens a connection of its own. @throws as connecting does; the connection is closed then. */
export async function openServerSession(
  config: pg.ClientConfig,
  onNotification: NotificationHandler,
): Promise<NotificationSession> {
  const { default: driver } = await import('pg')
  const client = new driver.Client({ ...config, keepAlive: true, query_timeout: 10_000 })
  const ending = new AbortController()
  client.on('error', () => ending.abort())
  client.on('end', () => ending.abort())
  client.on('notification', ({ channel, payload = '' }) => onNotification(channel, payload))
  const query: NotificationSession['query'] = async <R extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ) => (await client.query<R>(text, [...values])).rows
  const close = async (): Promise<void> => {
    ending.abort()
    // a server that is out of reach does not say goodbye
    await Promise.race([client.end().catch(() => {}), delay(1_000, undefined, { ref: false })])
  }
  try {
    await client.connect()
    const rows = await query<{ pid: number }>('select pg_backend_pid() as pid')
    const isPooled = rows[0]?.pid !== announcedProcess(client)
    const check = async (): Promise<void> => void (await query('select 1'))
    return { ended: ending.signal, isPooled, query, check, close }
  } catch (error) {
    await close()
    throw mapConnectError(error)
  }
}

/** Joins the one session of the embedded engine, which it lends only for each of its queries. */
export async function openEmbeddedSession(
  connect: () => Promise<pg.PoolClient>,
  engine: EmbeddedEngine,
  onNotification: NotificationHandler,
): Promise<NotificationSession> {
  const ending = new AbortController()
  const query: NotificationSession['query'] = async <R extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ) => {
    const client = await connect()
    try {
      // a new connection forgets what the session listened to
      if (client.listenerCount('end', end) === 0) client.once('end', end)
      return (await client.query<R>(text, [...values])).rows
    } finally {
      client.release()
    }
  }
  const end = (): void => ending.abort()
  const forget = engine.onNotification(onNotification)
  ending.signal.addEventListener('abort', forget, { once: true })
  const close = async (): Promise<void> => {
    end()
    await Promise.resolve()
  }
  return { ended: ending.signal, isPooled: false, query, check: async () => {}, close }
}
