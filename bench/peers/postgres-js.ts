/** postgres.js, which sends the statements of a transaction in one flight where none needs the answer of another. */
import pgvector from 'pgvector'
import postgres from 'postgres'
import { foundMemoryColumns, installedVersion } from './columns.ts'
import type { AgentRow, FoundMemory, OpenPeer, Peer } from './peer.ts'

/** Opens the peer; it prepares every statement by itself. */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const sql = postgres(url, { max: poolSize })
  return await Promise.resolve({
    name: 'postgres.js',
    version: installedVersion('postgres'),
    ...agentsOf(sql),
    recordConversation: async (orgId, { agentId, question, answer, title }) =>
      await sql.begin(async (sql) => {
        const [, agents] = await Promise.all([setTenant(sql, orgId), findAgent(sql, orgId, agentId)])
        const agent = only(agents)
        const { id } = only(
          await sql<{ id: string }[]>`
            insert into ibex_core.sessions (org_id, agent_id) values (${orgId}, ${agent.id}) returning id`,
        )
        const asked = only(await insertMessage(sql, [orgId, id, 'user', question]))
        const answered = only(await insertMessage(sql, [orgId, id, 'assistant', answer]))
        const session = only(
          await sql<{ title: string | null; status: string }[]>`
            update ibex_core.sessions set title = ${title}, status = 'completed'
             where org_id = ${orgId} and id = ${id} returning title, status`,
        )
        return { agent, sessionId: id, seqs: [asked.seq, answered.seq], ...session }
      }),
    ...memoriesOf(sql),
    [Symbol.asyncDispose]: async () => await sql.end(),
  } satisfies Peer)
}

function agentsOf(sql: postgres.Sql): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent'> {
  return {
    findAgent: async (orgId, id) => {
      const [, [agent]] = await sql.begin((sql) => [setTenant(sql, orgId), findAgent(sql, orgId, id)])
      return agent
    },
    listAgents: async (orgId, limit) => {
      const [, agents] = await sql.begin((sql) => [
        setTenant(sql, orgId),
        sql<AgentRow[]>`
          select * from ibex_core.agents where org_id = ${orgId} and deleted_at is null
           order by created_at desc, id desc limit ${limit}`,
      ])
      return agents
    },
    insertAgent: async (orgId, agent) => {
      const [, agents] = await sql.begin((sql) => [
        setTenant(sql, orgId),
        sql<AgentRow[]>`insert into ibex_core.agents ${sql({ org_id: orgId, ...agent })} returning *`,
      ])
      return only(agents)
    },
    updateAgent: async (orgId, id, tagline) => {
      const [, agents] = await sql.begin((sql) => [
        setTenant(sql, orgId),
        sql<AgentRow[]>`
          update ibex_core.agents set tagline = ${tagline}
           where org_id = ${orgId} and id = ${id} and deleted_at is null returning *`,
      ])
      return only(agents)
    },
  }
}

function memoriesOf(sql: postgres.Sql): Pick<Peer, 'addMemories' | 'nearestMemories' | 'memoriesByText'> {
  return {
    addMemories: async (orgId, memories) => {
      const [, added] = await sql.begin((sql) => [
        setTenant(sql, orgId),
        sql`
          insert into ibex_core.memories (org_id, agent_id, content, content_hash, category, embedding)
          select ${orgId}::uuid, agent_id, content, content_hash, category, embedding
            from unnest(
                   ${memories.map(({ agent_id: agentId }) => agentId)}::uuid[],
                   ${memories.map(({ content }) => content)}::text[],
                   ${memories.map(({ content_hash: hash }) => hash)}::text[],
                   ${memories.map(({ category }) => category)}::text[],
                   ${memories.map(({ embedding }) => pgvector.toSql([...embedding]))}::public.vector[]
                 ) as new (agent_id, content, content_hash, category, embedding)`,
      ])
      return added.count
    },
    nearestMemories: async (orgId, embedding, limit) => {
      const [, memories] = await sql.begin((sql) => [
        sql`
          select set_config('app.current_org_id', ${orgId}, true),
                 set_config('hnsw.iterative_scan', 'relaxed_order', true),
                 set_config('hnsw.ef_search', '100', true)`,
        sql<FoundMemory[]>`
          select ${sql(foundMemoryColumns)} from ibex_core.memories
           where org_id = ${orgId} and status = 'active' and deleted_at is null
           order by embedding <=> ${pgvector.toSql([...embedding])} limit ${limit}`,
      ])
      return memories
    },
    memoriesByText: async (orgId, text, limit) => {
      const [, memories] = await sql.begin((sql) => [
        setTenant(sql, orgId),
        sql<FoundMemory[]>`
          select ${sql(foundMemoryColumns)} from ibex_core.memories
           where org_id = ${orgId} and status = 'active' and deleted_at is null
             and search_vector @@ plainto_tsquery('english', ${text})
           order by ts_rank(search_vector, plainto_tsquery('english', ${text})) desc limit ${limit}`,
      ])
      return memories
    },
  }
}

function setTenant(sql: postgres.TransactionSql, orgId: string): postgres.PendingQuery<postgres.Row[]> {
  return sql`select set_config('app.current_org_id', ${orgId}, true)`
}

function findAgent(
  sql: postgres.TransactionSql,
  orgId: string,
  id: string,
): postgres.PendingQuery<AgentRow[]> {
  return sql`select * from ibex_core.agents where org_id = ${orgId} and id = ${id} and deleted_at is null`
}

function insertMessage(
  sql: postgres.TransactionSql,
  [orgId, sessionId, role, content]: readonly [string, string, string, string],
): postgres.PendingQuery<{ seq: number }[]> {
  return sql`
    insert into ibex_core.messages (org_id, session_id, role, content)
    values (${orgId}, ${sessionId}, ${role}, ${content}) returning seq`
}

/** The one row of a result. */
function only<T>([row]: readonly T[]): T {
  if (row === undefined) throw new Error('no such row')
  return row
}
