/** Runs migrations and says what failed. */
import { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import type { MigrationProvider, MigrationResultSet } from 'kysely/migration'
import { mapDatabaseError } from '../database/map-error.ts'
import { IbexError, InsufficientPrivilegeError, MigrationError } from '../errors.ts'
import { read, sqlStateOf } from './handle.ts'
import type { MigrationHandle } from './handle.ts'
import { migrationDialect } from './migration-dialect.ts'
import type { MigrationConnectionOptions } from './migration-dialect.ts'

/**
 * The schema of the tables in which Kysely notes what has run.
 *
 * Not `public`: an application's own Kysely migrations keep their tables there, under the same names.
 */
export const migrationTableSchema = 'ibex_core'

/** Which migrations, and where. */
export interface MigrateOptions extends MigrationConnectionOptions {
  readonly provider: MigrationProvider
}

/**
 * Runs every migration that has not run yet, all in one transaction, and returns their names.
 *
 * @throws {MigrationError} when one fails; then none has happened.
 * @throws {InsufficientPrivilegeError} when the server refuses a role, an extension or a schema; says what an administrator must run.
 */
export async function migrateToLatest(options: MigrateOptions): Promise<readonly string[]> {
  return await withMigrator(options, async (migrator) => await migrator.migrateToLatest())
}

/**
 * Runs migrations one way with a migrator of its own connection, and returns the names of those that ran.
 *
 * ```ts
 * await withMigrator(options, async (migrator) => await migrator.migrateTo(NO_MIGRATIONS))
 * ```
 *
 * @throws {MigrationError} when one fails; then none has happened.
 */
export async function withMigrator(
  { provider, ...connection }: MigrateOptions,
  callback: (migrator: Migrator) => Promise<MigrationResultSet>,
): Promise<readonly string[]> {
  const db = new Kysely<unknown>({ dialect: migrationDialect(connection) })
  try {
    const { error, results = [] } = await callback(new Migrator({ db, provider, migrationTableSchema }))
    if (error !== undefined) throw await explain(db, error, results)
    return results.map(({ migrationName }) => migrationName)
  } finally {
    await db.destroy()
  }
}

type Results = NonNullable<MigrationResultSet['results']>

async function explain(db: MigrationHandle, error: unknown, results: Results): Promise<Error> {
  if (error instanceof IbexError) return error
  if (results.length === 0 && sqlStateOf(error) === '42501') return await schemaRefusal(db, error)
  const cause = mapDatabaseError(error)
  const failed = results.find(({ status }) => status === 'Error')
  const what = failed === undefined ? 'migrations cannot run' : `migration ${failed.migrationName} failed`
  const reason = cause instanceof Error ? cause.message : 'unknown error'
  return new MigrationError(`${what}, and nothing was changed: ${reason}`, { cause })
}

/** Before the first migration Kysely creates the schema of its own tables, and needs a right to do so. */
async function schemaRefusal(db: MigrationHandle, cause: unknown): Promise<InsufficientPrivilegeError> {
  const [row] = await read<{ statement: string }>(
    db,
    `select format('grant create on database %I to %I', current_database(), session_user) as statement`,
  )
  return new InsufficientPrivilegeError(
    `this login may not migrate: use the login that owns the schema ${migrationTableSchema}, not a service's; ` +
      `for a first migration let an administrator run: ${row?.statement ?? 'grant create on database'};`,
    { sqlState: '42501' },
    { cause },
  )
}
