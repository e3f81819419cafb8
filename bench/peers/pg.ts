/** `pg` alone, with SQL and transactions by hand. */
import pg from 'pg'
import { foundMemoryColumns, installedVersion } from './columns.ts'
import type { AgentRow, FoundMemory, OpenPeer, Peer, RecordedConversation } from './peer.ts'

/**
 * Opens the peer.
 *
 * Statements have no names, as in all that its documentation shows of transactions.
 */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const pool = new pg.Pool({ connectionString: url, max: poolSize })
  // a connection that breaks while it is idle must not end the process
  pool.on('error', () => undefined)
  const inTenant: InTenant = async (settings, values, work) => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      await client.query(settings, values)
      const result = await work(client)
      await client.query('commit')
      return result
    } catch (error) {
      await client.query('rollback')
      throw error
    } finally {
      client.release()
    }
  }
  return await Promise.resolve({
    name: 'pg by hand',
    version: installedVersion('pg'),
    ...agentsOf(inTenant),
    recordConversation: async (orgId, { agentId, question, answer, title }) =>
      await inTenant(setTenant, [orgId], async (client): Promise<RecordedConversation> => {
        const agent = only(await client.query<AgentRow>(findAgent, [orgId, agentId]))
        const { id } = only(await client.query<{ id: string }>(insertSession, [orgId, agent.id]))
        const asked = only(await client.query<Numbered>(insertMessage, [orgId, id, 'user', question]))
        const answered = only(await client.query<Numbered>(insertMessage, [orgId, id, 'assistant', answer]))
        const session = only(await client.query<Completed>(completeSession, [orgId, id, title]))
        return { agent, sessionId: id, seqs: [asked.seq, answered.seq], ...session }
      }),
    ...memoriesOf(inTenant),
    [Symbol.asyncDispose]: async () => await pool.end(),
  } satisfies Peer)
}

/** Runs the work in a transaction that begins with the statement `settings`. */
type InTenant = <T>(
  settings: string,
  values: string[],
  work: (client: pg.PoolClient) => Promise<T>,
) => Promise<T>

interface Numbered {
  readonly seq: number
}

interface Completed {
  readonly title: string | null
  readonly status: string
}

function agentsOf(
  inTenant: InTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent'> {
  return {
    findAgent: async (orgId, id) =>
      await inTenant(setTenant, [orgId], async (client) => {
        const { rows } = await client.query<AgentRow>(findAgent, [orgId, id])
        return rows[0]
      }),
    listAgents: async (orgId, limit) =>
      await inTenant(setTenant, [orgId], async (client) => {
        const { rows } = await client.query<AgentRow>(listAgents, [orgId, limit])
        return rows
      }),
    insertAgent: async (orgId, { name, slug, tagline, status, tags }) =>
      await inTenant(setTenant, [orgId], async (client) =>
        only(await client.query<AgentRow>(insertAgent, [orgId, name, slug, tagline, status, tags])),
      ),
    updateAgent: async (orgId, id, tagline) =>
      await inTenant(setTenant, [orgId], async (client) =>
        only(await client.query<AgentRow>(updateAgent, [orgId, id, tagline])),
      ),
  }
}

function memoriesOf(inTenant: InTenant): Pick<Peer, 'addMemories' | 'nearestMemories' | 'memoriesByText'> {
  return {
    addMemories: async (orgId, memories) =>
      await inTenant(setTenant, [orgId], async (client) => {
        const { rowCount } = await client.query(insertMemories, [
          orgId,
          memories.map(({ agent_id: agentId }) => agentId),
          memories.map(({ content }) => content),
          memories.map(({ content_hash: hash }) => hash),
          memories.map(({ category }) => category),
          memories.map(({ embedding }) => JSON.stringify(embedding)),
        ])
        return rowCount ?? 0
      }),
    nearestMemories: async (orgId, embedding, limit) =>
      await inTenant(setTenantAndSearch, [orgId], async (client) => {
        const values = [orgId, JSON.stringify(embedding), limit]
        const { rows } = await client.query<FoundMemory>(nearestMemories, values)
        return rows
      }),
    memoriesByText: async (orgId, text, limit) =>
      await inTenant(setTenant, [orgId], async (client) => {
        const { rows } = await client.query<FoundMemory>(memoriesByText, [orgId, text, limit])
        return rows
      }),
  }
}

/** The one row of a result. */
function only<T extends pg.QueryResultRow>({ rows: [row] }: pg.QueryResult<T>): T {
  if (row === undefined) throw new Error('no such row')
  return row
}

const setTenant = `select set_config('app.current_org_id', $1, true)`

const setTenantAndSearch = `
  select set_config('app.current_org_id', $1, true), set_config('hnsw.iterative_scan', 'relaxed_order', true),
         set_config('hnsw.ef_search', '100', true)`

const foundMemory = foundMemoryColumns.join(', ')

const findAgent = `select * from ibex_core.agents where org_id = $1 and id = $2 and deleted_at is null`

const listAgents = `
  select * from ibex_core.agents
   where org_id = $1 and deleted_at is null order by created_at desc, id desc limit $2`

const insertAgent = `
  insert into ibex_core.agents (org_id, name, slug, tagline, status, tags)
  values ($1, $2, $3, $4, $5, $6) returning *`

const updateAgent = `
  update ibex_core.agents set tagline = $3
   where org_id = $1 and id = $2 and deleted_at is null returning *`

const insertSession = 'insert into ibex_core.sessions (org_id, agent_id) values ($1, $2) returning id'

const insertMessage = `
  insert into ibex_core.messages (org_id, session_id, role, content) values ($1, $2, $3, $4) returning seq`

const completeSession = `
  update ibex_core.sessions set title = $3, status = 'completed'
   where org_id = $1 and id = $2 returning title, status`

const insertMemories = `
  insert into ibex_core.memories (org_id, agent_id, content, content_hash, category, embedding)
  select $1, agent_id, content, content_hash, category, embedding
    from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::public.vector[])
         as new (agent_id, content, content_hash, category, embedding)`

const nearestMemories = `
  select ${foundMemory} from ibex_core.memories
   where org_id = $1 and status = 'active' and deleted_at is null order by embedding <=> $2 limit $3`

const memoriesByText = `
  select ${foundMemory} from ibex_core.memories
   where org_id = $1 and status = 'active' and deleted_at is null
     and search_vector @@ plainto_tsquery('english', $2)
   order by ts_rank(search_vector, plainto_tsquery('english', $2)) desc limit $3`
