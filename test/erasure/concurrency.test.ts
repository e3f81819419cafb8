/** What happens when others write while something is erased, on a real server. */
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ForeignKeyViolationError, LegalHoldError, RowNotFoundError } from '../../src/errors.ts'
import type { TenantTransaction } from '../../src/tenant-scope.ts'
import { direction } from '../memory/embeddings.ts'
import { insertMemory, insertUser } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { carriersOf } from './person.ts'

const memory = (content: string) => ({
  agentId: null,
  content,
  embedding: direction(content),
  category: 'factual' as const,
})

describe('beside other transactions', skipOnEmbedded('one session'), () => {
  let tenants: TwoTenants
  const reason = 'asked by the user'

  beforeAll(async () => {
    tenants = await openTwoTenants()
  })

  afterAll(async () => {
    await tenants.close()
  })

  async function insertMine(): Promise<string> {
    return (await insertUser(tenants.admin, { org_id: tenants.mine.orgId })).id
  }

  /** Runs `first` in a transaction that stays open until `second` waits for it, and returns how both ended. */
  async function overlap(
    first: (trx: TenantTransaction) => Promise<unknown>,
    second: () => Promise<unknown>,
  ): Promise<readonly PromiseSettledResult<unknown>[]> {
    const opened = Promise.withResolvers<void>()
    const waits = Promise.withResolvers<void>()
    const one = tenants.mine.transaction(async (trx) => {
      await first(trx)
      opened.resolve()
      await waits.promise
    })
    await Promise.race([opened.promise, one])
    const other = second()
    await someoneWaits()
    waits.resolve()
    return await Promise.allSettled([one, other])
  }

  async function someoneWaits(): Promise<void> {
    for (let attempt = 0; attempt < 500; attempt++) {
      const { rows } = await sql`select from pg_locks
        where not granted and pid in (select pid from pg_stat_activity where datname = current_database())`.execute(
        tenants.admin,
      )
      if (rows.length > 0) return
      await delay(10)
    }
    throw new Error('nobody waits for the first transaction')
  }

  test('erases what was being added when it began', async () => {
    const { admin, mine } = tenants
    const userId = await insertMine()
    const [added, erased] = await overlap(
      async (trx) => {
        await trx.sessions.start({
          agentId: (await trx.agents.insert({ name: 'A', slug: userId })).id,
          userId,
        })
        await trx.auditLogs.append({ action: 'start', actor: userId })
      },
      async () => await mine.erasure.eraseUser(userId, { reason }),
    )
    expect([added?.status, erased?.status]).toEqual(['fulfilled', 'fulfilled'])
    expect(await carriersOf(admin, userId)).toEqual([])
  })

  test('refuses what is added while it runs: the user is gone then', async () => {
    const { admin, mine } = tenants
    const userId = await insertMine()
    const [erased, added] = await overlap(
      async (trx) => await trx.erasure.eraseUser(userId, { reason, allowRelearning: true }),
      async () =>
        await mine.orders.insert({
          order_number: userId.slice(0, 8),
          user_id: userId,
          subtotal: '0',
          total_price: '0',
        }),
    )
    expect(erased?.status).toBe('fulfilled')
    expect(added).toMatchObject({ status: 'rejected', reason: expect.any(ForeignKeyViolationError) })
    expect(await carriersOf(admin, userId)).toEqual([])
  })

  test('erases once of two that begin together', async () => {
    const { mine } = tenants
    const userId = await insertMine()
    const ended = await Promise.allSettled(
      Array.from({ length: 4 }, async () => await mine.erasure.eraseUser(userId, { reason })),
    )
    const refused = ended.filter(({ status }) => status === 'rejected')
    expect(ended.length - refused.length).toBe(1)
    for (const result of refused) expect(result).toMatchObject({ reason: expect.any(RowNotFoundError) })
    expect(await mine.erasure.receiptsOf(userId)).toHaveLength(1)
  })

  test('waits for a hold that is being placed, and is refused by it', async () => {
    const { mine } = tenants
    const userId = await insertMine()
    const hold = { subject: 'user', subjectId: userId, reason: 'a quarrel' } as const
    const [placed, erased] = await overlap(
      async (trx) => await trx.legalHolds.place(hold),
      async () => await mine.erasure.eraseUser(userId, { reason }),
    )
    expect(placed?.status).toBe('fulfilled')
    expect(erased).toMatchObject({ reason: expect.any(LegalHoldError) })
    expect(await mine.users.findById(userId)).toBeDefined()
  })

  test('lets a hold wait that is placed while it runs, which then finds nobody', async () => {
    const { mine } = tenants
    const userId = await insertMine()
    const [erased, placed] = await overlap(
      async (trx) => await trx.erasure.eraseUser(userId, { reason }),
      async () => await mine.legalHolds.place({ subject: 'user', subjectId: userId, reason: 'a quarrel' }),
    )
    expect(erased?.status).toBe('fulfilled')
    expect(placed).toMatchObject({ status: 'rejected', reason: expect.any(ForeignKeyViolationError) })
  })

  test('lets a plain deletion wait for a hold, and a hold for a plain deletion', async () => {
    const { admin, mine } = tenants
    const [kept, gone] = [
      await insertMemory(admin, { org_id: mine.orgId }),
      await insertMemory(admin, { org_id: mine.orgId }),
    ]
    const hold = { subject: 'memory', reason: 'a quarrel' } as const
    const [, refused] = await overlap(
      async (trx) => await trx.legalHolds.place({ ...hold, subjectId: kept.id }),
      async () => await mine.memories.delete(kept.id),
    )
    expect(refused).toMatchObject({ reason: expect.any(LegalHoldError) })
    const [, late] = await overlap(
      async (trx) => await trx.memories.delete(gone.id),
      async () => await mine.legalHolds.place({ ...hold, subjectId: gone.id }),
    )
    expect(late).toMatchObject({ reason: expect.any(ForeignKeyViolationError) })
  })

  test('is not outrun by a writer who learns the same anew', async () => {
    const { mine } = tenants
    const { id } = (await mine.memories.add(memory('Di dives'))).memory
    const [erased, learnt] = await overlap(
      async (trx) => await trx.memories.erase(id, { reason }),
      async () => await mine.memories.add(memory('Di dives')),
    )
    expect(erased?.status).toBe('fulfilled')
    expect(learnt).toMatchObject({ value: { outcome: 'erased' } })
  })
})
