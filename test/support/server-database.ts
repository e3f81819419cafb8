/** Databases of one test file on a server. */
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import type { ServerAccess } from './backend.ts'
import { urlOfDatabase } from './template-server.ts'
import { withClient } from './with-client.ts'

/** A database on the server of the run, and how to drop it. */
export interface ServerDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** Clones the run's template; costs about 0.1 s. */
export async function cloneDatabase(access: ServerAccess): Promise<ServerDatabase> {
  return await create(access, `template ${access.prefix}`)
}

/** Creates a database without the migrations. */
export async function createEmptyDatabase(access: ServerAccess): Promise<ServerDatabase> {
  return await create(access, 'template template0')
}

async function create({ url, prefix }: ServerAccess, template: string): Promise<ServerDatabase> {
  const name = `${prefix}_${randomBytes(4).toString('hex')}`
  await withClient(url, async (client) => {
    await runWhenFree(client, `create database ${name} ${template}`)
  })
  const drop = async (): Promise<void> => {
    // with (force): a connection that a test has lost must not keep the database alive
    await withClient(
      url,
      async (client) => await runWhenFree(client, `drop database if exists ${name} with (force)`),
    )
  }
  return { url: urlOfDatabase(url, name), drop }
}

/** Tries again while a process that ends, or an autovacuum worker, is connected: 55006, "being accessed by other users". */
async function runWhenFree(client: pg.Client, statement: string, attempts = 50): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(statement)
      return
    } catch (error) {
      if (attempt === attempts || !(error instanceof pg.DatabaseError && error.code === '55006')) {
        throw error
      }
      await setTimeout(100)
    }
  }
}
