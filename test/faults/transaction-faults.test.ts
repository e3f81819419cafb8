/** A timeout, a lock that is held and an abort signal, in every state of a transaction. */
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import type { TransactionOptions } from '../../src/tenancy/transaction.ts'
import { failure } from '../support/two-tenants.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import {
  idleInTransaction,
  meet,
  type Obstacle,
  type Obstacles,
  openObstacles,
  untilAsleep,
} from './obstacles.ts'

interface Fault {
  readonly name: string
  readonly obstacle: Obstacle
  readonly options: (signal: AbortSignal, state: State) => TransactionOptions
  /** What the caller gets. */
  readonly error: unknown
}

const aborted = new Error('the reason of the signal')

const faults: readonly Fault[] = [
  {
    name: 'a statement timeout',
    obstacle: 'sleep',
    // longer than the statements that must not meet it
    options: (_, state) => ({ statementTimeout: state.name === caught ? 2_000 : 250 }),
    error: expect.objectContaining({ code: 'query_canceled', isRetryable: false }),
  },
  {
    name: 'a lock timeout',
    obstacle: 'lock',
    options: () => ({}),
    error: expect.objectContaining({ code: 'lock_not_available', isRetryable: true }),
  },
  {
    name: 'an abort signal',
    obstacle: 'sleep',
    options: (signal) => ({ signal }),
    error: aborted,
  },
]

interface State {
  readonly name: string
  readonly work: (step: {
    readonly trx: TenantTransaction
    readonly write: (part: 1 | 2) => Promise<unknown>
    readonly obstacle: Obstacle
  }) => Promise<unknown>
}

const caught = 'a savepoint whose error the callback catches'
const states: readonly State[] = [
  { name: 'the first statement', work: async ({ trx, obstacle }) => await meet(obstacle, trx) },
  {
    name: 'a statement between two others',
    work: async ({ trx, write, obstacle }) => {
      await write(1)
      await meet(obstacle, trx)
      await write(2)
    },
  },
  {
    name: 'COMMIT',
    work: async ({ trx, write, obstacle }) => {
      await write(1)
      await write(2)
      await meet(obstacle, trx, 'at commit')
    },
  },
  {
    name: 'a savepoint',
    work: async ({ trx, write, obstacle }) => {
      await write(1)
      await trx.transaction(async (inner) => await meet(obstacle, inner))
      await write(2)
    },
  },
  {
    name: caught,
    work: async ({ trx, write, obstacle }) => {
      await write(1)
      await failure(async () => await trx.transaction(async (inner) => await meet(obstacle, inner)))
      await write(2)
    },
  },
]

const cases = states
  .flatMap((state) => faults.map((fault) => ({ state, fault })))
  // PostgreSQL does not count this one: a test of its own
  .filter(({ state, fault }) => state.name !== 'COMMIT' || fault.name !== 'a statement timeout')

describe('a transaction', skipOnEmbedded('one process: no signals for a timeout, nobody to wait for'), () => {
  let bundle: Obstacles
  let count = 0

  beforeAll(async () => {
    bundle = await openObstacles()
  })

  afterAll(async () => {
    await bundle.close()
  })

  afterEach(async () => {
    await bundle.expectClean()
  })

  test.each(cases)(
    'is there as a whole or not at all when it meets $fault.name in $state.name',
    async ({ state, fault }) => {
      const { obstacle, options, error } = fault
      const unit = `unit-${count++}`
      const before = await bundle.pid()
      const controller = new AbortController()
      const outcome = bundle.mine
        .transaction(
          async (trx) => {
            const write = async (part: 1 | 2): Promise<unknown> =>
              await trx.agents.insert({ name: 'A', slug: `${unit}-${part}` })
            await state.work({ trx, write, obstacle })
            return 'committed'
          },
          options(controller.signal, state),
        )
        .catch((thrown: unknown) => thrown)
      const isAborted = error === aborted
      if (isAborted) {
        await untilAsleep(bundle)
        controller.abort(aborted)
      }
      // what is aborted does not go on, whatever its callback catches
      const goesOn = state.name === caught && !isAborted
      expect(await outcome).toEqual(goesOn ? 'committed' : error)
      expect(await bundle.rowsOf(unit)).toBe(goesOn ? 2 : 0)
      // a cancel request may arrive late: its connection is nobody's any more
      expect((await bundle.pid()) === before).toBe(!isAborted)
    },
  )

  test('commits, however long its deferred constraints take, with a statement timeout', async () => {
    const unit = `unit-${count++}`
    await bundle.mine.transaction(
      async (trx) => {
        await trx.agents.insert({ name: 'A', slug: `${unit}-1` })
        await trx.agents.insert({ name: 'A', slug: `${unit}-2` })
        await meet('nap', trx, 'at commit')
      },
      { statementTimeout: 2_000 },
    )
    expect(await bundle.rowsOf(unit)).toBe(2)
  })

  test('is lost, and may run again, when the server ends it because it is idle', async () => {
    const unit = `unit-${count++}`
    const error = await failure(
      async () =>
        await bundle.mine.transaction(async (trx) => {
          await sql`select set_config('idle_in_transaction_session_timeout', '30', true)`.execute(trx.db)
          await trx.agents.insert({ name: 'A', slug: `${unit}-1` })
          await expect.poll(sessions, { interval: 10 }).toBe(0)
          await trx.agents.insert({ name: 'A', slug: `${unit}-2` })
        }),
    )
    expect(error).toMatchObject({ code: 'connection_lost', isRetryable: true })
    expect(await bundle.rowsOf(unit)).toBe(0)
  })

  test.for([
    { where: 'a statement', when: 'now', isRetryable: true },
    { where: 'COMMIT', when: 'at commit', isRetryable: false },
  ] as const)(
    'is lost when the server ends it in $where because it takes too long',
    async ({ when, isRetryable }, { skip }) => {
      skip(!(await hasTransactionTimeout()), 'PostgreSQL 17 is the first with transaction_timeout')
      const unit = `unit-${count++}`
      const error = await failure(
        async () =>
          await bundle.mine.transaction(async (trx) => {
            await trx.agents.insert({ name: 'A', slug: `${unit}-1` })
            await trx.agents.insert({ name: 'A', slug: `${unit}-2` })
            await meet('limit', trx, when)
          }),
      )
      expect(error).toMatchObject({ code: 'connection_lost', isRetryable })
      expect(await bundle.rowsOf(unit)).toBe(0)
    },
  )

  async function hasTransactionTimeout(): Promise<boolean> {
    const { rows } = await sql`select from pg_settings where name = 'transaction_timeout'`.execute(
      bundle.admin,
    )
    return rows.length > 0
  }

  async function sessions(): Promise<number> {
    return await idleInTransaction(bundle.admin)
  }
})
