/** Configuration of `npx kysely migrate …`: the same connection rules as the scripts. */
import { defineConfig } from 'kysely-ctl'
import type { DefineConfigInput } from 'kysely-ctl'
import { migrationProvider } from './migrations/index.ts'
import { migrationTarget } from './src/database/script-target.ts'
import { migrationDialect } from './src/migration/migration-dialect.ts'
import { SafeMigrator } from './src/migration/migrator.ts'

// kysely-ctl prints the stack of an error and of its cause; what went wrong and what to do is in the message
if (process.env['DEBUG'] === undefined) Error.stackTraceLimit = 0

const config: DefineConfigInput = defineConfig({
  dialect: () => {
    const { target, notice } = migrationTarget()
    if (notice !== undefined) process.stderr.write(`${notice}\n`)
    return migrationDialect({ target })
  },
  migrations: {
    migrator: (db) => new SafeMigrator({ db, provider: migrationProvider }),
    getMigrationPrefix: nextPrefix,
  },
})

export default config

/** `YYYYMMDD_NNNN_`: today, and the number after the last migration's. */
async function nextPrefix(): Promise<string> {
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
  const count = Object.keys(await migrationProvider.getMigrations()).length
  return `${day}_${String(count + 1).padStart(4, '0')}_`
}
