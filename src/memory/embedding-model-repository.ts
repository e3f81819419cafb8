/** The models that embed memories, and what their similarities mean. */
import type { DB, EmbeddingModel } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { InvalidArgumentError } from '../errors.ts'
import { BaseRepository } from '../repository/base-repository.ts'
import { checkOptionNames, checkText, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Scope } from '../tenancy/scope.ts'
import { inRange } from './memory-input.ts'

/** What similarities mean where a model has no row of its own. */
const defaultThresholds = { duplicate: 0.92, conflict: 0.85 } as const

/** What is set of a model. */
export interface EmbeddingModelInput {
  /** As in `embeddingModel` of memories, 1 to 200 characters. */
  readonly name: string
  readonly dimension: number
  /** The cosine similarity from which two memories say the same, 0 to 1 (default: 0.92). */
  readonly duplicateThreshold?: number
  /** The one from which two memories of a category may contradict each other: not above it (default: 0.85). */
  readonly conflictThreshold?: number
}

const inputNames: ReadonlySet<string> = new Set<keyof EmbeddingModelInput>([
  'name',
  'dimension',
  'duplicateThreshold',
  'conflictThreshold',
])

/** Sets from which similarity on memories are near each other, for each model that embeds them. */
export class EmbeddingModelRepository extends BaseRepository<DB, 'ibex_core.embedding_models'> {
  constructor(scope: Scope<DB>) {
    super(scope, tables['ibex_core.embedding_models'])
  }

  /**
   * Sets dimension and thresholds of a model, whether it has a row or not, and returns it; what is left out is the default.
   *
   * It holds for memories that are added from then on: those that are there stay what they are.
   *
   * ```ts
   * await tenant.embeddingModels.set({ name: 'text-embedding-3-small', dimension: 384, duplicateThreshold: 0.87 })
   * ```
   *
   * @throws {InvalidArgumentError} when a value is not what it should be, or the threshold of conflicts above that of duplicates.
   */
  async set(input: EmbeddingModelInput): Promise<EmbeddingModel> {
    checkOptionNames('embedding model', input, inputNames)
    const { duplicate, conflict } = defaultThresholds
    const { duplicateThreshold = duplicate } = input
    const { conflictThreshold = Math.min(conflict, duplicateThreshold) } = input
    const row = {
      name: checkText('name', input.name, { least: 1, most: 200 }),
      dimension: checkWholeNumber('dimension', input.dimension, 1, 16_000),
      duplicate_threshold: inRange('duplicateThreshold', duplicateThreshold, 0, 1),
      conflict_threshold: inRange('conflictThreshold', conflictThreshold, 0, 1),
    }
    if (row.conflict_threshold > row.duplicate_threshold)
      throw new InvalidArgumentError('conflictThreshold', 'must not be above that of duplicates')
    return await this.upsert(row, { conflict: ['name'] })
  }

  /** Reads a model by its name, or `undefined` when it has no row: then the defaults hold, 0.92 and 0.85. */
  async findByName(name: string): Promise<EmbeddingModel | undefined> {
    return await this.findOne({ name: checkText('name', name) })
  }
}
