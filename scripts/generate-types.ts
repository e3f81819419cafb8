/** Writes `types/database.d.ts` and `types/tables.ts` from a live database, or says how they differ from it. */
import { join, resolve } from 'node:path'
import type { Kysely } from 'kysely'
import { generateTypes } from '../src/codegen/generate-types.ts'
import type { GeneratedFile } from '../src/codegen/generated-file.ts'
import { runScript } from './command-line.ts'
import { writeOrCompare } from './committed-files.ts'
import { withLiveDatabase } from './live-database.ts'

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

async function main({ url, check }: Options): Promise<void> {
  const files = await withLiveDatabase(url, generateCommittedFiles)
  await writeOrCompare(files, { check, command: 'npm run types:generate' })
}
