/** An index of half-precision vectors against one of whole ones: to build, to store, to add to and to search. */
import type pg from 'pg'
import { seededRandom, vectorSource } from '../memory/memory-data.ts'
import { compare, comparisonOf, onScratchClient } from './harness.ts'
import type { Comparison, Experiment, ExperimentOptions, Variant } from './harness.ts'

const limit = 10
const questionCount = 60

interface Kind {
  readonly table: string
  readonly expression: string
  readonly operators: string
}

/** Each has a table of the same rows: what is added goes into one index alone. */
const whole: Kind = { table: 'whole', expression: 'embedding', operators: 'vector_cosine_ops' }
const half: Kind = { table: 'half', expression: '(embedding::halfvec(384))', operators: 'halfvec_cosine_ops' }

interface Way {
  readonly name: string
  readonly kind: Kind
  /** One row for each of the nearest: `$1` is the question, `$2` the tenant. */
  readonly text: string
}

const ways: readonly Way[] = [
  {
    name: 'vector',
    kind: whole,
    text: `select id from whole where tenant = $2 order by embedding <=> $1::vector limit ${limit}`,
  },
  {
    name: 'halfvec, ordered by half precision',
    kind: half,
    text: `select id from half where tenant = $2
      order by (embedding::halfvec(384)) <=> $1::halfvec(384) limit ${limit}`,
  },
  {
    name: 'halfvec, twice as many ordered by whole precision',
    kind: half,
    text: `select id from (
        select id, embedding from half where tenant = $2
        order by (embedding::halfvec(384)) <=> $1::halfvec(384) limit ${2 * limit}
      ) as found order by embedding <=> $1::vector limit ${limit}`,
  },
]

export const halfVectors: Experiment = {
  name: 'half-vectors',
  run: async (options) => await onScratchClient(options, measure),
}

async function measure(
  client: pg.Client,
  { isQuick, signal }: ExperimentOptions,
): Promise<readonly Comparison[]> {
  const tenants = isQuick ? [1_000, 200] : [60_000, 20_000, 1_000]
  const next = vectorSource(seededRandom(20_261_124))
  await client.query(`set maintenance_work_mem = '512MB'; set max_parallel_maintenance_workers = 0;
    set hnsw.ef_search = 100; set hnsw.iterative_scan = relaxed_order; create extension vector`)
  await fill(client, tenants, next)
  const added = isQuick ? 20 : 200
  const comparisons = [...(await buildAndAdd(client, { rounds: isQuick ? 1 : 3, added, next, signal }))]
  await client.query('vacuum analyze whole')
  await client.query('vacuum analyze half')
  await client.query('set enable_seqscan = off')
  for (const way of ways) await requireIndex(client, way)
  const questions = Array.from({ length: questionCount }, () => text(next(0.9)))
  for (const [tenant, rows] of tenants.entries()) {
    const which = `${rows.toLocaleString('en-US')} of ${tenants.reduce((sum, count) => sum + count).toLocaleString('en-US')}`
    const variants = ways.map((way): Variant => {
      return {
        name: way.name,
        run: async (round) => {
          const found = await client.query(way.text, [questions[round % questionCount], tenant])
          if (found.rowCount !== limit) throw new Error(`${way.name} found too few`)
        },
      }
    })
    comparisons.push(
      await compare(`nearest ${limit}, ${which}`, variants, { rounds: isQuick ? 5 : 60, warmUp: 5, signal }),
      await recall(client, { tenant, which, questions }),
    )
  }
  return comparisons
}

/** Rows of several tenants beside each other, the same in both tables; the vectors stay in their rows. */
async function fill(
  client: pg.Client,
  tenants: readonly number[],
  next: (spread: number) => Float32Array,
): Promise<void> {
  for (const table of ['whole', 'half'])
    await client.query(
      `create table ${table} (id bigint generated always as identity, tenant integer, embedding vector(384));
       alter table ${table} alter column embedding set storage plain`,
    )
  for (const [tenant, rows] of tenants.entries()) {
    for (let done = 0; done < rows; done += 1_000)
      await insert(client, 'whole', { tenant, vectors: vectorsOf(Math.min(1_000, rows - done), next) })
  }
  await client.query('insert into half (tenant, embedding) select tenant, embedding from whole order by id')
}

async function insert(
  client: pg.Client,
  table: string,
  { tenant, vectors }: { readonly tenant: number; readonly vectors: readonly string[] },
): Promise<void> {
  await client.query(`insert into ${table} (tenant, embedding) select $1, unnest($2::vector[])`, [
    tenant,
    vectors,
  ])
}

interface Building {
  readonly rounds: number
  readonly added: number
  readonly next: (spread: number) => Float32Array
  readonly signal: AbortSignal
}

/** Builds each index anew, weighs it, and adds rows that belong to no tenant that is searched. */
async function buildAndAdd(
  client: pg.Client,
  { rounds, added, next, signal }: Building,
): Promise<readonly Comparison[]> {
  const kinds = [whole, half].map((kind) => ({ kind, sizes: [] as number[], perRow: [] as number[] }))
  const batches = Array.from({ length: rounds }, () => vectorsOf(added, next))
  const variants = kinds.map(({ kind, sizes, perRow }): Variant => {
    const { table, expression, operators } = kind
    return {
      name: table === 'half' ? 'halfvec' : 'vector',
      prepare: async () => void (await client.query(`drop index if exists ${table}_index`)),
      run: async (round) => {
        const startedAt = performance.now()
        await client.query(`create index ${table}_index on ${table} using hnsw (${expression} ${operators})`)
        const elapsed = performance.now() - startedAt
        const { rows } = await client.query<{ size: string }>('select pg_relation_size($1) as size', [
          `${table}_index`,
        ])
        sizes.push(Number(rows[0]?.size) / 2 ** 20)
        const addedAt = performance.now()
        await insert(client, table, { tenant: -1, vectors: batches[round] ?? [] })
        perRow.push((performance.now() - addedAt) / added)
        return elapsed
      },
    }
  })
  const built = await compare('building the index', variants, { rounds, warmUp: 0, signal })
  const figures = (which: 'sizes' | 'perRow'): [string, number[]][] =>
    kinds.map((measured, index) => [variants[index]?.name ?? '', measured[which]])
  return [
    built,
    comparisonOf('size of the index', 'MB', figures('sizes')),
    comparisonOf('adding a row, many in one statement', 'ms', figures('perRow')),
  ]
}

/** @throws when the search does not run on the index that it is about. */
async function requireIndex(client: pg.Client, { name, kind, text: statement }: Way): Promise<void> {
  const explained = await client.query<{ 'QUERY PLAN': string }>(`explain ${statement}`, [
    text(new Float32Array(384).fill(1)),
    0,
  ])
  const plan = explained.rows.map((row) => row['QUERY PLAN']).join('\n')
  if (!plan.includes(`Index Scan using ${kind.table}_index`))
    throw new Error(`${name} does not use its index:\n${plan}`)
}

/** How many of the truly nearest each way finds. */
async function recall(
  client: pg.Client,
  {
    tenant,
    which,
    questions,
  }: { readonly tenant: number; readonly which: string; readonly questions: readonly string[] },
): Promise<Comparison> {
  const shares = ways.map(() => [] as number[])
  for (const question of questions) {
    // an addition keeps the order from the index; both tables number the same rows alike
    const exact = await client.query<{ id: string }>(
      `select id from whole where tenant = $2 order by (embedding <=> $1::vector) + 0 limit ${limit}`,
      [question, tenant],
    )
    const ids = new Set(exact.rows.map(({ id }) => id))
    for (const [index, way] of ways.entries()) {
      const { rows } = await client.query<{ id: string }>(way.text, [question, tenant])
      shares[index]?.push(rows.filter(({ id }) => ids.has(id)).length / limit)
    }
  }
  return comparisonOf(
    `recall of ${limit}, ${which}`,
    '% found',
    ways.map(({ name }, index) => [name, [100 * mean(shares[index] ?? [])]]),
  )
}

function vectorsOf(count: number, next: (spread: number) => Float32Array): readonly string[] {
  return Array.from({ length: count }, () => text(next(0.8)))
}

function text(vector: Float32Array): string {
  return `[${vector.join(',')}]`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value) / values.length
}
