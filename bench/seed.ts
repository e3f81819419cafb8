/** The rows that the benchmark reads, and what they must look like. */
import { withClient } from '../test/support/with-client.ts'

/** Names one row to read and holds what it must look like. */
export interface ReadTarget {
  readonly orgId: string
  readonly id: string
  readonly row: Readonly<Record<string, unknown>>
}

/** Holds the rows that may be asked for, and the statement that reads one of them by `$1` = tenant and `$2` = id. */
export interface Seeded {
  readonly targets: readonly ReadTarget[]
  readonly readSql: string
}

/**
 * Fills a migrated database with agents of several tenants.
 *
 * It writes as a superuser, around the library: what the library answers later is compared with what stands here.
 */
export async function seed(url: string): Promise<Seeded> {
  return await withClient(url, async (client) => {
    await client.query(insertOrganizations, [tenants])
    await client.query(insertAgents, [agentsPerTenant])
    // Without statistics the planner guesses, and another run may guess another plan.
    await client.query('analyze ibex_core.organizations, ibex_core.agents')
    const columns = await client.query<{ list: string }>(columnList)
    const select = `select ${columns.rows[0]?.list} from ibex_core.agents`
    const { rows } = await client.query<AgentRow>(select)
    return {
      targets: rows.map((row) => ({ orgId: row.org_id, id: row.id, row })),
      readSql: `${select} where org_id = $1 and id = $2 and deleted_at is null`,
    }
  })
}

interface AgentRow extends Readonly<Record<string, unknown>> {
  readonly org_id: string
  readonly id: string
}

const tenants = 8
const agentsPerTenant = 50

const insertOrganizations = `
  insert into ibex_core.organizations (name, slug)
  select 'Organization ' || n, 'organization-' || n from generate_series(1, $1::int) n`

const insertAgents = `
  insert into ibex_core.agents (org_id, name, slug, tagline, status, tags)
  select id, 'Agent ' || n, 'agent-' || n, 'Answers questions about orders', 'active', array['support', 'orders']
    from ibex_core.organizations, generate_series(1, $1::int) n`

const columnList = `
  select string_agg(quote_ident(attname), ', ' order by attnum) as list from pg_attribute
   where attrelid = 'ibex_core.agents'::regclass and attnum > 0 and not attisdropped`
