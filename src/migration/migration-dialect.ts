/** The connection of migrations: one, that refuses to be fooled by row-level security and waits for no lock for long. */
import { PostgresAdapter, PostgresDialect } from 'kysely'
import type { Dialect, DialectAdapter, Kysely } from 'kysely'
import type { DatabaseTarget } from '../database/options.ts'
import { acquireLock, releaseLock } from './migration-lock.ts'
import { MigrationPool } from './migration-pool.ts'

/** Where migrations run, and how long they wait. */
export interface MigrationConnectionOptions {
  /** A server's direct URL (not a transaction pooler's), or the embedded database. */
  readonly target: DatabaseTarget
  /** Milliseconds to wait for a lock that traffic holds (default 5,000): every query behind a waiting migration waits too. */
  readonly lockTimeout?: number | undefined
}

/**
 * The Kysely dialect for migrations, also for a `kysely.config.ts` of your own.
 *
 * `row_security = off` does not switch row-level security off: it makes a statement fail where policies would hide rows
 * from it. Without it the owner of a table with FORCE updates no row, and PostgreSQL calls violated constraints valid.
 *
 * ```sql
 * select set_config('row_security', 'off', false), set_config('lock_timeout', '5000', false)
 * ```
 *
 * Its migration lock is one for each table of executed migrations, where Kysely's is one for all applications of a database.
 *
 * @throws {TransactionPoolerError} on first use, when the url leads through a transaction pooler.
 */
export function migrationDialect({ target, lockTimeout = 5_000 }: MigrationConnectionOptions): Dialect {
  return new MigrationDialect({ pool: new MigrationPool(target, lockTimeout) })
}

class MigrationDialect extends PostgresDialect {
  override createAdapter(): DialectAdapter {
    return new MigrationAdapter()
  }
}

/** What Kysely's own Migrator asks when it is given this dialect. */
class MigrationAdapter extends PostgresAdapter {
  override async acquireMigrationLock(db: Kysely<unknown>, options: KyselyLock): Promise<void> {
    await acquireLock(db, { ...nameOf(options), lockWait: 300_000, onProgress: () => {} })
  }

  override async releaseMigrationLock(db: Kysely<unknown>, options: KyselyLock): Promise<void> {
    await releaseLock(db, nameOf(options))
  }
}

type KyselyLock = Parameters<PostgresAdapter['acquireMigrationLock']>[1]

/** Without a schema Kysely's tables are in the first one of the search path. */
function nameOf({ lockTable, lockTableSchema = 'public' }: KyselyLock): { schema: string; table: string } {
  return { schema: lockTableSchema, table: lockTable.replace(/_lock$/, '') }
}
