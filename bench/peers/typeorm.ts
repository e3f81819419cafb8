/** TypeORM, with its repositories' finders and its query builder. */
import { toSql } from 'pgvector'
import { DataSource, EntitySchema, IsNull } from 'typeorm'
import type {
  EntityManager,
  EntitySchemaColumnOptions,
  InsertResult,
  SelectQueryBuilder,
  UpdateResult,
} from 'typeorm'
import type { Agent, Memory, Message, Session } from '../../types/database.d.ts'
import { foundMemoryColumns, installedVersion } from './columns.ts'
import type { AgentRow, OpenPeer, Peer } from './peer.ts'

/**
 * Opens the peer.
 *
 * Rows are written by the query builder, with `returning`: `save()` would read them before and after.
 */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    poolSize,
    entities: [agents, sessions, messages, memories],
    installExtensions: false,
    // a connection that breaks while it is idle must not end the process
    poolErrorHandler: () => undefined,
  })
  await dataSource.initialize()
  const inTenant: InTenant = async (orgId, work, settings = setTenant) =>
    await dataSource.transaction(async (manager) => {
      await manager.query(settings, [orgId])
      return await work(manager)
    })
  return {
    name: 'TypeORM',
    version: installedVersion('typeorm'),
    ...agentsOf(inTenant),
    recordConversation: conversationOf(inTenant),
    ...memoriesOf(inTenant),
    [Symbol.asyncDispose]: async () => await dataSource.destroy(),
  }
}

/** Runs the work in a transaction that begins with the statement `settings`, by default that of the tenant. */
type InTenant = <T>(
  orgId: string,
  work: (manager: EntityManager) => Promise<T>,
  settings?: string,
) => Promise<T>

const setTenant = `select set_config('app.current_org_id', $1, true)`

const setTenantAndSearch = `
  select set_config('app.current_org_id', $1, true), set_config('hnsw.iterative_scan', 'relaxed_order', true),
         set_config('hnsw.ef_search', '100', true)`

/** Rows of one insert: PostgreSQL takes 65,535 parameters, and a row has six. */
const chunkSize = 1_000

function agentsOf(
  inTenant: InTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent'> {
  return {
    findAgent: async (orgId, id) =>
      await inTenant(orgId, async (manager) => await manager.findOneBy(agents, { org_id: orgId, id })),
    listAgents: async (orgId, limit) =>
      await inTenant(
        orgId,
        async (manager) =>
          await manager.find(agents, {
            where: { org_id: orgId },
            order: { created_at: 'desc', id: 'desc' },
            take: limit,
          }),
      ),
    insertAgent: async (orgId, agent) =>
      await inTenant(orgId, async (manager) => {
        const insert = manager.createQueryBuilder().insert().into(agents)
        const values = { ...agent, org_id: orgId, tags: [...agent.tags] }
        return only<AgentRow>(await insert.values(values).returning('*').updateEntity(false).execute())
      }),
    updateAgent: async (orgId, id, tagline) =>
      await inTenant(orgId, async (manager) => {
        const where = { org_id: orgId, id, deleted_at: IsNull() }
        return only<AgentRow>(await manager.update(agents, where, { tagline }, { returning: '*' }))
      }),
  }
}

function conversationOf(inTenant: InTenant): Peer['recordConversation'] {
  return async (orgId, { agentId, question, answer, title }) =>
    await inTenant(orgId, async (manager) => {
      const agent = await manager.findOneByOrFail(agents, { org_id: orgId, id: agentId })
      const insert = manager.createQueryBuilder().insert()
      const { id: sessionId } = only<Session>(
        await insert
          .into(sessions)
          .values({ org_id: orgId, agent_id: agent.id })
          .returning('*')
          .updateEntity(false)
          .execute(),
      )
      const say = async (role: Message['role'], content: string): Promise<number> => {
        const message = { org_id: orgId, session_id: sessionId, role, content }
        const into = manager.createQueryBuilder().insert().into(messages).values(message)
        return only<Message>(await into.returning('*').updateEntity(false).execute()).seq
      }
      const seqs = [await say('user', question), await say('assistant', answer)]
      const where = { org_id: orgId, id: sessionId }
      const changed = await manager.update(
        sessions,
        where,
        { title, status: 'completed' },
        { returning: '*' },
      )
      const { title: storedTitle, status } = only<Session>(changed)
      return { agent, sessionId, seqs, title: storedTitle, status }
    })
}

function memoriesOf(inTenant: InTenant): Pick<Peer, 'addMemories' | 'nearestMemories' | 'memoriesByText'> {
  return {
    addMemories: async (orgId, added) =>
      await inTenant(orgId, async (manager) => {
        for (let start = 0; start < added.length; start += chunkSize) {
          const rows = added.slice(start, start + chunkSize)
          await manager
            .createQueryBuilder()
            .insert()
            .into(memories)
            .values(rows.map((row) => Object.assign({ org_id: orgId }, row)))
            .updateEntity(false)
            .execute()
        }
        return added.length
      }),
    nearestMemories: async (orgId, embedding, limit) =>
      await inTenant(
        orgId,
        async (manager) =>
          await activeMemories(manager, orgId)
            .orderBy('memory.embedding <=> :embedding')
            .setParameter('embedding', toSql([...embedding]))
            .limit(limit)
            .getMany(),
        setTenantAndSearch,
      ),
    memoriesByText: async (orgId, text, limit) =>
      await inTenant(
        orgId,
        async (manager) =>
          await activeMemories(manager, orgId)
            .andWhere(`memory.search_vector @@ plainto_tsquery('english', :text)`, { text })
            .orderBy(`ts_rank(memory.search_vector, plainto_tsquery('english', :text))`, 'DESC')
            .limit(limit)
            .getMany(),
      ),
  }
}

function activeMemories(manager: EntityManager, orgId: string): SelectQueryBuilder<StoredMemory> {
  return manager
    .createQueryBuilder(memories, 'memory')
    .select(foundMemoryColumns.map((column) => `memory.${column}`))
    .where({ org_id: orgId, status: 'active' })
}

/** The one row that a statement returned. */
function only<T>({ raw }: InsertResult | UpdateResult): T {
  const [row] = raw as T[]
  if (row === undefined) throw new Error('no such row')
  return row
}

const uuid = { type: 'uuid' } as const
const text = { type: 'text' } as const
const jsonb = { type: 'jsonb' } as const
const texts = { type: 'text', array: true } as const
const integer = { type: 'integer' } as const
const timestamp = { type: 'timestamptz' } as const

const agentColumns: Record<keyof Agent, EntitySchemaColumnOptions> = {
  org_id: { type: 'uuid', primary: true },
  id: { type: 'uuid', primary: true },
  created_by: uuid,
  name: text,
  slug: text,
  tagline: text,
  avatar_emoji: text,
  status: text,
  config: jsonb,
  metadata: jsonb,
  personality: jsonb,
  model_config: jsonb,
  memory_config: jsonb,
  boundaries: jsonb,
  shared_skill_names: texts,
  custom_skill_names: texts,
  disabled_skill_names: texts,
  tags: texts,
  total_sessions: integer,
  total_memories: integer,
  total_tokens_used: { type: 'bigint' },
  last_active_at: timestamp,
  created_at: timestamp,
  updated_at: timestamp,
  deleted_at: { type: 'timestamptz', deleteDate: true },
  team_id: uuid,
}
const agents = new EntitySchema<Agent>({ name: 'agents', schema: 'ibex_core', columns: agentColumns })

const sessions = new EntitySchema<Session>({
  name: 'sessions',
  schema: 'ibex_core',
  columns: {
    org_id: { type: 'uuid', primary: true },
    id: { type: 'uuid', primary: true },
    agent_id: uuid,
    title: text,
    status: text,
  },
})

const messages = new EntitySchema<Message>({
  name: 'messages',
  schema: 'ibex_core',
  columns: {
    org_id: { type: 'uuid', primary: true },
    id: { type: 'uuid', primary: true },
    session_id: uuid,
    seq: integer,
    role: text,
    content: text,
  },
})

type StoredMemory = Omit<Memory, 'embedding'> & { readonly embedding: readonly number[] }

const memories = new EntitySchema<StoredMemory>({
  name: 'memories',
  schema: 'ibex_core',
  columns: {
    org_id: { type: 'uuid', primary: true },
    id: { type: 'uuid', primary: true },
    agent_id: uuid,
    content: text,
    content_hash: { type: 'char', length: 64 },
    category: text,
    status: text,
    importance: { type: 'smallint' },
    confidence: { type: 'real' },
    created_at: timestamp,
    deleted_at: { type: 'timestamptz', deleteDate: true },
    embedding: { type: 'vector', length: 384 },
    search_vector: { type: 'tsvector', insert: false, update: false },
  },
})
