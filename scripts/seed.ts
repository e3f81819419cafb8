/** `npm run seed`: loads the quickstart's sample into a migrated database; safe to run again. */
import { loadDataset } from '../examples/quickstart/load-dataset.ts'
import { totalOf } from '../examples/quickstart/report.ts'
import { sample } from '../examples/quickstart/sample.ts'
import { scriptTarget } from '../src/database/script-target.ts'
import { lexicalEmbedder } from '../src/embedding/lexical-embedder.ts'
import { createDatabase } from '../src/index.ts'
import { runScript } from './command-line.ts'

const usage = `usage: npm run seed

  loads the quickstart's sample into the database of DATABASE_URL, or the embedded one; safe to run again`

await runScript(usage, {}, async () => {
  const { target, notice } = scriptTarget()
  if (notice !== undefined) console.log(notice)
  await using database = createDatabase(target)
  const reports = await loadDataset(database, sample, { embedder: lexicalEmbedder, onProgress: () => {} })
  const { people, created, duplicate } = totalOf(reports)
  console.log(
    `seeded ${reports.length} organizations and ${people} people: ${created} memories created, ${duplicate} duplicate`,
  )
})
