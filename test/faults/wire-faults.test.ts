/** A connection that breaks at every message of a transaction and of a single statement, in two ways. */
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, createDatabase } from '../../src/create-database.ts'
import { IbexError } from '../../src/errors.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { insertOrganization } from '../support/factories.ts'
import { serverUrl, urlForPort } from '../support/server-url.ts'
import { type TestDatabase, setup } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type Cut, type Fault, type FaultProxy, type Sender, startFaultProxy } from './fault-proxy.ts'

describe('a connection that breaks at any message', skipOnEmbedded('no connection that could break'), () => {
  let server: TestDatabase
  let proxy: FaultProxy
  let database: Database
  let mine: TenantScope
  let theirs: TenantScope
  let terminator: pg.Client
  let count = 0

  beforeAll(async () => {
    server = await setup()
    proxy = await startFaultProxy(serverUrl(server))
    database = createDatabase({ url: urlForPort(serverUrl(server), proxy.port), poolSize: 1 })
    mine = database.forTenant((await insertOrganization(server.admin)).id)
    theirs = database.forTenant((await insertOrganization(server.admin)).id)
    await theirs.agents.insert({ name: 'Theirs', slug: 'theirs' })
    terminator = new pg.Client({ connectionString: serverUrl(server) })
    await terminator.connect()
  })

  afterAll(async () => {
    await terminator.end()
    await database.close()
    await proxy[Symbol.asyncDispose]()
    await server.close()
  })

  /** Two rows that belong together. */
  const units: Readonly<Record<string, (slug: string) => Promise<unknown>>> = {
    'a transaction': async (slug) =>
      await mine.transaction(async (trx) => {
        await trx.agents.insert({ name: 'one', slug: `${slug}-1` })
        await trx.agents.insert({ name: 'two', slug: `${slug}-2` })
      }),
    'a single statement': async (slug) =>
      await mine.agents.insertMany([
        { name: 'one', slug: `${slug}-1` },
        { name: 'two', slug: `${slug}-2` },
      ]),
  }

  const terminate = async (_: Cut, ended: Promise<void>): Promise<void> => {
    await terminator.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'ibex-db'`,
    )
    await ended
  }
  const strikes: Readonly<Record<string, Fault['strike']>> = {
    'the network is cut': async (cut) => {
      cut()
      await Promise.resolve()
    },
    'the backend is terminated': terminate,
  }

  const cases = Object.keys(units).flatMap((unit) =>
    Object.keys(strikes).flatMap((strike) =>
      (['client', 'server'] as const).map((sender) => ({ unit, strike, sender })),
    ),
  )

  test.each(cases)(
    'keeps every promise when $strike after any message of the $sender in $unit',
    { timeout: 120_000 },
    async ({ unit, strike, sender }) => {
      const total = await messagesOf(unit, sender)
      expect(total).toBeGreaterThan(2)
      const outcomes: Outcome[] = []
      for (let after = 1; after <= total; after++) {
        outcomes.push(await strikeAfter({ unit, strike, sender, after }))
      }
      expect(outcomes.filter(({ isSound }) => !isSound)).toEqual([])
      expect(outcomes.filter(({ hasStruck }) => !hasStruck)).toEqual([])
      const advice = new Set(
        outcomes.flatMap(({ error }) => (error instanceof IbexError ? [error.isRetryable] : [])),
      )
      // a single statement is committed before the server says a word about it
      expect(advice.has(true)).toBe(unit === 'a transaction')
    },
  )

  test('runs a transaction again with retry when its connection broke before COMMIT', async () => {
    await mine.agents.find()
    let runs = 0
    // the second statement's answer is the last before COMMIT is sent
    proxy.arm({ sender: 'server', after: 8, strike: async (cut) => await Promise.resolve(cut()) })
    const slug = `unit-${count++}`
    await mine.transaction(
      async (trx) => {
        runs += 1
        await trx.agents.insert({ name: 'one', slug: `${slug}-1` })
        await trx.agents.insert({ name: 'two', slug: `${slug}-2` })
      },
      { retry: 1 },
    )
    expect({ runs, rows: await rowsOf(slug) }).toEqual({ runs: 2, rows: 2 })
  })

  interface Outcome {
    readonly after: number
    readonly error: unknown
    readonly rows: number
    readonly hasStruck: boolean
    readonly isSound: boolean
  }

  async function messagesOf(unit: string, sender: Sender): Promise<number> {
    await units[unit]?.(`warm-${count++}`)
    proxy.arm()
    await units[unit]?.(`warm-${count++}`)
    return proxy.passed(sender)
  }

  async function strikeAfter({
    unit,
    strike,
    sender,
    after,
  }: (typeof cases)[number] & { readonly after: number }): Promise<Outcome> {
    // what is warm stays warm: the messages are those that were counted
    await units[unit]?.(`warm-${count++}`)
    const slug = `unit-${count++}`
    let hasStruck = false
    proxy.arm({
      sender,
      after,
      strike: async (cut, ended) => {
        hasStruck = true
        await (strikes[strike] ?? terminate)(cut, ended)
      },
    })
    const error: unknown = await units[unit]?.(slug).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    proxy.arm()
    // a connection that broke while idle is dropped as soon as this is heard of
    await proxy.settled()
    const rows = await rowsOf(slug)
    return { after, error, rows, hasStruck, isSound: (await isClean()) && isSound(error, rows) }
  }

  async function rowsOf(slug: string): Promise<number> {
    const { rows } =
      await sql`select from ibex_core.agents where slug in (${`${slug}-1`}, ${`${slug}-2`})`.execute(
        server.admin,
      )
    return rows.length
  }

  /** The next borrower finds neither a transaction nor a tenant, and sees its own rows only. */
  async function isClean(): Promise<boolean> {
    const seen = (await theirs.agents.find()).map(({ slug }) => slug)
    // the process of a connection that was cut may still be about to notice
    await expect.poll(openTransactions, { interval: 5 }).toBe(0)
    return seen.join() === 'theirs'
  }

  async function openTransactions(): Promise<number> {
    const { rows } = await sql`select from pg_stat_activity where datname = current_database()
      and application_name = 'ibex-db' and state like 'idle in transaction%'`.execute(server.admin)
    return rows.length
  }
})

/** Acknowledged is there; refused is all or nothing, and nothing where the error says that it may run again. */
function isSound(error: unknown, rows: number): boolean {
  if (error === undefined) return rows === 2
  if (!(error instanceof IbexError) || error.code !== 'connection_lost') return false
  return rows === 0 || (rows === 2 && !error.isRetryable)
}
