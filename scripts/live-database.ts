/** The database that a script reads: one that exists, or an embedded one that has just been migrated. */
import { PGlite } from '@electric-sql/pglite'
import { Kysely } from 'kysely'
import { migrationProvider } from '../migrations/index.ts'
import { loadEmbeddedExtensions } from '../src/database/embedded-extensions.ts'
import type { DatabaseTarget } from '../src/database/options.ts'
import { migrateToLatest } from '../src/migration/migrate.ts'
import { migrationDialect } from '../src/migration/migration-dialect.ts'

/**
 * Calls back with the database of this URL as it is; without one with an embedded database after all migrations.
 *
 * The embedded one is in memory: no server is needed, and nothing is left over.
 */
export async function withLiveDatabase<T>(
  url: string | undefined,
  callback: (db: Kysely<unknown>) => Promise<T>,
): Promise<T> {
  if (url !== undefined) return await withDatabase({ url }, callback)
  const engine = await PGlite.create({ extensions: await loadEmbeddedExtensions() })
  try {
    await migrateToLatest({ target: { embedded: engine }, provider: migrationProvider })
    return await withDatabase({ embedded: engine }, callback)
  } finally {
    await engine.close()
  }
}

async function withDatabase<T>(
  target: DatabaseTarget,
  callback: (db: Kysely<unknown>) => Promise<T>,
): Promise<T> {
  const db = new Kysely<unknown>({ dialect: migrationDialect({ target }) })
  try {
    return await callback(db)
  } finally {
    await db.destroy()
  }
}
