/** `npm run schema:dump`: writes the migrated schema to test/schema.sql; with `--check` it fails when the file differs. */
import { Kysely } from 'kysely'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrationProvider } from '../migrations/index.ts'
import type { DatabaseTarget } from '../src/database/options.ts'
import { dumpSchema } from '../src/migration/dump-schema.ts'
import { migrateToLatest } from '../src/migration/migrate.ts'
import { migrationDialect } from '../src/migration/migration-dialect.ts'
import { runScript } from './command-line.ts'

const file = new URL('../test/schema.sql', import.meta.url)
const notice = '-- Written by `npm run schema:dump`: the schema after all migrations. Do not edit.\n\n'

const usage = `usage: npm run schema:dump [-- --url <postgres url>] [--check]

  --url    dump this database as it is, instead of a migrated embedded one
  --check  write nothing; print the difference and exit with 1 when the file is not up to date`

await runScript(usage, { check: { type: 'boolean' }, url: { type: 'string' } }, async ({ check, url }) => {
  const dump = notice + (url === undefined ? await dumpFresh() : await dumpTarget({ url }))
  process.exitCode = check === true ? await compare(dump) : await write(dump)
})

/** Migrates an empty embedded database, so that no server is needed and nothing is left over. */
async function dumpFresh(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'ibex-schema-'))
  try {
    const target = { embedded: directory }
    await migrateToLatest({ target, provider: migrationProvider })
    return await dumpTarget(target)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function dumpTarget(target: DatabaseTarget): Promise<string> {
  const db = new Kysely<unknown>({ dialect: migrationDialect({ target }) })
  try {
    return await dumpSchema(db)
  } finally {
    await db.destroy()
  }
}

async function write(dump: string): Promise<number> {
  await writeFile(file, dump)
  console.log(`test/schema.sql: ${dump.split('\n').length - 1} lines`)
  return 0
}

async function compare(dump: string): Promise<number> {
  const committed = await readFile(file, 'utf8').catch(() => '')
  if (committed === dump) {
    console.log('test/schema.sql is what the migrations create')
    return 0
  }
  console.error('test/schema.sql differs from what the migrations create: run npm run schema:dump')
  for (const line of difference(committed.split('\n'), dump.split('\n'))) console.error(line)
  return 1
}

/** The lines that only one side has, in the order of the file. Enough to find a change; lines that only moved do not show. */
function difference(before: readonly string[], after: readonly string[]): readonly string[] {
  const missing = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`)
  const added = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)
  return [...missing, ...added]
}
