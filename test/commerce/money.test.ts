import { expect, test } from 'vitest'
import { checkMoney, checkSignedMoney } from '../../src/commerce/money.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { failure } from '../support/two-tenants.ts'

test.each(['0', '0.00', '9.9', '9.90', '12345678.90', '00000001.00'])('takes %s', (amount) => {
  expect(checkMoney('price', amount)).toBe(amount)
  expect(checkSignedMoney('amount', amount)).toBe(amount)
})

test('takes a minus where an amount may be taken away, and only there', async () => {
  expect(checkSignedMoney('amount', '-5.00')).toBe('-5.00')
  expect(await refusalOf(() => checkMoney('price', '-5.00'))).toBeInstanceOf(InvalidArgumentError)
})

test.each([
  9.9,
  9,
  0,
  -1,
  9n,
  Number.NaN,
  null,
  undefined,
  [['9.90']],
  '',
  '.5',
  '5.',
  '9.999',
  '123456789',
  '123456789.00',
  '1e3',
  'NaN',
  'Infinity',
  '1,000.00',
  '9,90',
  ' 9.90',
  '9.90\n',
  '+9.90',
  '--9.90',
  '0x10',
  '９.90',
])('refuses %s, and says nothing of it', async (amount) => {
  for (const check of [checkMoney, checkSignedMoney]) {
    const error = await refusalOf(() => check('price', amount))
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toMatchObject({ argument: 'price' })
    expect(error.message).toMatch(
      /^price must be decimal text, [a-z ]+: at most 8 digits before the point and 2 after it, never a JavaScript number$/,
    )
  }
})

async function refusalOf(check: () => unknown): Promise<Error> {
  return await failure(async () => await Promise.resolve(check()))
}
