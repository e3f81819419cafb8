/** What the jobs that go through many rows have in common: they work in batches, and can be tried out first. */
import { InvalidArgumentError } from '../errors.ts'
import { checkObject, checkOptionNames, checkWholeNumber } from '../tenancy/arguments.ts'
import type { Settings } from '../tenancy/settings.ts'

/** The options of a job that goes through many rows in batches. */
export interface BatchOptions {
  /** Rows of a batch, which is one statement: 1 to 10,000 (default 1,000). */
  readonly batchSize?: number | undefined
  /** Rows to change at most, in all batches together (default: as many as there are). */
  readonly limit?: number | undefined
  /** Counts what would be changed, and changes nothing. */
  readonly dryRun?: boolean | undefined
}

/** Options of a batch job that passed every check; a limit that was left out is infinite. */
export interface CheckedBatches {
  readonly batchSize: number
  readonly limit: number
  readonly dryRun: boolean
}

/** The names of {@link BatchOptions}, for a job with options of its own beside them. */
export const batchOptionNames: readonly (keyof BatchOptions)[] = ['batchSize', 'limit', 'dryRun']

/**
 * Checks the options of a batch job.
 *
 * @throws {InvalidArgumentError} when one does not exist in `known`, a number is out of range, or `dryRun` is no boolean.
 */
export function checkBatchOptions(options: BatchOptions, known: ReadonlySet<string>): CheckedBatches {
  checkOptionNames('option', checkObject('options', options), known)
  const { batchSize, limit, dryRun = false } = options
  // any text would count as true, 'false' included
  if (typeof dryRun !== 'boolean') throw new InvalidArgumentError('dryRun', 'must be true or false')
  return {
    batchSize: checkWholeNumber('batchSize', batchSize ?? 1_000, 1, 10_000),
    limit: limit === undefined ? Number.POSITIVE_INFINITY : checkWholeNumber('limit', limit, 1),
    dryRun,
  }
}

/**
 * What a batch needs of the server; it rides in the statement's own round trip.
 *
 * A generic plan, which PostgreSQL turns to after five runs of a named statement, does not know how small the batch is, and
 * would rather read whole tables than look its rows up.
 */
export const batchSettings: Settings = { plan_cache_mode: 'force_custom_plan' }
