/** Kysely with its own PostgreSQL dialect. */
import { Kysely, PostgresDialect, sql } from 'kysely'
import type { Generated, Transaction } from 'kysely'
import pg from 'pg'
import { cosineDistance } from 'pgvector/kysely'
import { foundMemoryColumns, installedVersion, memoryRow } from './columns.ts'
import type { AgentRow, OpenPeer, Peer, RecordedConversation } from './peer.ts'

/** Opens the peer. */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const pool = new pg.Pool({ connectionString: url, max: poolSize })
  // a connection that breaks while it is idle must not end the process
  pool.on('error', () => undefined)
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  const inTenant: InTenant = async (orgId, work) =>
    await db.transaction().execute(async (trx) => {
      await sql`select set_config('app.current_org_id', ${orgId}, true)`.execute(trx)
      return await work(trx)
    })
  return await Promise.resolve({
    name: 'Kysely',
    version: installedVersion('kysely'),
    ...agentsOf(inTenant),
    ...memoriesOf(inTenant),
    nearestMemories: async (orgId, embedding, limit) =>
      await db.transaction().execute(async (trx) => {
        await sql`select set_config('app.current_org_id', ${orgId}, true),
          set_config('hnsw.iterative_scan', 'relaxed_order', true),
          set_config('hnsw.ef_search', '100', true)`.execute(trx)
        return await activeMemories(trx, orgId)
          .orderBy(cosineDistance('embedding', [...embedding]))
          .limit(limit)
          .execute()
      }),
    [Symbol.asyncDispose]: async () => await db.destroy(),
  } satisfies Peer)
}

/** The tables, as far as the peer uses them. */
interface Database {
  readonly 'ibex_core.agents': AgentTable
  readonly 'ibex_core.sessions': {
    readonly org_id: string
    readonly id: Generated<string>
    readonly agent_id: string
    readonly title: string | null
    readonly status: Generated<string>
  }
  readonly 'ibex_core.messages': {
    readonly org_id: string
    readonly session_id: string
    readonly seq: Generated<number>
    readonly role: 'user' | 'assistant'
    readonly content: string
  }
  readonly 'ibex_core.memories': {
    readonly org_id: string
    readonly id: Generated<string>
    readonly agent_id: string | null
    readonly content: string
    readonly content_hash: string
    readonly category: string
    readonly embedding: string | null
    readonly status: Generated<string>
    readonly importance: Generated<number>
    readonly confidence: Generated<number>
    readonly created_at: Generated<Date>
    readonly deleted_at: Date | null
    readonly search_vector: Generated<string>
  }
}

interface AgentTable {
  readonly org_id: string
  readonly id: Generated<string>
  readonly created_by: string | null
  readonly name: string
  readonly slug: string
  readonly tagline: string | null
  readonly avatar_emoji: string | null
  readonly status: Generated<string>
  readonly config: Generated<unknown>
  readonly metadata: Generated<unknown>
  readonly personality: Generated<unknown>
  readonly model_config: Generated<unknown>
  readonly memory_config: Generated<unknown>
  readonly boundaries: Generated<unknown>
  readonly shared_skill_names: Generated<readonly string[]>
  readonly custom_skill_names: Generated<readonly string[]>
  readonly disabled_skill_names: Generated<readonly string[]>
  readonly tags: Generated<readonly string[]>
  readonly total_sessions: Generated<number>
  readonly total_memories: Generated<number>
  readonly total_tokens_used: Generated<string>
  readonly last_active_at: Date | null
  readonly created_at: Generated<Date>
  readonly updated_at: Generated<Date>
  readonly deleted_at: Date | null
  readonly team_id: string | null
}

type InTenant = <T>(orgId: string, work: (trx: Transaction<Database>) => Promise<T>) => Promise<T>

function agentsOf(
  inTenant: InTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent' | 'recordConversation'> {
  return {
    findAgent: async (orgId, id) =>
      await inTenant(
        orgId,
        async (trx) => await livingAgents(trx, orgId).where('id', '=', id).executeTakeFirst(),
      ),
    listAgents: async (orgId, limit) =>
      await inTenant(
        orgId,
        async (trx): Promise<AgentRow[]> =>
          await livingAgents(trx, orgId)
            .orderBy('created_at', 'desc')
            .orderBy('id', 'desc')
            .limit(limit)
            .execute(),
      ),
    insertAgent: async (orgId, agent) =>
      await inTenant(
        orgId,
        async (trx) =>
          await trx
            .insertInto('ibex_core.agents')
            .values({ org_id: orgId, ...agent })
            .returningAll()
            .executeTakeFirstOrThrow(),
      ),
    updateAgent: async (orgId, id, tagline) =>
      await inTenant(
        orgId,
        async (trx) =>
          await trx
            .updateTable('ibex_core.agents')
            .set({ tagline })
            .where('org_id', '=', orgId)
            .where('id', '=', id)
            .where('deleted_at', 'is', null)
            .returningAll()
            .executeTakeFirstOrThrow(),
      ),
    recordConversation: async (orgId, { agentId, question, answer, title }) =>
      await inTenant(orgId, async (trx): Promise<RecordedConversation> => {
        const agent = await livingAgents(trx, orgId).where('id', '=', agentId).executeTakeFirstOrThrow()
        const session = await trx
          .insertInto('ibex_core.sessions')
          .values({ org_id: orgId, agent_id: agent.id })
          .returning('id')
          .executeTakeFirstOrThrow()
        const asked = await trx
          .insertInto('ibex_core.messages')
          .values({ org_id: orgId, session_id: session.id, role: 'user', content: question })
          .returning('seq')
          .executeTakeFirstOrThrow()
        const answered = await trx
          .insertInto('ibex_core.messages')
          .values({ org_id: orgId, session_id: session.id, role: 'assistant', content: answer })
          .returning('seq')
          .executeTakeFirstOrThrow()
        const completed = await trx
          .updateTable('ibex_core.sessions')
          .set({ title, status: 'completed' })
          .where('org_id', '=', orgId)
          .where('id', '=', session.id)
          .returning(['title', 'status'])
          .executeTakeFirstOrThrow()
        return { agent, sessionId: session.id, seqs: [asked.seq, answered.seq], ...completed }
      }),
  }
}

function memoriesOf(inTenant: InTenant): Pick<Peer, 'addMemories' | 'memoriesByText'> {
  return {
    addMemories: async (orgId, memories) =>
      await inTenant(orgId, async (trx) => {
        let added = 0n
        for (let done = 0; done < memories.length; done += chunk) {
          const rows = memories.slice(done, done + chunk).map((memory) => memoryRow(orgId, memory))
          const result = await trx.insertInto('ibex_core.memories').values(rows).executeTakeFirstOrThrow()
          added += result.numInsertedOrUpdatedRows ?? 0n
        }
        return Number(added)
      }),
    memoriesByText: async (orgId, text, limit) =>
      await inTenant(orgId, async (trx) => {
        const query = sql<string>`plainto_tsquery('english', ${text})`
        return await activeMemories(trx, orgId)
          .where('search_vector', '@@', query)
          .orderBy(sql`ts_rank(search_vector, ${query})`, 'desc')
          .limit(limit)
          .execute()
      }),
  }
}

/** Rows of one statement, which may have 65,535 parameters; larger ones are no faster. */
const chunk = 1_000

function livingAgents(trx: Transaction<Database>, orgId: string) {
  return trx
    .selectFrom('ibex_core.agents')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
}

function activeMemories(trx: Transaction<Database>, orgId: string) {
  return trx
    .selectFrom('ibex_core.memories')
    .select(foundMemoryColumns)
    .where('org_id', '=', orgId)
    .where('status', '=', 'active')
    .where('deleted_at', 'is', null)
}
