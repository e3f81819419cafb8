import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { MemoryRelationshipRelationType, NewMemory } from '../../types/database.d.ts'
import type { NeighbourOptions } from '../../src/memory/memory-neighbours.ts'
import { insertMemory } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterAll(async () => {
  await tenants.close()
})

type Edge = readonly [from: string, type: MemoryRelationshipRelationType, to: string]

/** Memories of my tenant by the names in the edges, and what is found from one of them, by those names. */
async function graph(
  edges: readonly Edge[],
  values: Readonly<Record<string, Partial<Pick<NewMemory, 'importance' | 'deleted_at'>>>> = {},
) {
  const ids = new Map<string, string>()
  for (const name of new Set(edges.flatMap(([from, , to]) => [from, to]))) {
    const { id } = await insertMemory(tenants.admin, { org_id: tenants.mine.orgId, ...values[name] })
    ids.set(name, id)
  }
  const id = (name: string): string => ids.get(name) ?? ''
  const names = new Map([...ids].map(([name, value]) => [value, name]))
  for (const [from, type, to] of edges) await tenants.mine.memoryRelationships.relate(id(from), id(to), type)
  return {
    id,
    around: async (name: string, options: NeighbourOptions = {}): Promise<string[]> => {
      const found = await tenants.mine.memoryRelationships.neighbours(id(name), options)
      return found.map(({ memory, distance, relation, direction }) =>
        [distance, names.get(memory.id), relation, direction].join(' '),
      )
    },
  }
}

test('finds what is near first, as far as asked, each memory once by its shortest way', async () => {
  const { around } = await graph(
    [
      ['a', 'supports', 'b'],
      ['b', 'refines', 'c'],
      ['c', 'derived_from', 'd'],
      ['a', 'related_to', 'c'],
      ['e', 'contradicts', 'a'],
    ],
    { b: { importance: 9 }, e: { importance: 1 } },
  )
  const direct = ['1 b supports out', '1 c related_to out', '1 e contradicts in']
  expect(await around('a')).toEqual(direct)
  expect(await around('a', { depth: 2 })).toEqual([...direct, '2 d derived_from out'])
  expect(await around('a', { depth: 5, limit: 2 })).toEqual(direct.slice(0, 2))
})

test('follows relations one way, or of some types only', async () => {
  const { around } = await graph([
    ['a', 'supports', 'b'],
    ['b', 'refines', 'c'],
    ['c', 'supports', 'd'],
    ['z', 'supports', 'a'],
    ['y', 'refines', 'b'],
  ])
  expect(await around('a', { depth: 5, direction: 'out' })).toEqual([
    '1 b supports out',
    '2 c refines out',
    '3 d supports out',
  ])
  expect(await around('a', { depth: 5, direction: 'in' })).toEqual(['1 z supports in'])
  const types = ['supports'] as const
  expect(await around('a', { depth: 5, direction: 'out', types })).toEqual(['1 b supports out'])
  expect(await around('b', { depth: 2, direction: 'in', types })).toEqual([
    '1 a supports in',
    '2 z supports in',
  ])
})

test('ends in a cycle, without the memory that it began with', async () => {
  const { around } = await graph([
    ['a', 'supports', 'b'],
    ['b', 'supports', 'c'],
    ['c', 'supports', 'a'],
    ['b', 'supports', 'a'],
  ])
  expect(await around('a', { depth: 5, direction: 'out' })).toEqual(['1 b supports out', '2 c supports out'])
  expect(await around('c', { depth: 5, direction: 'out' })).toEqual(['1 a supports out', '2 b supports out'])
})

test('neither finds nor walks through soft-deleted memories', async () => {
  const { id, around } = await graph(
    [
      ['a', 'supports', 'gone'],
      ['gone', 'supports', 'b'],
      ['a', 'contradicts', 'also gone'],
    ],
    { gone: { deleted_at: new Date() }, 'also gone': { deleted_at: new Date() } },
  )
  expect(await around('a', { depth: 5 })).toEqual([])
  expect(await around('gone', { depth: 5 })).toEqual([])
  expect(await tenants.mine.memoryRelationships.contradictions(id('a'))).toEqual([])
  await tenants.mine.memories.restore(id('gone'))
  expect(await around('a', { depth: 5 })).toEqual(['1 gone supports out', '2 b supports out'])
})

test('finds what a memory contradicts and what contradicts it, with the whole memory', async () => {
  const { id } = await graph([
    ['a', 'contradicts', 'b'],
    ['c', 'contradicts', 'a'],
    ['a', 'supports', 'd'],
    ['b', 'contradicts', 'e'],
  ])
  const found = await tenants.mine.memoryRelationships.contradictions(id('a'))
  const byId = new Map(found.map((neighbour) => [neighbour.memory.id, neighbour]))
  expect([...byId.keys()].toSorted()).toEqual([id('b'), id('c')].toSorted())
  const memory = await tenants.mine.memories.findById(id('b'))
  expect(byId.get(id('b'))).toEqual({ memory, distance: 1, relation: 'contradicts', direction: 'out' })
})

test('looks at 10,000 relations a round, and finds the rest no more', async () => {
  const { admin, mine } = tenants
  const { id: start } = await insertMemory(admin, { org_id: mine.orgId })
  const ids = [start, ...(await insertCopies(start, 238))]
  // 120 that are all related to each other, and each of them to one more: the second round has 14,280 relations
  await admin.transaction().execute(async (trx) => {
    // without the foreign keys, which would be looked up 28,798 times
    await sql`set local session_replication_role = replica`.execute(trx)
    await sql`insert into ibex_core.memory_relationships (org_id, source_id, target_id, relation_type)
      select ${mine.orgId}, source, target, 'co_occurs'
      from unnest(${ids}::uuid[]) with ordinality as sources (source, i), unnest(${ids}::uuid[]) with ordinality as targets (target, j)
      where i <= 120 and i <> j and (j <= 120 or j = i + 119)`.execute(trx)
  })
  const found = await mine.memoryRelationships.neighbours(start, { depth: 2, direction: 'out', limit: 1_000 })
  expect(found.filter(({ distance }) => distance === 1)).toHaveLength(119)
  const further = found.length - 119
  expect(further).toBeGreaterThan(50)
  expect(further).toBeLessThan(110)
})

test('walks over no relation of another tenant', async () => {
  const { admin, mine, theirs } = tenants
  const { id } = await graph([['a', 'supports', 'b']])
  const foreign = [
    await insertMemory(admin, { org_id: theirs.orgId, id: id('a') }),
    await insertMemory(admin, { org_id: theirs.orgId }),
  ] as const
  // the same id in both tenants
  await theirs.memoryRelationships.relate(foreign[0].id, foreign[1].id, 'supports')
  const mineFound = await mine.memoryRelationships.neighbours(id('a'), { depth: 5 })
  expect(mineFound.map(({ memory }) => memory.id)).toEqual([id('b')])
  const theirsFound = await theirs.memoryRelationships.neighbours(id('a'), { depth: 5 })
  expect(theirsFound.map(({ memory }) => memory.id)).toEqual([foreign[1].id])
})

/** Inserts memories that differ from one in their content only. */
async function insertCopies(id: string, count: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    insert into ibex_core.memories (org_id, content, content_hash, category, embedding)
    select org_id, content || i, encode(sha256((id::text || i)::bytea), 'hex'), category, embedding
    from ibex_core.memories, generate_series(1, ${count}::int) as i where id = ${id} returning id`.execute(
    tenants.admin,
  )
  return rows.map((row) => row.id)
}
