/** A transaction that waits: for a connection of the pool, or for a lock. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import { failure } from '../support/two-tenants.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type Held, hold, meet, type Obstacles, openObstacles } from './obstacles.ts'

describe('a transaction', skipOnEmbedded('one process: nobody to wait for'), () => {
  let bundle: Obstacles

  beforeAll(async () => {
    // short, because two tests wait for it, and long enough to connect
    bundle = await openObstacles({ connectTimeout: 2_000 })
  })

  afterAll(async () => {
    await bundle.close()
  })

  afterEach(async () => {
    await bundle.expectClean()
  })

  test('is refused before its callback runs, and may run again, when every connection is in use', async () => {
    let runs = 0
    const attempt = async (): Promise<unknown> =>
      await bundle.mine.transaction(async (trx) => {
        runs += 1
        return await trx.agents.exists()
      })
    const pool = await holdPool()
    const error = await failure(attempt)
    await pool.letGo()
    expect(error).toMatchObject({ code: 'connection_pool_timeout', isRetryable: true })
    expect(runs).toBe(0)
    await attempt()
    expect(runs).toBe(1)
  })

  test('goes on when what it wanted beside itself found no connection', async () => {
    const { mine } = bundle
    await mine.transaction(async (trx) => {
      await trx.agents.insert({ name: 'A', slug: 'beside-1' })
      const beside = await failure(
        async () =>
          await runOutsideTransaction(
            async () => await mine.agents.insert({ name: 'A', slug: 'beside-itself' }),
          ),
      )
      expect(beside).toMatchObject({ code: 'connection_pool_timeout', isRetryable: true })
      await trx.agents.insert({ name: 'A', slug: 'beside-2' })
    })
    expect(await bundle.rowsOf('beside')).toBe(2)
  })

  test('is over at once, and takes no connection, when it is aborted while it waits for one', async () => {
    const before = await bundle.pid()
    const pool = await holdPool()
    const controller = new AbortController()
    let runs = 0
    const waiting = failure(
      async () => await bundle.mine.transaction(async () => void (runs += 1), { signal: controller.signal }),
    )
    await delay(20)
    controller.abort(new Error('enough'))
    // the connection is still in use
    const error = await waiting
    await pool.letGo()
    expect(error).toBe(controller.signal.reason)
    expect(runs).toBe(0)
    expect(await bundle.pid()).toBe(before)
  })

  test('runs again with retry when a lock was not free in time', async () => {
    let runs = 0
    await bundle.mine.transaction(
      async (trx) => {
        runs += 1
        await trx.agents.insert({ name: 'A', slug: 'locked-1' })
        if (runs === 1) await meet('lock', trx)
        await trx.agents.insert({ name: 'A', slug: 'locked-2' })
      },
      { retry: 1 },
    )
    expect({ runs, rows: await bundle.rowsOf('locked') }).toEqual({ runs: 2, rows: 2 })
  })

  /** Holds the only connection. */
  async function holdPool(): Promise<Held> {
    return await hold(
      async (run) =>
        await bundle.theirs.transaction(async (trx) => {
          await trx.agents.exists()
          await run()
        }),
    )
  }
})
