/** Memories of tenants of very different sizes, beside each other and each alone. */
import type pg from 'pg'

/** One tenant, and the table that holds the same rows alone, without row-level security. */
export interface BenchTenant {
  readonly orgId: string
  readonly rows: number
  readonly alone: string
}

const dimension = 384
const clusters = 200
const batch = 1_000

/** Uniform numbers from 0 to 1, the same ones in every run (Tommy Ettinger's mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Makes vectors around common centers, as embeddings lie around topics; `spread` is how far from them. */
export function vectorSource(random: () => number): (spread: number) => Float32Array {
  const gauss = (): number => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random())
  const centers = Array.from({ length: clusters }, () => Float32Array.from({ length: dimension }, gauss))
  return (spread) => {
    const center = centers[Math.floor(random() * clusters)] ?? new Float32Array(dimension)
    return center.map((value) => value + spread * gauss())
  }
}

/** A word of 3,000, the first ones far more frequent than the last (Zipf's law). */
function zipfWord(random: () => number): string {
  return `word${Math.floor(3_000 ** random()) - 1}`
}

/**
 * Fills a migrated database: all tenants in one partition, which is the worst case, and a table of its own for each.
 *
 * It writes as a superuser, around the library. The vector indexes are built when the rows are there, as a restore would.
 */
export async function loadMemories(client: pg.ClientBase, sizes: readonly number[]): Promise<BenchTenant[]> {
  const random = seededRandom(20_261_124)
  const nextVector = vectorSource(random)
  await client.query(
    "set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 1; set work_mem = '64MB'",
  )
  await client.query('drop index ibex_core.memories_embedding_idx')
  const tenants: BenchTenant[] = []
  for (const rows of sizes) {
    const orgId = await insertTenant(client, tenants[0]?.orgId)
    for (let done = 0; done < rows; done += batch)
      await insertBatch(client, orgId, {
        count: Math.min(batch, rows - done),
        first: done,
        random,
        nextVector,
      })
    tenants.push({ orgId, rows, alone: `alone_${rows}` })
  }
  await client.query(
    'create index memories_embedding_idx on ibex_core.memories using hnsw (embedding vector_cosine_ops)',
  )
  for (const tenant of tenants) await copyAlone(client, tenant)
  await client.query('vacuum analyze')
  return tenants
}

async function insertTenant(client: pg.ClientBase, neighbour: string | undefined): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into ibex_core.organizations (id, name, slug)
     select id, 'Organization', 'organization-' || left(id::text, 8)
     from (select md5('tenant ' || number || coalesce($1, ''))::uuid as id, number from generate_series(1, 500) as number) as made
     where $1::uuid is null or exists (select from generate_series(0, 15) as part
       where satisfies_hash_partition('ibex_core.memories'::regclass, 16, part, id)
         and satisfies_hash_partition('ibex_core.memories'::regclass, 16, part, $1::uuid))
     and not exists (select from ibex_core.organizations as other where other.id = made.id)
     order by number limit 1 returning id`,
    [neighbour ?? null],
  )
  return rows[0]?.id ?? ''
}

interface Batch {
  readonly count: number
  readonly first: number
  readonly random: () => number
  readonly nextVector: (spread: number) => Float32Array
}

async function insertBatch(
  client: pg.ClientBase,
  orgId: string,
  { count, first, random, nextVector }: Batch,
): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => ({
    content: `The user said ${Array.from({ length: 12 }, () => zipfWord(random)).join(' ')} ${first + index}`,
    embedding: `[${Array.from(nextVector(0.8), (value) => value.toFixed(4)).join(',')}]`,
    metadata: JSON.stringify({ topic: Math.floor(random() * 500), half: random() < 0.5 }),
    tag: `tag${Math.floor(1_000 ** random()) - 1}`,
    status: random() < 0.02 ? 'pending_review' : 'active',
  }))
  const column = (name: 'content' | 'embedding' | 'metadata' | 'tag' | 'status'): string[] =>
    rows.map((row) => row[name])
  await client.query(
    `with given as (
       select gen_random_uuid() as id, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
         as given (content, embedding, metadata, tag, status)
     ), added as (
       insert into ibex_core.memories (org_id, id, content, content_hash, embedding, category, metadata, status)
       select $1, id, content, encode(sha256(content::bytea), 'hex'), embedding::vector, 'factual', metadata::jsonb, status
       from given returning id
     )
     insert into ibex_core.memory_tags (org_id, memory_id, tag) select $1, id, tag from given join added using (id)`,
    [orgId, column('content'), column('embedding'), column('metadata'), column('tag'), column('status')],
  )
}

async function copyAlone(client: pg.ClientBase, { orgId, alone }: BenchTenant): Promise<void> {
  await client.query(`create table ${alone} (like ibex_core.memories including storage including generated)`)
  await client.query(`alter table ${alone} set (toast_tuple_target = 4080)`)
  const { rows } = await client.query<{
    list: string
  }>(`select string_agg(quote_ident(attname), ', ') as list from pg_attribute
    where attrelid = 'ibex_core.memories'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`)
  const list = rows[0]?.list ?? ''
  await client.query(
    `insert into ${alone} (${list}) select ${list} from ibex_core.memories where org_id = $1`,
    [orgId],
  )
  await client.query(`alter table ${alone} add primary key (org_id, id)`)
  await client.query(`create index on ${alone} using hnsw (embedding vector_cosine_ops)`)
}
