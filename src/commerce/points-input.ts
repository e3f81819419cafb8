/** A movement of points as it is handed in, and what the database is given of it. */
import type { JsonObject, PointsLedgerChangeType, PointsLedgerDirection } from '../../types/database.d.ts'
import { InvalidArgumentError } from '../errors.ts'
import { checkObject, checkOptionNames, checkText, checkUuid } from '../tenancy/arguments.ts'

/** What every movement of points says. */
export interface PointsInput {
  readonly userId: string
  /** A whole number of at least 1. */
  readonly amount: number | bigint
  /** 1 to 100 characters: what happened. An event moves points once in the organization. */
  readonly eventId: string
  /** 1 to 50 characters: what the points are moved for. */
  readonly bizType: string
  readonly metadata?: JsonObject
  /** The version of the account that the caller has seen, 0 before its first movement; another one is refused. */
  readonly expectedVersion?: string | number | bigint
}

/** Points that come in. */
export interface PointsCredit extends PointsInput {
  /** Default: `earn`. */
  readonly changeType?: 'earn' | 'refund' | 'adjust'
}

/** Points that go out. */
export interface PointsDebit extends PointsInput {
  /** Default: `spend`. Not together with `fromFrozen`. */
  readonly changeType?: 'spend' | 'expire' | 'adjust'
  /** Spends points that were frozen before; the ledger calls it `settle`. */
  readonly fromFrozen?: boolean
}

/** Which way points go, and why. */
export interface PointsKind {
  readonly changeType: PointsLedgerChangeType
  readonly direction: PointsLedgerDirection
}

/** A movement that passed every check; bigints as text, as they travel. */
export interface CheckedMovement extends PointsKind {
  readonly userId: string
  readonly amount: string
  readonly eventId: string
  readonly bizType: string
  readonly metadata: JsonObject
  /** The version that the account gets; 0 for whichever is next. */
  readonly version: string
}

const known: ReadonlySet<string> = new Set<keyof PointsInput>([
  'userId',
  'amount',
  'eventId',
  'bizType',
  'metadata',
  'expectedVersion',
])

/** The largest `bigint` of PostgreSQL. */
const maxBigint = 9_223_372_036_854_775_807n

/** @throws {InvalidArgumentError} when the movement is not what it should be, or points do not come in this way. */
export function checkCredit({ changeType = 'earn', ...input }: PointsCredit): CheckedMovement {
  checkChangeType(changeType, ['earn', 'refund', 'adjust'])
  return checkMovement(input, { changeType, direction: 'credit' })
}

/** @throws {InvalidArgumentError} when the movement is not what it should be, or points do not go out this way. */
export function checkDebit({ changeType, fromFrozen = false, ...input }: PointsDebit): CheckedMovement {
  if (typeof fromFrozen !== 'boolean') throw new InvalidArgumentError('fromFrozen', 'must be true or false')
  if (fromFrozen && changeType !== undefined)
    throw new InvalidArgumentError('changeType', 'must be left out with fromFrozen')
  checkChangeType(changeType ?? 'spend', ['spend', 'expire', 'adjust'])
  return checkMovement(input, {
    changeType: fromFrozen ? 'settle' : (changeType ?? 'spend'),
    direction: 'debit',
  })
}

/** @throws {InvalidArgumentError} which names what is wrong: an id, the amount, a text, the version. */
export function checkMovement(input: PointsInput, kind: PointsKind): CheckedMovement {
  checkOptionNames('option', input, known)
  const { expectedVersion } = input
  return {
    ...kind,
    userId: checkUuid('userId', input.userId),
    amount: checkBigint('amount', input.amount, 1n).toString(),
    eventId: checkText('eventId', input.eventId, { least: 1, most: 100 }),
    bizType: checkText('bizType', input.bizType, { least: 1, most: 50 }),
    metadata: checkObject('metadata', input.metadata ?? {}),
    version: expectedVersion === undefined ? '0' : versionAfter(expectedVersion),
  }
}

function checkChangeType(changeType: string, types: readonly string[]): void {
  if (!types.includes(changeType))
    throw new InvalidArgumentError('changeType', `must be one of ${types.join(', ')}`)
}

/** Versions arrive as text, as every bigint does, and are handed back as they came. */
function versionAfter(version: string | number | bigint): string {
  const isDigits = typeof version === 'string' && /^\d{1,19}$/.test(version)
  return (
    checkBigint('expectedVersion', isDigits ? BigInt(version) : version, 0n, maxBigint - 1n) + 1n
  ).toString()
}

function checkBigint(name: string, value: unknown, least: bigint, most = maxBigint): bigint {
  const whole = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof whole === 'bigint' && whole >= least && whole <= most) return whole
  throw new InvalidArgumentError(
    name,
    `must be a whole number of at least ${least}: a safe integer or a bigint`,
  )
}
