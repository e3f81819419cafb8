/** `npm run seed`: language models, and a demo organization with one of everything; safe to run again. */
import { scriptTarget } from '../src/database/script-target.ts'
import { createDatabase } from '../src/index.ts'
import { runScript } from './command-line.ts'
import { seedDemoOrganization } from './seed/demo-organization.ts'
import { seedModelCatalogue } from './seed/model-catalogue.ts'

const usage = `usage: npm run seed

  inserts the catalogue of language models and a demo organization with one of everything into the database of
  DATABASE_URL, or the embedded one; safe to run again: what is there stays as it is`

await runScript(usage, {}, async () => {
  const { target, notice } = scriptTarget()
  if (notice !== undefined) console.log(notice)
  await using database = createDatabase(target)
  const { providers, models } = await seedModelCatalogue(database)
  console.log(`seeded ${providers} providers and ${models} language models`)
  const { orgId, tokenSecret } = await seedDemoOrganization(database)
  if (tokenSecret === undefined) return console.log(`the demo organization is there: ${orgId}`)
  console.log(`seeded the demo organization "Harbour Books": ${orgId}`)
  console.log(`its access token, which is shown only now: ${tokenSecret}`)
})
