/** What the index of words leads with: the word, for which it then has the rows of all tenants, or the tenant. */
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase } from '../../src/create-database.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { withClient } from '../../test/support/with-client.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { loadMemories } from '../memory/memory-data.ts'
import { compare } from './harness.ts'
import type { Comparison, Experiment, Variant } from './harness.ts'
import { words } from './search-plans.ts'

const [ofAll, own] = ['words_of_all', 'memories_org_id_search_vector_idx'] as const
const names = { [ofAll]: 'words of all tenants', [own]: 'words of the tenant' }
/** Searches of one round. */
const searches = 10

export const wordIndex: Experiment = {
  name: 'word-index',
  async run({ url, isQuick, signal }) {
    await using scratch = await createScratchDatabase(url)
    await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
    return await withClient(scratch.url, async (client) => {
      const sizes = isQuick ? [2_000, 40] : [60_000, 20_000, 3_000, 300, 30]
      const tenants = await loadMemories(client, sizes)
      await client.query(`create index ${ofAll} on ibex_core.memories using gin (search_vector)`)
      await client.query('vacuum analyze ibex_core.memories')
      await using database = createDatabase({ url: scratch.url, poolSize: 1 })
      const comparisons: Comparison[] = []
      for (const { orgId, rows } of tenants) {
        const { memories } = database.forTenant(orgId)
        const search = async (count: number): Promise<void> => {
          await memories.search({ text: words(count), limit: 10, record: false })
        }
        const searching = (index: typeof ofAll | typeof own): Variant => ({
          name: names[index],
          prepare: async () => {
            await client.query(useOnly, [index])
            for (let count = 0; count < 3; count += 1) await search(count)
          },
          run: async (round) => {
            for (let count = 0; count < searches; count += 1) await search(round * searches + count)
          },
        })
        const title = `three words, tenant of ${rows.toLocaleString('en-US')}`
        const variants = [searching(ofAll), searching(own)]
        comparisons.push(await compare(title, variants, { rounds: isQuick ? 2 : 12, per: searches, signal }))
      }
      return comparisons
    })
  },
}

/** Closes the indexes of words to all plans but one, on every partition. */
const useOnly = `update pg_index set indisvalid = coalesce(root.relname, own.relname) = $1
  from pg_class as own left join pg_inherits on inhrelid = own.oid left join pg_class as root on root.oid = inhparent
  where own.oid = indexrelid and coalesce(root.relname, own.relname) in ('${ofAll}', '${own}')`
