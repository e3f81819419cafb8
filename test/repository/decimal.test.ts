/** Money: a numeric column takes decimal texts, and nothing that is floating point. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { SampleRepository, type SamplesDB, createSamples } from './samples.ts'
import { type TwoTenants, openTwoTenants, ownersView, refusal } from '../support/two-tenants.ts'

let tenants: TwoTenants<SamplesDB>
let mine: SampleRepository
let id: string

beforeAll(async () => {
  tenants = await openTwoTenants<SamplesDB>()
  await createSamples(tenants.admin)
  mine = new SampleRepository(tenants.mine)
})

beforeEach(async () => {
  id = (await mine.insert({ label: 'paid', amount: '12.50', amounts: ['0.10'] })).id
})

afterEach(async () => {
  await tenants.admin.deleteFrom('public.samples').execute()
})

afterAll(async () => {
  await tenants.close()
})

const bad: [string, unknown][] = [
  ['a number', 12.5],
  ['a whole number', 12],
  ['NaN', Number.NaN],
  ['a bigint', 12n],
  ['the text NaN', 'NaN'],
  ['the text Infinity', 'Infinity'],
  ['an exponent', '1e3'],
  ['a decimal comma', '12,5'],
  ['a space', ' 1'],
  ['a line break', '1\n'],
  ['nothing', ''],
  ['no whole part', '.5'],
  ['no fraction', '5.'],
  ['a sign', '+5'],
  ['hexadecimal digits', '0x1f'],
  ['digits of another script', '١٢'],
  ['an object', { amount: '12.50' }],
  ['a list', ['12.50']],
]

describe('refuses before any SQL an amount that is', () => {
  test.each(bad)('%s, and names the column', async (_, value) => {
    const amount = value as string
    const before = await ownersView(tenants.admin, 'public.samples', tenants.mine.orgId)
    for (const write of [
      async () => await mine.insert({ amount }),
      async () => await mine.insertMany([{ amount: '1' }, { amount }]),
      async () => await mine.update(id, { amount }),
      async () => await mine.upsert({ id, amount }, { conflict: ['id'] }),
    ]) {
      expect(await refusal(tenants, write)).toMatchObject({
        name: 'InvalidArgumentError',
        argument: 'amount',
        message:
          "amount must be a decimal text such as '12.50': a number is floating point and would not be exact",
      })
    }
    expect(await ownersView(tenants.admin, 'public.samples', tenants.mine.orgId)).toEqual(before)
  })

  test.each(bad.filter(([, value]) => !Array.isArray(value)))('%s, in a filter too', async (_, value) => {
    const amount = value as string
    for (const read of [
      async () => await mine.find({ where: { amount } }),
      async () => await mine.find({ where: { amount: ['12.50', amount] } }),
      async () => await mine.findPage({ where: { amount } }),
      async () => await mine.count({ amount }),
    ]) {
      const error = await refusal(tenants, read)
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect(error.message).toMatch(/^filter on "amount" must be a decimal text/)
    }
  })
})

test.each<[string, unknown]>([
  ['numbers', ['0.10', 0.2]],
  ['a text that is no amount', ['0.10', '1e3']],
  ['a text', '{0.10}'],
  ['a number', 0.1],
  ['lists', [['0.10']]],
])('refuses before any SQL a list of amounts that is or holds %s', async (_, value) => {
  const amounts = value as string[]
  for (const use of [
    async () => await mine.insert({ amounts }),
    async () => await mine.update(id, { amounts }),
    async () => await mine.find({ where: { amounts } }),
  ]) {
    const error = await refusal(tenants, use)
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error.message).toContain("must be a list of decimal texts such as '12.50'")
  }
})

test.each(['0', '-0.01', '12345678.90', '99999999.99'])('writes and finds %s to the cent', async (amount) => {
  const exact = amount.includes('.') ? amount : `${amount}.00`
  expect(await mine.update(id, { amount, amounts: [amount] })).toMatchObject({
    amount: exact,
    amounts: [exact],
  })
  expect(await mine.count({ amount })).toBe(1)
  expect(await mine.count({ amount: [amount] })).toBe(1)
  expect(await mine.count({ amounts: [amount] })).toBe(1)
})
