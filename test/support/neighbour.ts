/** The hostile neighbour: another tenant's rows in every table, so that a query that forgets its tenant finds some. */
import type { Kysely } from 'kysely'
import type { DatabaseTarget } from '../../src/database/options.ts'
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
  await admin
    .insertInto('ibex_core.memory_tags')
    .values({ ...org, memory_id: first.id, tag: 'home' })
    .execute()
  await admin
    .insertInto('ibex_core.memory_relationships')
    .values({ ...org, source_id: first.id, target_id: second.id, relation_type: 'supports' })
    .execute()
}
