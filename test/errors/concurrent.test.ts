/** What PostgreSQL reports when two transactions meet, provoked for real. */
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  ConnectionLostError,
  DatabaseError,
  DeadlockDetectedError,
  LockNotAvailableError,
  SerializationFailureError,
} from '../../src/errors.ts'
import { runOutsideTransaction } from '../../src/tenancy/ambient-transaction.ts'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import { insertAgent } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

describe('two transactions', skipOnEmbedded('one connection: no transaction beside another'), () => {
  let tenants: TwoTenants
  let one: string
  let two: string

  beforeAll(async () => {
    tenants = await openTwoTenants()
  })

  beforeEach(async () => {
    one = (await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })).id
    two = (await insertAgent(tenants.admin, { org_id: tenants.mine.orgId })).id
  })

  afterAll(async () => {
    await tenants.close()
  })

  /** Runs the callback in another transaction than the one around it. */
  const beside = async <T>(callback: (trx: TenantTransaction) => Promise<T>): Promise<T> =>
    await runOutsideTransaction(async () => await tenants.mine.transaction(callback))

  test('40001: one changed a row that the other has read', async () => {
    const error = await failure(
      async () =>
        await tenants.mine.transaction(
          async (trx) => {
            await trx.agents.find()
            await beside(async (other) => await other.agents.update(one, { name: 'changed' }))
            await trx.agents.update(one, { name: 'too late' })
          },
          { isolationLevel: 'repeatable read' },
        ),
    )
    expect(error).toBeInstanceOf(SerializationFailureError)
    expect(error).toMatchObject({ code: 'serialization_failure', sqlState: '40001', isRetryable: true })
    expect(await tenants.mine.agents.findByIdOrThrow(one)).toMatchObject({ name: 'changed' })
  })

  test('40P01: each waits for the other', async () => {
    const errors: unknown[] = []
    let other: Promise<unknown> | undefined
    await tenants.mine
      .transaction(async (trx) => {
        await lock(trx, one)
        let hasLocked = false
        other = beside(async (second) => {
          await lock(second, two)
          hasLocked = true
          await lock(second, one)
        }).catch((error: unknown) => errors.push(error))
        await vi.waitUntil(() => hasLocked, { timeout: 10_000 })
        await lock(trx, two)
      })
      .catch((error: unknown) => errors.push(error))
    await other
    expect(errors).toHaveLength(1)
    expect(errors[0]).toBeInstanceOf(DeadlockDetectedError)
    expect(errors[0]).toMatchObject({ code: 'deadlock_detected', sqlState: '40P01', isRetryable: true })
  })

  test('55P03: one does not wait for what the other holds', async () => {
    await tenants.mine.transaction(async (trx) => {
      await lock(trx, one)
      const error = await failure(
        async () =>
          await beside(
            async ({ db }) =>
              await sql`select from ibex_core.agents where id = ${one} for update nowait`.execute(db),
          ),
      )
      expect(error).toBeInstanceOf(LockNotAvailableError)
      expect(error).toMatchObject({ code: 'lock_not_available', sqlState: '55P03', isRetryable: true })
    })
  })

  test('57P01: an administrator ends the connection', async () => {
    const error = await failure(
      async () =>
        await tenants.mine.transaction(async ({ db }) => {
          const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
          await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(tenants.admin)
          await sql`select 'canary7f3'`.execute(db)
        }),
    )
    expect(error).toBeInstanceOf(ConnectionLostError)
    expect(error).not.toBeInstanceOf(DatabaseError)
    // before COMMIT nothing took effect
    expect(error).toMatchObject({ code: 'connection_lost', isRetryable: true })
    expect(await tenants.mine.agents.exists()).toBe(true)
  })
})

async function lock(trx: TenantTransaction, id: string): Promise<void> {
  await sql`select from ibex_core.agents where id = ${id} for update`.execute(trx.db)
}
