/** Which plan a read and an update by id and an insert run on, in a table of 16 partitions: planned for each call, or once. */
import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type { CompiledQuery, Kysely } from 'kysely'
import type pg from 'pg'
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase } from '../../src/create-database.ts'
import type { Database } from '../../src/create-database.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { withSettings } from '../../src/tenancy/query-settings.ts'
import { Vector } from '../../src/vector/vector.ts'
import { withClient } from '../../test/support/with-client.ts'
import type { DB } from '../../types/database.d.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { compare, comparisonOf } from './harness.ts'
import type { Comparison, CompareOptions, Experiment, Variant } from './harness.ts'

type PlanMode = 'auto' | 'force_generic_plan' | 'force_custom_plan'

interface Way {
  readonly name: string
  /** Of the connection, from its start. */
  readonly session: PlanMode
  /** Sent with each statement. */
  readonly statement?: PlanMode
}

const ways: readonly Way[] = [
  { name: 'PostgreSQL chooses (as it is)', session: 'auto' },
  { name: 'generic plan, set for the session', session: 'force_generic_plan' },
  { name: 'custom plan, set for the session', session: 'force_custom_plan' },
  { name: 'PostgreSQL chooses, set with each statement', session: 'auto', statement: 'auto' },
  { name: 'generic plan, set with each statement', session: 'auto', statement: 'force_generic_plan' },
  { name: 'custom plan, set with each statement', session: 'auto', statement: 'force_custom_plan' },
]

interface Key {
  readonly org_id: string
  readonly id: string
}

export const singlePlans: Experiment = {
  name: 'single-plans',
  async run({ url, isQuick, signal }) {
    await using scratch = await createScratchDatabase(url)
    await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
    const keys = await withClient(scratch.url, fill)
    const opened = ways.map((way) => ({ way, database: openWith(scratch.url, way.session) }))
    const options = { rounds: isQuick ? 3 : 30, warmUp: 3, unit: 'µs', signal } as const
    try {
      const comparisons: Comparison[] = []
      for (const { title, build, times } of statements) {
        const per = isQuick ? 20 : times
        const variants = opened.map(({ way, database }) => running(way, database, { keys, per, build }))
        comparisons.push(await compare(title, variants, { ...options, per }))
      }
      const [key] = keys
      if (key === undefined) throw new Error('there are memories')
      return [
        ...comparisons,
        await customShares(opened[0]?.database, key),
        await together(scratch.url, keys, { ...options, per: isQuick ? 80 : 800 }),
        await firstReads(scratch.url, key, options),
        await memoryOfConnections(scratch.url, key),
      ]
    } finally {
      await Promise.all(opened.map(async ({ database }) => await database.close()))
    }
  },
}

type Build = (db: Kysely<DB>, key: Key) => CompiledQuery

const statements: readonly { readonly title: string; readonly build: Build; readonly times: number }[] = [
  { title: 'a memory by its id', build: readById, times: 300 },
  { title: 'an agent by its id, in one table', build: readAgent, times: 300 },
  { title: 'an update of a memory by its id', build: updateOne, times: 20 },
  { title: 'an insert of a memory, without the index of vectors', build: insertOne, times: 60 },
]

/** How many of the plans that PostgreSQL chose were made for one call. */
async function customShares(database: Database | undefined, key: Key): Promise<Comparison> {
  if (database === undefined) throw new Error('each way has a database')
  const { db } = database.forTenant(key.org_id)
  const shares: [string, number[]][] = []
  for (const { title, build } of statements) {
    const { rows } = await sql<{
      share: number
    }>`select custom_plans::float8 / (custom_plans + generic_plans) as share
      from pg_prepared_statements where statement = ${build(db, key).sql}`.execute(db)
    shares.push([title, [rows[0]?.share ?? Number.NaN]])
  }
  return comparisonOf('custom plans when PostgreSQL chooses', 'share', shares)
}

/** A generic plan locks every partition before it leaves out all but one: does that stand in others' way? */
async function together(
  url: string,
  keys: readonly Key[],
  { per, ...options }: CompareOptions & { readonly per: number },
): Promise<Comparison> {
  const some = ways.slice(0, 3)
  const opened = some.map(({ session }) => openWith(url, session, 16))
  try {
    const variants = opened.map((database, index): Variant => {
      const one = running({ session: 'auto', name: some[index]?.name ?? '' }, database, {
        keys,
        per: per / 16,
        build: readById,
      })
      return {
        name: some[index]?.name ?? '',
        run: async () => void (await Promise.all(Array.from({ length: 16 }, async () => await one.run(0)))),
      }
    })
    return await compare('a memory by its id, 16 at a time', variants, { ...options, per })
  } finally {
    await Promise.all(opened.map(async (database) => await database.close()))
  }
}

/** What the first read of a new connection takes, when everything has to be read and planned. */
async function firstReads(url: string, key: Key, { rounds, signal }: CompareOptions): Promise<Comparison> {
  const variants = ways.slice(0, 3).map(({ name, session }): Variant => {
    return {
      name,
      run: async () => {
        await using database = openWith(url, session)
        const { db } = database.forTenant(key.org_id)
        await db.executeQuery(readAgent(db, key))
        const startedAt = performance.now()
        await db.executeQuery(readById(db, key))
        return performance.now() - startedAt
      },
    }
  })
  return await compare('the first read of a memory by a connection', variants, { rounds, signal })
}

/** What the server keeps for a connection that has read memories of one tenant. */
async function memoryOfConnections(url: string, { org_id: orgId, id }: Key): Promise<Comparison> {
  await using database = openWith(url, 'auto')
  const text = readById(database.forTenant(orgId).db, { org_id: orgId, id }).sql
  const sizes: [string, number[]][] = []
  for (const { name, session } of ways.slice(0, 3)) {
    const size = await withClient(url, async (client) => {
      await client.query(`set plan_cache_mode = ${session}; set role ibex_app`)
      await client.query("select set_config('app.current_org_id', $1, false)", [orgId])
      for (let count = 0; count < 20; count += 1)
        await client.query({ name: 'read', text, values: [orgId, id] })
      await client.query('reset role')
      const { rows } = await client.query<{ bytes: string }>(
        'select sum(total_bytes) as bytes from pg_backend_memory_contexts',
      )
      return Number(rows[0]?.bytes) / 2 ** 20
    })
    sizes.push([name, [size]])
  }
  return comparisonOf('memory of a connection that reads memories by id', 'MB', sizes)
}

interface Running {
  readonly keys: readonly Key[]
  readonly per: number
  readonly build: Build
}

function running({ name, statement }: Way, database: Database, { keys, per, build }: Running): Variant {
  const settings = statement === undefined ? undefined : { plan_cache_mode: statement }
  return {
    name,
    run: async () => {
      for (let count = 0; count < per; count += 1) {
        const key = keys[Math.floor(Math.random() * keys.length)]
        if (key === undefined) throw new Error('there are memories')
        const { db } = database.forTenant(key.org_id)
        const query = build(db, key)
        const { rows } = await db.executeQuery(settings === undefined ? query : withSettings(query, settings))
        if (rows.length !== 1) throw new Error(`${name} found too few`)
      }
    },
  }
}

function readById(
  db: Kysely<DB>,
  { org_id: orgId, id }: Key,
  table: 'ibex_core.memories' | 'ibex_core.agents' = 'ibex_core.memories',
): CompiledQuery {
  return db
    .selectFrom(table)
    .selectAll()
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .compile()
}

function updateOne(db: Kysely<DB>, { org_id: orgId, id }: Key): CompiledQuery {
  return db
    .updateTable('ibex_core.memories')
    .set({ importance: 6 })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returningAll()
    .compile()
}

function readAgent(db: Kysely<DB>, { org_id: orgId }: Key): CompiledQuery {
  return readById(db, { org_id: orgId, id: orgId }, 'ibex_core.agents')
}

const embedding = Vector.create(
  Array.from({ length: 384 }, () => 0.5),
  384,
)
let made = 0

function insertOne(db: Kysely<DB>, { org_id: orgId }: Key): CompiledQuery {
  made += 1
  const content = `The user said that their number is ${made}.`
  return db
    .insertInto('ibex_core.memories')
    .values({ org_id: orgId, content, content_hash: hash('sha256', content), embedding, category: 'factual' })
    .returningAll()
    .compile()
}

function openWith(url: string, mode: PlanMode, poolSize = 1): Database {
  const own = new URL(url)
  // the commit would hide the rest
  own.searchParams.set('options', `-c plan_cache_mode=${mode} -c synchronous_commit=off`)
  return createDatabase({ url: own.href, poolSize })
}

/** Memories of 40 tenants, and an agent of each that has its tenant's id. */
async function fill(client: pg.Client): Promise<readonly Key[]> {
  // it would hide the rest
  await client.query('drop index ibex_core.memories_embedding_idx')
  await client.query(`insert into ibex_core.organizations (name, slug)
      select 'Organization ' || number, 'organization-' || number from generate_series(1, 40) as number;
    insert into ibex_core.agents (org_id, id, name, slug) select id, id, 'Agent', 'agent' from ibex_core.organizations;
    insert into ibex_core.memories (org_id, content, content_hash, embedding, category)
      select id, 'Something that was said ' || number, encode(sha256(number::text::bytea), 'hex'), array_fill(0.5::real, array[384])::vector, 'factual'
      from ibex_core.organizations, generate_series(1, 500) as number`)
  await client.query('vacuum analyze')
  return (await client.query<Key>('select org_id, id from ibex_core.memories')).rows
}
