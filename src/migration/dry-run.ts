/** What migrations would do, seen without leaving anything behind. */
import { Kysely } from 'kysely'
import type { CompiledQuery, LogEvent, Transaction } from 'kysely'
import { explainMigrationError } from './explain-migration-error.ts'
import type { MigrateOptions } from './migrate.ts'
import { migrationDialect } from './migration-dialect.ts'
import { compareHistory, refuseEdited } from './migration-history.ts'
import { withLock } from './migration-lock.ts'
import { resolveRunnerOptions } from './migration-options.ts'
import type { ResolvedRunnerOptions } from './migration-options.ts'
import { readRecords } from './migration-records.ts'
import { readMigrations } from './migration-source.ts'
import { stepsDown, stepsUp } from './migration-steps.ts'
import type { MigrationStep, MigrationTarget } from './migration-steps.ts'
import { applySettings, migrationSettings, perform } from './run-migration.ts'

/** What one migration would send. */
export interface DryMigration {
  readonly name: string
  readonly direction: 'Up' | 'Down'
  /** Undefined for a migration without a transaction: it cannot be tried. */
  readonly statements: readonly DryStatement[] | undefined
}

/** A statement in the order in which it was sent, what a migration asks the catalog included. */
export interface DryStatement {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/** Which way, and how far. */
export interface DryRunTarget extends MigrationTarget {
  readonly direction?: 'Up' | 'Down'
}

/**
 * Runs the migrations in one transaction, rolls it back, and returns what they sent.
 *
 * It takes the locks that the migrations take, and keeps them until it has tried the last one: on a busy database try a
 * copy. A migration without a transaction is not tried, so one after it that builds on it fails here.
 *
 * @throws {MigrationError} when one fails.
 * @throws {MigrationHistoryError} when one that has run was edited, is gone, or sorts elsewhere now.
 */
export async function dryRun(
  { target, ...options }: MigrateOptions,
  way: DryRunTarget = {},
): Promise<readonly DryMigration[]> {
  const resolved = resolveRunnerOptions(options)
  const log = new SqlLog()
  const dialect = migrationDialect({ target, lockTimeout: resolved.lockTimeout })
  const db = new Kysely<unknown>({ dialect, log: log.add })
  try {
    return await withLock(
      db,
      resolved,
      async (connection) => await tryAll(connection, { log, way, resolved }),
    )
  } finally {
    await db.destroy()
  }
}

/** Keeps what was sent since it was last emptied. */
class SqlLog {
  #statements: DryStatement[] = []

  readonly add = ({ query }: LogEvent): void => {
    this.#statements.push(statementOf(query))
  }

  take(): readonly DryStatement[] {
    const statements = this.#statements
    this.#statements = []
    return statements
  }
}

function statementOf({ sql, parameters }: CompiledQuery): DryStatement {
  return { sql, parameters }
}

interface Trial {
  readonly log: SqlLog
  readonly way: DryRunTarget
  readonly resolved: ResolvedRunnerOptions
}

async function tryAll(db: Kysely<unknown>, { log, way, resolved }: Trial): Promise<readonly DryMigration[]> {
  const records = (await readRecords(db, resolved)) ?? []
  const history = compareHistory(await readMigrations(resolved.provider), records)
  if (!resolved.acceptEdited) refuseEdited(history)
  const steps = way.direction === 'Down' ? stepsDown(history, way) : stepsUp(history, way)
  const trx = await db.startTransaction().execute()
  try {
    await applySettings(trx, migrationSettings(resolved, true))
    const tried: DryMigration[] = []
    for (const step of steps) tried.push(await tryOne(trx, step, { log, way, resolved }))
    return tried
  } finally {
    await trx.rollback().execute()
  }
}

async function tryOne(
  trx: Transaction<unknown>,
  step: MigrationStep,
  { log, resolved }: Trial,
): Promise<DryMigration> {
  const { migration, direction } = step
  const { name: migrationName } = migration
  if (!migration.isTransactional) return { name: migrationName, direction, statements: undefined }
  log.take()
  try {
    await perform(trx, step)
  } catch (error) {
    const results = [{ migrationName, direction, status: 'Error' } as const]
    throw await explainMigrationError(trx, error, {
      ...resolved,
      attempts: 1,
      results,
      isTransactional: true,
    })
  }
  return { name: migrationName, direction, statements: log.take() }
}
