import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PointsInput } from '../../src/commerce/points-input.ts'
import {
  DataExceptionError,
  EventConflictError,
  ForeignKeyViolationError,
  InsufficientPointsError,
  StaleVersionError,
} from '../../src/errors.ts'
import type { User } from '../../types/database.d.ts'
import { insertUser } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants, shown, watchTheirs } from '../support/two-tenants.ts'
import { refused } from './refused.ts'

let tenants: TwoTenants
let ana: User
let foreign: User
let theirsUnchanged: () => Promise<void>
let count = 0

beforeAll(async () => {
  tenants = await openTwoTenants()
  foreign = await insertUser(tenants.admin, { org_id: tenants.theirs.orgId })
  await tenants.theirs.points.credit({ userId: foreign.id, amount: 5, eventId: 'theirs', bizType: 'gift' })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.point_accounts', 'ibex_core.points_ledger')
})

beforeEach(async () => {
  ana = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
  await mineAddsUp()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await tenants.mine.points.account(foreign.id)).toBeUndefined()
  expect(await tenants.mine.points.ledger(foreign.id)).toMatchObject({ rows: [] })
}

async function mineAddsUp(): Promise<void> {
  expect(await tenants.mine.points.reconcile()).toEqual([])
}

function points(amount: number | bigint, values: Partial<PointsInput> = {}): PointsInput {
  count += 1
  return { userId: ana.id, amount, eventId: `event-${count}`, bizType: 'gift', ...values }
}

test('credits points: the ledger and the account say so', async () => {
  const input = points(100, { eventId: 'welcome', bizType: 'signup', metadata: { by: 'test' } })
  const { outcome, movement } = await tenants.mine.points.credit(input)
  expect(outcome).toBe('applied')
  expect(movement).toMatchObject({
    org_id: tenants.mine.orgId,
    user_id: ana.id,
    version: '1',
    change_type: 'earn',
    direction: 'credit',
    amount: '100',
    balance_after: '100',
    frozen_after: '0',
    event_id: 'welcome',
    biz_type: 'signup',
    metadata: { by: 'test' },
  })
  expect(movement.created_at).toBeInstanceOf(Date)
  expect(await tenants.mine.points.account(ana.id)).toMatchObject({
    org_id: tenants.mine.orgId,
    balance: '100',
    frozen_balance: '0',
    lifetime_earned: '100',
    lifetime_spent: '0',
    version: '1',
  })
})

test('has no account before the first movement', async () => {
  expect(await tenants.mine.points.account(ana.id)).toBeUndefined()
  expect(await tenants.mine.points.account(randomUUID())).toBeUndefined()
})

test('moves points every way that there is, in one statement each', async () => {
  const { points: mine } = tenants.mine
  const before = tenants.statements.length
  await mine.credit(points(100))
  await mine.credit({ ...points(10), changeType: 'refund' })
  await mine.debit(points(30))
  await mine.freeze(points(50))
  await mine.release(points(20))
  await mine.debit({ ...points(25), fromFrozen: true })
  await mine.debit({ ...points(5), changeType: 'expire' })
  await mine.debit({ ...points(1), changeType: 'adjust' })
  await mine.credit({ ...points(2), changeType: 'adjust' })
  expect(tenants.statements.length).toBe(before + 9)
  expect(await mine.account(ana.id)).toMatchObject({
    balance: '51',
    frozen_balance: '5',
    lifetime_earned: '112',
    lifetime_spent: '61',
    version: '9',
  })
  const { rows } = await mine.ledger(ana.id)
  const steps = rows.map((row) => [
    row.change_type,
    row.direction,
    row.amount,
    row.balance_after,
    row.frozen_after,
  ])
  expect(steps.toReversed()).toEqual([
    ['earn', 'credit', '100', '100', '0'],
    ['refund', 'credit', '10', '110', '0'],
    ['spend', 'debit', '30', '80', '0'],
    ['freeze', 'debit', '50', '80', '50'],
    ['release', 'credit', '20', '80', '30'],
    ['settle', 'debit', '25', '55', '5'],
    ['expire', 'debit', '5', '50', '5'],
    ['adjust', 'debit', '1', '49', '5'],
    ['adjust', 'credit', '2', '51', '5'],
  ])
})

test('reads the ledger newest first, page by page, also of movements of one transaction', async () => {
  await tenants.mine.transaction(async (trx) => {
    for (const amount of [1, 2, 3, 4, 5]) await trx.points.credit(points(amount))
  })
  const { points: mine } = tenants.mine
  const page = await mine.ledger(ana.id, { limit: 3 })
  expect(page.rows.map((row) => row.amount)).toEqual(['5', '4', '3'])
  const rest = await mine.ledger(ana.id, { limit: 3, after: page.nextCursor })
  expect(rest.rows.map((row) => row.amount)).toEqual(['2', '1'])
  expect(rest.nextCursor).toBeUndefined()
})

test('holds points beyond what a JavaScript number can', async () => {
  const { points: mine } = tenants.mine
  await mine.credit(points(9_223_372_036_854_775_806n))
  await mine.credit(points(1))
  expect(await mine.account(ana.id)).toMatchObject({ balance: '9223372036854775807' })
  expect(await refused(tenants, async () => await mine.credit(points(1)))).toBeInstanceOf(DataExceptionError)
})

describe('refuses to take what is not there, without a value in the text:', () => {
  const attempts: readonly [string, () => Promise<unknown>][] = [
    ['a debit beyond the balance', async () => await tenants.mine.points.debit(points(4_711))],
    ['a debit of frozen points', async () => await tenants.mine.points.debit(points(61))],
    ['a freeze beyond what is available', async () => await tenants.mine.points.freeze(points(61))],
    ['a release of more than is frozen', async () => await tenants.mine.points.release(points(41))],
    [
      'a settlement of more than is frozen',
      async () => await tenants.mine.points.debit({ ...points(41), fromFrozen: true }),
    ],
  ]
  test.each(attempts)('%s', async (_, attempt) => {
    await tenants.mine.points.credit(points(100))
    await tenants.mine.points.freeze(points(40))
    const error = await refused(tenants, attempt)
    expect(shown(error)).toEqual(shown(new InsufficientPointsError()))
    expect(JSON.stringify([shown(error), String(error.cause)])).not.toMatch(/\d/)
  })

  test('anything of a user without points', async () => {
    for (const attempt of ['debit', 'freeze', 'release'] as const) {
      const error = await refused(tenants, async () => await tenants.mine.points[attempt](points(1)))
      expect(error).toBeInstanceOf(InsufficientPointsError)
    }
  })
})

test('spends the last available point, and the last frozen one', async () => {
  const { points: mine } = tenants.mine
  await mine.credit(points(3))
  await mine.freeze(points(2))
  await mine.debit(points(1))
  await mine.debit({ ...points(2), fromFrozen: true })
  expect(await mine.account(ana.id)).toMatchObject({ balance: '0', frozen_balance: '0', lifetime_spent: '3' })
})

test('answers the same event with what happened the first time, whatever happened since', async () => {
  const { points: mine } = tenants.mine
  await mine.credit(points(100))
  const input = points(60)
  const first = await mine.debit(input)
  await mine.debit(points(40))
  const before = await mine.account(ana.id)
  // with nothing left, and with metadata of its own: the event is the same
  const again = await mine.debit({ ...input, metadata: { attempt: 2 }, userId: ana.id.toUpperCase() })
  expect(again).toEqual({ outcome: 'replayed', movement: first.movement })
  expect(await mine.account(ana.id)).toEqual(before)
})

test('answers the same event also when the version that it expected has passed', async () => {
  const { points: mine } = tenants.mine
  const input = points(100, { expectedVersion: 0 })
  const first = await mine.credit(input)
  expect(await mine.credit(input)).toEqual({ ...first, outcome: 'replayed' })
})

describe('refuses the same event with', () => {
  let event: PointsInput

  beforeEach(async () => {
    await tenants.mine.points.credit(points(100))
    event = points(10)
    await tenants.mine.points.debit(event)
  })

  const changes: readonly [string, () => Promise<unknown>][] = [
    ['another amount', async () => await tenants.mine.points.debit({ ...event, amount: 11 })],
    [
      'an amount beyond the balance',
      async () => await tenants.mine.points.debit({ ...event, amount: 1_000 }),
    ],
    ['the other direction', async () => await tenants.mine.points.credit(event)],
    ['another kind', async () => await tenants.mine.points.debit({ ...event, changeType: 'expire' })],
    ['another purpose', async () => await tenants.mine.points.debit({ ...event, bizType: 'other' })],
    [
      'another user',
      async () => {
        const bob = await insertUser(tenants.admin, { org_id: tenants.mine.orgId })
        await tenants.mine.points.debit({ ...event, userId: bob.id })
      },
    ],
  ]
  test.each(changes)('%s', async (_, change) => {
    const error = await refused(tenants, change)
    expect(shown(error)).toEqual(shown(new EventConflictError()))
    expect(error).toMatchObject({ code: 'event_conflict' })
  })
})

test('takes an event that another tenant has, too', async () => {
  expect(await tenants.mine.points.credit(points(1, { eventId: 'theirs' }))).toMatchObject({
    outcome: 'applied',
  })
})

test('moves points when the account has the version expected, in any of its forms, and refuses any other', async () => {
  const { points: mine } = tenants.mine
  await mine.credit(points(100, { expectedVersion: 0 }))
  await mine.debit(points(1, { expectedVersion: 1n }))
  const { version } = (await mine.account(ana.id)) ?? {}
  expect(version).toBe('2')
  await mine.debit(points(1, { expectedVersion: version ?? '' }))
  for (const expectedVersion of [0, 2n, '2', 4, 4_711]) {
    const error = await refused(tenants, async () => await mine.debit(points(1, { expectedVersion })))
    expect(shown(error)).toEqual(shown(new StaleVersionError()))
    expect(error).toMatchObject({ code: 'stale_version', isRetryable: true })
  }
  // stale rather than insufficient: who has not seen the account cannot know
  const error = await refused(tenants, async () => await mine.debit(points(1_000, { expectedVersion: 1 })))
  expect(error).toBeInstanceOf(StaleVersionError)
})

test('says the same of a user of another tenant as of one that does not exist', async () => {
  for (const move of ['credit', 'debit', 'freeze', 'release'] as const) {
    const [theirs, nobodys] = [
      await refused(tenants, async () => await tenants.mine.points[move](points(1, { userId: foreign.id }))),
      await refused(
        tenants,
        async () => await tenants.mine.points[move](points(1, { userId: randomUUID() })),
      ),
    ]
    expect(theirs).toBeInstanceOf(ForeignKeyViolationError)
    expect(shown(theirs)).toEqual(shown(nobodys))
  }
})

test('goes with the transaction that it is part of, and a refusal ends it but for a nested one', async () => {
  const { mine } = tenants
  await mine.transaction(async (trx) => {
    await trx.points.credit(points(10))
    const tooMuch = trx.transaction(async (nested) => await nested.points.debit(points(11)))
    await expect(tooMuch).rejects.toBeInstanceOf(InsufficientPointsError)
    await trx.points.debit(points(4))
  })
  expect(await mine.points.account(ana.id)).toMatchObject({ balance: '6' })
  const rolledBack = mine.transaction(async (trx) => {
    await trx.points.debit(points(5))
    await trx.points.debit(points(5))
  })
  await expect(rolledBack).rejects.toBeInstanceOf(InsufficientPointsError)
  expect(await mine.points.account(ana.id)).toMatchObject({ balance: '6', version: '2' })
})
