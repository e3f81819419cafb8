/** Memories in bulk: the library's ways and others against COPY into the same table, and where the time goes. */
import { once } from 'node:events'
import { hash } from 'node:crypto'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase } from '../../src/create-database.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { arrayBytes, copyBytes, uuidBytes, vectorBytes } from './binary.ts'
import { compare } from './harness.ts'
import type { Comparison, CompareOptions, Experiment, Variant } from './harness.ts'

interface Row {
  readonly content: string
  readonly hash: string
  readonly embedding: Float32Array
}

interface Target {
  readonly client: pg.Client
  readonly orgId: string
  readonly agentId: string
  readonly vectorOid: number
}

const columns = 'org_id, agent_id, content, content_hash, embedding, category'

export const bulkInsert: Experiment = {
  name: 'bulk-insert',
  async run({ url, isQuick, signal }) {
    await using scratch = await createScratchDatabase(url)
    await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
    const client = new pg.Client(scratch.url)
    await client.connect()
    try {
      await using database = createDatabase({ url: scratch.url, poolSize: 4 })
      const target = await prepareTarget(client)
      const tenant = database.forTenant(target.orgId)
      const count = isQuick ? 100 : 1_000
      const options = { rounds: isQuick ? 2 : 3, per: count / 1_000, signal }
      const ways = [
        copyText(target),
        copyBinary(target),
        staged(target),
        unnestText(target),
        unnestBinary(target),
        library(tenant, target, { batchSize: count, concurrency: 1 }),
      ]
      const together = [2, 4].map((concurrency) =>
        library(tenant, target, { batchSize: count / 4, concurrency }),
      )
      const comparisons: Comparison[] = []
      const measure = async (
        title: string,
        some: readonly Way[],
        more: Partial<CompareOptions> = {},
      ): Promise<void> => {
        comparisons.push(
          await compare(
            title,
            some.map((way) => variant(way, target, count)),
            { ...options, ...more },
          ),
        )
      }
      await measure('1,000 memories, all indexes and triggers (ms for 1,000)', [...ways, ...together])
      await client.query('drop index ibex_core.memories_embedding_idx')
      await measure('the same without the index of vectors', ways)
      await client.query('drop index ibex_core.memories_org_id_search_vector_idx')
      await measure('the same without the index of words too', ways.slice(0, 2))
      await client.query('alter table ibex_core.memories disable trigger all')
      await measure('the same without triggers and foreign keys too', ways.slice(0, 2))
      return comparisons
    } finally {
      await client.end()
    }
  },
}

interface Way {
  readonly name: string
  readonly insert: (rows: readonly Row[]) => Promise<void>
}

function variant({ name, insert }: Way, { client, orgId }: Target, count: number): Variant {
  let rows: readonly Row[] = []
  return {
    name,
    prepare: async () => {
      rows = makeRows(count)
      await client.query('checkpoint')
    },
    run: async () => {
      const startedAt = performance.now()
      await insert(rows)
      const elapsed = performance.now() - startedAt
      const found = await client.query(
        'select from ibex_core.memories where org_id = $1 and content = any($2)',
        [orgId, rows.map(({ content }) => content)],
      )
      if (found.rowCount !== count) throw new Error(`${name} inserted too few: the run is void`)
      return elapsed
    },
  }
}

function copyText(target: Target): Way {
  return {
    name: 'COPY, text',
    insert: async (rows) =>
      await copy(target.client, `ibex_core.memories (${columns})`, Buffer.from(textOf(target, rows))),
  }
}

function copyBinary(target: Target): Way {
  return {
    name: 'COPY, binary',
    insert: async (rows) => {
      const [org, agent, category] = [
        uuidBytes(target.orgId),
        uuidBytes(target.agentId),
        Buffer.from('factual'),
      ]
      const fields = rows.map(({ content, hash: digest, embedding }) => [
        org,
        agent,
        Buffer.from(content),
        Buffer.from(digest),
        vectorBytes(embedding),
        category,
      ])
      await copy(target.client, `ibex_core.memories (${columns})`, copyBytes(fields), 'with (format binary)')
    },
  }
}

function staged(target: Target): Way {
  const { client } = target
  return {
    name: 'COPY, text, into a temporary table, then insert … select',
    insert: async (rows) => {
      await client.query(
        'create temporary table staged (org_id uuid, agent_id uuid, content text, content_hash text, embedding vector(384), category text)',
      )
      await copy(client, `staged (${columns})`, Buffer.from(textOf(target, rows)))
      await client.query(
        `insert into ibex_core.memories (${columns}) select ${columns} from staged; drop table staged`,
      )
    },
  }
}

const unnest = `insert into ibex_core.memories (${columns})
  select $1::uuid, $2::uuid, content, content_hash, embedding, 'factual' from unnest($3::text[], $4::text[], $5::vector[]) as new (content, content_hash, embedding)`

function unnestText({ client, orgId, agentId }: Target): Way {
  return {
    name: 'insert from unnest, vectors as text',
    insert: async (rows) => {
      const vectors = rows.map(({ embedding }) => `[${embedding.join(',')}]`)
      await client.query(unnest, [
        orgId,
        agentId,
        rows.map(({ content }) => content),
        rows.map((row) => row.hash),
        vectors,
      ])
    },
  }
}

function unnestBinary({ client, orgId, agentId, vectorOid }: Target): Way {
  return {
    name: 'insert from unnest, vectors in binary',
    insert: async (rows) => {
      const vectors = arrayBytes(
        vectorOid,
        rows.map(({ embedding }) => vectorBytes(embedding)),
      )
      await client.query(unnest, [
        orgId,
        agentId,
        rows.map(({ content }) => content),
        rows.map((row) => row.hash),
        vectors,
      ])
    },
  }
}

function library(
  { memories }: TenantScope,
  { agentId }: Target,
  options: { readonly batchSize: number; readonly concurrency: number },
): Way {
  return {
    name: `memories.addMany, exact duplicates only, ${options.concurrency} at a time`,
    insert: async (rows) => {
      const inputs = rows.map(({ content, embedding }) => ({
        agentId,
        content,
        embedding,
        category: 'factual' as const,
      }))
      await memories.addMany(inputs, options)
    },
  }
}

async function copy(client: pg.Client, target: string, bytes: Buffer, options = ''): Promise<void> {
  const stream = client.query(copyFrom(`copy ${target} from stdin ${options}`))
  stream.end(bytes)
  await once(stream, 'finish')
}

function textOf({ orgId, agentId }: Target, rows: readonly Row[]): string {
  return rows
    .map(
      (row) => `${orgId}\t${agentId}\t${row.content}\t${row.hash}\t[${row.embedding.join(',')}]\tfactual\n`,
    )
    .join('')
}

let made = 0

function makeRows(count: number): readonly Row[] {
  return Array.from({ length: count }, () => {
    made += 1
    const content = `The user said that their number is ${made} and that they like it.`
    const embedding = Float32Array.from({ length: 384 }, () => Math.random() - 0.5)
    return { content, hash: hash('sha256', content), embedding }
  })
}

async function prepareTarget(client: pg.Client): Promise<Target> {
  const { rows } = await client.query<{ orgId: string; agentId: string; vectorOid: number }>(`
    with organization as (insert into ibex_core.organizations (name, slug) values ('A', 'a') returning id)
    insert into ibex_core.agents (org_id, name, slug) select id, 'A', 'a' from organization
    returning org_id as "orgId", id as "agentId", (select oid::int from pg_type where typname = 'vector') as "vectorOid"`)
  const [found] = rows
  if (found === undefined) throw new Error('the insert returned no row')
  return { client, ...found }
}
