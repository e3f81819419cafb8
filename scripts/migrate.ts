/** `npm run migrate`: runs every migration that has not run yet, on `DATABASE_URL` or the embedded database. */
import { migrationProvider } from '../migrations/index.ts'
import { migrationTarget } from '../src/database/script-target.ts'
import { migrateToLatest } from '../src/migration/migrate.ts'
import { runScript } from './command-line.ts'

const usage = `usage: npm run migrate

  runs every migration that has not run yet; for one at a time, or down: npx kysely migrate up|down|list`

await runScript(usage, {}, async () => {
  const { target, notice } = migrationTarget()
  if (notice !== undefined) console.log(notice)
  const names = await migrateToLatest({ target, provider: migrationProvider })
  for (const name of names) console.log(`migrated ${name}`)
  console.log(names.length === 0 ? 'nothing to migrate' : `migrations that have run: ${names.length}`)
})
