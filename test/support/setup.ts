/** The front door of the harness: a database of its own for each test file. */
import { readFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { type Kysely, sql } from 'kysely'
import { inject } from 'vitest'
import type { DatabaseTarget } from '../../src/database/options.ts'
import type { DB } from '../../types/database.d.ts'
import { openAdmin } from './admin.ts'
import type { Backend } from './backend.ts'
import { cloneDatabase, createEmptyDatabase, type ServerDatabase } from './server-database.ts'

/** A database that only this test file uses. */
export interface TestDatabase {
  readonly backend: Backend
  /** What `createDatabase` and the migrations take. */
  readonly target: DatabaseTarget
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
    : await openServer(access.backend, await cloneDatabase(access))
}

/** The same without the migrations: nothing but what PostgreSQL itself puts into a new database. */
export async function emptyDatabase(): Promise<TestDatabase> {
  const access = inject('access')
  return access.backend === 'embedded'
    ? await loadEmbedded(access.empty)
    : await openServer(access.backend, await createEmptyDatabase(access))
}

async function loadEmbedded(archive: string): Promise<TestDatabase> {
  const loadDataDir = new Blob([await readFile(archive)])
  const engine = await PGlite.create({ extensions: { vector }, loadDataDir })
  const target = { embedded: engine }
  return await open('embedded', target, async () => {
    await engine.close()
  })
}

async function openServer(
  backend: 'testcontainers' | 'server',
  database: ServerDatabase,
): Promise<TestDatabase> {
  return await open(backend, { url: database.url }, async () => {
    await database.drop()
  })
}

async function open(
  backend: Backend,
  target: DatabaseTarget,
  drop: () => Promise<void>,
): Promise<TestDatabase> {
  const admin = openAdmin(target)
  // connects now: opening a connection later would roll back what the embedded engine's one session is in
  await sql`select 1`.execute(admin)
  const close = async (): Promise<void> => {
    await admin.destroy()
    await drop()
  }
  return { backend, target, admin, close }
}
