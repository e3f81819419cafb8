import { afterAll, beforeAll, expect, test } from 'vitest'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { openTwoTenants, ownersView, refusal, type TwoTenants } from '../support/two-tenants.ts'
import { insertAgent } from '../support/factories.ts'

type AgentRepository = BaseRepository<DB, 'ibex_core.agents'>

const agents = tables['ibex_core.agents']
const id = '8f14e45f-ceea-467f-a8cf-0d6f3c2b1a90'
let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants()
  await insertAgent(bundle.admin, { org_id: bundle.mine.orgId, id })
})

afterAll(async () => {
  await bundle.close()
})

test('accepts no look-alike of a scope where a repository is made', () => {
  const { orgId, db } = bundle.mine
  // the private field of a scope makes its class nominal
  // @ts-expect-error: an object with the same fields is no scope
  const make = (): unknown => new BaseRepository({ orgId, db, isTransaction: false }, agents)
  expect(make).toBeTypeOf('function')
})

const calls: Readonly<Record<string, (repository: AgentRepository) => Promise<unknown>>> = {
  findById: async (repository) => await repository.findById(id),
  findByIdOrThrow: async (repository) => await repository.findByIdOrThrow(id),
  findOne: async (repository) => await repository.findOne({}),
  find: async (repository) => await repository.find(),
  findPage: async (repository) => await repository.findPage({}),
  count: async (repository) => await repository.count(),
  exists: async (repository) => await repository.exists(),
  insert: async (repository) => await repository.insert({ name: 'A', slug: 'a' }),
  insertMany: async (repository) => await repository.insertMany([{ name: 'A', slug: 'a' }]),
  upsert: async (repository) => await repository.upsert({ name: 'A', slug: 'a' }, { conflict: ['id'] }),
  update: async (repository) => await repository.update(id, { name: 'A' }),
  softDelete: async (repository) => await repository.softDelete(id),
  restore: async (repository) => await repository.restore(id),
  delete: async (repository) => await repository.delete(id),
}

test('names every method of the repository', () => {
  const methods = Object.getOwnPropertyNames(BaseRepository.prototype)
  expect(methods.filter((name) => name !== 'constructor')).toEqual(expect.arrayContaining(Object.keys(calls)))
})

test.each(Object.entries(calls))(
  'sends no SQL for %s of a repository that was given no tenant',
  async (_, call) => {
    const before = await ownersView(bundle.admin, 'ibex_core.agents', bundle.mine.orgId)
    for (const scope of [undefined, {}, { db: bundle.admin }]) {
      // what a service without types passes
      await refusal(bundle, async () => await call(new BaseRepository(scope as never, agents)))
    }
    expect(await ownersView(bundle.admin, 'ibex_core.agents', bundle.mine.orgId)).toEqual(before)
  },
)
