import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ForeignKeyViolationError, InvalidArgumentError } from '../../src/errors.ts'
import type { MemoryRelationshipRepository } from '../../src/memory/memory-relationship-repository.ts'
import { insertMemory } from '../support/factories.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, watchTheirs } from '../support/two-tenants.ts'

let tenants: TwoTenants
let relationships: MemoryRelationshipRepository
let foreign: { readonly source: string; readonly target: string }
let theirsUnchanged: () => Promise<void>
let source: string
let target: string

beforeAll(async () => {
  tenants = await openTwoTenants()
  relationships = tenants.mine.memoryRelationships
  foreign = { source: await insert(tenants.theirs.orgId), target: await insert(tenants.theirs.orgId) }
  await tenants.theirs.memoryRelationships.relate(foreign.source, foreign.target, 'supports')
  theirsUnchanged = await watchTheirs(tenants, 'ibex_core.memory_relationships')
})

beforeEach(async () => {
  source = await insert(tenants.mine.orgId)
  target = await insert(tenants.mine.orgId)
})

afterAll(async () => {
  await tenants.close()
})

async function insert(orgId: string): Promise<string> {
  return (await insertMemory(tenants.admin, { org_id: orgId })).id
}

test('relates two memories, and once however often it is said', async () => {
  const first = await relationships.relate(source, target, 'supports')
  expect(first).toMatchObject({
    source_id: source,
    target_id: target,
    relation_type: 'supports',
    confidence: 0.8,
    metadata: {},
  })
  const options = { confidence: 0.5, metadata: { why: 'said so' } }
  expect(await relationships.relate(source, target, 'supports', options)).toMatchObject({
    id: first.id,
    ...options,
  })
  expect(await relationships.relate(source, target, 'supports', { confidence: 0 })).toMatchObject({
    id: first.id,
    confidence: 0,
    metadata: options.metadata,
  })
  expect(await relationships.relate(source, target, 'supports')).toMatchObject({
    id: first.id,
    confidence: 0,
  })
  expect(await relationships.count({ source_id: source })).toBe(1)
  await theirsUnchanged()
})

test('takes away one type, or all from one memory to the other, and tells how many', async () => {
  await relationships.relate(source, target, 'supports')
  await relationships.relate(source, target, 'refines')
  await relationships.relate(source, target, 'related_to')
  const back = await relationships.relate(target, source, 'supports')
  const aside = await relationships.relate(source, await insert(tenants.mine.orgId), 'supports')
  expect(await relationships.unrelate(source, target, 'contradicts')).toBe(0)
  expect(await relationships.unrelate(source, target, 'refines')).toBe(1)
  expect(await relationships.unrelate(source, target)).toBe(2)
  expect(await relationships.unrelate(source, target)).toBe(0)
  expect(await relationships.findById(back.id)).toEqual(back)
  expect(await relationships.findById(aside.id)).toEqual(aside)
  await theirsUnchanged()
})

test('relates no memory to one of another tenant, which looks like one that is missing', async () => {
  const errors = [
    await failure(async () => await relationships.relate(source, foreign.target, 'supports')),
    await failure(async () => await relationships.relate(foreign.source, target, 'supports')),
    await failure(async () => await relationships.relate(foreign.source, foreign.target, 'supports')),
    await failure(async () => await relationships.relate(source, randomUUID(), 'supports')),
  ]
  for (const error of errors) expect(error).toBeInstanceOf(ForeignKeyViolationError)
  expect(errors[0]?.message).toBe(errors[3]?.message)
  expect(await relationships.unrelate(foreign.source, foreign.target)).toBe(0)
  expect(await relationships.neighbours(foreign.source)).toEqual([])
  expect(await relationships.contradictions(foreign.source)).toEqual([])
  await theirsUnchanged()
})

describe('with others at the same time', skipOnEmbedded('one connection: nobody else is there'), () => {
  test('makes one relation of twenty that say the same', async () => {
    const related = await Promise.all(
      Array.from({ length: 20 }, async () => await relationships.relate(source, target, 'co_occurs')),
    )
    expect(new Set(related.map(({ id }) => id)).size).toBe(1)
    expect(await relationships.count({ source_id: source })).toBe(1)
  })
})

const one = randomUUID()
const other = randomUUID()
const none = 'none' as never

test.each<[string, string, (repository: MemoryRelationshipRepository) => Promise<unknown>]>([
  ['targetId', 'the source itself', async (graph) => await graph.relate(one, one.toUpperCase(), 'refines')],
  ['sourceId', 'no uuid', async (graph) => await graph.relate('7', other, 'refines')],
  ['targetId', 'nothing', async (graph) => await graph.relate(one, undefined as never, 'refines')],
  ['type', 'a type that does not exist', async (graph) => await graph.relate(one, other, none)],
  ['type', 'a key of any object', async (graph) => await graph.relate(one, other, 'toString' as never)],
  ['confidence', '1.1', async (graph) => await graph.relate(one, other, 'refines', { confidence: 1.1 })],
  [
    'confidence',
    'NaN',
    async (graph) => await graph.relate(one, other, 'refines', { confidence: Number.NaN }),
  ],
  [
    'metadata',
    'a list',
    async (graph) => await graph.relate(one, other, 'refines', { metadata: [] as never }),
  ],
  [
    'option "weight"',
    'unknown',
    async (graph) => await graph.relate(one, other, 'refines', { weight: 1 } as never),
  ],
  ['targetId', 'of unrelate', async (graph) => await graph.unrelate(one, one)],
  ['type', 'of unrelate', async (graph) => await graph.unrelate(one, other, none)],
  ['id', 'of neighbours', async (graph) => await graph.neighbours('7')],
  ['id', 'of contradictions', async (graph) => await graph.contradictions('7')],
  ['depth', '0', async (graph) => await graph.neighbours(one, { depth: 0 })],
  ['depth', '6', async (graph) => await graph.neighbours(one, { depth: 6 })],
  ['depth', '1.5', async (graph) => await graph.neighbours(one, { depth: 1.5 })],
  ['limit', '0', async (graph) => await graph.neighbours(one, { limit: 0 })],
  ['limit', '10,000', async (graph) => await graph.neighbours(one, { limit: 10_000 })],
  ['direction', 'none', async (graph) => await graph.neighbours(one, { direction: none })],
  ['types', 'an empty list', async (graph) => await graph.neighbours(one, { types: [] })],
  [
    'types',
    'one that does not exist',
    async (graph) => await graph.neighbours(one, { types: ['refines', none] }),
  ],
  ['types', 'a text', async (graph) => await graph.neighbours(one, { types: 'refines' as never })],
  ['option "dept"', 'unknown', async (graph) => await graph.neighbours(one, { dept: 2 } as never)],
])('refuses the %s before any SQL: %s', async (argument, _, run) => {
  const error = await refusal(tenants, async () => await run(relationships))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})
