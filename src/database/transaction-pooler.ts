/** Tells whether a connection leads through a transaction pooler, which lends sessions of the server from client to client. */
import type { ClientBase } from 'pg'
import { announcedProcess } from './announced-process.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { ResolvedOptions } from './options.ts'

/**
 * True when other clients get the same session of the server.
 *
 * Where the process that was announced is the one that serves, there is no pooler. Otherwise a second client asks in turn with the first one: whoever is
 * served by the other's process, or by another one than before, shares sessions. A pooler in session mode does not do that.
 */
export async function goesThroughTransactionPooler(
  client: ClientBase,
  options: ResolvedOptions,
): Promise<boolean> {
  const first = await processOf(client)
  if (announcedProcess(client) === first) return false
  const pool = new ConnectionPool({ ...options, poolSize: 1 })
  try {
    const other = await pool.connect()
    try {
      return await sharesSession(first, [other, client])
    } finally {
      other.release(true)
    }
  } finally {
    await pool.end()
  }
}

/** Between the statements no transaction is open, so a pooler that shares is free to hand the session on. */
async function sharesSession(
  first: number,
  [other, client]: readonly [ClientBase, ClientBase],
): Promise<boolean> {
  const otherFirst = await processOf(other)
  if (otherFirst === first) return true
  // others may be at work and change the order in which sessions are lent
  for (let round = 0; round < 4; round++) {
    if ((await processOf(client)) !== first || (await processOf(other)) !== otherFirst) return true
  }
  return false
}

async function processOf(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid')
  return rows[0]?.pid ?? 0
}
