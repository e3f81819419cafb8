/** The same part of the same service on plain Kysely: each query written out, with its tenant. */
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { DB } from '../../../../types/database.d.ts'

export async function sessions(db: Kysely<DB>, orgId: string, id: string) {
  const session = await db
    .selectFrom('ibex_core.sessions')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const started = await db
    .insertInto('ibex_core.sessions')
    .values({ org_id: orgId, agent_id: id, title: 'First', metadata: { channel: 'web' } })
    .returningAll()
    .executeTakeFirstOrThrow()
  const ended = await db
    .updateTable('ibex_core.sessions')
    .set({ status: 'completed', summary: 'Done.' })
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', started.id)
    .returningAll()
    .executeTakeFirst()
  const open = await db
    .selectFrom('ibex_core.sessions')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('status', '=', 'active')
    .where('agent_id', '=', id)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(50)
    .execute()
  const message = await db
    .insertInto('ibex_core.messages')
    .values({ org_id: orgId, session_id: id, role: 'user', content: 'Hello' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const messages = await db
    .selectFrom('ibex_core.messages')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('session_id', '=', id)
    .where('role', 'in', ['user', 'assistant'])
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const rated = await db
    .updateTable('ibex_core.messages')
    .set({ feedback_rating: 'positive', feedback_comment: null })
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', message.id)
    .returningAll()
    .executeTakeFirst()
  const attachments = await db
    .selectFrom('ibex_core.attachments')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('message_id', '=', message.id)
    .where('file_type', '=', 'image')
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const checkpoints = await db
    .selectFrom('ibex_core.checkpoints')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('session_id', '=', id)
    .orderBy('turn_index', 'desc')
    .limit(20)
    .execute()
  const checkpoint = await db
    .insertInto('ibex_core.checkpoints')
    .values({ org_id: orgId, session_id: id, agent_id: session.agent_id, turn_index: 1 })
    .returningAll()
    .executeTakeFirstOrThrow()
  const last = await db
    .selectFrom('ibex_core.checkpoints')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('session_id', '=', id)
    .orderBy('turn_index', 'desc')
    .limit(1)
    .executeTakeFirst()
  return [
    last?.turn_index,
    ended?.summary,
    open.map((row) => row.title),
    messages.map((row) => row.content),
    rated?.feedback_rating,
    attachments.map((row) => row.filename),
    checkpoints.map((row) => row.model),
    checkpoint.turn_index,
  ]
}

export async function memories(db: Kysely<DB>, orgId: string, id: string) {
  const memory = await db
    .selectFrom('ibex_core.memories')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const found = await db
    .selectFrom('ibex_core.memories')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('agent_id', '=', id)
    .where('status', '=', 'active')
    .where('tier', 'in', ['hot', 'warm'])
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const hits = await db
    .selectFrom('ibex_core.memories')
    .selectAll()
    .select(sql<number>`embedding <=> ${memory.embedding}`.as('distance'))
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('agent_id', '=', id)
    .where('status', '=', 'active')
    .orderBy('distance')
    .limit(10)
    .execute()
  const pinned = await db
    .updateTable('ibex_core.memories')
    .set({ is_pinned: true, importance: 1 })
    .where('org_id', '=', orgId)
    .where('deleted_at', 'is', null)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  const versions = await db
    .selectFrom('ibex_core.memory_versions')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('memory_id', '=', id)
    .orderBy('version_num', 'desc')
    .limit(20)
    .execute()
  const related = await db
    .insertInto('ibex_core.memory_relationships')
    .values({ org_id: orgId, source_id: id, target_id: id, relation_type: 'supports' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const relations = await db
    .selectFrom('ibex_core.memory_relationships')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('source_id', '=', id)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const tag = await db
    .insertInto('ibex_core.memory_tags')
    .values({ org_id: orgId, memory_id: id, tag: 'travel' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const tags = await db
    .selectFrom('ibex_core.memory_tags')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('memory_id', '=', id)
    .orderBy('tag', 'asc')
    .limit(20)
    .execute()
  const tombstones = await db
    .selectFrom('ibex_core.memory_tombstones')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('org_id', '=', orgId)
    .where('content_hash', '=', memory.content_hash)
    .executeTakeFirst()
  const model = await db
    .insertInto('ibex_core.embedding_models')
    .values({ org_id: orgId, name: 'small', dimension: 384 })
    .returningAll()
    .executeTakeFirstOrThrow()
  const models = await db
    .selectFrom('ibex_core.embedding_models')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('dimension', '=', 384)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const usage = await db
    .selectFrom('ibex_core.memory_usage')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('memory_id', '=', id)
    .limit(1)
    .executeTakeFirst()
  const vote = await db
    .insertInto('ibex_core.memory_votes')
    .values({ org_id: orgId, memory_id: id, user_id: id, vote: 'positive' })
    .returningAll()
    .executeTakeFirstOrThrow()
  const votes = await db
    .selectFrom('ibex_core.memory_votes')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('org_id', '=', orgId)
    .where('memory_id', '=', id)
    .where('vote', '=', 'positive')
    .executeTakeFirst()
  const reembeddings = await db
    .selectFrom('ibex_core.memory_reembeddings')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('model', '=', 'small')
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const staged = await db
    .selectFrom('ibex_core.memory_embeddings_staged')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('org_id', '=', orgId)
    .where('reembedding_id', '=', id)
    .executeTakeFirst()
  return [
    memory.content,
    hits.map((hit) => hit.content),
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

export async function knowledge(db: Kysely<DB>, orgId: string, id: string) {
  const chunks = await db
    .selectFrom('ibex_core.rag_documents')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('document_id', '=', 'guide')
    .orderBy('chunk_index', 'asc')
    .limit(20)
    .execute()
  const chunk = await db
    .insertInto('ibex_core.rag_documents')
    .values({ org_id: orgId, document_id: 'guide', content: 'Text.', content_hash: id })
    .returningAll()
    .executeTakeFirstOrThrow()
  const providers = await db
    .selectFrom('ibex_core.llm_providers')
    .selectAll()
    .where('deleted_at', 'is', null)
    .where('name', 'in', ['one', 'two'])
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  const provider = await db
    .selectFrom('ibex_core.llm_providers')
    .selectAll()
    .where('deleted_at', 'is', null)
    .where('id', '=', id)
    .executeTakeFirst()
  const models = await db
    .selectFrom('ibex_core.llm_models')
    .selectAll()
    .where('deleted_at', 'is', null)
    .where('provider_id', '=', id)
    .orderBy('created_at', 'desc')
    .limit(20)
    .execute()
  return [
    chunks.map((row) => row.content),
    chunk.id,
    providers.length,
    provider?.name,
    models.map((row) => row.model_code),
  ]
}

export async function oneTransaction(db: Kysely<DB>, orgId: string, id: string) {
  return await db.transaction().execute(async (trx) => {
    const session = await trx
      .selectFrom('ibex_core.sessions')
      .selectAll()
      .where('org_id', '=', orgId)
      .where('deleted_at', 'is', null)
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    const message = await trx
      .insertInto('ibex_core.messages')
      .values({ org_id: orgId, session_id: session.id, role: 'user', content: 'Hello' })
      .returningAll()
      .executeTakeFirstOrThrow()
    await trx
      .updateTable('ibex_core.agents')
      .set({ last_active_at: message.created_at })
      .where('org_id', '=', orgId)
      .where('deleted_at', 'is', null)
      .where('id', '=', session.agent_id)
      .returningAll()
      .executeTakeFirst()
    const titles = await trx
      .selectFrom('ibex_core.sessions as session')
      .innerJoin('ibex_core.agents as agent', 'agent.id', 'session.agent_id')
      .where('session.org_id', '=', orgId)
      .where('session.deleted_at', 'is', null)
      .select(['session.title', 'agent.name'])
      .where('session.status', '=', 'active')
      .execute()
    return titles.map(({ title, name }) => `${name}: ${title ?? ''}`)
  })
}
