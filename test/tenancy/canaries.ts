/** Twenty tenants with a row each that says whose it is, and what a scope may do to a pool. */
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Database } from '../../src/create-database.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { insertAgent, insertOrganization } from '../support/factories.ts'
import type { TestDatabase } from '../support/setup.ts'

/** A row of an agent as the races read it. */
export interface Canary {
  readonly org_id: string
  readonly name: string
}

/** Inserts the tenants; each has one agent, called by the tenant's id. */
export async function insertCanaries(admin: TestDatabase['admin']): Promise<readonly string[]> {
  const ids: string[] = []
  for (let count = 0; count < 20; count++) {
    const { id } = await insertOrganization(admin)
    await insertAgent(admin, { org_id: id, name: id })
    ids.push(id)
  }
  return ids
}

/** The rows that are not this tenant's. */
export function foreignRows(rows: readonly Canary[], orgId: string): readonly Canary[] {
  return rows.filter((row) => row.org_id !== orgId || row.name !== orgId)
}

/** What one scope does: reads its canary in one way or another, or ends badly. Returns what it saw. */
export type Deed = (tenant: TenantScope, random: () => number) => Promise<readonly Canary[]>

const read: Deed = async ({ db }) =>
  await db.selectFrom('ibex_core.agents').select(['org_id', 'name']).execute()

/** Deeds that any backend can do. */
export const deeds: readonly Deed[] = [
  read,
  async (tenant) => await tenant.agents.find(),
  async (tenant, random) =>
    await tenant.transaction(async (trx) => {
      const before = await trx.agents.find()
      await delay(random() * 5)
      const { rows } = await sql<Canary>`select org_id, name from ibex_core.agents`.execute(trx.db)
      return [...before, ...rows]
    }),
  async (tenant, random) => {
    const seen: Canary[] = []
    const thrown = tenant.transaction(async (trx) => {
      seen.push(...(await trx.agents.find()))
      await delay(random() * 5)
      throw new Error('thrown on purpose')
    })
    await expect(thrown).rejects.toThrow('thrown on purpose')
    return [...seen, ...(await tenant.agents.find())]
  },
  async (tenant) => {
    await expect(sql`select 1 / 0`.execute(tenant.db)).rejects.toHaveProperty('sqlState', '22012')
    return await tenant.agents.find()
  },
  async (tenant) => {
    const seen: Canary[] = []
    for await (const row of tenant.db.selectFrom('ibex_core.agents').select(['org_id', 'name']).stream(1)) {
      seen.push(row)
      break
    }
    return seen
  },
]

/** Deeds that need a server: a forgotten commit, a timeout, an abort. */
export const serverDeeds: readonly Deed[] = [
  ...deeds,
  async (tenant, random) => {
    await sql`begin`.execute(tenant.db)
    await delay(random() * 2)
    return await read(tenant, random)
  },
  async (tenant) => {
    const late = tenant.transaction(async (trx) => await sql`select pg_sleep(5)`.execute(trx.db), {
      statementTimeout: 5,
    })
    await expect(late).rejects.toHaveProperty('sqlState', '57014')
    return await tenant.agents.find()
  },
  async (tenant) => {
    const signal = AbortSignal.timeout(5)
    const aborted = tenant.transaction(async (trx) => await sql`select pg_sleep(5)`.execute(trx.db), {
      signal,
    })
    await expect(aborted).rejects.toHaveProperty('name', 'TimeoutError')
    return await tenant.agents.find()
  },
]

/** Runs `scopes` deeds at once over the tenants; returns how many rows were seen, and those of the wrong tenant. */
export async function race(
  database: Database,
  ids: readonly string[],
  {
    kinds,
    scopes,
    seed,
  }: { readonly kinds: readonly Deed[]; readonly scopes: number; readonly seed: number },
): Promise<{ readonly seen: number; readonly foreign: readonly Canary[] }> {
  const random = randomNumbers(seed)
  const results = await Promise.all(
    Array.from({ length: scopes }, async (_, index) => {
      const orgId = ids[index % ids.length] ?? ''
      const deed = kinds[Math.floor(random() * kinds.length)] ?? read
      await delay(random() * 20)
      const rows = await deed(database.forTenant(orgId), random)
      return { seen: rows.length, foreign: foreignRows(rows, orgId) }
    }),
  )
  return {
    seen: results.reduce((sum, { seen }) => sum + seen, 0),
    foreign: results.flatMap(({ foreign }) => foreign),
  }
}

/** Numbers of 0 to 1 that a seed repeats (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
