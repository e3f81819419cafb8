/** The walk from a memory to those around it. */
import { sql } from 'kysely'
import type { Kysely, RawBuilder } from 'kysely'
import type { DB, Memory, MemoryRelationshipRelationType } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkOptionNames, checkUuid, checkWholeNumber } from '../tenancy/arguments.ts'

/** Which way a relation is followed: `out` from its source to its target, `in` from its target to its source. */
export type RelationDirection = 'out' | 'in'

/** How far to walk, and along what. */
export interface NeighbourOptions {
  /** Relations from the memory at most, 1 to 5 (default 1). */
  readonly depth?: number
  /** Relations of these types only (default: all). */
  readonly types?: readonly MemoryRelationshipRelationType[]
  /** Default: `both`. */
  readonly direction?: RelationDirection | 'both'
  /** Rows at most, 1 to 1,000 (default 50). */
  readonly limit?: number
}

/** A memory near another one. */
export interface Neighbour {
  readonly memory: Memory
  /** The relations on the shortest way to it. */
  readonly distance: number
  /** The last relation on that way. */
  readonly relation: MemoryRelationshipRelationType
  /** Which way that relation was followed: `in` when the memory found is its source. */
  readonly direction: RelationDirection
}

/** A walk that passed every check. */
export interface CheckedWalk {
  readonly memoryId: string
  readonly depth: number
  readonly types: readonly MemoryRelationshipRelationType[] | null
  readonly direction: RelationDirection | 'both'
  readonly limit: number
}

/** How many relations one round of a walk looks at, however dense the graph is. */
const maxEdges = 10_000

const optionNames: ReadonlySet<string> = new Set<keyof NeighbourOptions>([
  'depth',
  'types',
  'direction',
  'limit',
])

/** All types: one that is missing, or does not exist, is an error of types. */
const relationTypes: Readonly<Record<MemoryRelationshipRelationType, true>> = {
  supports: true,
  contradicts: true,
  supersedes: true,
  refines: true,
  co_occurs: true,
  derived_from: true,
  related_to: true,
}

/** @throws {InvalidArgumentError} when there is no such type of relation. */
export function checkRelationType(name: string, type: unknown): MemoryRelationshipRelationType {
  // the keys of the record are the types
  if (typeof type === 'string' && Object.hasOwn(relationTypes, type))
    return type as MemoryRelationshipRelationType
  throw new InvalidArgumentError(name, `must be one of ${Object.keys(relationTypes).join(', ')}`)
}

/** @throws {InvalidArgumentError} when an option is unknown or not what it should be. */
export function checkWalk(memoryId: string, options: NeighbourOptions): CheckedWalk {
  checkOptionNames('option', options, optionNames)
  const { depth = 1, types, direction = 'both', limit = 50 } = options
  if (!['out', 'in', 'both'].includes(direction))
    throw new InvalidArgumentError('direction', 'must be out, in or both')
  return {
    memoryId: checkUuid('id', memoryId),
    depth: checkWholeNumber('depth', depth, 1, 5),
    types: types === undefined ? null : checkTypes(types),
    direction,
    limit: checkWholeNumber('limit', limit, 1, 1_000),
  }
}

function checkTypes(types: readonly unknown[]): readonly MemoryRelationshipRelationType[] {
  if (!Array.isArray(types) || types.length === 0)
    throw new InvalidArgumentError('types', 'must be an array of at least one type')
  return types.map((type) => checkRelationType('types', type))
}

/**
 * Walks from a memory along its relations, and returns what it finds, the nearest first.
 *
 * Breadth first, since each round of the recursion is one relation further; `union` drops what is reached again in the same
 * round. The limit stands inside the round, where it bounds what is looked at and not only what is new. `offset 0` keeps each
 * look-up one by its index: joined, a guess of many rows would turn it into a read of the whole table, which no limit stops.
 */
export async function readNeighbours(db: Kysely<DB>, orgId: string, walk: CheckedWalk): Promise<Neighbour[]> {
  const { memoryId, depth, limit } = walk
  const { rows } = await sql<
    Memory & Omit<Neighbour, 'memory'>
  >`with recursive walk (id, distance, relation, direction) as (
      select id, 0, null::text, null::text from ibex_core.memories
      where org_id = ${orgId} and id = ${memoryId} and deleted_at is null
      union
      select * from (
        select edge.id, walk.distance + 1, edge.relation, edge.direction
        from walk cross join lateral (${edgesOf(orgId, walk)} offset 0) as edge
        where walk.distance < ${depth}::int limit ${maxEdges}
      ) as step (id, distance, relation, direction) cross join lateral (
        select from ibex_core.memories where org_id = ${orgId} and id = step.id and deleted_at is null offset 0
      ) as living
    ), nearest as (
      select distinct on (id) * from walk where id <> ${memoryId} order by id, distance, relation, direction
    )
    select memory.*, distance, relation, direction from nearest cross join lateral (
      select * from ibex_core.memories where org_id = ${orgId} and id = nearest.id offset 0
    ) as memory
    order by distance, importance desc, memory.id limit ${limit}`.execute(db)
  return rows.map(({ distance, relation, direction, ...memory }) => ({
    memory,
    distance,
    relation,
    direction,
  }))
}

/** The relations of one step: two arms, each with its index, where "source or target" would use neither. */
function edgesOf(orgId: string, { types, direction }: CheckedWalk): RawBuilder<unknown> {
  const ofTypes = types === null ? sql`` : sql`and relation_type = any(${types}::text[])`
  const out = sql`select target_id as id, relation_type as relation, 'out' as direction
    from ibex_core.memory_relationships where org_id = ${orgId} and source_id = walk.id ${ofTypes}`
  const incoming = sql`select source_id as id, relation_type as relation, 'in' as direction
    from ibex_core.memory_relationships where org_id = ${orgId} and target_id = walk.id ${ofTypes}`
  if (direction === 'both') return sql`${out} union all ${incoming}`
  return direction === 'out' ? out : incoming
}
