/** The baseline: the same statements without any tenancy, by a login that no policy holds, and COPY for many rows. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from } from 'pg-copy-streams'
import { foundMemoryColumns, installedVersion } from './columns.ts'
import type { AgentRow, FoundMemory, NewMemory, Peer, PeerConnection } from './peer.ts'

/** What the baseline does of a peer: each a single statement, so not the unit of work. */
export type Baseline = Omit<Peer, 'recordConversation'>

/**
 * Opens the baseline; the url must be a superuser's.
 *
 * A statement is what an ordinary user writes: an unnamed, parameterised `pool.query`. What a search by vector needs is set
 * when a connection opens and costs no round trip.
 */
export async function open({ url, poolSize }: PeerConnection): Promise<Baseline> {
  const pool = new pg.Pool({ connectionString: url, max: poolSize, options: searchSettings })
  // a connection that breaks while it is idle must not end the process
  pool.on('error', () => undefined)
  const rowsOf = async <R extends pg.QueryResultRow>(sql: string, values: unknown[]): Promise<R[]> =>
    (await pool.query<R>(sql, values)).rows
  const rowOf = async <R extends pg.QueryResultRow>(sql: string, values: unknown[]): Promise<R> => {
    const [row] = await rowsOf<R>(sql, values)
    if (row === undefined) throw new Error('no such row')
    return row
  }
  return await Promise.resolve({
    name: 'bare pg, no tenancy',
    version: installedVersion('pg'),
    findAgent: async (orgId, id) => (await rowsOf<AgentRow>(findAgent, [orgId, id]))[0],
    listAgents: async (orgId, limit) => await rowsOf<AgentRow>(listAgents, [orgId, limit]),
    insertAgent: async (orgId, { name, slug, tagline, status, tags }) =>
      await rowOf<AgentRow>(insertAgent, [orgId, name, slug, tagline, status, tags]),
    updateAgent: async (orgId, id, tagline) => await rowOf<AgentRow>(updateAgent, [orgId, id, tagline]),
    addMemories: async (orgId, memories) => await copyMemories(pool, orgId, memories),
    nearestMemories: async (orgId, embedding, limit) =>
      await rowsOf<FoundMemory>(nearestMemories, [orgId, JSON.stringify(embedding), limit]),
    memoriesByText: async (orgId, text, limit) =>
      await rowsOf<FoundMemory>(memoriesByText, [orgId, text, limit]),
    [Symbol.asyncDispose]: async () => await pool.end(),
  } satisfies Baseline)
}

/** Contents of the benchmark hold no tab, newline or backslash: COPY's text format needs no escapes. */
async function copyMemories(pool: pg.Pool, orgId: string, memories: readonly NewMemory[]): Promise<number> {
  const client = await pool.connect()
  try {
    const copy = client.query(from(copyInto))
    await pipeline(Readable.from(chunksOf(orgId, memories)), copy)
    return copy.rowCount ?? 0
  } finally {
    client.release()
  }
}

/** Some hundred rows a write: one a row would measure streams. */
function* chunksOf(orgId: string, memories: readonly NewMemory[]): Generator<string> {
  for (let start = 0; start < memories.length; start += 200) {
    const lines = memories
      .slice(start, start + 200)
      .map(
        ({ agent_id: agentId, content, content_hash: hash, category, embedding }) =>
          `${orgId}\t${agentId}\t${content}\t${hash}\t${category}\t[${embedding.join(',')}]\n`,
      )
    yield lines.join('')
  }
}

const searchSettings = '-c hnsw.iterative_scan=relaxed_order -c hnsw.ef_search=100'

const found = foundMemoryColumns.join(', ')

const findAgent = 'select * from ibex_core.agents where org_id = $1 and id = $2 and deleted_at is null'

const listAgents = `
  select * from ibex_core.agents
   where org_id = $1 and deleted_at is null order by created_at desc, id desc limit $2`

const insertAgent = `
  insert into ibex_core.agents (org_id, name, slug, tagline, status, tags)
  values ($1, $2, $3, $4, $5, $6) returning *`

const updateAgent = `
  update ibex_core.agents set tagline = $3
   where org_id = $1 and id = $2 and deleted_at is null returning *`

const copyInto = `
  copy ibex_core.memories (org_id, agent_id, content, content_hash, category, embedding) from stdin`

const nearestMemories = `
  select ${found} from ibex_core.memories
   where org_id = $1 and status = 'active' and deleted_at is null order by embedding <=> $2 limit $3`

const memoriesByText = `
  select ${found} from ibex_core.memories
   where org_id = $1 and status = 'active' and deleted_at is null
     and search_vector @@ plainto_tsquery('english', $2)
   order by ts_rank(search_vector, plainto_tsquery('english', $2)) desc limit $3`
