import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CheckViolationError, InvalidArgumentError } from '../../src/errors.ts'
import type { EmbeddingModelInput } from '../../src/memory/embedding-model-repository.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants()
  await tenants.theirs.embeddingModels.set({ name: 'm', dimension: 1_536, duplicateThreshold: 0.99 })
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.embedding_models')
})

afterAll(async () => {
  await tenants.close()
})

test('sets a model once by its name, what is left out being the default', async () => {
  const { embeddingModels } = tenants.mine
  expect(await embeddingModels.findByName('m')).toBeUndefined()
  const first = await embeddingModels.set({ name: 'm', dimension: 384 })
  expect(first).toMatchObject({
    name: 'm',
    dimension: 384,
    duplicate_threshold: 0.92,
    conflict_threshold: 0.85,
  })
  const strict = { name: 'm', dimension: 384, duplicateThreshold: 0.9, conflictThreshold: 0.7 }
  expect(await embeddingModels.set(strict)).toMatchObject({ id: first.id, conflict_threshold: 0.7 })
  // the default of conflicts gives way to a lower one of duplicates
  const low = await embeddingModels.set({ name: 'm', dimension: 384, duplicateThreshold: 0.5 })
  expect(low).toMatchObject({ id: first.id, duplicate_threshold: 0.5, conflict_threshold: 0.5 })
  expect(await embeddingModels.findByName('m')).toEqual(low)
  expect(await embeddingModels.count()).toBe(1)
  await theirsUnchanged()
})

describe('refuses', () => {
  test.each<[string, object]>([
    ['a name that is empty', { name: '' }],
    ['a name of 201 characters', { name: 'x'.repeat(201) }],
    ['dimension 0', { dimension: 0 }],
    ['a threshold of 1.1', { duplicateThreshold: 1.1 }],
    ['a threshold that is NaN', { conflictThreshold: Number.NaN }],
    [
      'a threshold of conflicts above that of duplicates',
      { duplicateThreshold: 0.5, conflictThreshold: 0.6 },
    ],
    ['what does not exist', { threshold: 0.5 }],
  ])('%s', async (_, bad) => {
    const input = { name: 'n', dimension: 384, ...bad } as EmbeddingModelInput
    const set = async () => await tenants.mine.embeddingModels.set(input)
    expect(await refusal(tenants, set)).toBeInstanceOf(InvalidArgumentError)
  })

  test('in the database too, where plain Kysely writes', async () => {
    const row = { name: 'n', dimension: 384, duplicate_threshold: 0.5, conflict_threshold: 0.6 }
    const error = await failure(async () => await tenants.mine.embeddingModels.insert(row))
    expect(error).toBeInstanceOf(CheckViolationError)
  })
})
