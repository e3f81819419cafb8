/** How memories relate to each other. */
import type {
  DB,
  JsonObject,
  MemoryRelationship,
  MemoryRelationshipRelationType,
} from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkOptionNames, checkUuid, isPlainObject } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { inRange } from './memory-input.ts'
import { checkRelationType, checkWalk, readNeighbours } from './memory-neighbours.ts'
import type { Neighbour, NeighbourOptions } from './memory-neighbours.ts'

/** What is known of a relation beyond its type. */
export interface RelateOptions {
  /** 0 to 1 (default of a new relation: 0.8). */
  readonly confidence?: number
  readonly metadata?: JsonObject
}

const relateOptions: ReadonlySet<string> = new Set<keyof RelateOptions>(['confidence', 'metadata'])

/** Relates memories, and walks from one to those around it. */
export class MemoryRelationshipRepository extends BaseRepository<DB, 'ibex_core.memory_relationships'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.memory_relationships'])
  }

  /**
   * Says that one memory supports, contradicts, supersedes … another, and returns the relation.
   *
   * Said again, it is the same relation, with the options that are given this time; what is left out stays.
   *
   * ```ts
   * await tenant.memoryRelationships.relate(newer.id, older.id, 'refines', { confidence: 0.9 })
   * ```
   *
   * @throws {InvalidArgumentError} when an id is no uuid, both are the same memory, the type does not exist, the confidence is
   *   out of range, or the metadata is no object.
   * @throws {ForeignKeyViolationError} when this tenant lacks one of the memories.
   */
  async relate(
    sourceId: string,
    targetId: string,
    type: MemoryRelationshipRelationType,
    options: RelateOptions = {},
  ): Promise<MemoryRelationship> {
    const key = { ...checkPair(sourceId, targetId), relation_type: checkRelationType('type', type) }
    return await this.upsert(
      { ...key, ...checkRelate(options) },
      { conflict: ['source_id', 'target_id', 'relation_type'] },
    )
  }

  /**
   * Takes the relations from one memory to another away, of one type or of all, and tells how many there were.
   *
   * Those from the other one back are other relations, and stay.
   *
   * @throws {InvalidArgumentError} when an id is no uuid, both are the same memory, or the type does not exist.
   */
  async unrelate(sourceId: string, targetId: string, type?: MemoryRelationshipRelationType): Promise<number> {
    const pair = checkPair(sourceId, targetId)
    let query = this.deleteQuery()
      .where('source_id', '=', pair.source_id)
      .where('target_id', '=', pair.target_id)
    if (type !== undefined) query = query.where('relation_type', '=', checkRelationType('type', type))
    const { numDeletedRows } = await query.executeTakeFirst()
    return Number(numDeletedRows)
  }

  /**
   * Finds the memories around one, the nearest first and among those as near the most important first, each once.
   *
   * Soft-deleted memories are neither found nor walked through, and a cycle ends where it began. Each round looks at 10,000
   * relations at most: around a memory that has more, some are not found.
   *
   * ```ts
   * for (const { memory, distance, relation } of await tenant.memoryRelationships.neighbours(id, { depth: 2 }))
   *   console.log(distance, relation, memory.content)
   * ```
   *
   * @throws {InvalidArgumentError} when the id is no uuid, a type or the direction does not exist, `types` is empty, the depth is
   *   not 1 to 5, or the limit not 1 to 1,000.
   */
  async neighbours(memoryId: string, options: NeighbourOptions = {}): Promise<Neighbour[]> {
    return await readNeighbours(this.scope.db, this.scope.orgId, checkWalk(memoryId, options))
  }

  /**
   * Finds the memories that contradict one or that it contradicts, the most important first, at most 1,000.
   *
   * @throws {InvalidArgumentError} when the id is no uuid.
   */
  async contradictions(memoryId: string): Promise<Neighbour[]> {
    return await this.neighbours(memoryId, { types: ['contradicts'], limit: 1_000 })
  }
}

function checkPair(sourceId: string, targetId: string): Pick<MemoryRelationship, 'source_id' | 'target_id'> {
  const pair = { source_id: checkUuid('sourceId', sourceId), target_id: checkUuid('targetId', targetId) }
  if (sourceId.toLowerCase() === targetId.toLowerCase())
    throw new InvalidArgumentError('targetId', 'must be another memory than the source')
  return pair
}

function checkRelate(options: RelateOptions): RelateOptions {
  checkOptionNames('option', options, relateOptions)
  const { confidence, metadata } = options
  if (metadata !== undefined && !isPlainObject(metadata))
    throw new InvalidArgumentError('metadata', 'must be an object of keys and values')
  return {
    ...(confidence === undefined ? {} : { confidence: inRange('confidence', confidence, 0, 1) }),
    ...(metadata === undefined ? {} : { metadata }),
  }
}
