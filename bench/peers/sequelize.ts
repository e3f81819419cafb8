/** Sequelize, with managed transactions and plain rows instead of model instances where there is a choice. */
import { cosineDistance } from 'pgvector/sequelize'
import { DataTypes, Op, QueryTypes, Sequelize } from 'sequelize'
import type { FindOptions, Model, ModelAttributes, ModelStatic, Transaction } from 'sequelize'
import type { Agent, Memory, Message, Session } from '../../types/database.d.ts'
import { foundMemoryColumns, installedVersion } from './columns.ts'
import type { FoundMemory, OpenPeer, Peer } from './peer.ts'

/** Opens the peer. */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const sequelize = new Sequelize(url, { dialect: 'postgres', logging: false, pool: { max: poolSize } })
  await sequelize.authenticate()
  const models = defineModels(sequelize)
  const inTenant: InTenant = async (orgId, work, settings = setTenant) =>
    await sequelize.transaction(async (transaction) => {
      await sequelize.query(settings, { bind: [orgId], type: QueryTypes.SELECT, transaction })
      return await work(transaction)
    })
  return {
    name: 'Sequelize',
    version: installedVersion('sequelize'),
    ...agentsOf(models, inTenant),
    recordConversation: conversationOf(models, inTenant),
    ...memoriesOf(models, inTenant),
    [Symbol.asyncDispose]: async () => await sequelize.close(),
  }
}

/** Runs the work in a transaction that begins with the statement `settings`, by default that of the tenant. */
type InTenant = <T>(
  orgId: string,
  work: (transaction: Transaction) => Promise<T>,
  settings?: string,
) => Promise<T>

const setTenant = `select set_config('app.current_org_id', $1, true)`

const setTenantAndSearch = `
  select set_config('app.current_org_id', $1, true), set_config('hnsw.iterative_scan', 'relaxed_order', true),
         set_config('hnsw.ef_search', '100', true)`

/** Rows of one insert. */
const chunkSize = 1_000

function agentsOf(
  { agents }: Models,
  inTenant: InTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent'> {
  return {
    findAgent: async (orgId, id) =>
      await inTenant(
        orgId,
        async (transaction) => await findAgent(agents, { org_id: orgId, id }, transaction),
      ),
    listAgents: async (orgId, limit) =>
      await inTenant(orgId, async (transaction) =>
        plainRows<Agent>(
          await agents.findAll({
            where: { org_id: orgId, deleted_at: null },
            order: [
              ['created_at', 'DESC'],
              ['id', 'DESC'],
            ],
            limit,
            raw: true,
            transaction,
          }),
        ),
      ),
    insertAgent: async (orgId, agent) =>
      await inTenant(orgId, async (transaction) => {
        const values = { ...agent, org_id: orgId, tags: [...agent.tags] }
        return (await agents.create(values, { transaction })).get({ plain: true })
      }),
    updateAgent: async (orgId, id, tagline) =>
      await inTenant(orgId, async (transaction) => {
        const where = { org_id: orgId, id, deleted_at: null }
        const [, rows] = await agents.update({ tagline }, { where, returning: true, transaction })
        return only(rows).get({ plain: true })
      }),
  }
}

async function findAgent(
  agents: Models['agents'],
  key: Pick<Agent, 'org_id' | 'id'>,
  transaction: Transaction,
): Promise<Agent | undefined> {
  const where = { ...key, deleted_at: null }
  const agent = await agents.findOne({ where, raw: true, transaction })
  return agent === null ? undefined : plainRows<Agent>([agent])[0]
}

function conversationOf(
  { agents, sessions, messages }: Models,
  inTenant: InTenant,
): Peer['recordConversation'] {
  return async (orgId, { agentId, question, answer, title }) =>
    await inTenant(orgId, async (transaction) => {
      const agent = await findAgent(agents, { org_id: orgId, id: agentId }, transaction)
      if (agent === undefined) throw new Error('no such row')
      const session = await sessions.create({ org_id: orgId, agent_id: agent.id }, { transaction })
      const { id: sessionId } = session.get()
      const say = async (role: Message['role'], content: string): Promise<number> => {
        const message = { org_id: orgId, session_id: sessionId, role, content }
        return (await messages.create(message, { transaction })).get().seq
      }
      const seqs = [await say('user', question), await say('assistant', answer)]
      const [, changed] = await sessions.update(
        { title, status: 'completed' },
        { where: { org_id: orgId, id: sessionId }, returning: true, transaction },
      )
      const { title: storedTitle, status } = only(changed).get()
      return { agent, sessionId, seqs, title: storedTitle, status }
    })
}

function memoriesOf(
  { memories, sequelize }: Models,
  inTenant: InTenant,
): Pick<Peer, 'addMemories' | 'nearestMemories' | 'memoriesByText'> {
  const find = async (
    orgId: string,
    options: FindOptions<StoredMemory>,
    settings?: string,
  ): Promise<FoundMemory[]> => {
    const active = { org_id: orgId, status: 'active', deleted_at: null }
    const where = { [Op.and]: [active, options.where ?? {}] }
    return await inTenant(
      orgId,
      async (transaction) =>
        plainRows<FoundMemory>(
          await memories.findAll({
            attributes: [...foundMemoryColumns],
            ...options,
            where,
            raw: true,
            transaction,
          }),
        ),
      settings,
    )
  }
  return {
    addMemories: async (orgId, added) =>
      await inTenant(orgId, async (transaction) => {
        for (let start = 0; start < added.length; start += chunkSize) {
          const rows = added.slice(start, start + chunkSize)
          await memories.bulkCreate(
            rows.map((row) => Object.assign({ org_id: orgId }, row)),
            { transaction, returning: false },
          )
        }
        return added.length
      }),
    nearestMemories: async (orgId, embedding, limit) =>
      await find(
        orgId,
        { order: cosineDistance('embedding', embedding, sequelize), limit },
        setTenantAndSearch,
      ),
    memoriesByText: async (orgId, text, limit) => {
      const query = sequelize.fn('plainto_tsquery', 'english', text)
      return await find(orgId, {
        where: { search_vector: { [Op.match]: query } },
        order: [[sequelize.fn('ts_rank', sequelize.col('search_vector'), query), 'DESC']],
        limit,
      })
    },
  }
}

/** The one row that a statement returned. */
function only<T>([row]: readonly T[]): T {
  if (row === undefined) throw new Error('no such row')
  return row
}

/** The rows of a query with `raw`, which gives rows and no models, whatever its type says. */
function plainRows<T>(rows: readonly unknown[]): T[] {
  return rows as T[]
}

type StoredMemory = Omit<Memory, 'embedding'> & { readonly embedding: readonly number[] }

interface Models {
  readonly sequelize: Sequelize
  readonly agents: ModelStatic<Model<Agent, Partial<Agent>>>
  readonly sessions: ModelStatic<Model<Session, Partial<Session>>>
  readonly messages: ModelStatic<Model<Message, Partial<Message>>>
  readonly memories: ModelStatic<Model<StoredMemory, Partial<StoredMemory>>>
}

function defineModels(sequelize: Sequelize): Models {
  const options = { schema: 'ibex_core', timestamps: false } as const
  return {
    sequelize,
    agents: sequelize.define('agents', agentColumns, { ...options, tableName: 'agents' }),
    sessions: sequelize.define('sessions', sessionColumns, { ...options, tableName: 'sessions' }),
    messages: sequelize.define('messages', messageColumns, { ...options, tableName: 'messages' }),
    memories: sequelize.define('memories', memoryColumns, { ...options, tableName: 'memories' }),
  }
}

const agentColumns: ModelAttributes<Model, Agent> = {
  org_id: { type: DataTypes.UUID, primaryKey: true },
  id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
  created_by: DataTypes.UUID,
  name: DataTypes.TEXT,
  slug: DataTypes.TEXT,
  tagline: DataTypes.TEXT,
  avatar_emoji: DataTypes.TEXT,
  status: DataTypes.TEXT,
  config: DataTypes.JSONB,
  metadata: DataTypes.JSONB,
  personality: DataTypes.JSONB,
  model_config: DataTypes.JSONB,
  memory_config: DataTypes.JSONB,
  boundaries: DataTypes.JSONB,
  shared_skill_names: DataTypes.ARRAY(DataTypes.TEXT),
  custom_skill_names: DataTypes.ARRAY(DataTypes.TEXT),
  disabled_skill_names: DataTypes.ARRAY(DataTypes.TEXT),
  tags: DataTypes.ARRAY(DataTypes.TEXT),
  total_sessions: DataTypes.INTEGER,
  total_memories: DataTypes.INTEGER,
  total_tokens_used: DataTypes.BIGINT,
  last_active_at: DataTypes.DATE,
  created_at: DataTypes.DATE,
  updated_at: DataTypes.DATE,
  deleted_at: DataTypes.DATE,
  team_id: DataTypes.UUID,
}

const sessionColumns = {
  org_id: { type: DataTypes.UUID, primaryKey: true },
  id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
  agent_id: DataTypes.UUID,
  title: DataTypes.TEXT,
  status: DataTypes.TEXT,
}

const messageColumns = {
  org_id: { type: DataTypes.UUID, primaryKey: true },
  id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
  session_id: DataTypes.UUID,
  seq: DataTypes.INTEGER,
  role: DataTypes.TEXT,
  content: DataTypes.TEXT,
}

const memoryColumns = {
  org_id: { type: DataTypes.UUID, primaryKey: true },
  id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
  agent_id: DataTypes.UUID,
  content: DataTypes.TEXT,
  content_hash: DataTypes.CHAR(64),
  category: DataTypes.TEXT,
  status: DataTypes.TEXT,
  importance: DataTypes.SMALLINT,
  confidence: DataTypes.REAL,
  created_at: DataTypes.DATE,
  deleted_at: DataTypes.DATE,
  embedding: DataTypes.VECTOR(384),
  search_vector: DataTypes.TSVECTOR,
}
