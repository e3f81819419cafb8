/** The part of a service that deals with sessions, memories and documents, on ibex-db: what the type checker is measured with. */
import type { TenantScope } from '../../../../src/index.ts'

const newest = { orderBy: { created_at: 'desc' }, limit: 20 } as const

export async function sessions(tenant: TenantScope, id: string) {
  const session = await tenant.sessions.findByIdOrThrow(id)
  const started = await tenant.sessions.insert({ agent_id: id, title: 'First', metadata: { channel: 'web' } })
  const ended = await tenant.sessions.update(started.id, { status: 'completed', summary: 'Done.' })
  const open = await tenant.sessions.findPage({
    where: { status: 'active', agent_id: id },
    orderBy: { created_at: 'desc' },
  })
  const message = await tenant.messages.insert({ session_id: id, role: 'user', content: 'Hello' })
  const messages = await tenant.messages.find({
    where: { session_id: id, role: ['user', 'assistant'] },
    ...newest,
  })
  const rated = await tenant.messages.update(message.id, {
    feedback_rating: 'positive',
    feedback_comment: null,
  })
  const attachments = await tenant.attachments.find({
    where: { message_id: message.id, file_type: 'image' },
    ...newest,
  })
  const checkpoints = await tenant.checkpoints.find({
    where: { session_id: id },
    orderBy: { turn_index: 'desc' },
    limit: 20,
  })
  const checkpoint = await tenant.checkpoints.insert({
    session_id: id,
    agent_id: session.agent_id,
    turn_index: 1,
  })
  const last = await tenant.checkpoints.latest(id)
  return [
    last?.turn_index,
    ended?.summary,
    open.rows.map((row) => row.title),
    messages.map((row) => row.content),
    rated?.feedback_rating,
    attachments.map((row) => row.filename),
    checkpoints.map((row) => row.model),
    checkpoint.turn_index,
  ]
}

export async function memories(tenant: TenantScope, id: string) {
  const memory = await tenant.memories.findByIdOrThrow(id)
  const found = await tenant.memories.find({
    where: { agent_id: id, status: 'active', tier: ['hot', 'warm'] },
    ...newest,
  })
  const { hits } = await tenant.memories.search({ embedding: memory.embedding, agentId: id, limit: 10 })
  const pinned = await tenant.memories.update(id, { is_pinned: true, importance: 1 })
  const versions = await tenant.memoryVersions.find({
    where: { memory_id: id },
    orderBy: { version_num: 'desc' },
    limit: 20,
  })
  const relation = { source_id: id, target_id: id, relation_type: 'supports' } as const
  const related = await tenant.memoryRelationships.insert(relation)
  const relations = await tenant.memoryRelationships.find({ where: { source_id: id }, ...newest })
  const tag = await tenant.memoryTags.insert({ memory_id: id, tag: 'travel' })
  const tags = await tenant.memoryTags.find({ where: { memory_id: id }, orderBy: { tag: 'asc' }, limit: 20 })
  const tombstones = await tenant.memoryTombstones.count({ content_hash: memory.content_hash })
  const model = await tenant.embeddingModels.insert({ name: 'small', dimension: 384 })
  const models = await tenant.embeddingModels.find({ where: { dimension: 384 }, ...newest })
  const usage = await tenant.memoryUsage.findOne({ memory_id: id })
  const vote = await tenant.memoryVotes.insert({ memory_id: id, user_id: id, vote: 'positive' })
  const votes = await tenant.memoryVotes.count({ memory_id: id, vote: 'positive' })
  const reembeddings = await tenant.memoryReembeddings.find({ where: { model: 'small' }, ...newest })
  const staged = await tenant.memoryEmbeddingsStaged.count({ reembedding_id: id })
  return [
    memory.content,
    hits.map((hit) => hit.memory.content),
    found.map((row) => row.subject),
    pinned?.importance,
    versions.map((row) => row.operation),
    related.confidence,
    relations.length,
    tag.tag,
    tags.length,
    tombstones,
    model.dimension,
    models.length,
    usage?.retrieval_count,
    vote.vote,
    votes,
    reembeddings.map((row) => row.status),
    staged,
  ]
}

export async function knowledge(tenant: TenantScope, id: string) {
  const chunks = await tenant.documents.find({
    where: { document_id: 'guide' },
    orderBy: { chunk_index: 'asc' },
    limit: 20,
  })
  const chunk = await tenant.documents.insert({ document_id: 'guide', content: 'Text.', content_hash: id })
  const providers = await tenant.llmProviders.find({ where: { name: ['one', 'two'] }, ...newest })
  const provider = await tenant.llmProviders.findById(id)
  const models = await tenant.llmModels.find({ where: { provider_id: id }, ...newest })
  return [
    chunks.map((row) => row.content),
    chunk.id,
    providers.length,
    provider?.name,
    models.map((row) => row.model_code),
  ]
}

export async function oneTransaction(tenant: TenantScope, id: string) {
  return await tenant.transaction(async (trx) => {
    const session = await trx.sessions.findByIdOrThrow(id)
    const message = await trx.messages.insert({ session_id: session.id, role: 'user', content: 'Hello' })
    await trx.agents.update(session.agent_id, { last_active_at: message.created_at })
    const titles = await trx.db
      .selectFrom('ibex_core.sessions as session')
      .innerJoin('ibex_core.agents as agent', 'agent.id', 'session.agent_id')
      .select(['session.title', 'agent.name'])
      .where('session.status', '=', 'active')
      .execute()
    return titles.map(({ title, name }) => `${name}: ${title ?? ''}`)
  })
}
