/** Takes back that a content is not learnt again. */
import { sql } from 'kysely'
import { contentHash, checkContent } from '../memory/memory-content.ts'
import { checkUuid } from '../tenancy/arguments.ts'
import type { SystemScope } from '../tenancy/system-scope.ts'
import { checkSystem } from './erase-organization.ts'

/**
 * Lets an erased content be learnt again by an organization, and tells whether it was refused until now.
 *
 * The content must be given: the database has its hash only.
 *
 * ```ts
 * await database.asSystem('erased by mistake', async (system) => await liftTombstone(system, orgId, content))
 * ```
 *
 * @throws {InvalidArgumentError} when the id is no uuid, the content is none, or `system` is no system scope.
 */
export async function liftTombstone<DB>(
  system: SystemScope<DB>,
  orgId: string,
  content: string,
): Promise<boolean> {
  const hash = contentHash(checkContent(content))
  const { rows } = await sql`delete from ibex_core.memory_tombstones
    where org_id = ${checkUuid('orgId', orgId)} and content_hash = ${hash} returning id`.execute(
    checkSystem(system).db,
  )
  return rows.length > 0
}
