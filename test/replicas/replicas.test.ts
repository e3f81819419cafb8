/** Reading on real streaming replicas: who serves, what is seen, and what happens when one goes away. */
import { type Kysely, sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type CreateDatabaseOptions, type Database, createDatabase } from '../../src/create-database.ts'
import type { QueryEvent } from '../../src/database/options.ts'
import {
  ConnectionLostError,
  ConnectionPoolTimeoutError,
  IsolationError,
  OuterScopeError,
  ReadOnlyTransactionError,
  SerializationFailureError,
  TenantMismatchError,
} from '../../src/errors.ts'
import type { TransactionOptions } from '../../src/tenancy/transaction.ts'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import type { DB } from '../../types/database.d.ts'
import { openAdmin } from '../support/admin.ts'
import { insertAgent, insertMemory, insertOrganization } from '../support/factories.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { urlForLogin, urlForPort } from '../support/server-url.ts'
import { skipWithoutPgBouncer } from '../support/skip.ts'
import { failure, ownersView } from '../support/two-tenants.ts'
import { withClient } from '../support/with-client.ts'
import {
  heldTransaction,
  portOf,
  readSlowly,
  seenBy,
  served,
  slugs,
  slugsIn,
  untilServed,
  write,
} from './reads.ts'
import {
  type StreamingServer,
  type StreamingServers,
  silentPort,
  skipWithoutServerPrograms,
  startStreamingServers,
} from './streaming-servers.ts'

const reading: TransactionOptions = { readOnly: true }

describe('with two replicas', skipWithoutServerPrograms(), () => {
  let servers: StreamingServers
  let primary: StreamingServer
  let one: StreamingServer
  let two: StreamingServer
  let admin: Kysely<DB>
  let mine: string
  let theirs: string

  beforeAll(async () => {
    servers = await startStreamingServers()
    primary = servers.primary
    const [first, second] = servers.replicas
    one = first
    two = second
    admin = openAdmin({ url: primary.url })
    mine = (await insertOrganization(admin, { name: 'Mine' })).id
    theirs = (await insertOrganization(admin, { name: 'Theirs' })).id
    await insertAgent(admin, { org_id: mine, slug: 'mine' })
    await insertAgent(admin, { org_id: theirs, slug: 'theirs' })
    await servers.untilReplayed()
  }, 120_000)

  afterAll(async () => {
    await admin.destroy()
    await servers[Symbol.asyncDispose]()
  })

  afterEach(async () => {
    await Promise.all([one.resume(), two.resume()])
  })

  /** A database with both replicas, or these. */
  function open(
    options: Partial<CreateDatabaseOptions> = {},
    replicas: readonly StreamingServer[] = [one, two],
  ): Database {
    const urls = replicas.map(({ url }) => url)
    const database = createDatabase({ url: primary.url, replicas: urls, ...options })
    onTestFinished(async () => {
      await database.close()
    })
    return database
  }

  /** Waits for a read that sleeps, and so has its snapshot, and takes away a row from it. */
  async function conflictWithSleep(): Promise<void> {
    await one.untilSession(`wait_event = 'PgSleep'`)
    await conflict()
  }

  /** Takes away a row that whoever reads on a replica could still see. */
  async function conflict(): Promise<void> {
    const { id } = await insertAgent(admin, { org_id: theirs, slug: 'short-lived' })
    await admin.deleteFrom('ibex_core.agents').where('id', '=', id).execute()
    await sql`vacuum ibex_core.agents`.execute(admin)
  }

  test('runs readOnly transactions on each in turn', async () => {
    const tenant = open().forTenant(mine)
    const ports: number[] = []
    for (let round = 0; round < 4; round++) ports.push(await served(tenant, reading))
    expect(new Set(ports.slice(0, 2))).toEqual(new Set([one.port, two.port]))
    expect(ports.slice(2)).toEqual(ports.slice(0, 2))
  })

  test('runs them as the system role too, and tells the query hook which server it was', async () => {
    const events: QueryEvent[] = []
    const database = open({ onQuery: (event) => void events.push(event) })
    const port = await database.asSystem(
      'a test',
      async (system) => await system.transaction(async (trx) => await portOf(trx), reading),
    )
    expect([one.port, two.port]).toContain(port)
    await database.forTenant(mine).agents.find()
    expect(events.map(({ server }) => server)).toEqual(['replica', 'replica', 'primary'])
  })

  test.each<readonly [string, TransactionOptions]>([
    ['that may write', {}],
    ['that is kept off the replicas', { readOnly: true, on: 'primary' }],
    ['that is serializable, which no standby can do', { readOnly: true, isolationLevel: 'serializable' }],
  ])('runs a transaction %s on the primary', async (_, options) => {
    expect(await served(open().forTenant(mine), options)).toBe(primary.port)
  })

  test('runs single statements, untrusted ones and positions on the primary', async () => {
    const events: QueryEvent[] = []
    const tenant = open({ onQuery: (event) => void events.push(event) }).forTenant(mine)
    expect(await portOf(tenant.db)).toBe(primary.port)
    await tenant.untrusted('select 1')
    await tenant.writePosition()
    expect(events.map(({ server }) => server)).toEqual(['primary', 'primary', 'primary'])
  })

  test('refuses a write on a replica, and writes nothing anywhere', async () => {
    const tenant = open().forTenant(mine)
    const before = [
      await ownersView(admin, 'ibex_core.agents', mine),
      await two.query('select count(*) from ibex_core.agents'),
    ]
    const error = await failure(async () => await tenant.transaction(write, reading))
    expect(error).toBeInstanceOf(ReadOnlyTransactionError)
    await servers.untilReplayed()
    expect([
      await ownersView(admin, 'ibex_core.agents', mine),
      await two.query('select count(*) from ibex_core.agents'),
    ]).toEqual(before)
  })

  test('shows a tenant its own rows alone on a replica, and none without a tenant', async () => {
    const database = open({}, [one])
    expect(await slugs(database.forTenant(mine), reading)).toEqual(['mine'])
    expect(await slugs(database.forTenant(theirs), reading)).toEqual(['theirs'])
    const all = await database.asSystem(
      'a test',
      async (system) => await system.transaction(async (trx) => await slugsIn(trx), reading),
    )
    expect(all).toEqual(['mine', 'theirs'])
    const none = await withClient(one.url, async (client) => {
      await client.query('set role ibex_app')
      return (await client.query('select from ibex_core.agents')).rowCount
    })
    expect(none).toBe(0)
  })

  test('finds memories on a replica', async () => {
    const agent = await insertAgent(admin, { org_id: mine, slug: 'with-memories' })
    const database = open({}, [one])
    const tenant = database.forTenant(mine)
    const content = 'Prefers black tea in the afternoon'
    await insertMemory(admin, { org_id: mine, agent_id: agent.id, content })
    const search = async (scope: TenantTransaction): Promise<readonly string[]> => {
      const { hits } = await scope.memories.search({ text: 'tea', agentId: agent.id })
      return hits.map(({ memory }) => memory.content)
    }
    const options = { ...reading, notBefore: await tenant.writePosition() }
    expect(await tenant.transaction(search, options)).toEqual([content])
    expect(await database.forTenant(theirs).transaction(search, options)).toEqual([])
    // the counts of what was found are written to the primary
    await database.flushRetrievals()
    const { retrieval_count } = await admin
      .selectFrom('ibex_core.memory_usage')
      .select('retrieval_count')
      .where('org_id', '=', mine)
      .executeTakeFirstOrThrow()
    expect(retrieval_count).toBe(1)
    await admin.deleteFrom('ibex_core.agents').where('id', '=', agent.id).execute()
  })

  test('notices a scope that is used inside a transaction on a replica', async () => {
    const database = open()
    const tenant = database.forTenant(mine)
    const inside = async (use: () => Promise<unknown>): Promise<Error> =>
      await failure(async () => await tenant.transaction(async () => await use(), reading))
    expect(await inside(async () => await tenant.agents.find())).toBeInstanceOf(OuterScopeError)
    expect(await inside(async () => await served(tenant, reading))).toBeInstanceOf(OuterScopeError)
    const other = database.forTenant(theirs)
    expect(await inside(async () => await served(other, reading))).toBeInstanceOf(TenantMismatchError)
    expect(await served(tenant, reading)).not.toBe(primary.port)
  })

  describe('that have not replayed a write', () => {
    test('shows what was before, or with notBefore reads on the primary after the wait', async () => {
      const tenant = open({ replicaWait: 60 }).forTenant(mine)
      await Promise.all([one.pause(), two.pause()])
      const agent = await insertAgent(admin, { org_id: mine, slug: 'late' })
      const position = await tenant.writePosition()
      expect(await slugs(tenant, reading)).not.toContain('late')
      const seen = await seenBy(tenant, { ...reading, notBefore: position })
      expect(seen).toEqual({ port: primary.port, slugs: expect.arrayContaining(['late']) })
      // what was committed before an older position is there
      await Promise.all([one.resume(), two.resume()])
      await servers.untilReplayed()
      await one.pause()
      const replayed = await seenBy(tenant, { ...reading, notBefore: position })
      expect(replayed).toEqual({ port: expect.not.toBeOneOf([primary.port]), slugs: seen.slugs })
      await admin.deleteFrom('ibex_core.agents').where('id', '=', agent.id).execute()
    })

    test('waits for the one that gets there in time', async () => {
      const tenant = open({ replicaWait: 20_000 }, [one]).forTenant(mine)
      await one.pause()
      const agent = await insertAgent(admin, { org_id: mine, slug: 'awaited' })
      const notBefore = await tenant.writePosition()
      // a transaction that keeps its first snapshot must not have taken it before the answer
      const seeing = seenBy(tenant, { ...reading, notBefore, isolationLevel: 'repeatable read' })
      await one.untilSession(`state = 'idle' and query like '%pg_last_wal_replay_lsn%'`)
      await one.resume()
      expect(await seeing).toEqual({ port: one.port, slugs: ['awaited', 'mine'] })
      await admin.deleteFrom('ibex_core.agents').where('id', '=', agent.id).execute()
    })

    test('asks the next one before it waits', async () => {
      const tenant = open({ replicaWait: 20_000 }).forTenant(mine)
      await one.pause()
      const agent = await insertAgent(admin, { org_id: mine, slug: 'elsewhere' })
      const notBefore = await tenant.writePosition()
      for (let round = 0; round < 2; round++)
        expect(await seenBy(tenant, { ...reading, notBefore })).toMatchObject({ port: two.port })
      await admin.deleteFrom('ibex_core.agents').where('id', '=', agent.id).execute()
    })

    test('does not wait for a replica that does not say how far it is', async () => {
      const tenant = open({ poolSize: 1, connectTimeout: 200 }, [one]).forTenant(mine)
      await untilServed(tenant, one.port)
      const backend = await tenant.transaction(async ({ db }) => {
        const { rows } = await sql<{ id: number }>`select pg_backend_pid() as id`.execute(db)
        return rows[0]?.id ?? 0
      }, reading)
      await servers.untilReplayed()
      process.kill(backend, 'SIGSTOP')
      try {
        const options = { ...reading, notBefore: await tenant.writePosition() }
        expect(await served(tenant, options)).toBe(primary.port)
      } finally {
        process.kill(backend, 'SIGCONT')
      }
    })
  })

  describe('whose replay conflicts with a read', () => {
    test('gives the statement SerializationFailureError, which names the replica', async () => {
      const tenant = open({}, [one]).forTenant(mine)
      const outcome = failure(async () => await tenant.transaction(readSlowly, reading))
      await conflictWithSleep()
      expect(await outcome).toMatchObject({
        code: 'serialization_failure',
        isRetryable: true,
        message: expect.stringContaining('the replica cancelled'),
      })
      expect(await outcome).toBeInstanceOf(SerializationFailureError)
    })

    test('runs the transaction again with retry, on the next one', async () => {
      const tenant = open().forTenant(mine)
      // the next in turn is the one that the conflict is waited for on
      while ((await served(tenant, reading)) !== two.port);
      const ports: number[] = []
      const running = tenant.transaction(
        async (trx) => {
          ports.push(await portOf(trx.db))
          if (ports.length === 1) await readSlowly(trx)
        },
        { ...reading, retry: 1 },
      )
      await conflictWithSleep()
      await running
      expect(ports).toEqual([one.port, two.port])
    })

    test('loses nothing when the session ends between the last read and COMMIT', async () => {
      const tenant = open({}, [one]).forTenant(mine)
      const held = heldTransaction(tenant, { ...reading, isolationLevel: 'repeatable read' })
      await held.begun
      await conflict()
      await expect
        .poll(async () => await one.countSessions(`state = 'idle in transaction'`), { timeout: 10_000 })
        .toBe(0)
      held.end()
      const error = await failure(async () => await held.outcome)
      expect(error).toBeInstanceOf(ConnectionLostError)
      expect(error).toHaveProperty('isRetryable', true)
    })
  })

  test('keeps its load from the primary when all connections to it are in use', async () => {
    const tenant = open({ poolSize: 1, connectTimeout: 200 }, [one]).forTenant(mine)
    await untilServed(tenant, one.port)
    const held = heldTransaction(tenant, reading)
    await held.begun
    const error = await failure(async () => await served(tenant, reading))
    expect(error).toBeInstanceOf(ConnectionPoolTimeoutError)
    held.end()
    await held.outcome
  })

  test('leaves to the primary who queues for one that does not answer', async () => {
    const replicas = [urlForPort(one.url, await silentPort())]
    const tenant = open({ replicas, poolSize: 1, connectTimeout: 2_000 }).forTenant(mine)
    const ports: number[] = []
    const serve = async (): Promise<unknown> => ports.push(await served(tenant, reading))
    await Promise.all([serve(), serve()])
    expect(ports).toEqual([primary.port, primary.port])
  })

  describe('checked by verifyIsolation', () => {
    test('finds them in order, without saying twice what it says of the primary', async () => {
      const report = await open().verifyIsolation()
      expect(report.warnings).toEqual([expect.stringContaining('the login is a superuser')])
    })

    test('warns of one that is no standby, and of one that does not answer', async () => {
      const replicas = [primary.url, urlForPort(one.url, 1)]
      const { warnings } = await open({ replicas }).verifyIsolation()
      expect(warnings.slice(1)).toEqual([
        expect.stringMatching(/^replicas\[0\]: the server is no standby/),
        expect.stringMatching(/^replicas\[1\]: it does not answer/),
      ])
    })

    test('refuses a login that may not take the role there', async () => {
      await sql`create role stranger login`.execute(admin)
      await servers.untilReplayed()
      const replicas = [one.url, urlForLogin(two.url, 'stranger', 'none')]
      const error = await failure(async () => await open({ replicas }).verifyIsolation())
      expect(error).toBeInstanceOf(IsolationError)
      expect(error).toHaveProperty('problems', [
        expect.stringMatching(/^replicas\[1\]: the login may not take the role "ibex_app"/),
      ])
    })
  })

  test('leaves no connection open when it is closed', async () => {
    const applicationName = 'ibex-db closing'
    const database = open({ applicationName })
    const tenant = database.forTenant(mine)
    await Promise.all([1, 2].map(async () => await served(tenant, reading)))
    await tenant.agents.find()
    const counts = async (): Promise<readonly number[]> =>
      await Promise.all(
        [primary, one, two].map(
          async (server) => await server.countSessions(`application_name = '${applicationName}'`),
        ),
      )
    expect(await counts()).toEqual([1, 1, 1])
    await database.close()
    await expect.poll(counts).toEqual([0, 0, 0])
  })

  test('goes through a pooler in transaction mode', skipWithoutPgBouncer(), async () => {
    const pooler = await startPgBouncer(one.url, { poolSize: 1, queryWait: 1 })
    onTestFinished(async () => await pooler[Symbol.asyncDispose]())
    const replicas = [urlForPort(one.url, pooler.port)]
    const patient = open({ replicas, prepare: false, replicaWait: 20_000 }).forTenant(mine)
    await untilServed(patient, one.port)
    expect(await served(patient, { ...reading, notBefore: await patient.writePosition() })).toBe(one.port)
    const tenant = open({ replicas, prepare: false, replicaWait: 1_000 }).forTenant(mine)
    await untilServed(tenant, one.port)
    await servers.untilReplayed()
    await one.pause()
    await sql`create table anything ()`.execute(admin)
    expect(await served(tenant, { ...reading, notBefore: await tenant.writePosition() })).toBe(primary.port)
    expect(await slugs(tenant, reading)).toEqual(['mine'])
    // the pooler still answers when the server behind it is gone
    await one.kill()
    expect(await served(tenant, { ...reading, retry: 1 })).toBe(primary.port)
    const fresh = open({ replicas, prepare: false, connectTimeout: 300 }).forTenant(mine)
    await vi.waitFor(async () => await fresh.writePosition(), { timeout: 10_000 })
    expect(await served(fresh, reading)).toBe(primary.port)
    await one.start()
  })

  test('leaves the reads to the others and to the primary while it is gone, and takes them back', async () => {
    const tenant = open().forTenant(mine)
    await Promise.all([1, 2].map(async () => await served(tenant, reading)))
    await one.kill()
    for (let round = 0; round < 3; round++) expect(await served(tenant, reading)).toBe(two.port)
    const ports: number[] = []
    const lost = tenant.transaction(
      async (trx) => {
        ports.push(await portOf(trx.db))
        if (ports.length === 1) await two.kill()
        ports.push(await portOf(trx.db))
      },
      { ...reading, retry: true },
    )
    await lost
    expect(ports).toEqual([two.port, primary.port, primary.port])
    const position = await tenant.writePosition()
    expect(await served(tenant, { ...reading, notBefore: position })).toBe(primary.port)
    await Promise.all([one.start(), two.start()])
    const back = new Set<number>()
    await expect
      .poll(async () => back.add(await served(tenant, reading)).size, { timeout: 15_000, interval: 100 })
      .toBe(3)
    expect(back).toEqual(new Set([primary.port, one.port, two.port]))
  })

  // the last one: the server does not become a replica again
  test('reads on one that was promoted, but not what was written elsewhere since', async () => {
    const tenant = open({ replicaWait: 0 }, [two]).forTenant(mine)
    await servers.untilReplayed()
    const before = await tenant.writePosition()
    await servers.untilReplayed()
    await two.query('select pg_promote()')
    // it writes on its own account, further than the primary
    await two.query('create table its_own as select generate_series(1, 1000) as n')
    await insertAgent(admin, { org_id: mine, slug: 'not-there' })
    const after = await tenant.writePosition()
    expect(await seenBy(tenant, reading)).toEqual({ port: two.port, slugs: ['mine'] })
    expect(await served(tenant, { ...reading, notBefore: before })).toBe(two.port)
    expect(await served(tenant, { ...reading, notBefore: after })).toBe(primary.port)
    const error = await failure(async () => await tenant.transaction(write, reading))
    expect(error).toBeInstanceOf(ReadOnlyTransactionError)
  })
})
