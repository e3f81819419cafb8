/** Runs migrations and says what failed. */
import { Kysely } from 'kysely'
import type { MigrationResultSet } from 'kysely/migration'
import { migrationDialect } from './migration-dialect.ts'
import type { MigrationConnectionOptions } from './migration-dialect.ts'
import type { RunnerOptions } from './migration-options.ts'
import type { MigrationStatus } from './migration-status.ts'
import { SafeMigrator } from './migrator.ts'

/** Which migrations, where, and how patiently. */
export interface MigrateOptions extends RunnerOptions, MigrationConnectionOptions {}

/**
 * Runs every migration that has not run yet, each in a transaction of its own, and returns their names.
 *
 * One runner at a time: another one waits for `lockWait` milliseconds.
 *
 * @throws {MigrationError} when one fails: nothing of it is kept, those before it stay.
 * @throws {MigrationHistoryError} when one that has run was edited, is gone, or sorts elsewhere now.
 * @throws {MigrationLockedError} when another runner is at work for too long.
 * @throws {TransactionPoolerError} when the url leads through a transaction pooler.
 * @throws {InsufficientPrivilegeError} when the server refuses a role, an extension or a schema; says what an administrator must run.
 */
export async function migrateToLatest(options: MigrateOptions): Promise<readonly string[]> {
  return await withMigrator(options, async (migrator) => await migrator.migrateToLatest())
}

/**
 * Runs migrations one way with a migrator of its own connection, and returns the names of those that ran.
 *
 * ```ts
 * await withMigrator(options, async (migrator) => await migrator.down({ to: '20261122_0010_create_directive_versions' }))
 * ```
 *
 * @throws what {@link migrateToLatest} throws.
 */
export async function withMigrator(
  options: MigrateOptions,
  callback: (migrator: SafeMigrator) => Promise<MigrationResultSet>,
): Promise<readonly string[]> {
  const { error, results = [] } = await withConnection(options, callback)
  if (error !== undefined) throw error
  return results.map(({ migrationName }) => migrationName)
}

/** Says of each migration whether it has run, was edited since or is gone. Changes nothing. */
export async function migrationStatus(options: MigrateOptions): Promise<readonly MigrationStatus[]> {
  return await withConnection(options, async (migrator) => await migrator.status())
}

async function withConnection<T>(
  { target, ...options }: MigrateOptions,
  callback: (migrator: SafeMigrator) => Promise<T>,
): Promise<T> {
  const { lockTimeout } = options
  const db = new Kysely<unknown>({ dialect: migrationDialect({ target, lockTimeout }) })
  try {
    return await callback(new SafeMigrator({ ...options, db }))
  } finally {
    await db.destroy()
  }
}
