/** What the bookshop's agent talked about, remembers, looks things up in, and did. */
import { randomUUID } from 'node:crypto'
import { contentHash, lexicalEmbedder } from '../../src/index.ts'
import type { Memory, TenantTransaction } from '../../src/index.ts'
import type { DemoPeople } from './demo-people.ts'

/** Inserts a project, a conversation, memories, a document, and records of what ran. */
export async function insertDemoWork(trx: TenantTransaction, people: DemoPeople): Promise<void> {
  const projectId = await insertProject(trx, people.roleId)
  const sessionId = await insertConversation(trx, people, projectId)
  await insertMemories(trx, people, sessionId)
  await trx.documents.ingest({
    documentId: 'returns-policy',
    sourcePath: 'policies/returns.md',
    chunks: [
      { content: 'A book that was not read can be returned within 30 days, with its receipt.' },
      { content: 'A gift card is neither returned nor exchanged for money.' },
    ],
  })
  await insertRecords(trx, people, { projectId, sessionId })
}

async function insertProject(trx: TenantTransaction, roleId: string): Promise<string> {
  const { id: projectId } = await trx.projects.insert({
    name: 'Autumn window',
    slug: 'autumn-window',
    description: 'What stands in the shop window from October.',
  })
  await trx.projects.linkRole(projectId, roleId)
  await trx.canonItems.insert({
    project_id: projectId,
    type: 'ADR',
    title: 'Crime novels only',
    body: 'The window shows crime novels: they sold best in the last three autumns.',
    tags: ['window'],
    terms: 'thriller mystery',
  })
  return projectId
}

async function insertConversation(
  trx: TenantTransaction,
  { agentId, customerId, roleId }: DemoPeople,
  projectId: string,
): Promise<string> {
  const { id: sessionId } = await trx.sessions.start({
    agentId,
    userId: customerId,
    projectId,
    externalId: 'demo-chat',
    title: 'A book for the train',
  })
  await trx.messages.append({
    sessionId,
    role: 'user',
    content: 'I liked this one. Do you have something like it for the train?',
    tokenCount: 16,
    attachments: [
      {
        filename: 'cover-1.jpg',
        originalFilename: 'IMG_2041.jpg',
        fileType: 'image',
        mimeType: 'image/jpeg',
        fileSize: 182_044,
        filePath: 'uploads/demo/cover-1.jpg',
      },
    ],
  })
  const answer = await trx.messages.append({
    sessionId,
    agentId,
    roleId,
    role: 'assistant',
    content: 'The Tide Table, second shelf on the left: short chapters, and it begins in a harbour too.',
    tokenCount: 21,
  })
  await trx.messages.rate(answer.id, { rating: 'positive', comment: 'Just right.' })
  await trx.checkpoints.append({ sessionId, inputTokens: 16, outputTokens: 21, latencyMs: 640 })
  return sessionId
}

async function insertMemories(
  trx: TenantTransaction,
  { agentId, customerId }: DemoPeople,
  sessionId: string,
): Promise<void> {
  const contents = ['Ana reads crime novels on the train.', 'Ana prefers short chapters.'] as const
  const [first = [], second = []] = await lexicalEmbedder.embed([...contents])
  const common = { agentId, userId: customerId, sessionId, embeddingModel: lexicalEmbedder.model }
  const { memory } = await trx.memories.add({
    ...common,
    content: contents[0],
    embedding: first,
    category: 'behavioral',
    subject: 'Ana Ferreira',
    tags: ['reading'],
  })
  const other = await trx.memories.add({
    ...common,
    content: contents[1],
    embedding: second,
    category: 'preference',
    isPinned: true,
  })
  await trx.memoryRelationships.insert({
    source_id: other.memory.id,
    target_id: memory.id,
    relation_type: 'supports',
  })
  await trx.embeddingModels.set({ name: lexicalEmbedder.model, dimension: lexicalEmbedder.dimension })
  // what a customer asked to forget
  await trx.memoryTombstones.insert({ content_hash: contentHash('Ana lives in Porto.'), reason: 'asked for' })
  await trx.memoryUsage.insert({ memory_id: memory.id, retrieval_count: 1, last_retrieved_at: new Date() })
  await trx.memories.vote({
    memoryId: memory.id,
    voter: { type: 'user', id: customerId },
    vote: 'positive',
    comment: 'That is me.',
  })
  await insertReembedding(trx, memory)
}

/** A change of the embedding model that has got as far as one memory. */
async function insertReembedding(trx: TenantTransaction, memory: Memory): Promise<void> {
  const { id } = await trx.memoryReembeddings.insert({
    model: `${lexicalEmbedder.model} again`,
    holder: randomUUID(),
    embedded_count: '1',
  })
  await trx.memoryEmbeddingsStaged.insert({
    memory_id: memory.id,
    reembedding_id: id,
    content_hash: memory.content_hash,
    embedding: memory.embedding,
  })
}

async function insertRecords(
  trx: TenantTransaction,
  { agentId, customerId, roleId }: DemoPeople,
  { projectId, sessionId }: { readonly projectId: string; readonly sessionId: string },
): Promise<void> {
  await trx.agentExecutions.start({
    executionId: 'demo-run-1',
    agentId,
    agentName: 'Page',
    prompt: 'Find a crime novel with short chapters.',
  })
  const call = await trx.toolExecutions.start({
    correlationId: 'demo-run-1',
    toolName: 'search-catalogue',
    agentId,
    userId: customerId,
    inputs: { query: 'crime, short chapters' },
  })
  await trx.toolExecutions.succeed(call.id, { output: { sku: 'tide-table' } })
  await trx.agentExecutions.succeed('demo-run-1', { result: { sku: 'tide-table' }, tokensUsed: 37 })
  await trx.roundTableResults.record({
    resultId: 'demo-round-1',
    prompt: 'Describe The Tide Table in one sentence.',
    taskCategory: 'creative',
    winnerProvider: 'Anthropic',
    winnerResponse: 'A harbour keeps its secrets until the water goes out.',
    participants: [
      { provider: 'Anthropic', score: 0.91 },
      { provider: 'OpenAI', score: 0.88 },
    ],
  })
  await trx.auditLogs.append({ action: 'session.read', projectId, roleId, sessionId })
}
