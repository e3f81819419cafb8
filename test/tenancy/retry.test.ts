import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import type { TransactionOptions } from '../../src/tenancy/transaction.ts'
import { openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'
import { insertAgent } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'

describe('two transactions that conflict', skipOnEmbedded('one connection: nobody to conflict with'), () => {
  let bundle: TwoTenants
  let one: string
  let two: string

  beforeAll(async () => {
    bundle = await openTwoTenants()
    one = (await insertAgent(bundle.admin, { org_id: bundle.mine.orgId })).id
    two = (await insertAgent(bundle.admin, { org_id: bundle.mine.orgId })).id
  })

  afterAll(async () => {
    await bundle.close()
  })

  /** Runs both at once; each waits at its `meet()` until the other is there, on its first attempt only. */
  async function collide(
    options: TransactionOptions,
    callback: (trx: TenantTransaction, index: number, meet: () => Promise<void>) => Promise<unknown>,
  ): Promise<{ readonly outcomes: readonly PromiseSettledResult<unknown>[]; readonly attempts: number }> {
    const meetings = new Map<number, () => void>()
    const arrived = [0, 1].map((index) => new Promise<void>((resolve) => void meetings.set(index, resolve)))
    let attempts = 0
    const outcomes = await Promise.allSettled(
      [0, 1].map(
        async (index) =>
          await bundle.mine.transaction(async (trx) => {
            attempts += 1
            return await callback(trx, index, async () => {
              meetings.get(index)?.()
              await Promise.all(arrived)
            })
          }, options),
      ),
    )
    return { outcomes, attempts }
  }

  /** Write skew: each reads what the other writes; one of the two must give way, at its last statement or at COMMIT. */
  async function skew(trx: TenantTransaction, index: number, meet: () => Promise<void>): Promise<void> {
    await trx.agents.find()
    await meet()
    await sql`update ibex_core.agents set total_sessions = total_sessions + 1 where id = ${[one, two][index]}`.execute(
      trx.db,
    )
  }

  /** Each takes its own row and then the other's. */
  async function embrace(trx: TenantTransaction, index: number, meet: () => Promise<void>): Promise<void> {
    const [first, second] = index === 0 ? [one, two] : [two, one]
    await touch(trx, first)
    await meet()
    await touch(trx, second)
  }

  test('gives the loser of two serializable transactions SerializationFailureError', async () => {
    const { outcomes, attempts } = await collide({ isolationLevel: 'serializable' }, skew)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'serialization_failure', isRetryable: true },
    })
    expect(attempts).toBe(2)
  })

  test('runs the loser of two serializable transactions again with retry', async () => {
    const { outcomes, attempts } = await collide({ isolationLevel: 'serializable', retry: 10 }, skew)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    // or more, because the loser is told before the winner's commit is seen, and may meet it again and again
    expect(attempts).toBeGreaterThanOrEqual(3)
  })

  test('gives the loser of a deadlock DeadlockDetectedError', async () => {
    const { outcomes } = await collide({}, embrace)
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'deadlock_detected', isRetryable: true },
    })
  })

  test('runs the loser of a deadlock again with retry', async () => {
    // not retry: 1, because the loser may be back before the winner has taken the row, and both embrace once more
    const { outcomes, attempts } = await collide({ retry: 10 }, embrace)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(attempts).toBeGreaterThanOrEqual(3)
  })
})

describe('retry', () => {
  let bundle: TwoTenants

  beforeAll(async () => {
    bundle = await openTwoTenants()
  })

  afterAll(async () => {
    await bundle.close()
  })

  test('gives up after as many times as it was told', async () => {
    let attempts = 0
    const lost = bundle.mine.transaction(
      async (trx) => {
        attempts += 1
        await raise(trx, '40001')
      },
      { retry: 2 },
    )
    await expect(lost).rejects.toHaveProperty('code', 'serialization_failure')
    expect(attempts).toBe(3)
  })

  test('does not run again what failed for another reason, nor without being told', async () => {
    let attempts = 0
    const run = async (sqlState: string, options: TransactionOptions): Promise<unknown> =>
      await bundle.mine.transaction(async (trx) => {
        attempts += 1
        await raise(trx, sqlState)
      }, options)
    await expect(run('23505', { retry: true })).rejects.toHaveProperty('code', 'unique_violation')
    await expect(run('40001', {})).rejects.toHaveProperty('code', 'serialization_failure')
    expect(attempts).toBe(2)
  })

  test('leaves nothing of the attempts that failed', async () => {
    let attempts = 0
    await bundle.mine.transaction(
      async (trx) => {
        attempts += 1
        await trx.agents.insert({ name: 'A', slug: `attempt-${attempts}` })
        if (attempts < 3) await raise(trx, '40P01')
      },
      { retry: true },
    )
    const found = await bundle.mine.agents.find()
    expect(found.map(({ slug }) => slug)).toEqual(['attempt-3'])
  })
})

/** A failure as the server reports it, raised on purpose. */
async function raise(trx: TenantTransaction, sqlState: string): Promise<void> {
  await sql
    .raw(`do $$ begin raise exception 'on purpose' using errcode = '${sqlState}'; end $$`)
    .execute(trx.db)
}

async function touch(trx: TenantTransaction, id: string): Promise<void> {
  await sql`update ibex_core.agents set total_memories = total_memories + 1 where id = ${id}`.execute(trx.db)
}
