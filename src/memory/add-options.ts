/** How memories are added: what happens to those that are near others. */
import { InvalidArgumentError } from '../errors.ts'
import { checkObject, checkOptionNames } from '../tenancy/arguments.ts'
import { inRange } from './memory-input.ts'

/**
 * What happens to a memory that says the same as an active one of its agent in other words: the cosine similarity of their
 * embeddings, which must be of one model, is at or above the threshold of duplicates.
 *
 * - `merge`: the nearest takes it in: the higher confidence and importance, all tags, source messages and metadata (its own
 *   keys win), a pin, what it lacks of user, session and subject, and the later end. What was said is kept as a row of its
 *   own, with the status `merged`;
 * - `supersede`: it replaces those that are near, at most 10;
 * - `report`: it is created beside them, and the result names them;
 * - `ignore`: nothing is compared, conflicts neither; the quickest way for what is known to be distinct.
 */
export type NearDuplicatePolicy = 'merge' | 'supersede' | 'report' | 'ignore'

/** From which cosine similarity on two memories are near; what is left out is the model's, by `embeddingModels`. */
export interface NearThresholds {
  /** They say the same: 0 to 1 (default of a model: 0.92). */
  readonly duplicate?: number
  /** They contradict each other where both are of one category: 0 to 1 (default of a model: 0.85). */
  readonly conflict?: number
}

/** How memories are added. */
export interface AddOptions {
  /** Default: `merge`. */
  readonly onNearDuplicate?: NearDuplicatePolicy
  readonly thresholds?: NearThresholds
}

/** Options that passed every check; null is the model's threshold. */
export interface CheckedAddOptions {
  readonly policy: NearDuplicatePolicy
  readonly duplicateFrom: number | null
  readonly conflictFrom: number | null
}

/** All policies: one that is missing, or does not exist, is an error of types. */
const policies: Readonly<Record<NearDuplicatePolicy, true>> = {
  merge: true,
  supersede: true,
  report: true,
  ignore: true,
}

const optionNames: ReadonlySet<string> = new Set<keyof AddOptions>(['onNearDuplicate', 'thresholds'])
const thresholdNames: ReadonlySet<string> = new Set<keyof NearThresholds>(['duplicate', 'conflict'])

/**
 * Checks how memories are to be added; `standard` is the policy when none is given.
 *
 * @throws {InvalidArgumentError} when an option is unknown, the policy does not exist, or a threshold is not 0 to 1 or that
 *   of conflicts above that of duplicates.
 */
export function checkAddOptions(
  options: AddOptions,
  standard: NearDuplicatePolicy = 'merge',
): CheckedAddOptions {
  checkOptionNames('option', checkObject('options', options), optionNames)
  const { onNearDuplicate: policy = standard, thresholds = {} } = options
  if (!Object.hasOwn(policies, policy))
    throw new InvalidArgumentError('onNearDuplicate', `must be one of ${Object.keys(policies).join(', ')}`)
  checkOptionNames('threshold', checkObject('thresholds', thresholds), thresholdNames)
  const { duplicate, conflict } = thresholds
  const checked = {
    policy,
    duplicateFrom: duplicate === undefined ? null : inRange('thresholds.duplicate', duplicate, 0, 1),
    conflictFrom: conflict === undefined ? null : inRange('thresholds.conflict', conflict, 0, 1),
  }
  if (duplicate !== undefined && conflict !== undefined && conflict > duplicate)
    throw new InvalidArgumentError('thresholds.conflict', 'must not be above that of duplicates')
  return checked
}
