/** The options of the runner, checked before anything is asked. */
import { InvalidArgumentError } from '../errors.ts'
import type { MigrationSource } from './migration-source.ts'

/**
 * The schema of the tables in which Kysely notes what has run, unless another one is given.
 *
 * Not `public`: an application's own Kysely migrations keep their tables there, under the same names.
 */
export const migrationTableSchema = 'ibex_core'

/** What a runner takes beside its connection. */
export interface RunnerOptions {
  readonly provider: MigrationSource
  /** The schema of the table of executed migrations (default `ibex_core`); your own migrations want another one. */
  readonly schema?: string | undefined
  /** Its name (default `kysely_migration`, as Kysely has it). */
  readonly table?: string | undefined
  /** Milliseconds to wait for another runner (default 300,000). */
  readonly lockWait?: number | undefined
  /** Milliseconds to wait for a lock that traffic holds (default 5,000): every query behind a waiting migration waits too. */
  readonly lockTimeout?: number | undefined
  /** How often a migration is tried when such a lock is not free (default 5), with pauses of 1, 2, 4 … seconds. */
  readonly attempts?: number | undefined
  /**
   * Milliseconds that one statement of a migration may take, and that it may sit in its transaction without sending one
   * (default 900,000; 0 = no limit). Without a transaction only a limit that is given counts.
   */
  readonly statementTimeout?: number | undefined
  /** Notes the checksums of edited migrations anew instead of refusing them. */
  readonly acceptEdited?: boolean | undefined
  /** Called at each step, for a log. It must not throw. */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined
}

/** What a runner is doing; `duration` and `delay` are milliseconds. */
export type MigrationProgress =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'running' | 'failed'; readonly name: string; readonly direction: 'Up' | 'Down' }
  | {
      readonly kind: 'done'
      readonly name: string
      readonly direction: 'Up' | 'Down'
      readonly duration: number
    }
  | {
      readonly kind: 'retrying'
      readonly name: string
      readonly attempt: number
      readonly attempts: number
      readonly delay: number
    }
  | { readonly kind: 'accepted'; readonly names: readonly string[] }

/** {@link RunnerOptions} with every default filled in. */
export interface ResolvedRunnerOptions {
  readonly provider: MigrationSource
  readonly schema: string
  readonly table: string
  readonly lockWait: number
  readonly lockTimeout: number
  readonly attempts: number
  readonly statementTimeout: number | undefined
  readonly acceptEdited: boolean
  readonly onProgress: (progress: MigrationProgress) => void
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {InvalidArgumentError} when one is not what it should be.
 */
export function resolveRunnerOptions(options: RunnerOptions): ResolvedRunnerOptions {
  return {
    provider: options.provider,
    schema: checkName('schema', options.schema ?? migrationTableSchema),
    table: checkName('table', options.table ?? 'kysely_migration'),
    lockWait: checkNumber('lockWait', options.lockWait ?? 300_000, 0),
    lockTimeout: checkNumber('lockTimeout', options.lockTimeout ?? 5_000, 0),
    attempts: checkNumber('attempts', options.attempts ?? 5, 1),
    statementTimeout:
      options.statementTimeout === undefined
        ? undefined
        : checkNumber('statementTimeout', options.statementTimeout, 0),
    acceptEdited: options.acceptEdited === true,
    onProgress: options.onProgress ?? (() => {}),
  }
}

function checkName(argument: string, name: unknown): string {
  // PostgreSQL counts bytes, and would cut a longer name off
  if (typeof name === 'string' && name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 58) {
    return name
  }
  throw new InvalidArgumentError(argument, 'must be a name of 1 to 58 bytes')
}

function checkNumber(argument: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= 2_147_483_647)
    return value
  throw new InvalidArgumentError(argument, `must be a whole number of at least ${least}`)
}
