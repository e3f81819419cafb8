/** A connection that breaks while it is opened, at any message of the server. */
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import { IbexError } from '../../src/errors.ts'
import { insertOrganization } from '../support/factories.ts'
import { serverUrl, urlForPort } from '../support/server-url.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type Cut, type FaultProxy, startFaultProxy } from './fault-proxy.ts'

describe('a connection that breaks while it is opened', skipOnEmbedded('no connection to open'), () => {
  let server: TestDatabase
  let proxy: FaultProxy
  let orgId: string
  let count = 0

  beforeAll(async () => {
    server = await setup()
    proxy = await startFaultProxy(serverUrl(server))
    orgId = (await insertOrganization(server.admin)).id
  })

  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    await server.close()
  })

  const strikes: Readonly<Record<string, (cut: Cut) => Promise<void>>> = {
    'the network is cut': async (cut) => await Promise.resolve(cut()),
    'the backend is terminated': async () => {
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'ibex-db'`.execute(server.admin)
      await delay(5)
    },
  }

  test.each(Object.entries(strikes))(
    'is an error that allows another try, and the same database takes it, when %s',
    { timeout: 120_000 },
    async (_, strike) => {
      const total = await messagesUntilOpen()
      expect(total).toBeGreaterThan(10)
      for (let after = 1; after <= total; after++) {
        await using database = open()
        proxy.arm({ sender: 'server', after, strike })
        const slug = `agent-${count++}`
        const error = await insert(database, slug).catch((thrown: unknown) => thrown)
        // terminated before it had a name, or between two statements: then nobody has noticed
        const isOpen = error === undefined
        expect({ after, isRight: isOpen || mayTryAgain(error) }).toEqual({ after, isRight: true })
        expect(await exists(slug)).toBe(isOpen)
        if (!isOpen) await insert(database, slug)
        expect(await exists(slug)).toBe(true)
      }
    },
  )

  function open(): Database {
    return createDatabase({ url: urlForPort(serverUrl(server), proxy.port), poolSize: 1 })
  }

  async function insert(database: Database, slug: string): Promise<void> {
    await database.forTenant(orgId).transaction(async (trx) => {
      await trx.agents.insert({ name: 'A', slug })
    })
  }

  /** What the server says before the first statement of a tenant. */
  async function messagesUntilOpen(): Promise<number> {
    await using database = open()
    proxy.arm()
    let passed = 0
    await database.forTenant(orgId).transaction(async () => {
      passed = proxy.passed('server')
      await Promise.resolve()
    })
    return passed
  }

  async function exists(slug: string): Promise<boolean> {
    const { rows } = await sql`select from ibex_core.agents
      where org_id = ${orgId} and slug = ${slug}`.execute(server.admin)
    return rows.length === 1
  }
})

function mayTryAgain(error: unknown): boolean {
  return error instanceof IbexError && error.isRetryable
}
