import { afterAll, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { TenantIsolationError } from '../../src/testing/assertion-errors.ts'
import { expectNoninterference } from '../../src/testing/expect-noninterference.ts'
import type { Counterexample } from '../../src/testing/counterexample.ts'
import { failure } from '../support/two-tenants.ts'
import { openShop } from './open-shop.ts'
import type { OpenShop } from './open-shop.ts'

let shop: OpenShop

beforeAll(async () => {
  shop = await openShop()
})

afterAll(async () => {
  await shop.close()
})

async function counterexample(
  seed: number,
): Promise<{ readonly message: string; readonly found: Counterexample }> {
  const options = { ...shop.options, runs: 1000, operations: 40, seed }
  const error = await failure(async () => await expectNoninterference(shop.target, options))
  expect(error).toBeInstanceOf(TenantIsolationError)
  // what is thrown is of this class, and its report is the counterexample
  return { message: error.message, found: (error as TenantIsolationError<Counterexample>).report }
}

test('notices nothing where tenants are kept apart, though many operations succeed', async () => {
  await shop.plant()
  const report = await expectNoninterference(shop.target, { ...shop.options, runs: 30, seed: 3 })

  expect(report).toMatchObject({ seed: 3, runs: 30 })
  expect(report.operations).toBeGreaterThan(200)
  expect(report.effective).toBeGreaterThan(report.operations / 5)
})

test(
  'finds a composite foreign key that was made simple, and shrinks to the statements that show it',
  { timeout: 120_000 },
  async () => {
    await shop.plant(`create unique index orders_id on shop.orders (id);
    alter table shop.notes drop constraint notes_tenant_id_order_id_fkey,
    add foreign key (order_id) references shop.orders (id) on delete cascade`)
    const { message, found } = await counterexample(5)

    expect(found.history.length).toBeLessThanOrEqual(4)
    expect(found.history.map(({ by }) => by)).toEqual(expect.arrayContaining(['theirs']))
    expect(message).toContain('one tenant notices what another one does (seed 5)')
    for (const { statement } of found.history) expect(message).toContain(statement.slice(0, 200))
  },
)

test('finds a unique key without the tenant', async () => {
  await shop.plant('create unique index on shop.notes (id)')
  const { found } = await counterexample(1)

  expect(found.history.length).toBeLessThanOrEqual(3)
  expect([found.interference.together, found.interference.alone].join(' ')).toContain('23505')
})

test('finds a policy that lets a tenant write to another one', async () => {
  await shop.plant('create policy wide on shop.people for all to app using (true) with check (true)')
  const { found } = await counterexample(1)
  expect(found.history.some(({ by }) => by === 'theirs')).toBe(true)
})

test('makes the same histories from the same seed', async () => {
  await shop.plant()
  const run = async (seed: number): Promise<unknown> =>
    await expectNoninterference(shop.target, { ...shop.options, runs: 5, seed })
  expect(await run(11)).toEqual(await run(11))
})

test('refuses numbers that are none, before it connects', async () => {
  const nowhere = { url: 'postgresql://nobody@127.0.0.1:1/nothing' }
  for (const options of [{ runs: -1 }, { operations: 0.5 }, { timeLimit: Number.NaN }, { seed: -1 }])
    expect(await failure(async () => await expectNoninterference(nowhere, options))).toBeInstanceOf(
      InvalidArgumentError,
    )
})
