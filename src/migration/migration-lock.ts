/** The lock that lets one runner at a time work on one table of executed migrations. */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { MigrationLockedError } from '../errors.ts'
import type { ResolvedRunnerOptions } from './migration-options.ts'

/** The table of executed migrations, by which runners know each other: those of another one are not kept waiting. */
type LockName = Pick<ResolvedRunnerOptions, 'schema' | 'table'>

/** The name, and how long a runner waits. */
type LockOptions = Pick<ResolvedRunnerOptions, 'schema' | 'table' | 'lockWait' | 'onProgress'>

/** Calls back with one connection that holds the lock. */
export async function withLock<DB, T>(
  db: Kysely<DB>,
  options: LockOptions,
  callback: (db: Kysely<DB>) => Promise<T>,
): Promise<T> {
  return await db.connection().execute(async (connection) => {
    await acquireLock(connection, options)
    try {
      return await callback(connection)
    } finally {
      await releaseLock(connection, options)
    }
  })
}

/**
 * The key of the advisory lock: 64 bits of a hash, as text.
 *
 * Kysely has one key for every application in a database. Advisory locks belong to one database, so its name is no part.
 */
function lockKey({ schema, table }: LockName): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(['ibex-db migrations', schema, table]))
    .digest()
  return digest.readBigInt64BE().toString()
}

/**
 * Takes the lock for the session of `db`, which must be one connection.
 *
 * It asks again and again instead of waiting in the server: a statement that waits keeps its snapshot, and `create index
 * concurrently` of the runner at work would wait for it in turn, for ever.
 *
 * ```sql
 * select pg_try_advisory_lock($1)
 * ```
 *
 * @throws {MigrationLockedError} when another runner still has it after `lockWait` milliseconds.
 */
export async function acquireLock<DB>(db: Kysely<DB>, options: LockOptions): Promise<void> {
  const key = lockKey(options)
  const end = performance.now() + options.lockWait
  for (let attempt = 1; !(await tryLock(db, key)); attempt++) {
    if (attempt === 1) options.onProgress({ kind: 'waiting' })
    const left = end - performance.now()
    if (left <= 0) throw await lockedError(db, key, options)
    await delay(Math.min(left, 50 * attempt, 1_000))
  }
}

/** Gives the lock back; a connection that is lost has given it back already. */
export async function releaseLock<DB>(db: Kysely<DB>, name: LockName): Promise<void> {
  await sql`select pg_advisory_unlock(${lockKey(name)}::bigint)`.execute(db).catch(() => {})
}

async function tryLock<DB>(db: Kysely<DB>, key: string): Promise<boolean> {
  const { rows } = await sql<{ isMine: boolean }>`
    select pg_try_advisory_lock(${key}::bigint) as "isMine"`.execute(db)
  return rows[0]?.isMine === true
}

async function lockedError<DB>(
  db: Kysely<DB>,
  key: string,
  { schema, table, lockWait }: LockOptions,
): Promise<MigrationLockedError> {
  const { rows } = await sql<{ pid: number }>`
    select pid from pg_catalog.pg_locks where locktype = 'advisory' and granted and objsubid = 1
      and database = (select oid from pg_catalog.pg_database where datname = current_database())
      and (classid::bigint << 32) | objid::bigint = ${key}::bigint`.execute(db)
  const holder = rows[0] === undefined ? '' : ` (server process ${rows[0].pid})`
  return new MigrationLockedError(
    `another runner${holder} is at work on the migrations of ${schema}.${table}, and was not done after ${lockWait} ms: ` +
      'wait for it, or raise lockWait',
  )
}
