/** Erases a memory or a user of a tenant. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { InvalidArgumentError, RowNotFoundError } from '../errors.ts'
import { checkFilledText, checkObject, checkOptionNames } from '../tenancy/arguments.ts'
import { toResult } from './erasure-receipt.ts'
import type { ErasureOptions, ErasureResult, StoredReceipt } from './erasure-receipt.ts'

/** What is erased. */
export interface ErasureSubject {
  readonly type: 'memory' | 'user'
  readonly id: string
}

const known: ReadonlySet<string> = new Set<keyof ErasureOptions>([
  'reason',
  'includeDerived',
  'allowRelearning',
])

/**
 * Erases the subject and all that depends on it, in one statement, and returns the receipt.
 *
 * ```sql
 * select * from ibex_core.erase_subject($1, $2, $3, $4, $5)
 * ```
 *
 * @throws {RowNotFoundError} when the tenant has no such row.
 * @throws {LegalHoldError} when a legal hold stands.
 * @throws {InvalidArgumentError} when an option is not what it should be, or the transaction is not read committed.
 */
export async function eraseSubject<DB>(
  db: Kysely<DB>,
  { type, id }: ErasureSubject,
  options: ErasureOptions,
): Promise<ErasureResult> {
  checkOptionNames('option', checkObject('options', options), known)
  const reason = checkReason(options.reason)
  const includeDerived = checkFlag('includeDerived', options.includeDerived ?? true)
  const allowRelearning = checkFlag('allowRelearning', options.allowRelearning ?? false)
  const query = sql<StoredReceipt>`select * from ibex_core.erase_subject(${type}, ${id}, ${reason},
    ${includeDerived}, ${allowRelearning})`
  const { rows } = await query.execute(db).catch((error: unknown) => {
    throw explainIsolation(error)
  })
  const [receipt] = rows
  if (receipt === undefined) throw new RowNotFoundError(`ibex_core.${tableOf[type]}`)
  return toResult(receipt)
}

const tableOf = { memory: 'memories', user: 'users' } as const

/**
 * Checks why something is erased or kept.
 *
 * @throws {InvalidArgumentError} when it is blank or longer than 1,000 characters.
 */
export function checkReason(reason: unknown): string {
  return checkFilledText('reason', reason, 1_000)
}

/** Says what the caller can do about a transaction of another isolation level. */
export function explainIsolation(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === '0A000')) return error
  return new InvalidArgumentError(
    'isolationLevel',
    'must be read committed where something is erased: an older snapshot does not see all that depends on it',
  )
}

function checkFlag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new InvalidArgumentError(name, 'must be true or false')
}
