/** The front door of the harness: a database of its own for each test file. */
import { readFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { type Kysely, sql } from 'kysely'
import { inject } from 'vitest'
import { loadEmbeddedExtensions } from '../../src/database/embedded-extensions.ts'
import type { DatabaseTarget } from '../../src/database/options.ts'
import type { DB } from '../../types/database.d.ts'
import { openAdmin } from './admin.ts'
import type { Backend, ServerAccess } from './backend.ts'
import { urlForPort } from './server-url.ts'
import { cloneDatabase, createEmptyDatabase, type ServerDatabase } from './server-database.ts'

/** A database that only this test file uses. */
export interface TestDatabase {
  readonly backend: Backend
  /** What `createDatabase` and the migrations take; with `TEST_POOLER=1` the way through PgBouncer. */
  readonly target: DatabaseTarget
  /** The way to the server itself; none on the embedded engine. */
  readonly directUrl: string | undefined
  /**
   * A superuser, held by no policy: to prepare rows, and to look at what other tenants have.
   *
   * The embedded engine has one session, which this shares: never use it inside a tenant's transaction.
   */
  readonly admin: Kysely<DB>
  /** Closes `admin` and drops the database; close your own connections first. */
  close(): Promise<void>
}

/**
 * Clones the migrated template.
 *
 * ```ts
 * let test: TestDatabase
 * beforeAll(async () => { test = await setup() })
 * afterAll(async () => { await test.close() })
 * ```
 */
export async function setup(): Promise<TestDatabase> {
  const access = inject('access')
  return access.backend === 'embedded'
    ? await loadEmbedded(access.migrated)
    : await openServer(access, await cloneDatabase(access))
}

/**
 * The same without the migrations: nothing but what PostgreSQL itself puts into a new database.
 *
 * Never behind a pooler: migrations do not go through one.
 */
export async function emptyDatabase(): Promise<TestDatabase> {
  const access = inject('access')
  return access.backend === 'embedded'
    ? await loadEmbedded(access.empty)
    : await openServer({ ...access, poolerPort: undefined }, await createEmptyDatabase(access))
}

async function loadEmbedded(archive: string): Promise<TestDatabase> {
  const loadDataDir = new Blob([await readFile(archive)])
  const engine = await PGlite.create({ extensions: await loadEmbeddedExtensions(), loadDataDir })
  const target = { embedded: engine }
  const admin = await openConnectedAdmin(target)
  const close = async (): Promise<void> => {
    await admin.destroy()
    await engine.close()
  }
  return { backend: 'embedded', target, directUrl: undefined, admin, close }
}

async function openServer(
  { backend, poolerPort }: ServerAccess,
  database: ServerDatabase,
): Promise<TestDatabase> {
  const { url } = database
  const admin = await openConnectedAdmin({ url })
  const close = async (): Promise<void> => {
    await admin.destroy()
    await database.drop()
  }
  const target = poolerPort === undefined ? { url } : pooledTarget(urlForPort(url, poolerPort))
  return { backend, target, directUrl: url, admin, close }
}

/** Connects at once: opening a connection later would roll back what the embedded engine's one session is in. */
async function openConnectedAdmin(target: DatabaseTarget): Promise<Kysely<DB>> {
  const admin = openAdmin(target)
  await sql`select 1`.execute(admin)
  return admin
}

/** PgBouncer below 1.21 does not know the names of prepared statements: `createDatabase` takes the option along. */
function pooledTarget(url: string): DatabaseTarget {
  const options = { url, prepare: false, connectTimeout: 10_000 }
  return options
}
