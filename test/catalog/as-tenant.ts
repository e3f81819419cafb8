/** The library's prefix by hand, for tests of the schema alone. */
import { sql } from 'kysely'
import type { Kysely, Transaction } from 'kysely'

/** Runs the callback in a transaction with the role and the tenant that the library's prefix would set. */
export async function asTenant<DB, T>(
  admin: Kysely<DB>,
  orgId: string,
  callback: (trx: Transaction<DB>) => Promise<T>,
): Promise<T> {
  return await admin.transaction().execute(async (trx) => {
    await sql`select set_config('role', 'ibex_app', true), set_config('app.current_org_id', ${orgId}, true)`.execute(
      trx,
    )
    return await callback(trx)
  })
}

/** Creates an organization with an agent, and returns their ids. */
export async function createTenant<DB>(
  admin: Kysely<DB>,
  slug: string,
): Promise<{ readonly orgId: string; readonly agentId: string }> {
  const { rows } = await sql<{ orgId: string; agentId: string }>`
    with organization as (insert into ibex_core.organizations (name, slug) values (${slug}, ${slug}) returning id)
    insert into ibex_core.agents (org_id, name, slug) select id, 'Ada', 'ada' from organization
    returning org_id as "orgId", id as "agentId"`.execute(admin)
  const [tenant] = rows
  if (tenant === undefined) throw new Error('the insert returned no row')
  return tenant
}

/** Inserts a memory of the session's tenant and returns its id. */
export async function insertMemory<DB>(trx: Kysely<DB>, agentId: string, content: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    insert into ibex_core.memories (agent_id, content, content_hash, embedding, category)
    values (${agentId}, ${content}, encode(sha256(${content}::text::bytea), 'hex'),
      array_fill(0.1::real, array[384])::vector, 'factual') returning id`.execute(trx)
  const [memory] = rows
  if (memory === undefined) throw new Error('the insert returned no row')
  return memory.id
}
