/** Which plan a search runs on: a custom one, planned for each call, or a generic one, planned once. */
import pg from 'pg'
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase } from '../../src/create-database.ts'
import type { Database } from '../../src/create-database.ts'
import { checkSearch } from '../../src/memory/search-input.ts'
import type { MemorySearch } from '../../src/memory/search-input.ts'
import { searchStatement, settingsOf } from '../../src/memory/search-statement.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { withSettings } from '../../src/tenancy/query-settings.ts'
import type { Settings } from '../../src/tenancy/settings.ts'
import { loadMemories, seededRandom, vectorSource } from '../memory/memory-data.ts'
import type { BenchTenant } from '../memory/memory-data.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { compare } from './harness.ts'
import type { Comparison, Experiment, ExperimentOptions, Variant } from './harness.ts'

const limit = 10

/** Each has a connection of its own: a generic plan is made once, with the settings of that moment. */
const modes: readonly (readonly [name: string, settings: Settings])[] = [
  ['custom plan', { plan_cache_mode: 'force_custom_plan' }],
  ['PostgreSQL chooses', { plan_cache_mode: 'auto' }],
  ['generic plan', { plan_cache_mode: 'force_generic_plan' }],
  [
    'generic plan, kept to the indexes',
    { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off', enable_sort: 'off' },
  ],
]

/** One tenant has nearly all of a partition, or most tenants are small: what a generic plan takes for the average is neither. */
const distributions = {
  full: [
    [60_000, 20_000, 1_000, 150, 40],
    [30_000, 100],
    [20_000, ...Array.from({ length: 20 }, (_, index) => 300 + index)],
  ],
  quick: [[3_000, 150, 40]],
}

type SearchOf = (round: number) => MemorySearch

interface Kind {
  readonly name: string
  readonly searchOf: SearchOf
  /** Also compared with a select by distance, without policies. */
  readonly isByHand: boolean
}

const byVector: Kind = {
  name: 'by vector',
  searchOf: (round) => ({ embedding: question(round) }),
  isByHand: true,
}

const byWords: readonly Kind[] = [
  { name: 'by three words', searchOf: (round) => ({ text: words(round) }), isByHand: false },
  {
    name: 'by both',
    searchOf: (round) => ({ text: words(round), embedding: question(round) }),
    isByHand: false,
  },
  {
    name: 'by both, composite',
    searchOf: (round) => ({ text: words(round), embedding: question(round), ranking: 'composite' }),
    isByHand: false,
  },
]

export const searchPlans: Experiment = {
  name: 'search-plans',
  run: async (options) => await measureKinds(options, [byVector]),
}

export const wordPlans: Experiment = {
  name: 'word-plans',
  run: async (options) => await measureKinds(options, byWords),
}

async function measureKinds(options: ExperimentOptions, kinds: readonly Kind[]): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const sizes of options.isQuick ? distributions.quick : distributions.full)
    comparisons.push(...(await measureSizes(options, sizes, kinds)))
  return comparisons
}

async function measureSizes(
  { url, isQuick, signal }: ExperimentOptions,
  sizes: readonly number[],
  kinds: readonly Kind[],
): Promise<Comparison[]> {
  await using scratch = await createScratchDatabase(url)
  await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
  const client = new pg.Client(scratch.url)
  await client.connect()
  try {
    const tenants = await loadMemories(client, sizes)
    const comparisons: Comparison[] = []
    // all, or the largest and some of the many small ones
    for (const tenant of tenants.slice(0, 5)) {
      for (const { name: kind, searchOf, isByHand } of kinds) {
        const databases = modes.map(() => createDatabase({ url: scratch.url, poolSize: 1 }))
        try {
          const variants = [
            ...(isByHand ? [byHand(client, tenant)] : []),
            ...modes.map(([name, settings], index) =>
              searching(name, databases[index], tenant, { settings, searchOf }),
            ),
          ]
          const title = `nearest ${limit} of ${tenant.rows.toLocaleString('en-US')}, ${kind}, ${sizes.length} tenants in the partition`
          comparisons.push(await compare(title, variants, { rounds: isQuick ? 3 : 40, warmUp: 8, signal }))
        } finally {
          await Promise.all(databases.map(async (database) => await database.close()))
        }
      }
    }
    return [...comparisons, await firstSearch(scratch.url, tenants.at(-1))]
  } finally {
    await client.end()
  }
}

/** The least that finds the nearest, on a table of this tenant alone without policies. */
function byHand(client: pg.Client, { alone, orgId }: BenchTenant): Variant {
  const text = `select *, embedding <=> $1::vector as distance from ${alone} where org_id = $2 and status = 'active'
    and deleted_at is null and (expires_at is null or expires_at > now()) order by embedding <=> $1::vector limit ${limit}`
  return {
    name: 'a plain select, table of its own',
    run: async (round) => {
      const { rows } = await client.query(text, [`[${question(round).join(',')}]`, orgId])
      if (rows.length !== limit) throw new Error('the plain select found too few')
    },
  }
}

function searching(
  name: string,
  database: Database | undefined,
  { orgId }: BenchTenant,
  { settings, searchOf }: { readonly settings: Settings; readonly searchOf: SearchOf },
): Variant {
  if (database === undefined) throw new Error('each mode has a database')
  const { db } = database.forTenant(orgId)
  return {
    name,
    run: async (round) => {
      const search = checkSearch({ ...searchOf(round), limit, record: false })
      const query = searchStatement(orgId, search).compile(db)
      const { rows } = await db.executeQuery(withSettings(query, { ...settingsOf(search), ...settings }))
      // words may be in fewer, and the composite order leaves out what is far from the best
      if (search.text === null && rows.length !== limit) throw new Error(`${name} found too few`)
    },
  }
}

/** What the first search of a new connection takes, when everything has to be read and planned. */
async function firstSearch(url: string, tenant: BenchTenant | undefined): Promise<Comparison> {
  if (tenant === undefined) throw new Error('there is a tenant')
  const variants = modes.map(([name, settings]): Variant => {
    return {
      name,
      run: async () => {
        await using database = createDatabase({ url, poolSize: 1 })
        await database.forTenant(tenant.orgId).agents.find({ limit: 1 })
        const startedAt = performance.now()
        await searching(name, database, tenant, { settings, searchOf: byVector.searchOf }).run(0)
        return performance.now() - startedAt
      },
    }
  })
  return await compare('the first search of a connection', variants, { rounds: 10, signal: never })
}

const never = new AbortController().signal

const questions = (() => {
  const next = vectorSource(seededRandom(20_261_124))
  return Array.from({ length: 50 }, () => next(0.9))
})()

function question(round: number): Float32Array {
  return questions[round % questions.length] ?? new Float32Array()
}

/** A frequent, a less frequent and a rare one of those that the memories are made of. */
export function words(round: number): string {
  return `word${round % 10} word${50 + (round % 50)} word${1_000 + (round % 50) * 20}`
}
