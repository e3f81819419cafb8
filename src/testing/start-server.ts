/** Test databases on a server. */
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { mapConnectError, mapDatabaseError } from '../database/map-error.ts'
import { resolveOptions } from '../database/options.ts'
import { InsufficientPrivilegeError } from '../errors.ts'
import { openTestDatabase, prepareDatabase } from './open-test-database.ts'
import type { DatabaseSnapshot, StartOptions, TestDatabase } from './test-database.ts'

/** The server, and what ends with the database. */
export interface ServerStart extends Pick<StartOptions, 'migrations' | 'prepare'> {
  readonly backend: 'testcontainers' | 'server'
  readonly url: string
  readonly stop?: () => Promise<void>
}

type ServerSnapshot = Extract<DatabaseSnapshot, { readonly url: string }>

/** Prepares a template that nobody connects to, and clones it: so that others can be cloned while this one is used. */
export async function startServerDatabase<DB>(start: ServerStart): Promise<TestDatabase<DB>> {
  const { backend, url, stop } = start
  const template = newName()
  const snapshot: ServerSnapshot = { backend, url, template }
  try {
    resolveOptions({ url })
    await withClient(url, async (client) => {
      await requireSuperuser(client)
      await client.query(`create database ${template} template template0`)
    })
    await prepareDatabase({ url: urlOf(url, template) }, start)
    return await cloneServerDatabase(snapshot, async () => {
      await dropDatabase(url, template)
      await stop?.()
    })
  } catch (error) {
    await dropDatabase(url, template).catch(() => {})
    await stop?.()
    throw error
  }
}

/** Clones a template; `after` runs when the clone is gone. */
export async function cloneServerDatabase<DB>(
  snapshot: ServerSnapshot,
  after?: () => Promise<void>,
): Promise<TestDatabase<DB>> {
  const { backend, url, template } = snapshot
  const name = newName()
  await withClient(url, async (client) => {
    await createWhenFree(client, `create database ${name} template ${client.escapeIdentifier(template)}`)
  })
  return await openTestDatabase<DB>({
    backend,
    target: { url: urlOf(url, name) },
    snapshot: async () => await Promise.resolve(snapshot),
    clone: async <Other>() => await cloneServerDatabase<Other>(snapshot),
    drop: async () => {
      await dropDatabase(url, name)
      await after?.()
    },
  })
}

function newName(): string {
  return `ibex_testing_${randomBytes(8).toString('hex')}`
}

function urlOf(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = database
  return other.href
}

async function dropDatabase(url: string, name: string): Promise<void> {
  // with (force): a connection that a test has lost must not keep the database alive
  await withClient(url, async (client) => await client.query(`drop database if exists ${name} with (force)`))
}

async function withClient<T>(url: string, callback: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'ibex-db testing' })
  try {
    await client.connect()
  } catch (error) {
    throw mapConnectError(error)
  }
  try {
    return await callback(client)
  } catch (error) {
    throw mapDatabaseError(error)
  } finally {
    await client.end()
  }
}

async function requireSuperuser(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ rolsuper: boolean }>(
    'select rolsuper from pg_catalog.pg_roles where rolname = current_user',
  )
  if (rows[0]?.rolsuper === true) return
  throw new InsufficientPrivilegeError(
    'the login is no superuser: a test database is created, dropped and looked at from outside of every tenant',
    { sqlState: '42501' },
  )
}

/** Tries again while somebody is connected to the template, an autovacuum worker mostly: 55006. */
async function createWhenFree(client: pg.Client, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(statement)
      return
    } catch (error) {
      if (attempt === 50 || !(error instanceof pg.DatabaseError && error.code === '55006')) throw error
      await setTimeout(100)
    }
  }
}
