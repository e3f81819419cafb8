/** MikroORM, with the session context that it has for row-level security. */
import { randomUUID } from 'node:crypto'
import { FullTextType, MikroORM, defineEntity, p, raw } from '@mikro-orm/postgresql'
import type { EntityManager } from '@mikro-orm/postgresql'
import { VectorType, cosineDistance } from 'pgvector/mikro-orm'
import { foundMemoryColumns, installedVersion } from './columns.ts'
import type { AgentRow, FoundMemory, OpenPeer, Peer } from './peer.ts'

/**
 * Opens the peer.
 *
 * A fork's session variables are set by one `select set_config(…)` right after the begin of its transaction.
 */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const orm = await MikroORM.init({
    clientUrl: url,
    pool: { max: poolSize },
    entities: [Agent, Session, Message, Memory],
  })
  const inTenant: InTenant = async (orgId, work, settings) => {
    const session = { variables: { 'app.current_org_id': orgId, ...settings } }
    return await orm.em.fork({ session }).transactional(work)
  }
  return {
    name: 'MikroORM',
    version: installedVersion('@mikro-orm/core'),
    ...agentsOf(inTenant),
    recordConversation: conversationOf(inTenant),
    ...memoriesOf(inTenant),
    [Symbol.asyncDispose]: async () => await orm.close(),
  }
}

/** Runs the work in a transaction in which the tenant is set, and these settings too. */
type InTenant = <T>(
  orgId: string,
  work: (em: EntityManager) => Promise<T>,
  settings?: Readonly<Record<string, string>>,
) => Promise<T>

const searchSettings = { 'hnsw.iterative_scan': 'relaxed_order', 'hnsw.ef_search': '100' }

/** Rows of one insert: MikroORM writes values into the text, and with 1,000 vectors collecting garbage takes most of the time. */
const chunkSize = 100

function agentsOf(
  inTenant: InTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent'> {
  return {
    findAgent: async (orgId, id) =>
      await inTenant(
        orgId,
        async (em) =>
          await em.findOne(Agent, { org_id: orgId, id, deleted_at: null }, { disableIdentityMap: true }),
      ),
    listAgents: async (orgId, limit) =>
      await inTenant(
        orgId,
        async (em) =>
          await em.find(
            Agent,
            { org_id: orgId, deleted_at: null },
            { orderBy: { created_at: 'desc', id: 'desc' }, limit, disableIdentityMap: true },
          ),
      ),
    insertAgent: async (orgId, agent) =>
      await inTenant(orgId, async (em) => {
        const inserted = em.create(Agent, { ...agent, org_id: orgId, tags: [...agent.tags] })
        await em.flush()
        return inserted
      }),
    updateAgent: async (orgId, id, tagline) =>
      await inTenant(orgId, async (em) => {
        const update = em.createQueryBuilder(Agent).update({ tagline })
        const rows = await update
          .where({ org_id: orgId, id, deleted_at: null })
          .returning('*')
          .execute<AgentRow[]>('all')
        return only(rows)
      }),
  }
}

function conversationOf(inTenant: InTenant): Peer['recordConversation'] {
  return async (orgId, { agentId, question, answer, title }) =>
    await inTenant(orgId, async (em) => {
      const agent = await em.findOneOrFail(Agent, { org_id: orgId, id: agentId, deleted_at: null })
      const session = em.create(Session, { org_id: orgId, agent_id: agent.id })
      await em.flush()
      const say = async (role: string, content: string): Promise<number> => {
        const message = em.create(Message, { org_id: orgId, session_id: session.id, role, content })
        await em.flush()
        return message.seq
      }
      const seqs = [await say('user', question), await say('assistant', answer)]
      em.assign(session, { title, status: 'completed' })
      await em.flush()
      return { agent, sessionId: session.id, seqs, title: session.title ?? null, status: session.status }
    })
}

function memoriesOf(inTenant: InTenant): Pick<Peer, 'addMemories' | 'nearestMemories' | 'memoriesByText'> {
  return {
    addMemories: async (orgId, added) =>
      await inTenant(orgId, async (em) => {
        for (let start = 0; start < added.length; start += chunkSize) {
          const rows = added.slice(start, start + chunkSize)
          await em.insertMany(
            Memory,
            rows.map((row) => Object.assign({ org_id: orgId }, row, { embedding: [...row.embedding] })),
          )
        }
        return added.length
      }),
    nearestMemories: async (orgId, embedding, limit) =>
      await inTenant(
        orgId,
        async (em) =>
          await activeMemories(em, orgId)
            .orderBy({ [cosineDistance('embedding', embedding)]: 'asc' })
            .limit(limit)
            .execute<FoundMemory[]>(),
        searchSettings,
      ),
    memoriesByText: async (orgId, text, limit) =>
      await inTenant(
        orgId,
        async (em) =>
          await activeMemories(em, orgId)
            .andWhere({ search_vector: { $fulltext: text } })
            .orderBy({ [raw(`ts_rank(search_vector, plainto_tsquery('english', ?))`, [text])]: 'desc' })
            .limit(limit)
            .execute<FoundMemory[]>(),
      ),
  }
}

function activeMemories(em: EntityManager, orgId: string) {
  return em
    .createQueryBuilder(Memory)
    .select([...foundMemoryColumns])
    .where({ org_id: orgId, status: 'active', deleted_at: null })
}

/** The one row that a statement returned. */
function only<T>([row]: readonly T[]): T {
  if (row === undefined) throw new Error('no such row')
  return row
}

const Agent = defineEntity({
  name: 'Agent',
  schema: 'ibex_core',
  tableName: 'agents',
  properties: {
    org_id: p.uuid().primary(),
    id: p.uuid().primary().onCreate(randomUUID),
    created_by: p.uuid().nullable().returning(),
    name: p.text(),
    slug: p.text(),
    tagline: p.text().strictNullable(),
    avatar_emoji: p.text().nullable().returning(),
    status: p.text().defaultRaw(`'draft'`),
    config: p.json().defaultRaw(`'{}'`),
    metadata: p.json().defaultRaw(`'{}'`),
    personality: p.json().defaultRaw(`'{}'`),
    model_config: p.json().defaultRaw(`'{}'`),
    memory_config: p.json().defaultRaw(`'{}'`),
    boundaries: p.json().defaultRaw(`'{}'`),
    shared_skill_names: p.array().defaultRaw(`'{}'`),
    custom_skill_names: p.array().defaultRaw(`'{}'`),
    disabled_skill_names: p.array().defaultRaw(`'{}'`),
    tags: p.array().defaultRaw(`'{}'`),
    total_sessions: p.integer().defaultRaw('0'),
    total_memories: p.integer().defaultRaw('0'),
    total_tokens_used: p.bigint('string').defaultRaw('0'),
    last_active_at: p.datetime().nullable().returning(),
    created_at: p.datetime().defaultRaw('now()'),
    updated_at: p.datetime().defaultRaw('now()'),
    deleted_at: p.datetime().nullable().returning(),
    team_id: p.uuid().nullable().returning(),
  },
})

const Session = defineEntity({
  name: 'Session',
  schema: 'ibex_core',
  tableName: 'sessions',
  properties: {
    org_id: p.uuid().primary(),
    id: p.uuid().primary().onCreate(randomUUID),
    agent_id: p.uuid(),
    title: p.text().nullable().returning(),
    status: p.text().defaultRaw(`'active'`).returning(),
  },
})

const Message = defineEntity({
  name: 'Message',
  schema: 'ibex_core',
  tableName: 'messages',
  properties: {
    org_id: p.uuid().primary(),
    id: p.uuid().primary().onCreate(randomUUID),
    session_id: p.uuid(),
    seq: p.integer().defaultRaw('0'),
    role: p.text(),
    content: p.text(),
  },
})

const Memory = defineEntity({
  name: 'Memory',
  schema: 'ibex_core',
  tableName: 'memories',
  properties: {
    org_id: p.uuid().primary(),
    id: p.uuid().primary().onCreate(randomUUID),
    agent_id: p.uuid().nullable(),
    content: p.text(),
    content_hash: p.character().length(64),
    category: p.text(),
    status: p.text().defaultRaw(`'active'`),
    importance: p.smallint().defaultRaw('5'),
    confidence: p.float().defaultRaw('0.8'),
    created_at: p.datetime().defaultRaw('now()'),
    deleted_at: p.datetime().nullable(),
    embedding: p.type(VectorType).length(384).lazy(),
    search_vector: p.type(new FullTextType('english')).lazy().persist(false),
  },
})
