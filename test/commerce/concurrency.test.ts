/** Many at once, each on a connection of its own: what is promised of one holds for all together. */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  EventConflictError,
  InsufficientInventoryError,
  InsufficientPointsError,
  OrderStatusError,
  StaleVersionError,
} from '../../src/errors.ts'
import type { NewPointsLedger, Product, User } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { insertProduct, insertUser } from '../support/factories.ts'
import { randomFrom } from '../support/random.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants, watchTheirs } from '../support/two-tenants.ts'
import { commerceTables } from './refused.ts'

describe('on a server', skipOnEmbedded('one connection: nothing happens at once'), () => {
  let tenants: TwoTenants
  let theirsUnchanged: () => Promise<void>

  beforeAll(async () => {
    tenants = await openTwoTenants({ poolSize: 20, connectTimeout: 25_000 })
    const { admin, theirs } = tenants
    const user = await insertUser(admin, { org_id: theirs.orgId })
    const { id: productId } = await insertProduct(admin, { org_id: theirs.orgId })
    await theirs.orders.place({ orderNumber: '1', items: [{ productId, quantity: 1 }] })
    await theirs.points.credit({ userId: user.id, amount: 5, eventId: '1', bizType: 'gift' })
    theirsUnchanged = await watchTheirs(tenants, ...commerceTables)
  })

  afterEach(async () => {
    await theirsUnchanged()
    await mineAddsUp()
  })

  afterAll(async () => {
    await tenants.close()
  })

  async function mineAddsUp(): Promise<void> {
    expect(await tenants.mine.points.reconcile()).toEqual([])
  }

  async function newUser(): Promise<User> {
    return await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
  }

  async function newProduct(inventory: number): Promise<Product> {
    return await insertProduct(tenants.admin, { org_id: tenants.mine.orgId, inventory_quantity: inventory })
  }

  async function inventoryOf(ids: readonly string[]): Promise<number[]> {
    const rows = await tenants.mine.products.find({ where: { id: ids } })
    return ids.map((id) => rows.find((row) => row.id === id)?.inventory_quantity ?? Number.NaN)
  }

  test('lets 30 of 50 take one of 30', async () => {
    const { id } = await newProduct(30)
    const { done, failed } = await atOnce(50, async () => await tenants.mine.products.adjustInventory(id, -1))
    expect(failed).toEqual({ [InsufficientInventoryError.name]: 20 })
    const left = done.map((row) => row.inventory_quantity).toSorted((one, other) => one - other)
    expect(left).toEqual(Array.from({ length: 30 }, (_, index) => index))
    expect(await inventoryOf([id])).toEqual([0])
  })

  test('places 50 orders of overlapping products in different orders: no deadlock, and the inventory adds up', async () => {
    const random = randomFrom(50)
    const ids: string[] = []
    for (let index = 0; index < 6; index++) ids.push((await newProduct(40)).id)
    const { done, failed } = await atOnce(50, async () => {
      const chosen = ids.filter(() => random(3) > 0)
      const items = (chosen.length === 0 ? ids : chosen)
        .map((productId) => ({ productId, quantity: 1 + random(2), rank: random(1_000) }))
        .toSorted((one, other) => one.rank - other.rank)
        .map(({ productId, quantity }) => ({ productId, quantity }))
      return await tenants.mine.orders.place({ orderNumber: randomUUID(), items })
    })
    // no deadlock, no serialization failure: either it was placed or there was too little
    expect(Object.keys(failed)).toEqual([InsufficientInventoryError.name])
    const sold = ids.map((id) =>
      done
        .flatMap(({ items }) => items.filter((item) => item.product_id === id))
        .reduce((sum, item) => sum + item.quantity, 0),
    )
    expect(await inventoryOf(ids)).toEqual(sold.map((quantity) => 40 - quantity))
    // the product that ran short was sold in twos at most
    expect(done.length).toBeGreaterThanOrEqual(20)
  })

  /** Cancels with a plan that takes the products as they lie in the table, not in the order of their ids. */
  async function cancelInTableOrder(id: string): Promise<void> {
    await tenants.mine.transaction(async (trx) => {
      for (const setting of ['enable_nestloop', 'enable_mergejoin', 'enable_indexscan', 'enable_bitmapscan'])
        await sql`select set_config(${setting}, 'off', true)`.execute(trx.db)
      await trx.orders.cancel(id)
    })
  }

  test('places and cancels orders of the same products at once: no deadlock, and nothing is lost', async () => {
    const ids: string[] = []
    for (let index = 0; index < 24; index++) ids.push((await newProduct(1_000)).id)
    const place = async (index: number): Promise<string> => {
      const shared = index % 2 === 0 ? ids : ids.toReversed()
      const items = shared.map((productId) => ({ productId, quantity: 3 }))
      return (await tenants.mine.orders.place({ orderNumber: randomUUID(), items })).order.id
    }
    const { done: first } = await atOnce(20, place)
    const { failed } = await atOnce(40, async (index) => {
      if (index % 2 === 0) await cancelInTableOrder(first[index / 2] ?? '')
      else await place(index)
    })
    expect(failed).toEqual({})
    expect(await inventoryOf(ids)).toEqual(ids.map(() => 1_000 - 20 * 3))
  })

  test('cancels an order once for 10 at once, and gives its inventory back once', async () => {
    const { id: productId } = await newProduct(5)
    const { order } = await tenants.mine.orders.place({
      orderNumber: randomUUID(),
      items: [{ productId, quantity: 3 }],
    })
    const { done, failed } = await atOnce(10, async () => await tenants.mine.orders.cancel(order.id))
    expect(done).toHaveLength(1)
    expect(failed).toEqual({ [OrderStatusError.name]: 9 })
    expect(await inventoryOf([productId])).toEqual([5])
  })

  test('either completes an order or cancels it', async () => {
    const { id: productId } = await newProduct(20)
    for (let round = 0; round < 10; round++) {
      const input = { orderNumber: randomUUID(), items: [{ productId, quantity: 1 }] }
      const { order } = await tenants.mine.orders.place(input)
      await tenants.mine.orders.process(order.id)
      const { done, failed } = await atOnce(2, async (index) =>
        index === 0
          ? await tenants.mine.orders.complete(order.id)
          : await tenants.mine.orders.cancel(order.id),
      )
      expect(done).toHaveLength(1)
      expect(failed).toEqual({ [OrderStatusError.name]: 1 })
    }
    const completed = await tenants.mine.orderItems.find({
      where: { product_id: productId },
      related: ({ one }) => ({ order: one(tables['ibex_core.orders'], 'order_id') }),
    })
    const sold = completed.filter(({ order }) => order?.status === 'completed').length
    expect(await inventoryOf([productId])).toEqual([20 - sold])
  })

  test('lets 14 of 50 debits of 7 through beside the credit of 100 that they wait for, the first of the account', async () => {
    const { id: userId } = await newUser()
    const input = { userId, amount: 7, bizType: 'test' }
    let credited = false
    // who was refused before the credit was known to be there tries again
    const debit = async (): Promise<unknown> => {
      const decisive = credited
      try {
        return await tenants.mine.points.debit({ ...input, eventId: randomUUID() })
      } catch (error) {
        if (decisive || !(error instanceof InsufficientPointsError)) throw error
        return await debit()
      }
    }
    const { done, failed } = await atOnce(51, async (index) => {
      if (index !== 25) return await debit()
      const applied = await tenants.mine.points.credit({ ...input, amount: 100, eventId: randomUUID() })
      credited = true
      return applied
    })
    expect(failed).toEqual({ [InsufficientPointsError.name]: 36 })
    expect(done).toHaveLength(15)
    expect(await tenants.mine.points.account(userId)).toMatchObject({ balance: '2', version: '15' })
  })

  test('lets 14 of 50 debits of 7 through where there are 100 points', async () => {
    const { id: userId } = await newUser()
    const { points } = tenants.mine
    await points.credit({ userId, amount: 100, eventId: randomUUID(), bizType: 'test' })
    const { done, failed } = await atOnce(
      50,
      async () => await points.debit({ userId, amount: 7, eventId: randomUUID(), bizType: 'test' }),
    )
    expect(failed).toEqual({ [InsufficientPointsError.name]: 36 })
    const versions = done
      .map(({ movement }) => Number(movement.version))
      .toSorted((one, other) => one - other)
    expect(versions).toEqual(Array.from({ length: 14 }, (_, index) => index + 2))
    expect(await points.account(userId)).toMatchObject({ balance: '2', lifetime_spent: '98', version: '15' })
  })

  test.each([['without'], ['with']])(
    'applies an event once for 20 at once, %s the version that they expect',
    async (which) => {
      const { id: userId } = await newUser()
      const version = which === 'with' ? { expectedVersion: 0 } : {}
      const input = { userId, amount: 10, eventId: randomUUID(), bizType: 'test', ...version }
      const { done, failed } = await atOnce(20, async () => await tenants.mine.points.credit(input))
      expect(failed).toEqual({})
      expect(done.filter(({ outcome }) => outcome === 'applied')).toHaveLength(1)
      expect(new Set(done.map(({ movement }) => movement.id)).size).toBe(1)
      expect(await tenants.mine.points.account(userId)).toMatchObject({ balance: '10', version: '1' })
    },
  )

  test('replays a debit that used up the balance for all that come at once', async () => {
    const { id: userId } = await newUser()
    const { points } = tenants.mine
    await points.credit({ userId, amount: 10, eventId: randomUUID(), bizType: 'test' })
    const input = { userId, amount: 10, eventId: randomUUID(), bizType: 'test' }
    const { done, failed } = await atOnce(20, async () => await points.debit(input))
    expect(failed).toEqual({})
    expect(done.filter(({ outcome }) => outcome === 'replayed')).toHaveLength(19)
    expect(await points.account(userId)).toMatchObject({ balance: '0', version: '2' })
  })

  test('gives an event that comes for several users at once to one of them', async () => {
    for (let round = 0; round < 10; round++) {
      const users = [await newUser(), await newUser(), await newUser()]
      const eventId = randomUUID()
      const { done, failed } = await atOnce(3, async (index) => {
        const userId = users[index]?.id ?? ''
        return await tenants.mine.points.credit({ userId, amount: 10, eventId, bizType: 'test' })
      })
      expect(done).toHaveLength(1)
      expect(failed).toEqual({ [EventConflictError.name]: 2 })
      const balances = await tenants.mine.points.find({ where: { user_id: users.map(({ id }) => id) } })
      expect(balances.map((row) => row.balance)).toEqual(['10'])
    }
  })

  test('lets one of 20 that saw the same version through', async () => {
    const { id: userId } = await newUser()
    const { points } = tenants.mine
    await points.credit({ userId, amount: 100, eventId: randomUUID(), bizType: 'test' })
    const { done, failed } = await atOnce(20, async () => {
      return await points.debit({
        userId,
        amount: 1,
        eventId: randomUUID(),
        bizType: 'test',
        expectedVersion: 1,
      })
    })
    expect(done).toHaveLength(1)
    expect(failed).toEqual({ [StaleVersionError.name]: 19 })
  })

  test('inserts movements directly at once, conflicts and all, and adds up', async () => {
    const [first, second] = [await newUser(), await newUser()]
    const { failed } = await atOnce(40, async (index) => {
      const { id } = index % 2 === 0 ? first : second
      // two rows of one account in each statement, and each first event twice among all of them
      const rows = [`a ${index >> 1}`, `b ${index}`].map((event) => earned(id, `${first.id} ${event}`))
      await tenants.mine.db
        .insertInto('ibex_core.points_ledger')
        .values(rows)
        .onConflict((oc) => oc.doNothing())
        .execute()
    })
    expect(failed).toEqual({})
    const accounts = await tenants.mine.points.find({ where: { user_id: [first.id, second.id] } })
    expect(accounts.reduce((sum, row) => sum + Number(row.balance), 0)).toBe(60)
  })
})

/** Runs many at once; tells how many succeeded, with their results, and by which error the others failed. */
async function atOnce<T>(
  times: number,
  run: (index: number) => Promise<T>,
): Promise<{ readonly done: readonly T[]; readonly failed: Readonly<Record<string, number>> }> {
  const settled = await Promise.allSettled(
    Array.from({ length: times }, async (_, index) => await run(index)),
  )
  const done: T[] = []
  const failed: Record<string, number> = {}
  for (const result of settled) {
    if (result.status === 'fulfilled') done.push(result.value)
    else failed[nameOf(result.reason)] = (failed[nameOf(result.reason)] ?? 0) + 1
  }
  return { done, failed }
}

function earned(userId: string, eventId: string): NewPointsLedger {
  const movement = { change_type: 'earn', direction: 'credit', amount: 1, biz_type: 'test' } as const
  return { ...movement, user_id: userId, event_id: eventId }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'no error'
}
