/** Where embeddings and contents are stored: in the row or beside it, whole or compressed, and by which method. */
import { readdir, readFile } from 'node:fs/promises'
import type pg from 'pg'
import { seededRandom, vectorSource } from '../memory/memory-data.ts'
import { compare, comparisonOf, onScratchClient } from './harness.ts'
import type { Comparison, Experiment, ExperimentOptions, Variant } from './harness.ts'

interface Storage {
  readonly name: string
  readonly table: string
  readonly storage: 'external' | 'extended' | 'main' | 'plain'
  readonly options?: string
}

const storages: readonly Storage[] = [
  { name: "external (pgvector's default)", table: 'external', storage: 'external' },
  { name: 'extended', table: 'extended', storage: 'extended' },
  { name: 'main', table: 'main', storage: 'main' },
  { name: 'plain', table: 'plain', storage: 'plain' },
  {
    name: 'plain, toast_tuple_target 4080 (the schema)',
    table: 'plain_4080',
    storage: 'plain',
    options: 'with (toast_tuple_target = 4080)',
  },
]

const methods = ['pglz', 'lz4', 'none'] as const

export const columnStorage: Experiment = {
  name: 'column-storage',
  run: async (options) => await onScratchClient(options, measure),
}

async function measure(client: pg.Client, options: ExperimentOptions): Promise<readonly Comparison[]> {
  await client.query(
    'create extension vector; set synchronous_commit = off; set max_parallel_workers_per_gather = 0',
  )
  const corpus = await readCorpus()
  const comparisons: Comparison[] = []
  for (const length of [200, 500, 2_000])
    comparisons.push(...(await compareStorages(client, { corpus, length }, options)))
  for (const length of [1_000, 4_000, 20_000])
    comparisons.push(...(await compareMethods(client, { corpus, length }, options)))
  return comparisons
}

/** Text to cut contents of `length` characters from. */
interface Contents {
  readonly corpus: string
  readonly length: number
}

/** An exact search of one tenant: a sequential scan that reads every embedding. */
async function compareStorages(
  client: pg.Client,
  contents: Contents,
  { isQuick, signal }: ExperimentOptions,
): Promise<readonly Comparison[]> {
  const rows = isQuick ? 500 : 10_000
  const random = seededRandom(20_261_124)
  const next = vectorSource(random)
  const [first] = storages
  if (first === undefined) return []
  for (const { table, storage, options = '' } of storages)
    await client.query(`drop table if exists ${table}; create table ${table} (id uuid default gen_random_uuid(), content text,
      metadata jsonb default '{}', embedding vector(384)) ${options};
      alter table ${table} alter column embedding set storage ${storage}`)
  for (let done = 0; done < rows; done += 500)
    await client.query(
      `insert into ${first.table} (content, embedding) select unnest($1::text[]), unnest($2::vector[])`,
      [pieces(contents, 500, random), Array.from({ length: 500 }, () => `[${next(0.8).join(',')}]`)],
    )
  for (const { table } of storages.slice(1))
    await client.query(`insert into ${table} select * from ${first.table}`)
  for (const { table } of storages) await client.query(`vacuum analyze ${table}`)
  const question = `[${next(0.9).join(',')}]`
  const what = `${rows.toLocaleString('en-US')} rows with contents of ${contents.length.toLocaleString('en-US')} characters`
  return [
    await compare(
      `exact search of ${what}`,
      storages.map(({ name, table }): Variant => {
        const text = `select id from ${table} order by embedding <=> $1::vector limit 10`
        return { name, run: async () => void (await client.query(text, [question])) }
      }),
      { rounds: isQuick ? 3 : 30, warmUp: 3, signal },
    ),
    comparisonOf(
      `table of ${what}`,
      'MB',
      await sizes(
        client,
        storages.map(({ name, table }) => [name, table]),
      ),
    ),
  ]
}

/** Contents alone: written, read back, and stored. */
async function compareMethods(
  client: pg.Client,
  contents: Contents,
  { isQuick, signal }: ExperimentOptions,
): Promise<readonly Comparison[]> {
  const random = seededRandom(20_261_124)
  const rows = isQuick ? 100 : 1_000
  const texts = pieces(contents, rows, random)
  for (const method of methods) {
    const how =
      method === 'none'
        ? 'alter column content set storage external'
        : `alter column content set compression ${method}`
    await client.query(
      `drop table if exists by_${method}; create table by_${method} (content text); alter table by_${method} ${how}`,
    )
  }
  const options = { rounds: isQuick ? 2 : 10, signal }
  const what = `${rows.toLocaleString('en-US')} contents of ${contents.length.toLocaleString('en-US')} characters`
  const named = methods.map((method) => [method, `by_${method}`] as const)
  return [
    await compare(
      `writing ${what}`,
      named.map(([name, table]): Variant => {
        return {
          name,
          prepare: async () => void (await client.query(`truncate ${table}`)),
          run: async () =>
            void (await client.query(`insert into ${table} select unnest($1::text[])`, [texts])),
        }
      }),
      options,
    ),
    await compare(
      `reading ${what} on the server`,
      named.map(([name, table]): Variant => {
        // a hash needs every character
        return {
          name,
          run: async () => void (await client.query(`select sum(hashtext(content)) from ${table}`)),
        }
      }),
      options,
    ),
    comparisonOf(`table of ${what}`, 'MB', await sizes(client, named)),
  ]
}

async function sizes(
  client: pg.Client,
  named: readonly (readonly [name: string, table: string])[],
): Promise<readonly [string, number[]][]> {
  const found: [string, number[]][] = []
  for (const [name, table] of named) {
    const { rows } = await client.query<{ size: string }>('select pg_table_size($1::regclass) as size', [
      table,
    ])
    found.push([name, [Number(rows[0]?.size) / 2 ** 20]])
  }
  return found
}

/** The documentation: the nearest thing to what people write that is at hand. */
async function readCorpus(): Promise<string> {
  const folder = new URL('../../docs/', import.meta.url)
  const names = (await readdir(folder)).filter((name) => name.endsWith('.md'))
  return (await Promise.all(names.map(async (name) => await readFile(new URL(name, folder), 'utf8')))).join(
    '\n',
  )
}

function pieces({ corpus, length }: Contents, count: number, random: () => number): readonly string[] {
  return Array.from({ length: count }, () => {
    const start = Math.floor(random() * (corpus.length - length))
    return corpus.slice(start, start + length)
  })
}
