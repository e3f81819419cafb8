/** Says which migration failed, what is left of it, and why. */
import type { MigrationResult } from 'kysely/migration'
import { mapDatabaseError } from '../database/map-error.ts'
import { IbexError, InsufficientPrivilegeError, MigrationError } from '../errors.ts'
import { read, sqlStateOf } from './handle.ts'
import type { MigrationHandle } from './handle.ts'
import type { ResolvedRunnerOptions } from './migration-options.ts'
import { isLockProblem } from './run-migration.ts'

/** How far a run came before it failed. */
export interface FailedRun extends Pick<ResolvedRunnerOptions, 'schema' | 'attempts'> {
  readonly results: readonly MigrationResult[]
  /** False when the migration that failed ran outside a transaction. */
  readonly isTransactional: boolean
}

/** Turns what a run threw into an error of the library; one of those passes as it is. */
export async function explainMigrationError(
  db: MigrationHandle,
  error: unknown,
  run: FailedRun,
): Promise<Error> {
  if (error instanceof IbexError) return error
  if (run.results.length === 0 && sqlStateOf(error) === '42501') return await schemaRefusal(db, error, run)
  const cause = mapDatabaseError(error)
  const reason = reasonOf(error, cause, run)
  const failed = run.results.find(({ status }) => status === 'Error')
  if (failed === undefined)
    return new MigrationError(`migrations cannot run, and nothing was changed: ${reason}`, { cause })
  return new MigrationError(`migration ${failed.migrationName} failed, and ${whatIsLeft(run)}: ${reason}`, {
    cause,
  })
}

function whatIsLeft({ results, isTransactional }: FailedRun): string {
  const done = results.filter(({ status }) => status === 'Success').length
  const own = isTransactional
    ? 'nothing of it was kept'
    : 'what it did until then stays, because it has no transaction'
  return done === 0 ? own : `${own} (${done} before it ${done === 1 ? 'has' : 'have'} run)`
}

function reasonOf(error: unknown, cause: unknown, { isTransactional, attempts }: FailedRun): string {
  if (isLockProblem(error)) {
    const times = isTransactional && attempts > 1 ? ` (${attempts} times)` : ''
    return `a lock that others hold was not free in time${times}: run it when less is going on, or raise lockTimeout`
  }
  return cause instanceof Error ? cause.message : 'unknown error'
}

/** Before the first migration Kysely creates the schema of its own tables, and needs a right to do so. */
async function schemaRefusal(
  db: MigrationHandle,
  cause: unknown,
  { schema }: FailedRun,
): Promise<InsufficientPrivilegeError> {
  const [row] = await read<{ statement: string }>(
    db,
    `select format('grant create on database %I to %I', current_database(), session_user) as statement`,
  )
  return new InsufficientPrivilegeError(
    `this login may not migrate: use the login that owns the schema ${schema}, not a service's; ` +
      `for a first migration let an administrator run: ${row?.statement ?? 'grant create on database'};`,
    { sqlState: '42501' },
    { cause },
  )
}
