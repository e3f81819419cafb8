/** Prisma on node-postgres, with interactive transactions. */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import type { Sql, join, sqltag } from '@prisma/client/runtime/client'
import { toSql } from 'pgvector'
import { installedVersion } from './columns.ts'
import type { AgentRow, FoundMemory, OpenPeer, Peer } from './peer.ts'

/**
 * Generates the client into `prisma/generated/` when it is missing, or older than the schema or the installed Prisma.
 *
 * @throws when the generator fails, with what it wrote.
 */
export async function prepare(): Promise<void> {
  const [generated = 0, ...sources] = await Promise.all([clientFile, schemaFile, packageFile].map(changedAt))
  if (sources.every((source) => source < generated)) return
  const options = {
    cwd: fileURLToPath(new URL('.', schemaFile)),
    // the generator needs no schema engine, but downloads one unless it is told of a program
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
  }
  const generate = [fileURLToPath(commandFile), 'generate', '--schema', fileURLToPath(schemaFile)]
  await promisify(execFile)(process.execPath, generate, options)
}

/** Opens the peer, for which {@link prepare} must have run. */
export const open: OpenPeer = async ({ url, poolSize }) => {
  const { Prisma, PrismaClient } = (await import(clientFile.href)) as GeneratedClient
  const client = new PrismaClient({
    adapter: new PrismaPg({ connectionString: url, max: poolSize }),
    // by default a bulk insert that takes longer than 5 s is undone
    transactionOptions: { maxWait: 60_000, timeout: 60_000 },
  })
  await client.$connect()
  const inTenant: InTenant = async (orgId, work) =>
    await client.$transaction(async (tx) => {
      await tx.$executeRaw`select set_config('app.current_org_id', ${orgId}, true)`
      return await work(tx)
    })
  return {
    name: 'Prisma',
    version: installedVersion('prisma'),
    ...agentsOf(inTenant),
    recordConversation: conversationOf(inTenant),
    addMemories: addMemories(inTenant, Prisma),
    nearestMemories: async (orgId, embedding, limit) =>
      await client.$transaction(async (tx) => {
        await tx.$executeRaw`
          select set_config('app.current_org_id', ${orgId}, true),
                 set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '100', true)`
        return await tx.$queryRaw<FoundMemory[]>`
          select id, agent_id, content, category, status, importance, confidence, created_at
            from ibex_core.memories
           where org_id = ${orgId}::uuid and status = 'active' and deleted_at is null
           order by embedding <=> ${toSql([...embedding])}::vector limit ${limit}`
      }),
    memoriesByText: async (orgId, text, limit) =>
      await inTenant(
        orgId,
        async (tx) =>
          await tx.$queryRaw<FoundMemory[]>`
            select id, agent_id, content, category, status, importance, confidence, created_at
              from ibex_core.memories
             where org_id = ${orgId}::uuid and status = 'active' and deleted_at is null
               and search_vector @@ plainto_tsquery('english', ${text})
             order by ts_rank(search_vector, plainto_tsquery('english', ${text})) desc limit ${limit}`,
      ),
    [Symbol.asyncDispose]: async () => await client.$disconnect(),
  }
}

/** Runs the work in a transaction in which the tenant is set. */
type InTenant = <T>(orgId: string, work: (tx: PrismaTransaction) => Promise<T>) => Promise<T>

const schemaFile = new URL('prisma/schema.prisma', import.meta.url)
const clientFile = new URL('prisma/generated/client.ts', import.meta.url)
const packageFile = new URL(import.meta.resolve('prisma/package.json'))
const commandFile = new URL('build/index.js', packageFile)

/** Rows of one insert: a statement of Prisma takes 32,767 parameters, and a row has six. */
const chunkSize = 1_000

function agentsOf(
  inTenant: InTenant,
): Pick<Peer, 'findAgent' | 'listAgents' | 'insertAgent' | 'updateAgent'> {
  return {
    findAgent: async (orgId, id) =>
      await inTenant(
        orgId,
        async ({ agents }) => await agents.findUnique({ where: { ...key(orgId, id), deleted_at: null } }),
      ),
    listAgents: async (orgId, limit) =>
      await inTenant(
        orgId,
        async ({ agents }) =>
          await agents.findMany({
            where: { org_id: orgId, deleted_at: null },
            orderBy: [{ created_at: 'desc' }, { id: 'desc' }],
            take: limit,
          }),
      ),
    insertAgent: async (orgId, agent) =>
      await inTenant(orgId, async ({ agents }) => await agents.create({ data: { ...agent, org_id: orgId } })),
    updateAgent: async (orgId, id, tagline) =>
      await inTenant(
        orgId,
        async ({ agents }) =>
          await agents.update({ where: { ...key(orgId, id), deleted_at: null }, data: { tagline } }),
      ),
  }
}

function conversationOf(inTenant: InTenant): Peer['recordConversation'] {
  return async (orgId, { agentId, question, answer, title }) =>
    await inTenant(orgId, async ({ agents, sessions, messages }) => {
      const where = { ...key(orgId, agentId), deleted_at: null }
      const agent = await agents.findUniqueOrThrow({ where })
      const { id: sessionId } = await sessions.create({ data: { org_id: orgId, agent_id: agent.id } })
      const said = { org_id: orgId, session_id: sessionId }
      const asked = await messages.create({ data: { ...said, role: 'user', content: question } })
      const answered = await messages.create({ data: { ...said, role: 'assistant', content: answer } })
      const session = await sessions.update({
        where: key(orgId, sessionId),
        data: { title, status: 'completed' },
      })
      const seqs = [asked.seq, answered.seq]
      return { agent, sessionId, seqs, title: session.title, status: session.status }
    })
}

/** By SQL, because a model with a column of a type that Prisma does not know has no `createMany`. */
function addMemories(inTenant: InTenant, prisma: GeneratedClient['Prisma']): Peer['addMemories'] {
  return async (orgId, memories) =>
    await inTenant(orgId, async (tx) => {
      let added = 0
      for (let start = 0; start < memories.length; start += chunkSize) {
        const rows = memories
          .slice(start, start + chunkSize)
          .map(
            ({ agent_id: agentId, content, content_hash: hash, category, embedding }) =>
              prisma.sql`(${orgId}::uuid, ${agentId}::uuid, ${content}, ${hash}, ${category}, ${toSql([...embedding])}::vector)`,
          )
        added += await tx.$executeRaw`
          insert into ibex_core.memories (org_id, agent_id, content, content_hash, category, embedding)
          values ${prisma.join(rows)}`
      }
      return added
    })
}

/** Names a row by its primary key. */
function key(orgId: string, id: string): object {
  return { org_id_id: { org_id: orgId, id } }
}

/** When a file was changed, in milliseconds; 0 for one that is not there. */
async function changedAt(file: URL): Promise<number> {
  const stats = await stat(file).catch(() => undefined)
  return stats?.mtimeMs ?? 0
}

/** What is used of the generated client, written down so that types are checked without generating it. */
interface GeneratedClient {
  readonly Prisma: { readonly sql: typeof sqltag; readonly join: typeof join }
  readonly PrismaClient: new (options: {
    readonly adapter: PrismaPg
    readonly transactionOptions: { readonly maxWait: number; readonly timeout: number }
  }) => {
    $connect(): Promise<void>
    $disconnect(): Promise<void>
    $transaction<T>(work: (tx: PrismaTransaction) => Promise<T>): Promise<T>
  }
}

interface PrismaTransaction {
  readonly agents: Model<AgentRow>
  readonly sessions: Model<{ readonly id: string; readonly title: string | null; readonly status: string }>
  readonly messages: Model<{ readonly seq: number }>
  $queryRaw<T>(query: TemplateStringsArray, ...values: unknown[]): Promise<T>
  $executeRaw(query: TemplateStringsArray, ...values: (Sql | string)[]): Promise<number>
}

interface Model<T> {
  findUnique(options: { readonly where: object }): Promise<T | null>
  findUniqueOrThrow(options: { readonly where: object }): Promise<T>
  findMany(options: {
    readonly where: object
    readonly orderBy: readonly object[]
    readonly take: number
  }): Promise<T[]>
  create(options: { readonly data: object }): Promise<T>
  update(options: { readonly where: object; readonly data: object }): Promise<T>
}
