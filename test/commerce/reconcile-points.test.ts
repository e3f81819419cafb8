import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { PointsInput } from '../../src/commerce/points-input.ts'
import type { PointsRepository } from '../../src/commerce/points-repository.ts'
import { EventConflictError, InsufficientPointsError, StaleVersionError } from '../../src/errors.ts'
import type { User } from '../../types/database.d.ts'
import { insertUser } from '../support/factories.ts'
import { randomFrom } from '../support/random.ts'
import { type TwoTenants, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let ana: User
let bob: User
let theirs: User
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  theirs = await insertUser(tenants.admin, { org_id: tenants.theirs.orgId })
  await fill(tenants.theirs.points, theirs)
  // their account is wrong from the start: mine must add up all the same
  await tamper(
    `update ibex_core.point_accounts set balance = 6, lifetime_earned = 16 where user_id = '${theirs.id}'`,
  )
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.point_accounts', 'ibex_core.points_ledger')
})

beforeEach(async () => {
  const { admin, mine } = tenants
  ana = await insertUser(admin, { org_id: mine.orgId })
  bob = await insertUser(admin, { org_id: mine.orgId })
  for (const user of [ana, bob]) await fill(mine.points, user)
})

afterEach(async () => {
  await theirsUnchanged()
  await tenants.admin.deleteFrom('ibex_core.users').where('org_id', '=', tenants.mine.orgId).execute()
})

afterAll(async () => {
  await tenants.close()
})

/** 15 earned, 10 spent, 3 of the 5 frozen. */
async function fill(points: PointsRepository, { id: userId }: User): Promise<void> {
  const input = (amount: number, event: string): PointsInput => {
    return { userId, amount, eventId: `${event} ${userId}`, bizType: 'test' }
  }
  await points.credit(input(15, 'a'))
  await points.freeze(input(8, 'b'))
  await points.release(input(1, 'c'))
  await points.debit({ ...input(4, 'd'), fromFrozen: true })
  await points.debit(input(6, 'e'))
}

/** What nobody but a superuser who switches the triggers off can do. */
async function tamper(statement: string): Promise<void> {
  await tenants.admin.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx)
    const { numAffectedRows } = await sql.raw(statement).execute(trx)
    expect(numAffectedRows).toBe(1n)
  })
}

test('finds nothing where all adds up', async () => {
  const { points } = tenants.mine
  expect(await points.account(ana.id)).toMatchObject({ balance: '5', frozen_balance: '3', version: '5' })
  expect(await points.reconcile()).toEqual([])
  expect(await points.reconcile({ userId: ana.id })).toEqual([])
  await points.insert({ user_id: (await insertUser(tenants.admin, { org_id: tenants.mine.orgId })).id })
  expect(await points.reconcile()).toEqual([])
})

test('finds the account of another tenant for that tenant only', async () => {
  const difference = { userId: theirs.id, differences: ['balance', 'lifetime_earned'] }
  expect(await tenants.theirs.points.reconcile()).toEqual([difference])
  expect(await tenants.mine.points.reconcile()).toEqual([])
  expect(await tenants.mine.points.reconcile({ userId: theirs.id })).toEqual([])
})

const account = (assignments: string): string =>
  `update ibex_core.point_accounts set ${assignments} where user_id = 'ana'`
const movement = (assignments: string, version: number): string =>
  `update ibex_core.points_ledger set ${assignments} where user_id = 'ana' and version = ${version}`

test.each([
  [['balance', 'lifetime_spent'], account('balance = balance - 1, lifetime_spent = lifetime_spent + 1')],
  [['lifetime_earned', 'lifetime_spent'], account('lifetime_earned = 16, lifetime_spent = 11')],
  [['frozen_balance'], account('frozen_balance = 4')],
  [['version'], account('version = 4')],
  [['balance_after'], movement('balance_after = 14', 2)],
  [['frozen_after'], movement('frozen_after = 9', 2)],
  [['sequence'], movement('version = 6', 5)],
  [['balance', 'lifetime_earned', 'balance_after'], movement('amount = 16', 1)],
  [['frozen_balance', 'frozen_after'], movement('amount = 9', 2)],
  [
    ['frozen_balance', 'lifetime_spent', 'balance', 'balance_after', 'frozen_after'],
    movement("change_type = 'freeze'", 4),
  ],
  [
    ['balance', 'lifetime_earned', 'version', 'sequence', 'balance_after'],
    "delete from ibex_core.points_ledger where user_id = 'ana' and version = 1",
  ],
  [
    ['balance', 'frozen_balance', 'lifetime_earned', 'lifetime_spent', 'version'],
    "delete from ibex_core.point_accounts where user_id = 'ana'",
  ],
])('finds %j in an account whose rows were tampered with', async (differences, statement) => {
  await tamper(statement.replace("'ana'", `'${ana.id}'`))
  const found = await tenants.mine.points.reconcile()
  expect(found.map(({ userId }) => userId)).toEqual([ana.id])
  expect(found[0]?.differences.toSorted()).toEqual(differences.toSorted())
  expect(await tenants.mine.points.reconcile({ userId: ana.id })).toEqual(found)
  expect(await tenants.mine.points.reconcile({ userId: bob.id })).toEqual([])
})

test('throws before any SQL when the user is no uuid', async () => {
  const reconcile = async (): Promise<unknown> => await tenants.mine.points.reconcile({ userId: 'ana' })
  expect(await refusal(tenants, reconcile)).toMatchObject({
    name: 'InvalidArgumentError',
    argument: 'userId',
  })
})

/** What the points of a user are, in plain numbers. */
interface Model {
  readonly balance: number
  readonly frozen: number
  readonly version: number
}

const moves = ['credit', 'debit', 'settle', 'freeze', 'release'] as const
type Move = (typeof moves)[number]
type Step = PointsInput & { readonly move: Move }

/** What a move adds to the balance and to what is frozen of it. */
const effects: Readonly<Record<Move, readonly [number, number]>> = {
  credit: [1, 0],
  debit: [-1, 0],
  settle: [-1, -1],
  freeze: [0, 1],
  release: [0, -1],
}

test('reconciles after 300 random movements, which do what they do to plain numbers', async () => {
  const random = randomFrom(20_261_124)
  const models = new Map<string, Model>(
    [ana, bob].map(({ id }) => [id, { balance: 5, frozen: 3, version: 5 }]),
  )
  const done: Step[] = []
  const seen = new Set<string>()
  for (let count = 0; count < 300; count++) {
    const { step, expected, after } = randomStep(random, { count, models, done })
    expect({ count, step, outcome: await outcomeOf(step) }).toEqual({ count, step, outcome: expected })
    if (after !== undefined) {
      models.set(step.userId, after)
      done.push(step)
    }
    expect({ count, step, state: await stateOf(step.userId) }).toEqual({
      count,
      step,
      state: models.get(step.userId),
    })
    seen.add(`${step.move} ${expected}`)
  }
  expect(await tenants.mine.points.reconcile()).toEqual([])
  // the walk has been everywhere: each move was applied, replayed, in conflict and stale, and refused where it can be
  expect(seen.size).toBe(5 * 4 + 4)
})

/** A step, what it must give back, and the account after it where it moves something. */
function randomStep(
  random: (below: number) => number,
  { count, models, done }: { count: number; models: ReadonlyMap<string, Model>; done: readonly Step[] },
): { readonly step: Step; readonly expected: string; readonly after?: Model } {
  const before = done[random(Math.max(1, done.length))]
  const chance = random(8)
  if (chance === 0 && before !== undefined) return { step: before, expected: 'replayed' }
  if (chance === 1 && before !== undefined)
    return { step: { ...before, amount: Number(before.amount) + 1 }, expected: EventConflictError.name }
  const { id: userId } = random(2) === 0 ? ana : bob
  const { balance, frozen, version } = models.get(userId) ?? { balance: 0, frozen: 0, version: 0 }
  const move = moves[random(moves.length)] ?? 'credit'
  const amount = 1 + random(20)
  const step = { move, userId, amount, eventId: `step ${count}`, bizType: 'random', expectedVersion: version }
  if (chance === 2)
    return { step: { ...step, expectedVersion: version + 1 }, expected: StaleVersionError.name }
  const [toBalance, toFrozen] = effects[move]
  const after = {
    balance: balance + toBalance * amount,
    frozen: frozen + toFrozen * amount,
    version: version + 1,
  }
  const isPossible = after.frozen >= 0 && after.balance >= after.frozen
  return isPossible ? { step, expected: 'applied', after } : { step, expected: InsufficientPointsError.name }
}

async function outcomeOf({ move, ...input }: Step): Promise<string> {
  const { points } = tenants.mine
  try {
    const { outcome } =
      move === 'settle' ? await points.debit({ ...input, fromFrozen: true }) : await points[move](input)
    return outcome
  } catch (error) {
    return error instanceof Error ? error.name : 'no error'
  }
}

async function stateOf(userId: string): Promise<Model | undefined> {
  const account = await tenants.mine.points.account(userId)
  return (
    account && {
      balance: Number(account.balance),
      frozen: Number(account.frozen_balance),
      version: Number(account.version),
    }
  )
}
