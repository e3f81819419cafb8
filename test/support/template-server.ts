/** The template database on a server. */
import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import type { ServerAccess } from './backend.ts'
import { fillWithNeighbour } from './neighbour.ts'
import type { ResourceLedger } from './resource-ledger.ts'
import { withClient } from './with-client.ts'

/**
 * Creates and migrates the template that each test file clones, under a name that no other run has.
 *
 * @throws {Error} when the login is no superuser: the tests look at rows from outside of every tenant.
 */
export async function createServerTemplate(
  backend: 'testcontainers' | 'server',
  url: string,
  ledger: ResourceLedger,
): Promise<ServerAccess> {
  const prefix = `ibex_test_${randomBytes(6).toString('hex')}`
  await withClient(url, async (client) => {
    await requireSuperuser(client)
    ledger.add({ kind: 'databases', url, prefix })
    await client.query(`create database ${prefix}`)
    const target = { url: urlOfDatabase(url, prefix) }
    await migrateToLatest({ target, provider: migrationProvider })
    await fillWithNeighbour(target)
    // PostgreSQL refuses to clone a database that somebody is connected to
    await client.query(`alter database ${prefix} with allow_connections false`)
  })
  return { backend, url, prefix }
}

/** The same server, another database. */
export function urlOfDatabase(url: string, name: string): string {
  const other = new URL(url)
  other.pathname = name
  return other.href
}

async function requireSuperuser(client: Client): Promise<void> {
  const { rows } = await client.query<{ rolsuper: boolean }>(
    'select rolsuper from pg_roles where rolname = current_user',
  )
  if (rows[0]?.rolsuper !== true) {
    throw new Error(
      'the login of TEST_DATABASE_URL is no superuser: the tests look at rows from outside of every tenant',
    )
  }
}
