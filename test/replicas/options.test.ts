import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabase } from '../../src/create-database.ts'
import { resolveOptions } from '../../src/database/options.ts'
import type { DatabaseOptions } from '../../src/database/options.ts'
import { InvalidArgumentError, InvalidOptionsError, OuterScopeError } from '../../src/errors.ts'
import type { TransactionOptions } from '../../src/tenancy/transaction.ts'
import { failure, openTwoTenants, refusal, type TwoTenants } from '../support/two-tenants.ts'

const url = 'postgresql://ana:a-password@db.example.com:5432/main'

const refusedOptions: readonly (readonly [string, unknown, RegExp])[] = [
  ['replicas of the embedded engine', { embedded: ':memory:', replicas: [url] }, /replicas need the url/],
  ['one url instead of a list', { url, replicas: url }, /replicas must be an array of urls/],
  ['a url that is none', { url, replicas: [url, 'a-password'] }, /replicas\[1\] must look like/],
  ['a url of something else', { url, replicas: ['mysql://ana:a-password@db'] }, /replicas\[0\] must/],
  ['an empty url: a variable that is empty', { url, replicas: [''] }, /replicas\[0\] must look like/],
  ['a hole in the list', { url, replicas: [undefined] }, /replicas\[0\] must look like/],
  ['a negative wait', { url, replicaWait: -1 }, /replicaWait must be a whole number of at least 0/],
  ['an endless wait', { url, replicaWait: Infinity }, /replicaWait/],
]

test.each(refusedOptions)('refuses %s, and never quotes a url', (_, options, message) => {
  // what a service without types passes
  const create = (): unknown => createDatabase(options as DatabaseOptions)
  expect(create).toThrow(InvalidOptionsError)
  expect(create).toThrow(message)
  expect(create).not.toThrow(/a-password/)
})

test('takes an empty list for no replicas, on the embedded engine too', () => {
  expect(resolveOptions({ url, replicas: [] })).toMatchObject({ replicas: [], replicaWait: 100 })
  expect(resolveOptions({ embedded: ':memory:', replicas: [] }).replicas).toEqual([])
})

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants()
})

afterAll(async () => {
  await bundle.close()
})

const position = '0000000016B374D8'

const refusedTransactions: readonly (readonly [string, unknown, string])[] = [
  ['an empty position', { readOnly: true, notBefore: '' }, 'notBefore'],
  [
    'a position of PostgreSQL, whose texts do not sort',
    { readOnly: true, notBefore: '0/16B374D8' },
    'notBefore',
  ],
  ['a position with more behind it', { readOnly: true, notBefore: `${position}'` }, 'notBefore'],
  ['a position in lower case', { readOnly: true, notBefore: position.toLowerCase() }, 'notBefore'],
  ['a position that is a number', { readOnly: true, notBefore: 16 }, 'notBefore'],
  ['a position that is null', { readOnly: true, notBefore: null }, 'notBefore'],
  ['a position for a transaction that may write', { notBefore: position }, 'notBefore'],
  ['another server than the primary', { readOnly: true, on: 'replica' }, 'on'],
]

test.each(refusedTransactions)('refuses %s before any SQL', async (_, options, argument) => {
  const error = await refusal(
    bundle,
    async () =>
      await bundle.mine.transaction(async () => await Promise.resolve(), options as TransactionOptions),
  )
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toHaveProperty('argument', argument)
})

test('reads after a write without replicas as with them', async () => {
  const first = await bundle.mine.writePosition()
  const { id } = await bundle.mine.agents.insert({ name: 'A', slug: 'a' })
  const second = await bundle.mine.writePosition()
  expect(second > first).toBe(true)
  const found = await bundle.mine.transaction(async (trx) => await trx.agents.findById(id), {
    readOnly: true,
    notBefore: second,
  })
  expect(found).toMatchObject({ id })
  const system = await bundle.database.asSystem('a test', async (system) => await system.writePosition())
  expect(system >= second).toBe(true)
})

test('refuses to read a position inside a transaction, whose writes it would not cover', async () => {
  const error = await failure(
    async () => await bundle.mine.transaction(async () => await bundle.mine.writePosition()),
  )
  expect(error).toBeInstanceOf(OuterScopeError)
})
