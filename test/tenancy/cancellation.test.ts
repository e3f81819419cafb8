import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { failure, openTwoTenants, refusal, type TwoTenants } from '../support/two-tenants.ts'
import { skipBehindPooler, skipOnEmbedded } from '../support/skip.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants({ poolSize: 1 })
})

afterAll(async () => {
  await bundle.close()
})

test('sends nothing when the signal was aborted before', async () => {
  const signal = AbortSignal.abort(new Error('too late'))
  const error = await refusal(
    bundle,
    async () => await bundle.mine.transaction(async (trx) => await trx.agents.find(), { signal }),
  )
  expect(error.message).toBe('too late')
})

test('rolls back when the signal is aborted between two statements', async () => {
  const controller = new AbortController()
  const error = await failure(
    async () =>
      await bundle.mine.transaction(
        async (trx) => {
          await trx.agents.insert({ name: 'A', slug: 'between' })
          controller.abort(new Error('enough'))
          await trx.agents.find()
        },
        { signal: controller.signal },
      ),
  )
  expect(error.message).toBe('enough')
  expect(await bundle.mine.agents.find()).toEqual([])
})

test('rolls back when the signal is aborted after the last statement', async () => {
  const controller = new AbortController()
  const error = await failure(
    async () =>
      await bundle.mine.transaction(
        async (trx) => {
          await trx.agents.insert({ name: 'A', slug: 'after' })
          controller.abort(new Error('enough'))
        },
        { signal: controller.signal },
      ),
  )
  expect(error.message).toBe('enough')
  expect(await bundle.mine.agents.find()).toEqual([])
})

describe('a running statement', skipOnEmbedded('one process: nobody answers a cancel request'), () => {
  let pid: number | undefined

  beforeEach(async () => {
    pid = await pidOf()
  })

  /** What the session of the test still runs. */
  async function running(): Promise<readonly unknown[]> {
    const { rows } =
      await sql`select query from pg_stat_activity where pid = ${pid} and state = 'active'`.execute(
        bundle.admin,
      )
    return rows
  }

  /** Returns when the session of the test waits for this: before that a request to cancel may find nothing. */
  async function untilWaiting(event: string): Promise<void> {
    const check = async (): Promise<void> => {
      const { rows } = await sql`select from pg_stat_activity
        where pid = ${pid} and wait_event = ${event}`.execute(bundle.admin)
      if (rows.length === 0) throw new Error('the statement does not wait')
    }
    await vi.waitFor(check, { timeout: 10_000, interval: 10 })
  }

  test(
    'is stopped on the server by the signal of its transaction, and its connection is not reused',
    skipBehindPooler('a pooler keeps the session of a client that goes'),
    async () => {
      const signal = AbortSignal.timeout(50)
      const start = performance.now()
      const error = await failure(
        async () =>
          await bundle.mine.transaction(
            async (trx) => {
              await trx.agents.insert({ name: 'A', slug: 'stopped' })
              await sql`select pg_sleep(20)`.execute(trx.db)
            },
            { signal },
          ),
      )
      expect(error).toBe(signal.reason)
      expect(performance.now() - start).toBeLessThan(5_000)
      expect(await running()).toEqual([])
      expect(await pidOf()).not.toBe(pid)
      expect(await bundle.mine.agents.find()).toEqual([])
    },
  )

  test('is stopped by the signal when others of its transaction have ended before it', async () => {
    const controller = new AbortController()
    const start = performance.now()
    const error = await failure(
      async () =>
        await bundle.mine.transaction(
          async (trx) => {
            const quick = sql`select 1`.execute(trx.db)
            const slow = sql`select pg_sleep(20)`.execute(trx.db)
            await quick
            setTimeout(() => controller.abort(new Error('enough')), 30)
            await slow
          },
          { signal: controller.signal },
        ),
    )
    expect(error.message).toBe('enough')
    expect(performance.now() - start).toBeLessThan(5_000)
  })

  test.each(['cancel query', 'kill session'] as const)(
    'is stopped on the server by its own signal: %s',
    skipBehindPooler('a pooler keeps the session of a client that goes'),
    async (inflightQueryAbortStrategy) => {
      const controller = new AbortController()
      const options = { signal: controller.signal, inflightQueryAbortStrategy }
      const stopped = failure(async () => await sql`select pg_sleep(20)`.execute(bundle.mine.db, options))
      await untilWaiting('PgSleep')
      controller.abort(new Error('enough'))
      expect(await stopped).toBe(controller.signal.reason)
      // the only connection comes back when the statement has ended, or never
      expect(await pidOf()).not.toBe(pid)
      expect(await running()).toEqual([])
    },
  )

  test('goes on, and keeps its connection, when its signal is told to ignore it', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const lock = sql`select pg_advisory_xact_lock(1)`
    await bundle.admin.transaction().execute(async (holder) => {
      await lock.execute(holder)
      const ignored = failure(async () => await lock.execute(bundle.mine.db, { signal }))
      await untilWaiting('advisory')
      controller.abort(new Error('enough'))
      expect(await ignored).toBe(signal.reason)
      expect(await running()).toHaveLength(1)
    })
    expect(await pidOf()).toBe(pid)
  })

  test('is stopped by statement_timeout of the whole database', async () => {
    await using hasty = createDatabase({ ...bundle.test.target, poolSize: 1, statementTimeout: 50 })
    const tenant = hasty.forTenant(bundle.mine.orgId)
    const error = await failure(async () => await sql`select pg_sleep(20)`.execute(tenant.db))
    expect(error).toHaveProperty('code', 'query_canceled')
    const patient = { statementTimeout: 20_000 }
    expect(await tenant.transaction(async (trx) => await trx.agents.find(), patient)).toEqual([])
  })
})

async function pidOf(): Promise<number | undefined> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(bundle.mine.db)
  return rows[0]?.pid
}
