import { once } from 'node:events'
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import type { DatabaseOptions } from '../../src/database/options.ts'
import { AuthenticationError, ConnectionFailedError, ConnectionPoolTimeoutError } from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import { failure } from '../support/two-tenants.ts'
import { setup, type TestDatabase } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { serverUrl, urlForLogin } from '../support/server-url.ts'

const id = '8f14e45f-ceea-467f-a8cf-0d6f3c2b1a90'

function open(options: DatabaseOptions): Database {
  const database = createDatabase(options)
  onTestFinished(async () => {
    await database.close()
  })
  return database
}

/** A port that takes connections and never says a word, or one that nobody listens on. */
async function silentPort(isListening: boolean): Promise<number> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => void sockets.push(socket.on('error', () => {})))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // a server that listens on TCP has an address of this form
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  if (isListening) onTestFinished(close)
  else await close()
  return port
}

test.each([
  ['nobody listens', false],
  ['nobody answers', true],
])(
  'throws ConnectionFailedError in time where %s, for each of several statements',
  async (_, isListening) => {
    const port = await silentPort(isListening)
    const url = `postgresql://ana:a-password@127.0.0.1:${port}/main`
    const database = open({ url, connectTimeout: 200, poolSize: 1 })
    const start = performance.now()
    const errors = [
      await failure(async () => await database.forTenant(id).agents.find()),
      await failure(
        async () => await database.forTenant(id).transaction(async (trx) => await trx.agents.find()),
      ),
      await failure(async () => await database.verifyIsolation()),
    ]
    expect(performance.now() - start).toBeLessThan(10_000)
    for (const error of errors) {
      expect(error).toBeInstanceOf(ConnectionFailedError)
      expect(error).toHaveProperty('isRetryable', true)
      expect(error.message).toContain('check host and port of the url')
      expect(inspect(error, { depth: 10 })).not.toContain('a-password')
    }
  },
)

test('throws ConnectionFailedError for a host that does not exist', async () => {
  const database = open({ url: 'postgresql://ana@nowhere.invalid/main', connectTimeout: 2_000 })
  const error = await failure(async () => await database.forTenant(id).agents.find())
  expect(error).toBeInstanceOf(ConnectionFailedError)
})

describe('a server', skipOnEmbedded('no server to connect to'), () => {
  let server: TestDatabase

  beforeAll(async () => {
    server = await setup()
  })

  afterAll(async () => {
    await server.close()
  })

  test('says that its database does not exist', async () => {
    const url = new URL(serverUrl(server))
    url.pathname = '/ibex_nowhere'
    const error = await failure(async () => await open({ url: url.href }).verifyIsolation())
    expect(error).toHaveProperty('sqlState', '3D000')
    expect(error.message).toContain('the database does not exist')
  })

  test('refuses a wrong password without quoting it', async ({ skip }) => {
    const url = urlForLogin(serverUrl(server), new URL(serverUrl(server)).username, 'a-wrong-password')
    skip(await letsIn(url), 'the server asks nobody for a password')
    const error = await failure(async () => await open({ url }).verifyIsolation())
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(inspect(error, { depth: 10 })).not.toContain('a-wrong-password')
  })

  test('answers the one who waits too long for a connection, and goes on', async () => {
    const database = open({ ...server.target, poolSize: 1, connectTimeout: 100 })
    const tenant = database.forTenant(id)
    const find = async (): Promise<unknown> => await tenant.agents.find()
    // the connection is there before anybody waits for it: a busy server may take longer to open one
    await vi.waitFor(find, { timeout: 10_000 })
    const error = await tenant.transaction(async (trx) => {
      await trx.agents.find()
      return await failure(async () => await runOutsideTransaction(find))
    })
    expect(error).toBeInstanceOf(ConnectionPoolTimeoutError)
    expect(error.message).toContain('raise poolSize')
    expect(await find()).toEqual([])
  })

  test('opens no more connections than the pool has', async () => {
    const applicationName = 'ibex test of three'
    const database = open({ ...server.target, poolSize: 3, applicationName })
    const tenant = database.forTenant(id)
    await Promise.all(Array.from({ length: 30 }, async () => await tenant.agents.find()))
    const { rows } = await sql<{ count: string }>`select count(*) from pg_stat_activity
      where datname = current_database() and application_name = ${applicationName}`.execute(server.admin)
    expect(Number(rows[0]?.count)).toBe(3)
  })
})

async function letsIn(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString })
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
