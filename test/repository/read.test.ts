import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError, InvalidColumnError, RowNotFoundError } from '../../src/errors.ts'
import type { Agent } from '../../types/database.d.ts'
import { insertAgent } from '../support/factories.ts'
import { type TwoTenants, failure, openTwoTenants, refusal } from '../support/two-tenants.ts'

let tenants: TwoTenants
let agents: readonly Agent[]
let deleted: Agent
let foreign: Agent

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { admin, mine, theirs } = tenants
  const org = { org_id: mine.orgId }
  agents = [
    await insertAgent(admin, { ...org, name: 'Ada', status: 'active', tags: ['a', 'b'], total_sessions: 1 }),
    await insertAgent(admin, { ...org, name: 'Bob', status: 'paused', tags: [], config: { tone: 'dry' } }),
    await insertAgent(admin, { ...org, name: 'Cyd', status: 'draft', tagline: 'quick', total_sessions: 3 }),
  ]
  deleted = await insertAgent(admin, { ...org, name: 'Dan', deleted_at: new Date() })
  foreign = await insertAgent(admin, {
    org_id: theirs.orgId,
    name: 'Ada',
    status: 'active',
    tags: ['a', 'b'],
  })
})

afterAll(async () => {
  await tenants.close()
})

const names = (rows: readonly Agent[]): string[] => rows.map(({ name }) => name).toSorted()

test('reads a row by its id, in upper case too', async () => {
  const { mine } = tenants
  const [ada] = agents
  expect(await mine.agents.findById(ada?.id ?? '')).toEqual(ada)
  expect(await mine.agents.findByIdOrThrow((ada?.id ?? '').toUpperCase())).toEqual(ada)
})

test('finds neither an unknown id, nor a soft-deleted row, nor the row of another tenant', async () => {
  const { mine, theirs } = tenants
  for (const id of [randomUUID(), deleted.id, foreign.id]) {
    expect(await mine.agents.findById(id)).toBeUndefined()
    expect(await mine.agents.findOne({ id })).toBeUndefined()
    expect(await mine.agents.exists({ id })).toBe(false)
  }
  expect(await theirs.agents.findById(foreign.id)).toEqual(foreign)
})

test('says the same of a row of another tenant as of one that does not exist', async () => {
  const { agents: mine } = tenants.mine
  const errors = [
    await failure(async () => await mine.findByIdOrThrow(foreign.id)),
    await failure(async () => await mine.findByIdOrThrow(randomUUID())),
  ]
  expect(errors[0]).toBeInstanceOf(RowNotFoundError)
  expect(JSON.stringify(errors[0])).toBe(JSON.stringify(errors[1]))
  expect(errors[0]?.message).toBe(errors[1]?.message)
})

test('reads soft-deleted rows when asked for, and never those of another tenant', async () => {
  const { agents: mine } = tenants.mine
  const options = { includeDeleted: true }
  expect(await mine.findById(deleted.id, options)).toEqual(deleted)
  expect(await mine.findByIdOrThrow(deleted.id, options)).toEqual(deleted)
  expect(await mine.findOne({ name: 'Dan' }, options)).toEqual(deleted)
  expect(names(await mine.find(options))).toEqual(['Ada', 'Bob', 'Cyd', 'Dan'])
  expect(names([...(await mine.findPage(options)).rows])).toEqual(['Ada', 'Bob', 'Cyd', 'Dan'])
  expect(await mine.count(undefined, options)).toBe(4)
  expect(await mine.exists({ name: 'Dan' }, options)).toBe(true)
  expect(await mine.findById(foreign.id, options)).toBeUndefined()
})

test('leaves soft-deleted rows and those of another tenant out of every other read', async () => {
  const { agents: mine } = tenants.mine
  expect(names(await mine.find())).toEqual(['Ada', 'Bob', 'Cyd'])
  expect(names([...(await mine.findPage()).rows])).toEqual(['Ada', 'Bob', 'Cyd'])
  expect(await mine.count()).toBe(3)
  expect(await mine.count({ name: 'Dan' })).toBe(0)
  expect(await mine.exists({ name: 'Dan' })).toBe(false)
  expect(await mine.findOne({ name: 'Dan' })).toBeUndefined()
})

test('filters by values, lists, null, arrays and JSON', async () => {
  const { agents: mine } = tenants.mine
  expect(names(await mine.find({ where: {} }))).toEqual(['Ada', 'Bob', 'Cyd'])
  expect(names(await mine.find({ where: { status: 'active' } }))).toEqual(['Ada'])
  expect(names(await mine.find({ where: { status: ['active', 'draft'] } }))).toEqual(['Ada', 'Cyd'])
  expect(names(await mine.find({ where: { status: ['active', 'draft'], name: 'Cyd' } }))).toEqual(['Cyd'])
  expect(names(await mine.find({ where: { tagline: null } }))).toEqual(['Ada', 'Bob'])
  expect(names(await mine.find({ where: { tags: ['a', 'b'] } }))).toEqual(['Ada'])
  expect(names(await mine.find({ where: { tags: [] } }))).toEqual(['Bob', 'Cyd'])
  expect(names(await mine.find({ where: { config: { tone: 'dry' } } }))).toEqual(['Bob'])
})

test('filters by an expression, which cannot reach another tenant either', async () => {
  const { agents: mine } = tenants.mine
  expect(names(await mine.find({ where: (eb) => eb('total_sessions', '>', 1) }))).toEqual(['Cyd'])
  const anybody = await mine.find({ where: (eb) => eb.or([eb('name', '=', 'Ada'), eb.lit(true)]) })
  expect(names(anybody)).toEqual(['Ada', 'Bob', 'Cyd'])
})

test('finds nothing for an empty list', async () => {
  const { agents: mine } = tenants.mine
  expect(await mine.find({ where: { status: [] } })).toEqual([])
  expect(await mine.count({ status: [] })).toBe(0)
  expect(await mine.exists({ id: [] })).toBe(false)
})

test('takes a list of more values than a statement may have parameters', async () => {
  const { agents: mine } = tenants.mine
  const ids = Array.from({ length: 70_000 }, () => randomUUID())
  const [ada] = agents
  expect(names(await mine.find({ where: { id: [...ids, ada?.id ?? '', foreign.id] } }))).toEqual(['Ada'])
})

test('throws when plain Kysely is given more parameters than PostgreSQL takes', async () => {
  const ids = Array.from({ length: 65_536 }, () => randomUUID())
  const error = await refusal(
    tenants,
    async () =>
      await tenants.mine.db.selectFrom('ibex_core.agents').select('id').where('id', 'in', ids).execute(),
  )
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error.message).toBe(
    'query has 65536 parameters, PostgreSQL takes 65535: use insertMany, or one array',
  )
})

test.each([
  ['a value', { name: undefined }],
  ['one of two values', { name: 'Ada', status: undefined }],
  ['an element of a list', { name: ['Ada', undefined] }],
  ['null in a list', { tagline: ['quick', null] }],
])('throws before any SQL when a filter holds %s that is undefined or null', async (_, where) => {
  const { agents: mine } = tenants.mine
  for (const read of [
    async () => await mine.find({ where: where as object }),
    async () => await mine.findOne(where as object),
    async () => await mine.findPage({ where: where as object }),
    async () => await mine.count(where as object),
    async () => await mine.exists(where as object),
  ]) {
    expect(await refusal(tenants, read)).toBeInstanceOf(InvalidArgumentError)
  }
})

test.each(['nmae', 'constructor', '__proto__', 'id"; drop table ibex_core.agents; --'])(
  'throws before any SQL when a filter or an order names the column %s',
  async (column) => {
    const { agents: mine } = tenants.mine
    const where = JSON.parse(`{${JSON.stringify(column)}: "x"}`) as object
    const orderBy = JSON.parse(`{${JSON.stringify(column)}: "asc"}`) as object
    expect(await refusal(tenants, async () => await mine.find({ where }))).toBeInstanceOf(InvalidColumnError)
    expect(await refusal(tenants, async () => await mine.find({ orderBy }))).toBeInstanceOf(
      InvalidColumnError,
    )
  },
)

test('orders by several columns and stops at the limit', async () => {
  const { agents: mine } = tenants.mine
  const ordered = await mine.find({ orderBy: { total_sessions: 'desc', name: 'asc' }, limit: 2 })
  expect(ordered.map(({ name }) => name)).toEqual(['Cyd', 'Ada'])
  expect(await mine.find({ limit: 0 })).toEqual([])
  const last = await mine.findOne({}, { orderBy: { name: 'desc' } })
  expect(last?.name).toBe('Cyd')
})

test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1; delete'])(
  'throws before any SQL when the limit is %s',
  async (limit) => {
    const error = await refusal(
      tenants,
      async () => await tenants.mine.agents.find({ limit: limit as number }),
    )
    expect(error).toBeInstanceOf(InvalidArgumentError)
  },
)

test('throws before any SQL when an option does not exist, which would widen the result', async () => {
  // what untyped code may pass
  const options = { filter: { status: 'active' } } as object
  for (const read of [() => tenants.mine.agents.find(options), () => tenants.mine.agents.findPage(options)]) {
    const error = await refusal(tenants, read)
    expect(error.message).toContain('option "filter" does not exist')
  }
})

test('throws before any SQL when a direction is neither asc nor desc', async () => {
  const orderBy = { name: 'asc; delete' as 'asc' }
  const error = await refusal(tenants, async () => await tenants.mine.agents.find({ orderBy }))
  expect(error).toBeInstanceOf(InvalidArgumentError)
})

test.each([undefined, null, '', 'none', `{${randomUUID()}}`, 7, {}, `${randomUUID()} `])(
  'throws before any SQL when the id is %s',
  async (id) => {
    const { agents: mine } = tenants.mine
    for (const act of [
      async () => await mine.findById(id as string),
      async () => await mine.findByIdOrThrow(id as string),
      async () => await mine.update(id as string, { name: 'x' }),
      async () => await mine.update(id as string, {}),
      async () => await mine.softDelete(id as string),
      async () => await mine.restore(id as string),
      async () => await mine.delete(id as string),
    ]) {
      const error = await refusal(tenants, act)
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect(error.message).toMatch(/^id of "ibex_core.agents" is (missing|not a uuid)/)
    }
  },
)
