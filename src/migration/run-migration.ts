/** One migration: its transaction, its time limits, and the next try when a lock was not free. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { sqlStateOf } from './handle.ts'
import type { ResolvedRunnerOptions } from './migration-options.ts'
import { deleteRecord, insertRecord } from './migration-records.ts'
import type { MigrationStep } from './migration-steps.ts'

/** The runner's options, and whether another migration follows. */
export interface RunOptions extends ResolvedRunnerOptions {
  readonly isLast: boolean
}

/** Milliseconds that a statement within a transaction may take when nothing else was said: it holds locks. */
const defaultStatementTimeout = 900_000

/**
 * Runs one migration and notes it, in one transaction unless it wants none, on the one connection of `db`.
 *
 * A lock that traffic holds is waited for `lockTimeout` milliseconds; then the transaction is rolled back, which lets the
 * traffic through, and tried again. Without a transaction there is no way back to the beginning, and no second try.
 */
export async function runMigration<DB>(
  db: Kysely<DB>,
  step: MigrationStep,
  options: RunOptions,
): Promise<void> {
  const { attempts, onProgress } = options
  const { name, isTransactional } = step.migration
  if (!isTransactional) return await runWithoutTransaction(db, step, options)
  for (let attempt = 1; ; attempt++) {
    try {
      return await runInTransaction(db, step, options)
    } catch (error) {
      if (attempt >= attempts || !isLockProblem(error)) throw error
      const pause = pauseAfter(attempt)
      onProgress({ kind: 'retrying', name, attempt: attempt + 1, attempts, delay: pause })
      await delay(pause)
    }
  }
}

/** The settings of a migration's session: what row-level security would hide is an error, and nothing waits for ever. */
export function migrationSettings(
  { lockTimeout, statementTimeout }: ResolvedRunnerOptions,
  isTransactional: boolean,
): Readonly<Record<string, string>> {
  const timeout = String(statementTimeout ?? (isTransactional ? defaultStatementTimeout : 0))
  return {
    row_security: 'off',
    lock_timeout: String(lockTimeout),
    statement_timeout: timeout,
    ...(isTransactional ? { idle_in_transaction_session_timeout: timeout } : {}),
  }
}

/** Sets settings for the transaction, or the session. */
export async function applySettings<DB>(
  db: Kysely<DB>,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const isLocal = sql.lit(db.isTransaction)
  const calls = Object.entries(settings).map(
    ([name, value]) => sql`set_config(${name}, ${value}, ${isLocal})`,
  )
  await sql`select ${sql.join(calls)}`.execute(db)
}

/** True for a lock that was not free in time (55P03) and for a deadlock with traffic (40P01). */
export function isLockProblem(error: unknown): boolean {
  const state = sqlStateOf(error)
  if (state === '55P03' || state === '40P01') return true
  // a helper may have said what it was doing
  return error instanceof Error && error.cause !== undefined && isLockProblem(error.cause)
}

/** 1, 2, 4 … 30 seconds, and up to a quarter less, so that two do not meet again. */
export function pauseAfter(attempt: number): number {
  const full = Math.min(30_000, 1_000 * 2 ** (attempt - 1))
  return Math.round(full * (1 - Math.random() / 4))
}

async function runInTransaction<DB>(db: Kysely<DB>, step: MigrationStep, options: RunOptions): Promise<void> {
  // the log is written in order: the last commit waits until all are on disk, and a crash before it loses the later ones
  // whole, with their notes
  const durability = options.isLast ? {} : { synchronous_commit: 'off' }
  const settings = { ...migrationSettings(options, true), ...durability }
  await db.transaction().execute(async (trx) => {
    await applySettings(trx, settings)
    await perform(trx, step)
    await note(trx, step, options)
  })
}

async function runWithoutTransaction<DB>(
  db: Kysely<DB>,
  step: MigrationStep,
  options: ResolvedRunnerOptions,
): Promise<void> {
  const settings = migrationSettings(options, false)
  const before = await readSettings(db, Object.keys(settings))
  await applySettings(db, settings)
  try {
    await perform(db, step)
    await note(db, step, options)
  } finally {
    // a connection that broke has none to give back
    await applySettings(db, before).catch(() => {})
  }
}

/** Calls the function of the migration that leads this way. */
export async function perform<DB>(db: Kysely<DB>, { migration, direction }: MigrationStep): Promise<void> {
  if (direction === 'Up') await migration.up(db)
  else await migration.down?.(db)
}

async function note<DB>(
  db: Kysely<DB>,
  { migration, direction }: MigrationStep,
  at: ResolvedRunnerOptions,
): Promise<void> {
  if (direction === 'Up') await insertRecord(db, at, migration)
  else await deleteRecord(db, at, migration)
}

async function readSettings<DB>(
  db: Kysely<DB>,
  names: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const { rows } = await sql<{ name: string; value: string }>`
    select name, current_setting(name) as value from unnest(${names}::text[]) as name`.execute(db)
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}
