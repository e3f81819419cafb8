/** The test's view from outside of every tenant. */
import { Kysely, PostgresDialect } from 'kysely'
import { ConnectionPool } from '../../src/database/connection-pool.ts'
import { type DatabaseTarget, resolveOptions } from '../../src/database/options.ts'
import { Vector } from '../../src/vector/vector.ts'
import type { DB } from '../../types/database.d.ts'

/** Milliseconds to wait for a connection: less than a test may take, and enough for many callers on a machine that is busy. */
export const patience = 25_000

/** Opens a superuser's Kysely, which no policy holds: it sees and writes the rows of all tenants. */
export function openAdmin(target: DatabaseTarget): Kysely<DB> {
  const options = resolveOptions({
    ...target,
    poolSize: 4,
    connectTimeout: patience,
    applicationName: 'ibex-db test admin',
  })
  const pool = new ConnectionPool(options, { vector: (text) => Vector.parse(text) })
  return new Kysely<DB>({
    dialect: new PostgresDialect({ pool }),
  })
}
