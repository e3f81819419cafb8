/**
 * A process that writes to an embedded database until it is killed: `embedded-writer.ts write <directory>`; until the disk is
 * full: `… fill <directory>`, on a file system of its own; or that looks at what is there: `… check <directory>`.
 *
 * It prints a line for each write that was acknowledged, and one for the error that ended it.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Kysely, sql } from 'kysely'
import { migrationProvider } from '../../migrations/index.ts'
import { type Database, createDatabase } from '../../src/create-database.ts'
import { createOrganization } from '../../src/identity/create-organization.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { readWritten } from './written-units.ts'

const [mode = '', directory = ''] = process.argv.slice(2)
const target = { embedded: directory }
if (mode !== 'check') await migrateToLatest({ target, provider: migrationProvider })
if (mode === 'fill') await leaveLittleRoom()
await using database = createDatabase(target)
await (mode === 'check' ? check(database) : write(database))

/**
 * Leaves room for less than a segment of the write-ahead log, of which a new one was just begun: the tables are first to find
 * none. The engine does not answer any more when it is the log (PGlite 0.5.14).
 */
async function leaveLittleRoom(): Promise<void> {
  const db = new Kysely<unknown>({ dialect: migrationDialect({ target }) })
  await sql`select pg_switch_wal()`.execute(db)
  await sql`create table public.room (id int)`.execute(db)
  await db.destroy()
  const { blocks, bfree, bsize } = statfsSync(directory)
  const size = (blocks - bfree) * bsize + 5_000_000
  execFileSync('mount', ['-o', `remount,size=${size}`, 'tmpfs', dirname(directory)])
}

async function write(database: Database): Promise<void> {
  const tenant = await insertWriter(database, 'writer')
  // random, so that it is not stored compressed
  const metadata = { filler: randomBytes(25_000).toString('hex') }
  try {
    for (let count = 0; ; count++) {
      await tenant.transaction(async (trx) => {
        await trx.agents.insert({ name: 'one', slug: `unit-${count}-1`, metadata })
        await trx.agents.insert({ name: 'two', slug: `unit-${count}-2`, metadata })
      })
      print(`wrote ${count}`)
    }
  } catch (error) {
    print(`failed ${JSON.stringify({ error })}`)
  }
}

async function check(database: Database): Promise<void> {
  const written = await readWritten(database)
  const tenant = await insertWriter(database, 'another')
  await tenant.agents.insert({ name: 'An agent', slug: 'after' })
  const isWritable = await tenant.agents.exists({ slug: 'after' })
  print(`holds ${JSON.stringify({ ...written, isWritable })}`)
}

async function insertWriter(database: Database, slug: string): Promise<TenantScope> {
  return await database.asSystem('a writer that fails', async (system) => {
    const owner = { email: 'owner@example.com' }
    const { organization } = await createOrganization(system, { name: 'A writer', slug, owner })
    return database.forTenant(organization.id)
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
