/** What is wrong with a relation is said before any SQL. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError, InvalidColumnError } from '../../src/errors.ts'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import type { TableDefinition } from '../../src/repository/table-definition.ts'
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { type TwoTenants, refusal, openTwoTenants } from '../support/two-tenants.ts'

type Make = (table: unknown, column: unknown, options?: unknown) => unknown
/** `related` as untyped code may write it. */
type Untyped = (builder: { readonly many: Make; readonly one: Make }) => unknown

const checkpoints: TableDefinition = tables['ibex_core.checkpoints']
const agents: TableDefinition = tables['ibex_core.agents']
const tags: TableDefinition = tables['ibex_core.memory_tags']

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterAll(async () => {
  await tenants.close()
})

/** The error of a read of sessions; every read that takes `related` gives the same. */
async function errorOf(related: unknown): Promise<Error> {
  const { sessions } = tenants.mine
  const options = { related } as object
  const id = '00000000-0000-4000-8000-000000000000'
  const errors = [
    await refusal(tenants, async () => await sessions.find(options)),
    await refusal(tenants, async () => await sessions.findOne({}, options)),
    await refusal(tenants, async () => await sessions.findPage(options)),
    await refusal(tenants, async () => await sessions.findById(id, options)),
    await refusal(tenants, async () => await sessions.findByIdOrThrow(id, options)),
  ]
  const [first] = errors
  if (first === undefined) throw new Error('there was no error')
  for (const error of errors) expect(error).toEqual(first)
  return first
}

const columns: readonly (readonly [string, Untyped])[] = [
  ['of the child', ({ many }) => ({ turns: many(checkpoints, 'sesion_id') })],
  ['of the row', ({ one }) => ({ agent: one(agents, 'agnet_id') })],
  ['to select', ({ many }) => ({ turns: many(checkpoints, 'session_id', { columns: ['id', 'nmae'] }) })],
  ['to filter by', ({ many }) => ({ turns: many(checkpoints, 'session_id', { where: { nmae: 'x' } }) })],
  ['to order by', ({ many }) => ({ turns: many(checkpoints, 'session_id', { orderBy: { nmae: 'asc' } }) })],
  ['named constructor', ({ many }) => ({ turns: many(checkpoints, 'constructor') })],
  [
    'of SQL',
    ({ many }) => ({ turns: many(checkpoints, 'id"; drop table ibex_core.checkpoints; --', { limit: 1 }) }),
  ],
  [
    'at a depth',
    ({ one }) => ({
      agent: one(agents, 'agent_id', { related: (({ one }) => ({ x: one(agents, 'x') })) satisfies Untyped }),
    }),
  ],
]

test.each(columns)('throws before any SQL when there is no column %s', async (_, related) => {
  expect(await errorOf(related)).toBeInstanceOf(InvalidColumnError)
})

const turnsWith =
  (options: unknown): Untyped =>
  ({ many }) => ({ turns: many(checkpoints, 'session_id', options) })

const options: readonly (readonly [string, string, Untyped])[] = [
  ['a limit below 0', 'limit must be a whole number of at least 0', turnsWith({ limit: -1 })],
  ['a limit that is no number', 'limit must be', turnsWith({ limit: '1; delete' })],
  ['an unknown option', 'option of many "order" does not exist', turnsWith({ order: {} })],
  ['a direction of its own', 'order of "id" must be asc or desc', turnsWith({ orderBy: { id: 'up' } })],
  [
    'a filter that is undefined',
    'filter on "turn_index" is undefined',
    turnsWith({ where: { turn_index: undefined } }),
  ],
  ['a filter that is a list', 'where must be an object of columns', turnsWith({ where: [] })],
  ['a relation that is none', 'related must be a function', turnsWith({ related: {} })],
  [
    'an option of many for one',
    'option of one "limit" does not exist',
    ({ one }) => ({ agent: one(agents, 'agent_id', { limit: 1 }) }),
  ],
]

test.each(options)('throws before any SQL when a relation has %s', async (_, message, related) => {
  const error = await errorOf(related)
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error.message).toContain(message)
})

const relations: readonly (readonly [string, string, unknown])[] = [
  [
    'the name of a column',
    'relation "title" has the name of a column of "ibex_core.sessions": choose another',
    (({ one }) => ({ title: one(agents, 'agent_id') })) satisfies Untyped,
  ],
  [
    'the name of a column at a depth',
    'relation "name" has the name of a column of "ibex_core.agents"',
    (({ one }) => ({
      agent: one(agents, 'agent_id', {
        related: (({ one }) => ({ name: one(agents, 'created_by') })) satisfies Untyped,
      }),
    })) satisfies Untyped,
  ],
  [
    'a name that PostgreSQL would cut off',
    'must have a name of 1 to 63 bytes',
    (({ one }) => ({ ['ä'.repeat(32)]: one(agents, 'agent_id') })) satisfies Untyped,
  ],
  [
    'no name',
    'must have a name of 1 to 63 bytes',
    (({ one }) => ({ '': one(agents, 'agent_id') })) satisfies Untyped,
  ],
  [
    'a name of the library',
    'does not begin with __',
    (({ one }) => ({ __ibex_type_0: one(agents, 'agent_id') })) satisfies Untyped,
  ],
  [
    'the outer builder',
    'relation "again" was made for rows of "ibex_core.sessions": use the innermost many and one',
    (({ one }) => ({
      agent: one(agents, 'agent_id', { related: () => ({ again: one(agents, 'agent_id') }) }),
    })) satisfies Untyped,
  ],
  [
    'no table',
    'table of a relation must be the definition of a table',
    (({ one }) => ({ agent: one(undefined, 'agent_id') })) satisfies Untyped,
  ],
  [
    'a name for a table',
    'table of a relation must be the definition of a table',
    (({ many }) => ({ agent: many('ibex_core.checkpoints', 'session_id') })) satisfies Untyped,
  ],
  [
    'a parent that is named by more than one column',
    'relation needs a key of one column, which "ibex_core.memory_tags" does not have',
    (({ one }) => ({ tag: one(tags, 'id') })) satisfies Untyped,
  ],
  ['anything else', 'relation "agent" must be made by many or one', () => ({ agent: {} })],
  ['nothing', 'related must return an object of relations', () => undefined],
  ['a promise', 'related must return an object of relations', async () => await Promise.resolve({})],
  ['an object', 'related must be a function', { agent: {} }],
  ['null', 'related must be a function', null],
]

test.each(relations)('throws before any SQL when a relation is given %s', async (_, message, related) => {
  const error = await errorOf(related)
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error.message).toContain(message)
})

test('throws before any SQL when the rows have no key of one column for their children', async () => {
  const repository = new BaseRepository<DB, 'ibex_core.memory_tags'>(
    tenants.mine,
    tables['ibex_core.memory_tags'],
  )
  const read = async (): Promise<unknown> =>
    await repository.find({
      related: ({ many }) => ({ x: many(tables['ibex_core.checkpoints'], 'session_id') }),
    })
  expect((await refusal(tenants, read)).message).toContain('"ibex_core.memory_tags"')
})

test('takes every name that PostgreSQL and JavaScript take, quoted', async () => {
  const names = ['select', 'a"b', "it's", 'a.b', 'a as b', 'constructor', 'related_1', 'ä'.repeat(31)]
  const related: Untyped = ({ many }) =>
    Object.fromEntries(names.map((name) => [name, many(checkpoints, 'session_id')]))
  const agent = await tenants.mine.agents.insert({ name: 'Ada', slug: 'ada' })
  await tenants.mine.sessions.start({ agentId: agent.id })
  const [row] = await tenants.mine.sessions.find({ related } as object)
  expect(Object.fromEntries(Object.entries(row ?? {}).slice(-names.length))).toEqual(
    Object.fromEntries(names.map((name) => [name, []])),
  )
})
