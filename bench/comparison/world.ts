/** The rows that the comparison works with, and what the right answers are. */
import { createHash } from 'node:crypto'
import pg from 'pg'
import { seededRandom, vectorSource } from '../memory/memory-data.ts'
import type { AgentRow, NewMemory } from '../peers/peer.ts'

/** A question by vector, and the ten nearest memories of the tenant by the definition. */
export interface VectorQuestion {
  readonly orgId: string
  readonly embedding: readonly number[]
  readonly ids: ReadonlySet<string>
}

/** A question by a word, and all memories of the tenant that hold it. */
export interface TextQuestion {
  readonly orgId: string
  readonly text: string
  readonly ids: ReadonlySet<string>
}

/** Holds what may be asked, the answers, and a superuser's connection that sees what is stored. */
export interface World extends AsyncDisposable {
  readonly admin: pg.Client
  readonly agents: readonly AgentRow[]
  /** The ids of each tenant's newest agents, in order. */
  readonly pages: ReadonlyMap<string, readonly string[]>
  readonly vectorQuestions: readonly VectorQuestion[]
  /** The tenant of each memory. */
  readonly owners: ReadonlyMap<string, string>
  readonly textQuestions: readonly TextQuestion[]
  readonly bulk: BulkTenant
}

/** A tenant whose memories are alone in their partition, so that emptying it touches nobody else's index. */
export interface BulkTenant {
  readonly orgId: string
  readonly agentId: string
  readonly partition: string
}

export const pageSize = 20
export const searchLimit = 10

const tenants = 8
const agentsPerTenant = 50
const rareWords = 20
const holdersOfWord = 5
const questionsPerTenant = 5
const bulkRemainder = 8

/**
 * Fills a migrated database, as a superuser and around the library.
 *
 * The tenants share four partitions, two in each: what a search by vector or by words finds there is partly a neighbour's.
 * Each rare word is in exactly five memories of every tenant.
 */
export async function createWorld(url: string, memoriesPerTenant: number): Promise<World> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  // a server that goes away is reported by the statement that fails
  admin.on('error', () => undefined)
  try {
    const orgIds = await insertOrganizations(admin)
    await admin.query(insertAgents, [orgIds, agentsPerTenant])
    const { rows: agents } = await admin.query<AgentRow>(
      `select org_id, id, name, slug, tagline, status, tags, created_at from ibex_core.agents order by created_at desc, id desc`,
    )
    const questions = await insertMemories(admin, orgIds, agents, memoriesPerTenant)
    const bulk = await insertBulkTenant(admin)
    await admin.query('vacuum (analyze) ibex_core.organizations, ibex_core.agents, ibex_core.memories')
    const pages = new Map(
      orgIds.map((orgId) => {
        const own = agents.filter(({ org_id: owner }) => owner === orgId)
        return [orgId, own.slice(0, pageSize).map(({ id }) => id)]
      }),
    )
    const vectorQuestions = await answerVectors(admin, questions)
    const textQuestions = await answerWords(admin, orgIds)
    const owners = await admin.query<[string, string]>({
      text: 'select id, org_id from ibex_core.memories',
      rowMode: 'array',
    })
    return {
      admin,
      agents,
      pages,
      owners: new Map(owners.rows),
      vectorQuestions,
      textQuestions,
      bulk,
      [Symbol.asyncDispose]: async () => await admin.end(),
    }
  } catch (error) {
    await admin.end()
    throw error
  }
}

/** Makes memories of the bulk tenant with contents and vectors of their own. */
export function bulkMemories({ agentId }: BulkTenant, count: number): NewMemory[] {
  return Array.from({ length: count }, () => {
    made += 1
    const content = `The user said that their number is ${made}.`
    return {
      agent_id: agentId,
      content,
      content_hash: hashOf(content),
      category: 'factual',
      embedding: Array.from(nextBulkVector(0.8)),
    }
  })
}

/** Deletes the memories of the bulk tenant and frees their places in the indexes. */
export async function emptyBulkTenant(admin: pg.Client, { orgId, partition }: BulkTenant): Promise<void> {
  // a delete that looks into every referencing table for every row takes longer than the insert did
  await admin.query('set session_replication_role = replica')
  for (const table of [...tablesOfMemories, 'memories']) {
    await admin.query(`delete from ibex_core.${table} where org_id = $1`, [orgId])
  }
  await admin.query('set session_replication_role = origin')
  await admin.query(`vacuum (analyze) ${partition}`)
}

const tablesOfMemories = ['memory_usage', 'memory_versions', 'memory_tags', 'memory_relationships']

let made = 0
const nextBulkVector = vectorSource(seededRandom(6))

function hashOf(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Ids are chosen by the partition that they belong to, the same ones in every run. */
async function insertOrganizations(admin: pg.Client): Promise<string[]> {
  const ids: string[] = []
  for (let tenant = 0; tenant < tenants; tenant += 1) {
    ids.push(await insertOrganization(admin, `tenant ${tenant}`, tenant % 4))
  }
  return ids
}

async function insertOrganization(admin: pg.Client, name: string, remainder: number): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(
    `insert into ibex_core.organizations (id, name, slug)
     select id, $1, replace($1, ' ', '-')
       from (select md5($1 || ' ' || n)::uuid as id, n from generate_series(1, 1000) as n) as ids
      where satisfies_hash_partition('ibex_core.memories'::regclass, 16, $2, id) order by n limit 1
     returning id`,
    [name, remainder],
  )
  const [organization] = rows
  if (organization === undefined) throw new Error(`no id of 1,000 belongs to partition ${remainder}`)
  return organization.id
}

// a time of its own for each half: the order by created_at alone is not enough, and its ties are settled by id
const insertAgents = `
  insert into ibex_core.agents (org_id, name, slug, tagline, status, tags, created_at)
  select org_id, 'Agent ' || n, 'agent-' || n, 'Answers questions about orders', 'active', array['support', 'orders'],
         now() - make_interval(mins => n / 3)
    from unnest($1::uuid[]) as org_id, generate_series(1, $2::int) as n`

async function insertBulkTenant(admin: pg.Client): Promise<BulkTenant> {
  const orgId = await insertOrganization(admin, 'bulk tenant', bulkRemainder)
  const { rows } = await admin.query<{ agentId: string; partition: string }>(
    `insert into ibex_core.agents (org_id, name, slug, status) values ($1, 'Agent', 'agent', 'active')
     returning id as "agentId", (select inhrelid::regclass::text from pg_inherits join pg_class on pg_class.oid = inhrelid
       where inhparent = 'ibex_core.memories'::regclass and pg_get_expr(relpartbound, inhrelid) like '%remainder ' || $2::int || ')') as partition`,
    [orgId, bulkRemainder],
  )
  const [bulk] = rows
  if (bulk === undefined) throw new Error('the agent of the bulk tenant was not inserted')
  return { orgId, ...bulk }
}

/** Returns a few vectors for each tenant, near the same centers as its memories and equal to none. */
async function insertMemories(
  admin: pg.Client,
  orgIds: readonly string[],
  agents: readonly AgentRow[],
  perTenant: number,
): Promise<Omit<VectorQuestion, 'ids'>[]> {
  const nextVector = vectorSource(seededRandom(20_261_128))
  await admin.query("set maintenance_work_mem = '256MB'")
  // an index is built sooner than it is filled row by row
  await admin.query('drop index ibex_core.memories_embedding_idx')
  for (const orgId of orgIds) {
    const own = agents.filter(({ org_id: owner }) => owner === orgId)
    const contents = Array.from({ length: perTenant }, (_, index) => contentOf(index, perTenant))
    await admin.query(insertMemoriesSql, [
      orgId,
      contents.map((_, index) => own[index % own.length]?.id),
      contents,
      contents.map(hashOf),
      contents.map(() => `[${nextVector(0.8).join(',')}]`),
    ])
  }
  await admin.query(
    'create index memories_embedding_idx on ibex_core.memories using hnsw (embedding vector_cosine_ops)',
  )
  return orgIds.flatMap((orgId) =>
    Array.from({ length: questionsPerTenant }, () => ({ orgId, embedding: Array.from(nextVector(0.8)) })),
  )
}

const insertMemoriesSql = `
  insert into ibex_core.memories (org_id, agent_id, content, content_hash, category, embedding)
  select $1::uuid, agent_id, content, content_hash, 'factual', embedding
    from unnest($2::uuid[], $3::text[], $4::bpchar[], $5::vector[]) as new (agent_id, content, content_hash, embedding)`

/** The first hundred memories hold one rare word each; others are of common words. */
function contentOf(index: number, perTenant: number): string {
  const common = `The customer asked about order ${index} of ${perTenant} and wanted it delivered`
  return index < rareWords * holdersOfWord ? `${common} with ${rareWord(index % rareWords)}` : common
}

/** A word that no dictionary shortens. */
function rareWord(number: number): string {
  return `quo${String.fromCodePoint(97 + number)}zik`
}

async function answerVectors(
  admin: pg.Client,
  questions: readonly Omit<VectorQuestion, 'ids'>[],
): Promise<VectorQuestion[]> {
  const answered: VectorQuestion[] = []
  for (const { orgId, embedding } of questions) {
    const { rows } = await admin.query<{ id: string }>(
      // the sum keeps the index out: every distance is computed
      `select id from ibex_core.memories where org_id = $1 order by (embedding <=> $2::vector) + 0 limit $3`,
      [orgId, `[${embedding.join(',')}]`, searchLimit],
    )
    answered.push({ orgId, embedding, ids: new Set(rows.map(({ id }) => id)) })
  }
  return answered
}

async function answerWords(admin: pg.Client, orgIds: readonly string[]): Promise<TextQuestion[]> {
  const answered: TextQuestion[] = []
  for (const orgId of orgIds) {
    for (let number = 0; number < rareWords; number += 1) {
      const text = rareWord(number)
      const { rows } = await admin.query<{ id: string }>(
        `select id from ibex_core.memories where org_id = $1 and content like '%' || $2`,
        [orgId, text],
      )
      if (rows.length !== holdersOfWord) throw new Error(`${rows.length} memories hold ${text}`)
      answered.push({ orgId, text, ids: new Set(rows.map(({ id }) => id)) })
    }
  }
  return answered
}
