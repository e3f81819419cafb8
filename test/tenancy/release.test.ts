import { setTimeout as delay } from 'node:timers/promises'
import { Kysely, sql } from 'kysely'
import type { PoolClient } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ConnectionPool } from '../../src/database/connection-pool.ts'
import { resolveOptions } from '../../src/database/options.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { TenantDialect } from '../../src/tenancy/tenant-dialect.ts'
import type { DB } from '../../types/database.d.ts'
import { failure, openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'
import { skipBehindPooler, skipOnEmbedded } from '../support/skip.ts'

/** A pool of one: whoever comes next gets the connection that the test has handed back. */
let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants({ poolSize: 1 })
})

afterAll(async () => {
  await bundle.close()
})

interface Session {
  readonly pid: number
  readonly tenant: string
  readonly xact: boolean
}

async function look(db: Kysely<DB>): Promise<Session | undefined> {
  const { rows } = await sql<Session>`select pg_backend_pid() as pid, ibex_core.current_org_id() as tenant,
    now() = statement_timestamp() as xact`.execute(db)
  return rows[0]
}

describe('what the next borrower gets', skipOnEmbedded('one session, which cannot be destroyed'), () => {
  let before: Session | undefined

  beforeEach(async () => {
    before = await look(bundle.mine.db)
  })

  test('is the same connection after statements, transactions and errors that ended well', async () => {
    await bundle.mine.transaction(async (trx) => await look(trx.db))
    await failure(
      async () => await bundle.mine.transaction(async () => await Promise.reject(new Error('no'))),
    )
    await failure(async () => await sql`select 1 / 0`.execute(bundle.mine.db))
    await failure(
      async () => await bundle.mine.transaction(async (trx) => await sql`select 1 / 0`.execute(trx.db)),
    )
    expect(await look(bundle.theirs.db)).toMatchObject({ pid: before?.pid, tenant: bundle.theirs.orgId })
  })

  test('is a new connection after a forgotten commit', async () => {
    await sql`begin`.execute(bundle.mine.db)
    const after = await look(bundle.theirs.db)
    expect(after?.tenant).toBe(bundle.theirs.orgId)
    expect(after?.pid).not.toBe(before?.pid)
  })

  test('is a new connection, and the write undone, after a forgotten commit of a write', async () => {
    await bundle.mine.db.connection().execute(async (connection) => {
      await sql`begin`.execute(connection)
      await connection.insertInto('ibex_core.agents').values({ name: 'Lost', slug: 'lost' }).execute()
    })
    const after = await look(bundle.mine.db)
    expect(after?.pid).not.toBe(before?.pid)
    expect(await bundle.mine.agents.find({ where: { slug: 'lost' } })).toEqual([])
  })

  test('is the same connection after a statement timeout, without the timeout', async () => {
    const late = bundle.mine.transaction(async (trx) => await sql`select pg_sleep(5)`.execute(trx.db), {
      statementTimeout: 20,
    })
    await expect(late).rejects.toHaveProperty('code', 'query_canceled')
    await sql`select pg_sleep(0.05)`.execute(bundle.theirs.db)
    expect(await look(bundle.theirs.db)).toMatchObject({ pid: before?.pid, tenant: bundle.theirs.orgId })
  })

  test(
    'is a new connection after an abort',
    skipBehindPooler('a pooler keeps the session of a client that goes'),
    async () => {
      const signal = AbortSignal.timeout(20)
      const aborted = bundle.mine.transaction(async (trx) => await sql`select pg_sleep(5)`.execute(trx.db), {
        signal,
      })
      await expect(aborted).rejects.toHaveProperty('name', 'TimeoutError')
      const after = await look(bundle.theirs.db)
      expect(after?.tenant).toBe(bundle.theirs.orgId)
      expect(after?.pid).not.toBe(before?.pid)
    },
  )
})

describe('raw SQL that ends the transaction of a callback', () => {
  test.each([
    'commit',
    ' COMMIT and chain',
    'end',
    'rollback',
    'abort work',
    'rollback and chain',
    "prepare transaction 'x'",
  ])('is refused before it is sent: %s', async (text) => {
    await bundle.mine.transaction(async (trx) => {
      const sent = bundle.statements.length
      const error = await failure(async () => await sql.raw(text).execute(trx.db))
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect(bundle.statements).toHaveLength(sent)
      expect(await look(trx.db)).toMatchObject({ tenant: bundle.mine.orgId })
    })
  })

  test('lets no statement run outside the scope when something else has ended the transaction', async () => {
    const clients: PoolClient[] = []
    const pool = new ConnectionPool(resolveOptions({ ...bundle.test.target, poolSize: 1 }))
    const connect = async (): Promise<PoolClient> => {
      const client = await pool.connect()
      clients.push(client)
      return client
    }
    const settings = { 'app.current_org_id': bundle.mine.orgId }
    const dialect = new TenantDialect({
      pool: { connect, end: async () => await pool.end() },
      role: 'ibex_app',
      settings,
    })
    await using db = new Kysely<DB>({ dialect })
    const error = await failure(
      async () =>
        await db.transaction().execute(async (trx) => {
          await look(trx)
          await clients[0]?.query('commit')
          await look(trx)
        }),
    )
    expect(error).toBeInstanceOf(InvalidArgumentError)
  })

  test('may go back to a savepoint of its own', async () => {
    await bundle.mine.transaction(async (trx) => {
      await sql`savepoint here`.execute(trx.db)
      await failure(async () => await sql`select 1 / 0`.execute(trx.db))
      await sql`rollback to savepoint here`.execute(trx.db)
      await sql`release here`.execute(trx.db)
      expect(await look(trx.db)).toMatchObject({ tenant: bundle.mine.orgId })
    })
  })
})

test('hands the connection back when statements are still queued as the callback throws', async () => {
  const late: Promise<unknown>[] = []
  const thrown = bundle.mine.transaction(async (trx) => {
    await look(trx.db)
    for (let count = 0; count < 3; count++) late.push(look(trx.db).catch((error: unknown) => error))
    throw new Error('no')
  })
  await expect(thrown).rejects.toThrow('no')
  await Promise.all(late)
  await delay(1)
  expect(await look(bundle.theirs.db)).toMatchObject({ tenant: bundle.theirs.orgId })
})
