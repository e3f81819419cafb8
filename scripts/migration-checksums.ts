/**
 * `npm run migrations:checksums`: adds new migrations to migrations/checksums.ts.
 *
 * The list goes with the package: what users install is compiled, and another text than the source.
 */
import { join } from 'node:path'
import { checksums } from '../migrations/checksums.ts'
import { writeFiles } from '../src/codegen/generated-file.ts'
import { folderChecksums } from '../src/migration/folder-migrations.ts'
import { runScript, ScriptError } from './command-line.ts'

const folder = join(import.meta.dirname, '../migrations')

const usage = `usage: npm run migrations:checksums

  adds the migrations that are not in migrations/checksums.ts yet`

await runScript(usage, {}, async () => {
  const current = await folderChecksums(folder)
  const edited = Object.keys(checksums).filter((name) => current[name] !== checksums[name])
  if (edited.length > 0) {
    throw new ScriptError(
      `a released migration is never changed, and these differ from the list: ${edited.join(', ')}\n` +
        'of one that nobody has, take the line out of migrations/checksums.ts first',
    )
  }
  const lines = Object.entries(current).map(([name, checksum]) => `  '${name}': '${checksum}',\n`)
  const text = `/** Written by \`npm run migrations:checksums\`: the sources of the migrations, as they were released. */
export const checksums: Readonly<Record<string, string>> = {
${lines.join('')}}
`
  await writeFiles([{ path: join(folder, 'checksums.ts'), text }])
  console.log('wrote migrations/checksums.ts')
})
