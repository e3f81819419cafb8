/**
 * A process that writes pairs of rows until something ends it: `writer.ts write <directory or url>`; until its disk is full:
 * `writer.ts fill <directory>`, on a file system of its own; or that looks at what is there: `writer.ts check <directory>`.
 *
 * The database has the migrations. It prints a line for each pair that was acknowledged, and one for the error that ended it.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Kysely, sql } from 'kysely'
import { type Database, createDatabase } from '../../src/create-database.ts'
import type { DatabaseTarget } from '../../src/database/options.ts'
import { createOrganization } from '../../src/identity/create-organization.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { readWritten } from './written-units.ts'

const [mode = '', place = ''] = process.argv.slice(2)
const target = place.includes('://') ? { url: place } : { embedded: place }
if (mode === 'fill') await leaveLittleRoom(target)
await using database = createDatabase(target)
await (mode === 'check' ? check(database) : write(database))

/**
 * Leaves room for less than a segment of the write-ahead log, of which a new one was just begun: the tables are first to find
 * none. The engine does not answer any more when it is the log (PGlite 0.5.14).
 */
async function leaveLittleRoom(disk: DatabaseTarget): Promise<void> {
  const db = new Kysely<unknown>({ dialect: migrationDialect({ target: disk }) })
  await sql`select pg_switch_wal()`.execute(db)
  await sql`create table public.room (id int)`.execute(db)
  await db.destroy()
  const { blocks, bfree, bsize } = statfsSync(place)
  const size = (blocks - bfree) * bsize + 5_000_000
  execFileSync('mount', ['-o', `remount,size=${size}`, 'tmpfs', dirname(place)])
}

/** On a server four write at once, so that the end finds them in all states. */
async function write(written: Database): Promise<void> {
  const tenant = await insertWriter(written, 'writer')
  const writers = 'url' in target ? [0, 1, 2, 3] : [0]
  // random, so that it is not stored compressed
  const metadata = { filler: randomBytes(mode === 'fill' ? 25_000 : 100).toString('hex') }
  try {
    await Promise.all(
      writers.map(async (first) => {
        for (let unit = first; ; unit += writers.length) await writePair(tenant, unit, metadata)
      }),
    )
  } catch (error) {
    print(`failed ${JSON.stringify({ error })}`)
  }
}

async function writePair(
  tenant: TenantScope,
  unit: number,
  metadata: { readonly filler: string },
): Promise<void> {
  await tenant.transaction(async (trx) => {
    await trx.agents.insert({ name: 'one', slug: `unit-${unit}-1`, metadata })
    await trx.agents.insert({ name: 'two', slug: `unit-${unit}-2`, metadata })
  })
  print(`wrote ${unit}`)
}

async function check(written: Database): Promise<void> {
  const units = await readWritten(written)
  const tenant = await insertWriter(written, 'another')
  await tenant.agents.insert({ name: 'An agent', slug: 'after' })
  const isWritable = await tenant.agents.exists({ slug: 'after' })
  print(`holds ${JSON.stringify({ ...units, isWritable })}`)
}

async function insertWriter(written: Database, slug: string): Promise<TenantScope> {
  return await written.asSystem('a writer that fails', async (system) => {
    const owner = { email: 'owner@example.com' }
    const { organization } = await createOrganization(system, { name: 'A writer', slug, owner })
    return written.forTenant(organization.id)
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
