/** This library, as its documentation says, imported as users install it. */
import { readFileSync } from 'node:fs'
import { createDatabase } from 'ibex-db'
import type { MemoryHit, TenantScope } from 'ibex-db'
import type { FoundMemory, OpenPeer, Peer } from './peer.ts'

/** Opens the peer. A scope is made for each unit of work, as a request handler does. */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const database = createDatabase({ url, poolSize })
  const { version } = JSON.parse(
    readFileSync(new URL(import.meta.resolve('ibex-db/package.json')), 'utf8'),
    // npm installs no package without a version
  ) as { version: string }
  return await Promise.resolve({
    name: 'ibex-db',
    version,
    ...agentsOf((orgId) => database.forTenant(orgId)),
    ...memoriesOf((orgId) => database.forTenant(orgId)),
    [Symbol.asyncDispose]: async () => await database.close(),
  } satisfies Peer)
}

type ForTenant = (orgId: string) => TenantScope

function agentsOf(
  forTenant: ForTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent' | 'recordConversation'> {
  return {
    findAgent: async (orgId, id) => await forTenant(orgId).agents.findById(id),
    listAgents: async (orgId, limit) => {
      const { rows } = await forTenant(orgId).agents.findPage({
        orderBy: { created_at: 'desc', id: 'desc' },
        limit,
      })
      return rows
    },
    insertAgent: async (orgId, { tags, ...agent }) =>
      await forTenant(orgId).agents.insert({ ...agent, tags: [...tags] }),
    updateAgent: async (orgId, id, tagline) => {
      const agent = await forTenant(orgId).agents.update(id, { tagline })
      if (agent === undefined) throw new Error('no such agent')
      return agent
    },
    recordConversation: async (orgId, { agentId, question, answer, title }) =>
      await forTenant(orgId).transaction(async (trx) => {
        const agent = await trx.agents.findByIdOrThrow(agentId)
        const { id: sessionId } = await trx.sessions.insert({ agent_id: agent.id })
        // insert, as the peers do: append would look after attachments too
        const asked = await trx.messages.insert({ session_id: sessionId, role: 'user', content: question })
        const answered = await trx.messages.insert({
          session_id: sessionId,
          role: 'assistant',
          content: answer,
        })
        const session = await trx.sessions.update(sessionId, { title, status: 'completed' })
        if (session === undefined) throw new Error('no such session')
        const { status } = session
        return { agent, sessionId, seqs: [asked.seq, answered.seq], title: session.title, status }
      }),
  }
}

/** `addMany` writes 500 rows a transaction unless it is called in one, which is asked for here: all or nothing. */
function memoriesOf(forTenant: ForTenant): Pick<Peer, 'addMemories' | 'nearestMemories' | 'memoriesByText'> {
  return {
    addMemories: async (orgId, memories) => {
      const inputs = memories.map(({ agent_id: agentId, content, category, embedding }) => ({
        agentId,
        content,
        category,
        embedding,
      }))
      return await forTenant(orgId).transaction(async (trx) => {
        const { outcomes } = await trx.memories.addMany(inputs, { onNearDuplicate: 'ignore' })
        return outcomes.created
      })
    },
    nearestMemories: async (orgId, embedding, limit) => {
      const { hits } = await forTenant(orgId).memories.search({ embedding, limit, record: false })
      return hits.map(toFound)
    },
    memoriesByText: async (orgId, text, limit) => {
      const { hits } = await forTenant(orgId).memories.search({ text, limit, record: false })
      return hits.map(toFound)
    },
  }
}

function toFound({ memory }: MemoryHit): FoundMemory {
  return memory
}
