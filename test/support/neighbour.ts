/** The hostile neighbour: another tenant's rows in every table, so that a query that forgets its tenant finds some. */
import { type Kysely, sql } from 'kysely'
import type { DatabaseTarget } from '../../src/database/options.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import type { DB } from '../../types/database.d.ts'
import { openAdmin } from './admin.ts'
import { insertAgent, insertMemory, insertOrganization, insertSession, insertUser } from './factories.ts'

/** The neighbour's organization. */
export const neighbourId = 'feedface-0000-4000-8000-000000000000'

/** Fills the template with the neighbour's rows where `TEST_NEIGHBOUR=1` asks for this mode of the suite. */
export async function fillWithNeighbour(target: DatabaseTarget): Promise<void> {
  if (process.env['TEST_NEIGHBOUR'] !== '1') return
  const admin = openAdmin(target)
  try {
    await insertNeighbour(admin)
  } finally {
    await admin.destroy()
  }
}

/** Inserts the neighbour, with at least one row in every tenant table. */
export async function insertNeighbour(admin: Kysely<DB>): Promise<void> {
  const org = { org_id: neighbourId }
  await insertOrganization(admin, { id: neighbourId, name: 'The neighbour', slug: 'neighbour' })
  const user = await insertUser(admin, org)
  const agent = await insertAgent(admin, { ...org, created_by: user.id })
  const versionId = await insertDirective(admin, agent.id)
  const session = await insertSession(admin, {
    ...org,
    agent_id: agent.id,
    user_id: user.id,
    directive_version_id: versionId,
  })
  await admin
    .insertInto('ibex_core.checkpoints')
    .values({ ...org, session_id: session.id, agent_id: agent.id, turn_index: 0 })
    .execute()
  await admin
    .insertInto('ibex_core.tokens')
    .values({ ...org, type: 'pat', name: 'A token', prefix: 'ibex_', hash: '0'.repeat(64), user_id: user.id })
    .execute()
  await insertMemories(admin, { agent_id: agent.id, user_id: user.id, session_id: session.id })
  await insertWork(admin, { userId: user.id, agentId: agent.id, sessionId: session.id })
  await insertCommerce(admin, user.id)
  await insertErasure(admin, user.id)
}

/** A team, a persona, a project, and what was said, looked up, run and logged in it. */
async function insertWork(
  admin: Kysely<DB>,
  { userId, agentId, sessionId }: Readonly<Record<'userId' | 'agentId' | 'sessionId', string>>,
): Promise<void> {
  const insert = inserter(admin)
  // a trigger makes the owner a member
  await insert('teams', { name: 'The neighbours', slug: 'neighbours', owner_id: userId })
  const role = await insert('roles', { name: 'Spy' })
  await insert('prompt_templates', { role_id: role, name: 'Listen', content: 'Listen at the wall.' })
  const project = await insert('projects', { name: 'The wall', slug: 'wall' })
  await insert('project_roles', { project_id: project, role_id: role })
  await insert('canon_items', { project_id: project, type: 'ADR', title: 'Walls', body: 'Walls are thin.' })
  const message = await insert('messages', {
    session_id: sessionId,
    role: 'user',
    content: 'Listen.',
    seq: 1,
  })
  const file = { filename: 'a.png', original_filename: 'wall.png', file_path: '/a.png' }
  const kind = { file_type: 'image', mime_type: 'image/png', file_size: 1 }
  await insert('attachments', { message_id: message, ...file, ...kind })
  await insert('rag_documents', { document_id: 'walls', content: 'Walls.', content_hash: '0'.repeat(64) })
  await insert('agent_executions', {
    execution_id: '1',
    agent_id: agentId,
    agent_name: 'A',
    prompt: 'Listen.',
  })
  await insert('tool_executions', { correlation_id: '1', tool_name: 'ear', agent_id: agentId })
  const winner = { winner_provider: 'wall', winner_response: 'Yes.' }
  await insert('llm_round_table_results', { result_id: '1', prompt: 'Who?', task_category: 'qa', ...winner })
  await insert('audit_logs', { action: 'listen' })
}

/** A product, an order of it, and points. */
async function insertCommerce(admin: Kysely<DB>, userId: string): Promise<void> {
  const insert = inserter(admin)
  const product = { sku: 'sku-1', name: 'A glass', price: '1.00' }
  const productId = await insert('products', { ...product, inventory_quantity: 3, status: 'published' })
  // with its items, or it would be refused
  await sql`select from ibex_core.place_order(${neighbourId}, '1', ${userId}, ${[productId]}, ${[1]}, '{}', null, '{}')`.execute(
    admin,
  )
  const movement = { change_type: 'earn', amount: 5, direction: 'credit' }
  await insert('points_ledger', { user_id: userId, ...movement, biz_type: 'gift', event_id: '1' })
}

/** A hold that was released, and the receipt of a memory that was erased. */
async function insertErasure(admin: Kysely<DB>, userId: string): Promise<void> {
  await inserter(admin)('legal_holds', {
    subject_type: 'user',
    subject_id: userId,
    reason: 'A quarrel about walls.',
    released_at: new Date(),
    release_reason: 'They made up.',
  })
  const { id } = await insertMemory(admin, { org_id: neighbourId })
  await admin.transaction().execute(async (trx) => {
    await sql`select set_config('app.current_org_id', ${neighbourId}, true)`.execute(trx)
    await sql`select from ibex_core.erase_subject('memory', ${id}, 'Asked for.', true, false)`.execute(trx)
  })
}

type TenantTable = keyof {
  [T in keyof DB as DB[T] extends { org_id: unknown; id: unknown } ? T : never]: true
}

/** Inserts a row of the neighbour's and returns its id; the database says what is wrong with it. */
function inserter(admin: Kysely<DB>) {
  return async (
    table: TenantTable extends `ibex_core.${infer Name}` ? Name : never,
    values: Readonly<Record<string, unknown>>,
  ): Promise<string> => {
    const row: Record<string, unknown> = { org_id: neighbourId, ...values }
    const columns = sql.join(Object.keys(row).map((column) => sql.ref(column)))
    const { rows } = await sql<{ id: string }>`insert into ${sql.table(`ibex_core.${table}`)} (${columns})
      values (${sql.join(Object.values(row))}) returning id`.execute(admin)
    const [inserted] = rows
    if (inserted === undefined) throw new Error('the insert returned no row')
    return inserted.id
  }
}

async function insertDirective(admin: Kysely<DB>, agentId: string): Promise<string> {
  const org = { org_id: neighbourId }
  const directive = await admin
    .insertInto('ibex_core.directives')
    .values({ ...org, agent_id: agentId })
    .returning('id')
    .executeTakeFirstOrThrow()
  const version = await admin
    .insertInto('ibex_core.directive_versions')
    .values({
      ...org,
      directive_id: directive.id,
      version_num: 1,
      content: 'Tell everybody everything.',
      content_hash: '0'.repeat(64),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await admin
    .updateTable('ibex_core.directives')
    .set({ active_version_id: version.id })
    .where('org_id', '=', neighbourId)
    .where('id', '=', directive.id)
    .execute()
  return version.id
}

/** Twenty memories, so that a search that forgets its tenant has its first page full of them. */
async function insertMemories(
  admin: Kysely<DB>,
  owner: { readonly agent_id: string; readonly user_id: string; readonly session_id: string },
): Promise<void> {
  const org = { org_id: neighbourId }
  const first = await insertMemory(admin, { ...org, ...owner })
  const second = await insertMemory(admin, { ...org, ...owner })
  for (let count = 2; count < 20; count++) {
    await insertMemory(admin, { ...org, ...owner })
  }
  await admin
    .insertInto('ibex_core.memory_usage')
    .values({ ...org, memory_id: first.id })
    .execute()
  // a trigger writes memory_usage
  await admin
    .insertInto('ibex_core.memory_votes')
    .values({ ...org, memory_id: second.id, user_id: owner.user_id, vote: 'negative' })
    .execute()
  await admin
    .insertInto('ibex_core.memory_tags')
    .values({ ...org, memory_id: first.id, tag: 'home' })
    .execute()
  const { id: reembeddingId } = await admin
    .insertInto('ibex_core.memory_reembeddings')
    .values({ ...org, model: 'all-ears', holder: neighbourId })
    .returning('id')
    .executeTakeFirstOrThrow()
  await sql`insert into ibex_core.memory_embeddings_staged (org_id, memory_id, reembedding_id, content_hash, embedding)
    select org_id, id, ${reembeddingId}, content_hash, embedding from ibex_core.memories where org_id = ${neighbourId} and id = ${first.id}`.execute(
    admin,
  )
  await admin
    .insertInto('ibex_core.memory_relationships')
    .values({ ...org, source_id: first.id, target_id: second.id, relation_type: 'supports' })
    .execute()
  await admin
    .insertInto('ibex_core.embedding_models')
    .values({ ...org, name: 'm', dimension: 384, duplicate_threshold: 0.1, conflict_threshold: 0.1 })
    .execute()
  await admin
    .insertInto('ibex_core.memory_tombstones')
    .values({ ...org, content_hash: contentHash('Ana likes the sea.') })
    .execute()
}
