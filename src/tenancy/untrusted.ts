/** Runs SQL that nobody has read: one query, read-only, for a tenant that it cannot change. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { mapDatabaseError } from '../database/map-error.ts'
import { UntrustedStatementError } from '../errors.ts'
import { checkFilledText, checkObject, checkOptionNames, checkWholeNumber } from './arguments.ts'
import type { ErrorTraits } from './observe.ts'

/** What an untrusted statement may take. */
export interface UntrustedOptions {
  /** Rows at most, 1 to 10,000 (default 1,000). */
  readonly maxRows?: number | undefined
  /** Bytes of JSON at most, 1 to 100,000,000 (default 10,000,000); the row that would exceed them is left out. */
  readonly maxBytes?: number | undefined
  /** Milliseconds at most, 1 to 60,000 (default 5,000). */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What an untrusted statement found. */
export interface UntrustedResult {
  /** Objects by column name, as JSON has them: times and numerics as PostgreSQL writes them in JSON. */
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** True when there were more rows than the limits allow. */
  readonly isTruncated: boolean
}

/** The statement and its limits, checked. */
export interface CheckedUntrusted {
  readonly statement: string
  readonly maxRows: number
  readonly maxBytes: number
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

const known: ReadonlySet<string> = new Set<keyof UntrustedOptions>([
  'maxRows',
  'maxBytes',
  'timeout',
  'signal',
])

/**
 * Checks a statement and its limits before any SQL.
 *
 * @throws {InvalidArgumentError} when the statement is blank or longer than 100,000 characters, or an option is unknown or out
 *   of range.
 */
export function checkUntrusted(statement: string, options: UntrustedOptions): CheckedUntrusted {
  checkOptionNames('untrusted option', checkObject('untrusted options', options), known)
  return {
    // a query in parentheses ends without a semicolon
    statement: checkFilledText('statement', statement, 100_000).replace(/[\s;]+$/, ''),
    maxRows: checkWholeNumber('maxRows', options.maxRows ?? 1_000, 1, 10_000),
    maxBytes: checkWholeNumber('maxBytes', options.maxBytes ?? 10_000_000, 1, 100_000_000),
    timeout: checkWholeNumber('timeout', options.timeout ?? 5_000, 1, 60_000),
    signal: options.signal,
  }
}

/**
 * Runs the query in a read-only transaction that is always rolled back: settings that it changed are undone with it.
 *
 * The arguments are evaluated as the role of the scope, so the tenant is signed before the function changes the role.
 */
export async function runUntrusted<DB>(
  db: Kysely<DB>,
  { statement, maxRows, maxBytes, timeout, signal }: CheckedUntrusted,
): Promise<UntrustedResult> {
  signal?.throwIfAborted()
  const trx = await db.startTransaction().setAccessMode('read only').execute()
  try {
    const lifetime = `${timeout + 1_000} milliseconds`
    const { rows } = await sql<{ lines: string[]; is_truncated: boolean }>`
      select lines, is_truncated from ibex_core.run_untrusted(
        ibex_core.sign_tenant(${lifetime}::interval), ${statement}, ${maxRows}, ${maxBytes})`.execute(trx)
    const [result] = rows
    return {
      // row_to_json writes objects only
      rows: (result?.lines ?? []).map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
      isTruncated: result?.is_truncated ?? false,
    }
  } finally {
    // one that fails destroys the connection, which rolls back too
    await trx
      .rollback()
      .execute()
      .catch(() => {})
  }
}

/** How errors reach the author of the statement: with the names that PostgreSQL quotes. */
export const untrustedErrors: ErrorTraits = {
  mapError: mapUntrustedError,
  quotesParameters: true,
}

/** Conditions that are the server's or the connection's, whatever the statement was. */
const serverCondition = /^(08|53|57|58|XX)/

/** Turns what the statement itself did wrong into {@link UntrustedStatementError}, and the rest into the usual errors. */
function mapUntrustedError(error: unknown): unknown {
  const isOfServer = error instanceof Error && 'severity' in error && 'code' in error
  if (!isOfServer || typeof error.code !== 'string' || serverCondition.test(error.code))
    return mapDatabaseError(error)
  // only what happens within the function has it among its surroundings
  const isWithin = 'where' in error && String(error.where).includes('run_untrusted')
  return isWithin ? new UntrustedStatementError(error.code, error.message) : mapDatabaseError(error)
}
