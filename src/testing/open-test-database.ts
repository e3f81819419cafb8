/** A test database around what a backend has started. */
import { Kysely, PostgresDialect, sql } from 'kysely'
import { ConnectionPool } from '../database/connection-pool.ts'
import { resolveOptions } from '../database/options.ts'
import type { DatabaseTarget } from '../database/options.ts'
import { migrateToLatest } from '../migration/migrate.ts'
import type { DatabaseSnapshot, StartOptions, TestDatabase } from './test-database.ts'

/** What a backend provides. */
export interface Backing {
  readonly backend: TestDatabase['backend']
  readonly target: DatabaseTarget
  snapshot(): Promise<DatabaseSnapshot>
  clone<DB>(): Promise<TestDatabase<DB>>
  /** Takes the database away. */
  drop(): Promise<void>
}

/** Opens the superuser's Kysely and puts the bundle together; a database that cannot be opened is dropped. */
export async function openTestDatabase<DB>(backing: Backing): Promise<TestDatabase<DB>> {
  const admin = openAdmin<DB>(backing.target)
  try {
    // connects now: opening a connection later would roll back what the embedded engine's one session is in
    await sql`select 1`.execute(admin)
  } catch (error) {
    await admin.destroy()
    await backing.drop()
    throw error
  }
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    closing ??= closeBoth(admin, backing)
    await closing
  }
  const { backend, target } = backing
  return {
    backend,
    target,
    admin,
    clone: async () => await backing.clone<DB>(),
    snapshot: async () => await backing.snapshot(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Runs what the caller wants in the database before the first test. */
export async function prepareDatabase(
  target: DatabaseTarget,
  { migrations, prepare }: Pick<StartOptions, 'migrations' | 'prepare'>,
): Promise<void> {
  if (migrations !== undefined) await migrateToLatest({ target, provider: migrations })
  if (prepare === undefined) return
  const admin = openAdmin<unknown>(target)
  try {
    await prepare(admin)
  } finally {
    await admin.destroy()
  }
}

async function closeBoth(admin: { destroy(): Promise<void> }, backing: Backing): Promise<void> {
  await admin.destroy()
  await backing.drop()
}

function openAdmin<DB>(target: DatabaseTarget): Kysely<DB> {
  const pool = new ConnectionPool(
    resolveOptions({ ...target, poolSize: 4, applicationName: 'ibex-db testing admin' }),
  )
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
}
