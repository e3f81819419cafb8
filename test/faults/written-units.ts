/** What a writer has left in a database: pairs of agents, written in one transaction each. */
import { sql } from 'kysely'
import type { Database } from '../../src/create-database.ts'

/** The units that are whole, and those of which one row is missing. */
export interface WrittenUnits {
  readonly units: readonly number[]
  readonly halves: readonly number[]
}

/** Reads them across all tenants. */
export async function readWritten(database: Database): Promise<WrittenUnits> {
  return await database.asSystem('look at what was written', async ({ db }) => {
    const { rows } = await sql<{ unit: number; count: number }>`
      select split_part(slug, '-', 2)::int as unit, count(*)::int as count from ibex_core.agents
      where slug like 'unit-%' group by 1 order by 1`.execute(db)
    return {
      units: rows.filter(({ count }) => count === 2).map(({ unit }) => unit),
      halves: rows.filter(({ count }) => count !== 2).map(({ unit }) => unit),
    }
  })
}
