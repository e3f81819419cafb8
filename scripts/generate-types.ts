/** Writes `types/database.d.ts` and `types/tables.ts` from a live database, or says how they differ from it. */
import { join, relative, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { Kysely } from 'kysely'
import { migrationProvider } from '../migrations/index.ts'
import { generateTypes } from '../src/codegen/generate-types.ts'
import { findDrift, writeFiles } from '../src/codegen/generated-file.ts'
import type { GeneratedFile } from '../src/codegen/generated-file.ts'
import type { DatabaseTarget } from '../src/database/options.ts'
import { migrateToLatest } from '../src/migration/migrate.ts'
import { migrationDialect } from '../src/migration/migration-dialect.ts'
import { runScript } from './command-line.ts'

const root = resolve(import.meta.dirname, '..')

const usage = `usage: npm run types:generate [-- --url <postgres url>] [--check]

  --url    introspect this database as it is, instead of a migrated embedded one
  --check  write nothing; print the difference and exit with 1 when the files are not up to date`

// .js is found beside the sources and beside what is published, where a declaration file is not rewritten
const agentConfig = '../src/agents/agent-config.js'

/** Generates the two committed files of this package from the database, whatever it is. */
export async function generateCommittedFiles<DB>(db: Kysely<DB>): Promise<readonly GeneratedFile[]> {
  const { types, tables } = await generateTypes(db, {
    schemas: ['ibex_core'],
    command: 'npm run types:generate',
    vectorImport: '../src/vector/vector.js',
    definitionImport: '../src/repository/table-definition.ts',
    jsonTypes: {
      'ibex_core.agents.model_config': { name: 'AgentModelConfig', from: agentConfig },
      'ibex_core.agents.memory_config': { name: 'AgentMemoryConfig', from: agentConfig },
      'ibex_core.agents.boundaries': { name: 'AgentBoundaries', from: agentConfig },
      'ibex_core.agents.personality': { name: 'AgentPersonality', from: agentConfig },
    },
  })
  return [
    { path: join(root, 'types/database.d.ts'), text: types },
    { path: join(root, 'types/tables.ts'), text: tables },
  ]
}

interface Options {
  readonly url?: string | undefined
  readonly check?: boolean | undefined
}

if (import.meta.main) await runScript(usage, { url: { type: 'string' }, check: { type: 'boolean' } }, main)

async function main(options: Options): Promise<void> {
  const files = options.url === undefined ? await generateEmbedded() : await generate({ url: options.url })
  const names = files.map((file) => relative(process.cwd(), file.path)).join(' and ')
  if (options.check !== true) {
    await writeFiles(files)
    console.log(`wrote ${names}`)
    return
  }
  const drift = await findDrift(files)
  if (drift === undefined) {
    console.log(`${names} are up to date`)
    return
  }
  console.error(shorten(drift))
  console.error('\nthe generated files are not what the database says: run npm run types:generate')
  process.exitCode = 1
}

function shorten(text: string): string {
  const most = 60
  const lines = text.split('\n')
  const rest = lines.length - most
  return rest > 0 ? `${lines.slice(0, most).join('\n')}\n… and ${rest} more lines` : text
}

async function generateEmbedded(): Promise<readonly GeneratedFile[]> {
  const engine = await PGlite.create({ extensions: { vector } })
  try {
    await migrateToLatest({ target: { embedded: engine }, provider: migrationProvider })
    return await generate({ embedded: engine })
  } finally {
    await engine.close()
  }
}

async function generate(target: DatabaseTarget): Promise<readonly GeneratedFile[]> {
  const db = new Kysely<unknown>({ dialect: migrationDialect({ target }) })
  try {
    return await generateCommittedFiles(db)
  } finally {
    await db.destroy()
  }
}
