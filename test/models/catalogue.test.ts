/** The catalogue of language models: plain repositories of tables that all tenants share. */
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CheckViolationError,
  ForeignKeyViolationError,
  InsufficientPrivilegeError,
  NotNullViolationError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { LlmModel, LlmProvider, NewLlmModel, NewLlmProvider } from '../../types/database.d.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants
let anthill: LlmProvider
let beehive: LlmProvider

beforeAll(async () => {
  tenants = await openTwoTenants()
  anthill = await insertProvider({ name: 'Anthill' })
  beehive = await insertProvider({ name: 'Beehive' })
  const url = { request_url: 'https://models.example/v1' }
  await insertModel({ provider_id: anthill.id, model_code: 'worker-1', context_window: 200_000, ...url })
  await insertModel({ provider_id: anthill.id, model_code: 'queen-1', context_window: 1_000_000, ...url })
  await insertModel({ provider_id: anthill.id, model_code: 'old-1', deleted_at: new Date() })
  await insertModel({ provider_id: beehive.id, model_code: 'drone-1' })
})

afterAll(async () => {
  await tenants.close()
})

async function insertProvider(provider: NewLlmProvider): Promise<LlmProvider> {
  return await tenants.database.asSystem('the catalogue of models', async ({ db }) => {
    const insert = db.insertInto('ibex_core.llm_providers').values(provider)
    return await insert.returningAll().executeTakeFirstOrThrow()
  })
}

async function insertModel(
  model: Partial<NewLlmModel> & Pick<NewLlmModel, 'provider_id' | 'model_code'>,
): Promise<LlmModel> {
  return await tenants.database.asSystem('the catalogue of models', async ({ db }) => {
    const row = { request_url: 'https://models.example/v1', context_window: 8_000, ...model }
    return await db.insertInto('ibex_core.llm_models').values(row).returningAll().executeTakeFirstOrThrow()
  })
}

/** Everything in the catalogue, as the owner sees it. */
async function ownersCatalogue(): Promise<unknown> {
  const { rows } = await sql`select to_jsonb(m) as model, to_jsonb(p) as provider
    from ibex_core.llm_models m full join ibex_core.llm_providers p on p.id = provider_id order by m.id, p.id`.execute(
    tenants.admin,
  )
  return rows
}

test('gives every tenant the models of a provider', async () => {
  for (const tenant of [tenants.mine, tenants.theirs]) {
    const models = await tenant.llmModels.find({
      where: { provider_id: anthill.id },
      orderBy: { model_code: 'asc' },
    })
    expect(models.map(({ model_code }) => model_code)).toEqual(['queen-1', 'worker-1'])
  }
})

test('gives every tenant a model by its code, and the provider by its name', async () => {
  for (const { llmModels, llmProviders } of [tenants.mine, tenants.theirs]) {
    const model = await llmModels.findOne({ model_code: 'worker-1' })
    expect(model).toMatchObject({ provider_id: anthill.id, context_window: 200_000 })
    expect(await llmProviders.findById(model?.provider_id ?? '')).toEqual(anthill)
    expect(await llmProviders.findOne({ name: 'Beehive' })).toEqual(beehive)
    expect(await llmModels.findOne({ model_code: 'unknown' })).toBeUndefined()
  }
})

test('leaves out a model that was soft-deleted, unless asked for', async () => {
  const { llmModels } = tenants.mine
  expect(await llmModels.findOne({ model_code: 'old-1' })).toBeUndefined()
  expect(await llmModels.findOne({ model_code: 'old-1' }, { includeDeleted: true })).toBeDefined()
  expect(await llmModels.count()).toBe(3)
})

test('reads pages of the catalogue', async () => {
  const { llmModels } = tenants.mine
  const page = await llmModels.findPage({ orderBy: { model_code: 'asc' }, limit: 2 })
  const next = await llmModels.findPage({ orderBy: { model_code: 'asc' }, limit: 2, after: page.nextCursor })
  const codes = [...page.rows, ...next.rows].map(({ model_code }) => model_code)
  expect(codes).toEqual(['drone-1', 'queen-1', 'worker-1'])
  expect(next.nextCursor).toBeUndefined()
})

test('is written by no tenant', async () => {
  const before = await ownersCatalogue()
  const { llmModels, llmProviders, db } = tenants.mine
  const model = { provider_id: anthill.id, model_code: 'new-1', request_url: '', context_window: 1 }
  const { id } = (await llmModels.findOne({ model_code: 'worker-1' })) as LlmModel
  for (const write of [
    async () => await llmProviders.insert({ name: 'Mine' }),
    async () => await llmProviders.update(anthill.id, { name: 'Mine' }),
    async () => await llmProviders.softDelete(anthill.id),
    async () => await llmModels.insert(model),
    async () => await llmModels.insertMany([model]),
    async () => await llmModels.upsert({ ...model, model_code: 'worker-1' }, { conflict: ['model_code'] }),
    async () => await llmModels.update(id, { context_window: 2 }),
    async () => await llmModels.softDelete(id),
    async () => await llmModels.restore(id),
    async () => await llmModels.delete(id),
    async () => await db.updateTable('ibex_core.llm_models').set({ context_window: 2 }).execute(),
    async () => await sql`truncate ibex_core.llm_models`.execute(db),
  ]) {
    expect(await failure(write)).toBeInstanceOf(InsufficientPrivilegeError)
  }
  expect(await ownersCatalogue()).toEqual(before)
})

test('is changed by the system role, for all tenants at once', async () => {
  const { id } = await insertModel({ provider_id: beehive.id, model_code: 'drone-2' })
  await tenants.database.asSystem('a longer context', async ({ db }) => {
    await db
      .updateTable('ibex_core.llm_models')
      .set({ context_window: 16_000 })
      .where('id', '=', id)
      .execute()
  })
  for (const { llmModels } of [tenants.mine, tenants.theirs])
    expect(await llmModels.findById(id)).toMatchObject({ context_window: 16_000 })
  await tenants.database.asSystem('a mistake', async ({ db }) => {
    await db.deleteFrom('ibex_core.llm_models').where('id', '=', id).execute()
  })
  expect(await tenants.theirs.llmModels.findById(id)).toBeUndefined()
})

/** Stands in every value: no error may give it back. */
const canary = 'canary7f3'

test.each<[string, string, object, () => Promise<unknown>]>([
  [
    'a provider without a name',
    'llm_providers_name_check',
    CheckViolationError,
    async () => await insertProvider({ name: '' }),
  ],
  [
    'a provider with a name of 51',
    'llm_providers_name_check',
    CheckViolationError,
    async () => await insertProvider({ name: canary.padEnd(51) }),
  ],
  [
    'a provider that is there',
    'llm_providers_name_key',
    UniqueViolationError,
    async () => await insertProvider({ name: 'Anthill' }),
  ],
  [
    'a model with a code of 101',
    'llm_models_model_code_check',
    CheckViolationError,
    async () => await insertModel({ provider_id: anthill.id, model_code: canary.padEnd(101) }),
  ],
  [
    'a model without a context',
    'llm_models_context_window_check',
    CheckViolationError,
    async () => await insertModel({ provider_id: anthill.id, model_code: canary, context_window: 0 }),
  ],
  [
    'a model that was soft-deleted',
    'llm_models_model_code_key',
    UniqueViolationError,
    async () => await insertModel({ provider_id: anthill.id, model_code: 'old-1' }),
  ],
  [
    'a model of an unknown provider',
    'llm_models_provider_id_fkey',
    ForeignKeyViolationError,
    async () => await insertModel({ provider_id: randomUUID(), model_code: canary }),
  ],
])('refuses %s', async (_, constraint, ErrorClass, write) => {
  const before = await ownersCatalogue()
  const error = await failure(write)
  expect(error).toBeInstanceOf(ErrorClass)
  expect(error).toMatchObject({ constraint })
  expect(JSON.stringify([error, error.message])).not.toMatch(/canary7f3|Anthill|old-1/)
  expect(await ownersCatalogue()).toEqual(before)
})

test('refuses to delete a provider that has models, and a model without a url', async () => {
  const deletion = async (): Promise<unknown> =>
    await tenants.database.asSystem('an attempt', async ({ db }) => {
      await db.deleteFrom('ibex_core.llm_providers').where('id', '=', anthill.id).execute()
    })
  expect(await failure(deletion)).toBeInstanceOf(ForeignKeyViolationError)
  const model = { provider_id: anthill.id, model_code: 'new-1', request_url: null as never }
  expect(await failure(async () => await insertModel(model))).toBeInstanceOf(NotNullViolationError)
})
