/** What the exact search sorts: whole rows, or ids and distances, whose rows are looked up when the nearest are known. */
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { withClient } from '../../test/support/with-client.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { loadMemories, seededRandom, vectorSource } from '../memory/memory-data.ts'
import { compare } from './harness.ts'
import type { Comparison, Experiment, Variant } from './harness.ts'

const limit = 10

const wholeRows = `select memory.*, embedding <=> $1::vector as distance from ibex_core.memories as memory
  where org_id = $2 order by (embedding <=> $1::vector) + 0, id limit ${limit}`
const idsFirst = `select memory.*, distance from (
    select id, embedding <=> $1::vector as distance from ibex_core.memories
    where org_id = $2 order by (embedding <=> $1::vector) + 0, id limit ${limit}
  ) as near cross join lateral (
    select * from ibex_core.memories where org_id = $2 and id = near.id offset 0
  ) as memory order by distance, id`

export const sortedRows: Experiment = {
  name: 'sorted-rows',
  async run({ url, isQuick, signal }) {
    await using scratch = await createScratchDatabase(url)
    await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
    return await withClient(scratch.url, async (client) => {
      const sizes = isQuick ? [100, 40] : [4_000, 2_000, 1_000, 300, 40]
      const nextVector = vectorSource(seededRandom(1))
      const questions = Array.from({ length: 20 }, () => `[${nextVector(0.9).join(',')}]`)
      const comparisons: Comparison[] = []
      // as a frequent search is planned
      await client.query('set plan_cache_mode = force_generic_plan; set enable_seqscan = off')
      for (const { orgId, rows } of await loadMemories(client, sizes)) {
        const searching = (name: string, text: string): Variant => ({
          name,
          run: async (round) => {
            const question = questions[round % questions.length]
            const found = await client.query({ name: `${name} of ${rows}`, text, values: [question, orgId] })
            if (found.rows.length !== limit) throw new Error(`${name}: found too few`)
          },
        })
        const variants = [searching('rows are sorted', wholeRows), searching('ids are sorted', idsFirst)]
        const title = `exact search of ${rows.toLocaleString('en-US')}`
        comparisons.push(await compare(title, variants, { rounds: isQuick ? 3 : 60, warmUp: 8, signal }))
      }
      return comparisons
    })
  },
}
