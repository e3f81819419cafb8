/** The benchmark of memory search: isolation must cost little, and no tenant may starve. */
import pg from 'pg'
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase } from '../../src/create-database.ts'
import type { Database } from '../../src/create-database.ts'
import { checkSearch } from '../../src/memory/search-input.ts'
import type { CheckedSearch, MemorySearch } from '../../src/memory/search-input.ts'
import { searchStatement, settingsOf } from '../../src/memory/search-statement.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { quantile } from '../harness/statistics.ts'
import { loadMemories, seededRandom, vectorSource } from './memory-data.ts'
import type { BenchTenant } from './memory-data.ts'
import { measurePair } from './measure-pair.ts'
import type { PairFigure, Timed } from './measure-pair.ts'

/** What a search by vector of one tenant gave. */
export interface RecallFigure {
  readonly tenantRows: number
  /** Of the ten nearest by the definition, the share that was found: the mean over all questions. */
  readonly recall: number
  /** The fewest hits of any question; ten were asked for. */
  readonly fewestHits: number
}

/** The figures of one run. */
export interface MemoryFigures {
  readonly serverVersion: string
  readonly recall: readonly RecallFigure[]
  readonly pairs: readonly PairFigure[]
}

/** How much to measure. */
export interface MemoryPlan {
  readonly url: string | undefined
  readonly tenants: readonly number[]
  readonly rounds: number
}

export const fullPlan: Omit<MemoryPlan, 'url'> = { tenants: [60_000, 20_000, 1_000, 150, 40], rounds: 40 }
export const quickPlan: Omit<MemoryPlan, 'url'> = { tenants: [3_000, 1_000, 150, 40], rounds: 5 }

const limit = 10

/** Loads, measures, and drops what it has made. */
export async function runMemoryBench(plan: MemoryPlan): Promise<MemoryFigures> {
  await using scratch = await createScratchDatabase(plan.url)
  await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
  const client = new pg.Client({ connectionString: scratch.url })
  await client.connect()
  try {
    const tenants = await loadMemories(client, plan.tenants)
    await using database = createDatabase({ url: scratch.url, poolSize: 1 })
    const bench: Bench = { client, database, rounds: plan.rounds, questions: questions(plan.rounds) }
    await client.query(settingsSql(settingsOf(checkSearch({ embedding: questions(1)[0] ?? [], limit }))))
    const recall = []
    const pairs = []
    for (const tenant of tenants) {
      recall.push(await measureRecall(bench, tenant))
      pairs.push(...(await measureVector(bench, tenant)))
    }
    for (const tenant of tenants.slice(0, 2)) pairs.push(...(await measureFilters(bench, tenant)))
    pairs.push(...(await measureRecording(bench, tenants[0])))
    return { serverVersion: scratch.serverVersion, recall, pairs }
  } finally {
    await client.end()
  }
}

interface Bench {
  /** A superuser's connection, held by no policy. */
  readonly client: pg.Client
  readonly database: Database
  readonly rounds: number
  readonly questions: readonly Float32Array[]
}

/** Near the same centers as the memories, and equal to none. */
function questions(count: number): Float32Array[] {
  const next = vectorSource(seededRandom(20_261_124))
  return Array.from({ length: Math.max(count, 20) }, () => next(0.9))
}

function settingsSql(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `set ${name} = '${value}'`)
    .join('; ')
}

async function measureRecall(
  { client, database, questions }: Bench,
  tenant: BenchTenant,
): Promise<RecallFigure> {
  const { memories } = database.forTenant(tenant.orgId)
  let found = 0
  let wanted = 0
  let fewestHits = limit
  for (const embedding of questions) {
    const { rows } = await client.query<{ id: string }>(
      `select id from ${tenant.alone} where status = 'active' order by (embedding <=> $1::vector) + 0 limit ${limit}`,
      [text(embedding)],
    )
    const { hits } = await memories.search({ embedding, limit, record: false })
    const ids = new Set(hits.map(({ memory }) => memory.id))
    found += rows.filter(({ id }) => ids.has(id)).length
    wanted += rows.length
    fewestHits = Math.min(fewestHits, hits.length)
  }
  return { tenantRows: tenant.rows, recall: found / wanted, fewestHits }
}

/** The search against its own statement, and against the least that finds the nearest, on a table of this tenant alone. */
async function measureVector(
  { client, database, rounds, questions }: Bench,
  tenant: BenchTenant,
): Promise<PairFigure[]> {
  const { memories, db } = database.forTenant(tenant.orgId)
  const ours = async (round: number): Promise<number> =>
    (await memories.search({ embedding: question(questions, round), limit, record: false })).hits.length
  const byHand = `select *, embedding <=> $1::vector as distance from ${tenant.alone} where org_id = $2 and status = 'active'
    and deleted_at is null and (expires_at is null or expires_at > now()) order by embedding <=> $1::vector limit ${limit}`
  const alone = async (round: number): Promise<Timed> =>
    await runStatement(
      client,
      (checked) => {
        const { sql, parameters } = searchStatement(tenant.orgId, checked).compile(db)
        return { sql: sql.replaceAll('ibex_core.memories', tenant.alone), parameters }
      },
      { embedding: question(questions, round), limit },
    )
  const name = `nearest of ${count(tenant)}`
  return [
    await measurePair(`${name}, against the same statement on a table of its own`, 1.5, {
      rounds,
      ours,
      baseline: alone,
    }),
    await measurePair(`${name}, against a plain select from a table of its own`, 1.5, {
      rounds,
      ours,
      baseline: async (round) =>
        (await client.query(byHand, [text(question(questions, round)), tenant.orgId])).rows.length,
    }),
  ]
}

interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/** Runs what a search would send by the superuser's connection; its settings are set before the clock starts. */
async function runStatement(
  client: pg.Client,
  compile: (checked: CheckedSearch) => Statement,
  search: MemorySearch,
): Promise<Timed> {
  const started = performance.now()
  const checked = checkSearch(search)
  const { sql, parameters } = compile(checked)
  const prepared = performance.now() - started
  await client.query(settingsSql(settingsOf(checked)))
  const sent = performance.now()
  const values = parameters.map((value) => (value instanceof Float32Array ? text(value) : value))
  const { rows } = await client.query<{ id: string | null }>(sql, values)
  // a search without hits has one row, of facts alone
  const result = rows.filter(({ id }) => id !== null).length
  return { result, elapsed: prepared + performance.now() - sent }
}

/** The very statement of the search, by a login that no policy holds. */
async function measureFilters(bench: Bench, tenant: BenchTenant): Promise<PairFigure[]> {
  const { client, database, rounds, questions } = bench
  const { memories, db } = database.forTenant(tenant.orgId)
  const kinds: readonly (readonly [string, (embedding: Float32Array) => MemorySearch])[] = [
    ['a rare word', () => ({ text: 'word2500' })],
    ['frequent words', () => ({ text: 'What did the user say of word0 and word5?' })],
    ['both ways', (embedding) => ({ embedding, text: 'What of word40 and word900?' })],
    ['a rare tag', (embedding) => ({ embedding, tags: ['tag900'] })],
    ['a frequent tag', (embedding) => ({ embedding, tags: ['tag0'] })],
    ['rare metadata', (embedding) => ({ embedding, metadata: { topic: 7 } })],
    ['frequent metadata', (embedding) => ({ embedding, metadata: { half: true } })],
    ['a status', (embedding) => ({ embedding, status: 'pending_review' })],
  ]
  await client.query("select set_config('app.current_org_id', $1, false)", [tenant.orgId])
  const figures = []
  for (const [name, make] of kinds) {
    const search = (round: number): MemorySearch => ({
      ...make(question(questions, round)),
      limit,
      record: false,
    })
    figures.push(
      await measurePair(`${name} in ${count(tenant)}, against no policies`, 1.3, {
        rounds,
        ours: async (round) => (await memories.search(search(round))).hits.length,
        baseline: async (round) =>
          await runStatement(
            client,
            (checked) => searchStatement(tenant.orgId, checked).compile(db),
            search(round),
          ),
      }),
    )
  }
  return figures
}

/** Ten retrievals, alone and as the searches of a process record them, against the least that a write can be. */
async function measureRecording(
  { client, database, rounds }: Bench,
  tenant: BenchTenant | undefined,
): Promise<PairFigure[]> {
  const { rows } = await client.query<{ id: string }>(
    `select id from ibex_core.memories where org_id = $1 limit ${searchesOfBatch * 10}`,
    [tenant?.orgId],
  )
  const ids = rows.map(({ id }) => id)
  const { memories } = database.forTenant(tenant?.orgId ?? '')
  await client.query(
    'create table counter (id int primary key, value int); insert into counter values (1, 0)',
  )
  const pair = {
    rounds: rounds * 3,
    baseline: async () =>
      (await client.query('update counter set value = value + $1 where id = 1', [1])).rowCount ?? 0,
  }
  const ofBatch = async (): Promise<Timed> => {
    const started = performance.now()
    const result = await memories.recordRetrievals(ids)
    return { result, elapsed: (performance.now() - started) / searchesOfBatch }
  }
  return [
    await measurePair('recording 10 retrievals of a batch, against an update of a small row', 1.5, {
      ...pair,
      ours: ofBatch,
    }),
    await measurePair('recording 10 retrievals at once, against an update of a small row', 1.5, {
      ...pair,
      ours: async () => await memories.recordRetrievals(ids.slice(0, 10)),
    }),
  ]
}

/** What is written down together when searches record their hits: those of some seconds. */
const searchesOfBatch = 50

function question(questions: readonly Float32Array[], round: number): Float32Array {
  return questions[round % questions.length] ?? new Float32Array()
}

function count({ rows }: BenchTenant): string {
  return rows.toLocaleString('en-US')
}

function text(vector: Float32Array): string {
  return `[${vector.join(',')}]`
}

/** Lays the figures out as two tables. */
export function formatMemoryFigures({ serverVersion, recall, pairs }: MemoryFigures): string {
  const width = Math.max(...pairs.map(({ name }) => name.length))
  return [
    `memories with 384 dimensions, all tenants in one partition, PostgreSQL ${serverVersion}`,
    '',
    `${'tenant'.padStart(10)}  recall@10  fewest hits`,
    ...recall.map(
      (figure) =>
        `${figure.tenantRows.toLocaleString('en-US').padStart(10)}  ${figure.recall.toFixed(3).padStart(9)}  ${String(figure.fewestHits).padStart(11)}`,
    ),
    '',
    `${'median'.padEnd(width)}   ours ms  baseline    ratio   wanted`,
    ...pairs.map(
      ({ name, ours, baseline, ratio, wanted }) =>
        `${name.padEnd(width)}  ${ours.toFixed(2).padStart(8)}  ${baseline.toFixed(2).padStart(8)}  ${quantile(ratio, 0.5).toFixed(2).padStart(7)}  <= ${wanted.toFixed(2)}`,
    ),
  ].join('\n')
}
