/** `npm run seed`: loads the quickstart's sample into a migrated database; safe to run again. */
import { loadDataset } from '../examples/quickstart/load-dataset.ts'
import { totalOf } from '../examples/quickstart/report.ts'
import { sample } from '../examples/quickstart/sample.ts'
import { scriptTarget } from '../src/database/script-target.ts'
import { lexicalEmbedder } from '../src/embedding/lexical-embedder.ts'
import { IbexError } from '../src/errors.ts'
import { createDatabase } from '../src/index.ts'

try {
  const { target, notice } = scriptTarget()
  if (notice !== undefined) console.error(notice)
  await using database = createDatabase(target)
  const reports = await loadDataset(database, sample, { embedder: lexicalEmbedder, onProgress: () => {} })
  const { people, created, duplicate } = totalOf(reports)
  console.log(
    `seeded ${reports.length} organizations and ${people} people: ${created} memories created, ${duplicate} duplicate`,
  )
} catch (error) {
  console.error(error instanceof IbexError ? `seed: ${error.message}` : error)
  process.exitCode = 1
}
