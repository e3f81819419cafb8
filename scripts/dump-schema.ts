/** `npm run schema:dump`: writes the migrated schema to test/schema.sql; with `--check` it fails when the file differs. */
import { join } from 'node:path'
import { dumpSchema } from '../src/migration/dump-schema.ts'
import { runScript } from './command-line.ts'
import { writeOrCompare } from './committed-files.ts'
import { withLiveDatabase } from './live-database.ts'

const path = join(import.meta.dirname, '../test/schema.sql')
const notice = '-- Written by `npm run schema:dump`: the schema after all migrations. Do not edit.\n\n'

const usage = `usage: npm run schema:dump [-- --url <postgres url>] [--check]

  --url    dump this database as it is, instead of a migrated embedded one
  --check  write nothing; print the difference and exit with 1 when the file is not up to date`

await runScript(usage, { check: { type: 'boolean' }, url: { type: 'string' } }, async ({ check, url }) => {
  const text = notice + (await withLiveDatabase(url, dumpSchema))
  await writeOrCompare([{ path, text }], { check, command: 'npm run schema:dump' })
})
