/** Draws the live schema: `docs/data-model.md` and `docs/data-model.svg`, or says how they differ from it. */
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import type { GeneratedFile } from '../src/codegen/generated-file.ts'
import { runScript } from './command-line.ts'
import { writeOrCompare } from './committed-files.ts'
import { withLiveDatabase } from './live-database.ts'
import { domains, groupByDomain } from './schema-docs/domains.ts'
import type { Domain } from './schema-docs/domains.ts'
import { writePage } from './schema-docs/page.ts'
import { readSchema } from './schema-docs/read-schema.ts'
import { drawSvg } from './schema-docs/svg.ts'

const docs = join(import.meta.dirname, '../docs')

const usage = `usage: npm run schema:diagram [-- --url <postgres url>] [--check]

  --url    draw this database as it is, instead of a migrated embedded one
  --check  write nothing; print the difference and exit with 1 when the files are not up to date`

/** Which tables are drawn, and where they belong. */
export interface SchemaDocsOptions {
  readonly schema: string
  readonly domains: readonly Domain[]
}

/**
 * Generates the page and the picture of a schema; the same schema gives the same text, on every server version.
 *
 * @throws {ScriptError} when a table is in no domain.
 */
export async function generateSchemaDocs<DB>(
  db: Kysely<DB>,
  { schema, domains }: SchemaDocsOptions,
): Promise<readonly GeneratedFile[]> {
  const groups = groupByDomain(await readSchema(db, schema), domains)
  const page = writePage(groups, { schema, command: 'npm run schema:diagram', picture: 'data-model.svg' })
  return [
    { path: join(docs, 'data-model.md'), text: page },
    { path: join(docs, 'data-model.svg'), text: await drawSvg(groups, schema) },
  ]
}

/** Generates the two committed files of this package from the database, whatever it is. */
export async function generateCommittedDocs<DB>(db: Kysely<DB>): Promise<readonly GeneratedFile[]> {
  return await generateSchemaDocs(db, { schema: 'ibex_core', domains })
}

interface Options {
  readonly url?: string | undefined
  readonly check?: boolean | undefined
}

if (import.meta.main) await runScript(usage, { url: { type: 'string' }, check: { type: 'boolean' } }, main)

async function main({ url, check }: Options): Promise<void> {
  const files = await withLiveDatabase(url, generateCommittedDocs)
  await writeOrCompare(files, { check, command: 'npm run schema:diagram' })
}
