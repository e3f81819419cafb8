/** The database that peers are checked in: three tenants, and a login that every policy holds. */
import { createHash, randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrationProvider } from '../../migrations/index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { seededRandom } from '../memory/memory-data.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import type { NewMemory } from './peer.ts'

/** A database with rows in it; its login and itself are dropped when it is disposed of. */
export interface CheckDatabase extends AsyncDisposable {
  /** A superuser, who sees what is really there. */
  readonly admin: pg.Client
  /** The login that peers connect as. */
  readonly login: string
  readonly loginUrl: string
  readonly mine: CheckTenant
  /** Its memories are in the same partition as mine, and nearer to {@link lookedFor} than all of mine. */
  readonly theirs: CheckTenant
  /** Its memories are in a partition without a vector index, so that many can be added in little time. */
  readonly bulk: CheckTenant
  /** The vector to search with. */
  readonly lookedFor: readonly number[]
}

/** A tenant with 30 agents, of which the last is soft-deleted. */
export interface CheckTenant {
  readonly orgId: string
  readonly agentIds: readonly string[]
  readonly deletedAgentId: string
}

/**
 * Creates and fills the database.
 *
 * The login plans without sorting: a search by distance then takes the vector index, in which a tenant finds nothing
 * unless the scan goes on past the neighbour's rows.
 */
export async function openCheckDatabase(serverUrl: string | undefined): Promise<CheckDatabase> {
  await using stack = new AsyncDisposableStack()
  const scratch = stack.use(await createScratchDatabase(serverUrl))
  await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
  const admin = new pg.Client(scratch.url)
  await admin.connect()
  stack.defer(async () => await admin.end())
  const login = `ibex_check_${randomBytes(6).toString('hex')}`
  const password = randomBytes(16).toString('hex')
  await admin.query(`create role ${login} login inherit password '${password}' in role ibex_app`)
  stack.defer(async () => await admin.query(`drop role ${login}`).then(() => undefined))
  await admin.query(`alter role ${login} set enable_sort = off`)
  // for errors of the server: what it refuses by itself, a library may refuse or replace before
  await admin.query("alter table ibex_core.messages add check (content <> 'refused')")
  await admin.query("alter table ibex_core.sessions add check (title <> 'refused')")
  await admin.query('drop index ibex_core.memories_embedding_idx')
  await admin.query('create index on ibex_core.memories_p00 using hnsw (embedding vector_cosine_ops)')
  const mine = await addTenant(admin, 0)
  const theirs = await addTenant(admin, 0)
  const bulk = await addTenant(admin, 1)
  const lookedFor = await addMemories(admin, mine, theirs)
  await admin.query('analyze')
  const kept = stack.move()
  return {
    admin,
    login,
    loginUrl: withLogin(scratch.url, login, password),
    mine,
    theirs,
    bulk,
    lookedFor,
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  }
}

/** Makes memories of an agent, with contents and vectors of their own. */
export function newMemories(agentId: string, label: string, count: number): NewMemory[] {
  const random = seededRandom(count)
  return Array.from({ length: count }, (_, index) => memory(agentId, `${label} ${index}`, vector(random)))
}

function vector(random: () => number): number[] {
  // as PostgreSQL keeps them: 4 bytes
  return Array.from(Float32Array.from({ length: 384 }, () => random() - 0.5))
}

function memory(agentId: string, content: string, embedding: readonly number[]): NewMemory {
  return {
    agent_id: agentId,
    content,
    content_hash: createHash('sha256').update(content).digest('hex'),
    category: 'factual',
    embedding,
  }
}

function withLogin(url: string, login: string, password: string): string {
  const other = new URL(url)
  other.username = login
  other.password = password
  return other.href
}

/** Adds a tenant whose memories are in the partition of this remainder. */
async function addTenant(admin: pg.Client, remainder: number): Promise<CheckTenant> {
  const added = await admin.query<{ id: string }>(insertOrganization, [remainder])
  const orgId = added.rows[0]?.id
  if (orgId === undefined) throw new Error('none of the ids belongs to that partition')
  // of one statement and thus of one time: the order by created_at alone is not enough
  const some = await admin.query<{ id: string }>(insertAgents, [orgId, 1, 15, null])
  const more = await admin.query<{ id: string }>(insertAgents, [orgId, 16, 29, null])
  const gone = await admin.query<{ id: string }>(insertAgents, [orgId, 30, 30, new Date()])
  const agentIds = [...some.rows, ...more.rows].map(({ id }) => id)
  return { orgId, agentIds, deletedAgentId: gone.rows[0]?.id ?? '' }
}

const insertOrganization = `
  insert into ibex_core.organizations (id, name, slug)
  select id, 'Organization', 'organization-' || id from (select gen_random_uuid() as id from generate_series(1, 1000)) as ids
   where satisfies_hash_partition('ibex_core.memories'::regclass, 16, $1, id) limit 1
  returning id`

const insertAgents = `
  insert into ibex_core.agents (org_id, name, slug, tagline, status, tags, deleted_at)
  select $1, 'Agent ' || n, 'agent-' || n, 'Answers questions', 'active', array['support', 'a "b", {c}'], $4
    from generate_series($2::int, $3::int) as n
  returning id`

/** Gives mine 40 memories and theirs 600 nearer ones; returns the vector that these are near to. */
async function addMemories(
  admin: pg.Client,
  mine: CheckTenant,
  theirs: CheckTenant,
): Promise<readonly number[]> {
  const random = seededRandom(6)
  const lookedFor = vector(random)
  const near = (): number[] => vector(random).map((value, at) => (lookedFor[at] ?? 0) + value / 10)
  const add = async (
    { orgId, agentIds }: CheckTenant,
    nextVector: () => number[],
    contents: string[],
  ): Promise<void> => {
    const memories = contents.map((content) => memory(agentIds[0] ?? '', content, nextVector()))
    await admin.query(insertMemories, [
      orgId,
      agentIds[0],
      memories.map(({ content }) => content),
      memories.map(({ content_hash: hash }) => hash),
      memories.map(({ embedding }) => JSON.stringify(embedding)),
    ])
  }
  await add(theirs, near, numbered('The neighbour likes green tea', 600))
  await add(mine, () => vector(random), [
    ...numbered('Somebody drinks coffee', 30),
    ...[4, 2, 5, 1, 3].map((times) => `Ana ${'likes green tea '.repeat(times)}`),
    ...numbered('Gone: likes green tea', 5),
  ])
  await admin.query(
    `update ibex_core.memories set status = case when content like '%1' then 'archived' else status end,
            deleted_at = case when content like '%1' then null else now() end
      where org_id = $1 and content like 'Gone:%'`,
    [mine.orgId],
  )
  return lookedFor
}

function numbered(content: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${content} ${index}`)
}

const insertMemories = `
  insert into ibex_core.memories (org_id, agent_id, content, content_hash, embedding, category)
  select $1, $2, content, hash, embedding, 'factual'
    from unnest($3::text[], $4::bpchar[], $5::public.vector[]) as new (content, hash, embedding)`
