/** Which plan a read by id and an insert run on, in a table of 16 partitions: planned for each call, or once. */
import { hash } from 'node:crypto'
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
import { compare } from './harness.ts'
import type { Experiment, Variant } from './harness.ts'

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
    const reads = isQuick ? 50 : 300
    const options = { rounds: isQuick ? 3 : 30, warmUp: 3, unit: 'µs', signal } as const
    try {
      const measure = async (
        title: string,
        build: (db: Kysely<DB>, key: Key) => CompiledQuery,
        per: number,
      ): ReturnType<typeof compare> =>
        await compare(
          title,
          opened.map(({ way, database }) => running(way, database, { keys, per, build })),
          { ...options, per },
        )
      return [
        await measure('a memory by its id', readById, reads),
        await measure('an agent by its id, in one table', readAgent, reads),
        await measure('an insert of a memory, without the index of vectors', insertOne, reads / 5),
      ]
    } finally {
      await Promise.all(opened.map(async ({ database }) => await database.close()))
    }
  },
}

interface Running {
  readonly keys: readonly Key[]
  readonly per: number
  readonly build: (db: Kysely<DB>, key: Key) => CompiledQuery
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

function readById(db: Kysely<DB>, { org_id: orgId, id }: Key): CompiledQuery {
  return db
    .selectFrom('ibex_core.memories')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .compile()
}

function readAgent(db: Kysely<DB>, { org_id: orgId }: Key): CompiledQuery {
  return db
    .selectFrom('ibex_core.agents')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('id', '=', orgId)
    .where('deleted_at', 'is', null)
    .compile()
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

function openWith(url: string, mode: PlanMode): Database {
  const own = new URL(url)
  // the commit would hide the rest
  own.searchParams.set('options', `-c plan_cache_mode=${mode} -c synchronous_commit=off`)
  return createDatabase({ url: own.href, poolSize: 1 })
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
