/** `npm run migrate`: runs every migration that has not run yet, on `DATABASE_URL` or the embedded database. */
import { migrationProvider } from '../migrations/index.ts'
import { scriptTarget } from '../src/database/script-target.ts'
import { migrateToLatest } from '../src/migration/migrate.ts'

const { target, notice } = scriptTarget()
if (notice !== undefined) console.log(notice)
try {
  const names = await migrateToLatest({ target, provider: migrationProvider })
  for (const name of names) console.log(`migrated ${name}`)
  console.log(names.length === 0 ? 'nothing to migrate' : `${names.length} migrations have run`)
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : error)
  process.exitCode = 1
}
