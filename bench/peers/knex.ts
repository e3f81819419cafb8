/** Knex on node-postgres. */
import knex from 'knex'
import type { Knex } from 'knex'
import type pg from 'pg'
import 'pgvector/knex'
import type { MemoryRow } from './columns.ts'
import { foundMemoryColumns, installedVersion, memoryRow } from './columns.ts'
import type { AgentRow, FoundMemory, OpenPeer, Peer } from './peer.ts'

/** Opens the peer. */
export const open: OpenPeer = async ({ url, poolSize }) => {
  // Knex asks for a minimum of 0: its default keeps two connections, which may have gone stale
  const db = knex({ client: 'pg', connection: url, pool: { min: 0, max: poolSize } })
  const inTenant: InTenant = async (orgId, work) =>
    await db.transaction(async (trx) => {
      await trx.raw("select set_config('app.current_org_id', ?, true)", [orgId])
      return await work(trx)
    })
  return await Promise.resolve({
    name: 'Knex',
    version: installedVersion('knex'),
    ...agentsOf(inTenant),
    recordConversation: async (orgId, { agentId, question, answer, title }) =>
      await inTenant(orgId, async (trx) => {
        const agent = only(await livingAgents(trx, orgId).where({ id: agentId }))
        const { id } = only<{ id: string }>(
          await trx('ibex_core.sessions').insert({ org_id: orgId, agent_id: agent.id }).returning('id'),
        )
        const message = { org_id: orgId, session_id: id }
        const asked = only<Numbered>(
          await trx('ibex_core.messages')
            .insert({ ...message, role: 'user', content: question })
            .returning('seq'),
        )
        const answered = only<Numbered>(
          await trx('ibex_core.messages')
            .insert({ ...message, role: 'assistant', content: answer })
            .returning('seq'),
        )
        const completed = only<{ title: string | null; status: string }>(
          await trx('ibex_core.sessions')
            .where({ org_id: orgId, id })
            .update({ title, status: 'completed' })
            .returning(['title', 'status']),
        )
        return { agent, sessionId: id, seqs: [asked.seq, answered.seq], ...completed }
      }),
    addMemories: async (orgId, memories) =>
      await inTenant(orgId, async (trx) => {
        const rows = memories.map((memory) => memoryRow(orgId, memory))
        const results = await db
          .batchInsert<MemoryRow, readonly pg.QueryResult[]>('ibex_core.memories', rows)
          .transacting(trx)
        return results.reduce((count, { rowCount }) => count + (rowCount ?? 0), 0)
      }),
    nearestMemories: async (orgId, embedding, limit) =>
      await db.transaction(async (trx) => {
        await trx.raw(
          `select set_config('app.current_org_id', ?, true), set_config('hnsw.iterative_scan', 'relaxed_order', true),
                  set_config('hnsw.ef_search', '100', true)`,
          [orgId],
        )
        return await activeMemories(trx, orgId)
          .orderBy(trx.cosineDistance('embedding', [...embedding]))
          .limit(limit)
      }),
    memoriesByText: async (orgId, text, limit) =>
      await inTenant(
        orgId,
        async (trx) =>
          await activeMemories(trx, orgId)
            .whereRaw("search_vector @@ plainto_tsquery('english', ?)", [text])
            .orderByRaw("ts_rank(search_vector, plainto_tsquery('english', ?)) desc", [text])
            .limit(limit),
      ),
    [Symbol.asyncDispose]: async () => await db.destroy(),
  } satisfies Peer)
}

type InTenant = <T>(orgId: string, work: (trx: Knex.Transaction) => Promise<T>) => Promise<T>

interface Numbered {
  readonly seq: number
}

function agentsOf(
  inTenant: InTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent'> {
  return {
    findAgent: async (orgId, id) =>
      await inTenant(orgId, async (trx) => await livingAgents(trx, orgId).where({ id }).first()),
    listAgents: async (orgId, limit) =>
      await inTenant(
        orgId,
        async (trx) =>
          await livingAgents(trx, orgId)
            .orderBy([
              { column: 'created_at', order: 'desc' },
              { column: 'id', order: 'desc' },
            ])
            .limit(limit),
      ),
    insertAgent: async (orgId, agent) =>
      await inTenant(orgId, async (trx) =>
        only<AgentRow>(
          await trx('ibex_core.agents')
            .insert({ org_id: orgId, ...agent })
            .returning('*'),
        ),
      ),
    updateAgent: async (orgId, id, tagline) =>
      await inTenant(orgId, async (trx) =>
        only(await livingAgents(trx, orgId).where({ id }).update({ tagline }).returning('*')),
      ),
  }
}

function livingAgents(trx: Knex.Transaction, orgId: string): Knex.QueryBuilder<AgentRow, AgentRow[]> {
  return trx<AgentRow>('ibex_core.agents').where({ org_id: orgId }).whereNull('deleted_at').select('*')
}

function activeMemories(trx: Knex.Transaction, orgId: string): Knex.QueryBuilder<FoundMemory, FoundMemory[]> {
  return trx('ibex_core.memories')
    .where({ org_id: orgId, status: 'active' })
    .whereNull('deleted_at')
    .select(...foundMemoryColumns)
}

/** The one row of a result. */
function only<T>([row]: readonly T[]): T {
  if (row === undefined) throw new Error('no such row')
  return row
}
