/** Drizzle on node-postgres. */
import { and, cosineDistance, desc, eq, isNull, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import {
  bigint,
  customType,
  integer,
  jsonb,
  pgSchema,
  real,
  smallint,
  text,
  timestamp,
  uuid,
  vector,
} from 'drizzle-orm/pg-core'
import pg from 'pg'
import { installedVersion } from './columns.ts'
import type { AgentRow, OpenPeer, Peer, RecordedConversation } from './peer.ts'

/**
 * Opens the peer.
 *
 * Its page on performance recommends prepared statements. Within a transaction they are built each time, so that the server
 * alone is spared work: still a good quarter faster than without.
 */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const pool = new pg.Pool({ connectionString: url, max: poolSize })
  // a connection that breaks while it is idle must not end the process
  pool.on('error', () => undefined)
  const db = drizzle({ client: pool })
  const inTenant: InTenant = async (orgId, work) =>
    await db.transaction(async (tx) => {
      await tx.execute(sql`select set_config('app.current_org_id', ${orgId}, true)`)
      return await work(tx)
    })
  return await Promise.resolve({
    name: 'Drizzle',
    version: installedVersion('drizzle-orm'),
    ...agentsOf(inTenant),
    ...memoriesOf(inTenant),
    nearestMemories: async (orgId, embedding, limit) =>
      await db.transaction(async (tx) => {
        await tx.execute(sql`select set_config('app.current_org_id', ${orgId}, true),
          set_config('hnsw.iterative_scan', 'relaxed_order', true),
          set_config('hnsw.ef_search', '100', true)`)
        return await tx
          .select(foundMemory)
          .from(memories)
          .where(isActive(orgId))
          .orderBy(cosineDistance(memories.embedding, [...embedding]))
          .limit(limit)
          .prepare('nearest_memories')
          .execute()
      }),
    [Symbol.asyncDispose]: async () => await pool.end(),
  } satisfies Peer)
}

const core = pgSchema('ibex_core')

const agents = core.table('agents', {
  org_id: uuid().notNull(),
  id: uuid().notNull().defaultRandom(),
  created_by: uuid(),
  name: text().notNull(),
  slug: text().notNull(),
  tagline: text(),
  avatar_emoji: text(),
  status: text().notNull().default('draft'),
  config: jsonb().notNull().default({}),
  metadata: jsonb().notNull().default({}),
  personality: jsonb().notNull().default({}),
  model_config: jsonb().notNull().default({}),
  memory_config: jsonb().notNull().default({}),
  boundaries: jsonb().notNull().default({}),
  shared_skill_names: text().array().notNull().default([]),
  custom_skill_names: text().array().notNull().default([]),
  disabled_skill_names: text().array().notNull().default([]),
  tags: text().array().notNull().default([]),
  total_sessions: integer().notNull().default(0),
  total_memories: integer().notNull().default(0),
  total_tokens_used: bigint({ mode: 'number' }).notNull().default(0),
  last_active_at: timestamp({ withTimezone: true }),
  created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  updated_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  deleted_at: timestamp({ withTimezone: true }),
  team_id: uuid(),
})

const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' })

// Of these tables only what is used: an insert names every column of the definition.
const sessions = core.table('sessions', {
  org_id: uuid().notNull(),
  id: uuid().notNull().defaultRandom(),
  agent_id: uuid().notNull(),
  title: text(),
  status: text().notNull().default('active'),
})

const messages = core.table('messages', {
  org_id: uuid().notNull(),
  session_id: uuid().notNull(),
  seq: integer().notNull().default(0),
  role: text().notNull(),
  content: text().notNull(),
})

const memories = core.table('memories', {
  org_id: uuid().notNull(),
  id: uuid().notNull().defaultRandom(),
  agent_id: uuid(),
  content: text().notNull(),
  content_hash: text().notNull(),
  category: text().notNull(),
  embedding: vector({ dimensions: 384 }).notNull(),
  status: text().notNull().default('active'),
  importance: smallint().notNull().default(5),
  confidence: real().notNull().default(0.8),
  created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  deleted_at: timestamp({ withTimezone: true }),
  search_vector: tsvector().generatedAlwaysAs(sql`to_tsvector('english', content)`),
})

const foundMemory = {
  id: memories.id,
  agent_id: memories.agent_id,
  content: memories.content,
  category: memories.category,
  status: memories.status,
  importance: memories.importance,
  confidence: memories.confidence,
  created_at: memories.created_at,
}

type Transaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0]

type InTenant = <T>(orgId: string, work: (tx: Transaction) => Promise<T>) => Promise<T>

function agentsOf(
  inTenant: InTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent' | 'recordConversation'> {
  return {
    findAgent: async (orgId, id) =>
      await inTenant(orgId, async (tx) => {
        const [agent] = await findAgent(tx, orgId, id)
        return agent
      }),
    listAgents: async (orgId, limit) =>
      await inTenant(
        orgId,
        async (tx): Promise<AgentRow[]> =>
          await tx
            .select()
            .from(agents)
            .where(and(eq(agents.org_id, orgId), isNull(agents.deleted_at)))
            .orderBy(desc(agents.created_at), desc(agents.id))
            .limit(limit)
            .prepare('list_agents')
            .execute(),
      ),
    insertAgent: async (orgId, { tags, ...agent }) =>
      await inTenant(orgId, async (tx) =>
        only(
          await tx
            .insert(agents)
            .values({ org_id: orgId, ...agent, tags: [...tags] })
            .returning()
            .prepare('insert_agent')
            .execute(),
        ),
      ),
    updateAgent: async (orgId, id, tagline) =>
      await inTenant(orgId, async (tx) =>
        only(
          await tx
            .update(agents)
            .set({ tagline })
            .where(isLiving(orgId, id))
            .returning()
            .prepare('update_agent')
            .execute(),
        ),
      ),
    recordConversation: async (orgId, { agentId, question, answer, title }) =>
      await inTenant(orgId, async (tx): Promise<RecordedConversation> => {
        const agent = only(await findAgent(tx, orgId, agentId))
        const { id } = only(
          await tx
            .insert(sessions)
            .values({ org_id: orgId, agent_id: agent.id })
            .returning({ id: sessions.id })
            .prepare('insert_session')
            .execute(),
        )
        const message = { org_id: orgId, session_id: id }
        const asked = only(
          await tx
            .insert(messages)
            .values({ ...message, role: 'user', content: question })
            .returning({ seq: messages.seq })
            .prepare('insert_message')
            .execute(),
        )
        const answered = only(
          await tx
            .insert(messages)
            .values({ ...message, role: 'assistant', content: answer })
            .returning({ seq: messages.seq })
            .prepare('insert_message')
            .execute(),
        )
        const completed = only(
          await tx
            .update(sessions)
            .set({ title, status: 'completed' })
            .where(and(eq(sessions.org_id, orgId), eq(sessions.id, id)))
            .returning({ title: sessions.title, status: sessions.status })
            .prepare('complete_session')
            .execute(),
        )
        return { agent, sessionId: id, seqs: [asked.seq, answered.seq], ...completed }
      }),
  }
}

function memoriesOf(inTenant: InTenant): Pick<Peer, 'addMemories' | 'memoriesByText'> {
  return {
    addMemories: async (orgId, added) =>
      await inTenant(orgId, async (tx) => {
        let count = 0
        for (let done = 0; done < added.length; done += chunk) {
          const rows = added.slice(done, done + chunk).map((memory) => ({
            org_id: orgId,
            agent_id: memory.agent_id,
            content: memory.content,
            content_hash: memory.content_hash,
            category: memory.category,
            embedding: [...memory.embedding],
          }))
          const { rowCount } = await tx.insert(memories).values(rows)
          count += rowCount ?? 0
        }
        return count
      }),
    memoriesByText: async (orgId, words, limit) =>
      await inTenant(orgId, async (tx) => {
        const query = sql`plainto_tsquery('english', ${words})`
        return await tx
          .select(foundMemory)
          .from(memories)
          .where(and(isActive(orgId), sql`${memories.search_vector} @@ ${query}`))
          .orderBy(desc(sql`ts_rank(${memories.search_vector}, ${query})`))
          .limit(limit)
          .prepare('memories_by_text')
          .execute()
      }),
  }
}

/** Rows of one statement, which may have 65,535 parameters; larger ones are no faster. */
const chunk = 1_000

async function findAgent(tx: Transaction, orgId: string, id: string): Promise<AgentRow[]> {
  return await tx.select().from(agents).where(isLiving(orgId, id)).prepare('find_agent').execute()
}

function isLiving(orgId: string, id: string) {
  return and(eq(agents.org_id, orgId), eq(agents.id, id), isNull(agents.deleted_at))
}

function isActive(orgId: string) {
  return and(eq(memories.org_id, orgId), eq(memories.status, 'active'), isNull(memories.deleted_at))
}

/** The one row of a result. */
function only<T>([row]: readonly T[]): T {
  if (row === undefined) throw new Error('no such row')
  return row
}
