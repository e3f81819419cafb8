/** Five independent reads: one after the other, at once, in a transaction, and in one batch. */
import { isDeepStrictEqual } from 'node:util'
import { migrationProvider } from '../../migrations/index.ts'
import { createDatabase } from '../../src/create-database.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import type { TenantRepositories } from '../../src/tenant-repositories.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import { withClient } from '../../test/support/with-client.ts'
import { startLatencyProxy } from '../harness/latency-proxy.ts'
import type { DB } from '../../types/database.d.ts'
import { createScratchDatabase } from '../harness/scratch-database.ts'
import { compare } from './harness.ts'
import type { Comparison, Experiment, Variant } from './harness.ts'

const reads = 5

export const batches: Experiment = {
  name: 'batches',
  async run({ url, isQuick, signal }) {
    await using scratch = await createScratchDatabase(url)
    await migrateToLatest({ target: { url: scratch.url }, provider: migrationProvider })
    const orgId = await insertTenant(scratch.url)
    const { hostname, port } = new URL(scratch.url)
    await using proxy = await startLatencyProxy({ host: hostname, port: Number(port || 5432), delayMs: 2 })
    const away = new URL(scratch.url)
    away.hostname = '127.0.0.1'
    away.port = String(proxy.port)
    const per = isQuick ? 5 : 10
    const comparisons: Comparison[] = []
    for (const [where, address] of [
      ['loopback', scratch.url],
      ['2 ms away', away.href],
    ] as const) {
      await using database = createDatabase({ url: address, poolSize: reads })
      const tenant = database.forTenant(orgId)
      comparisons.push(
        await compare(`five reads, ${where}`, waysOf(tenant, per), {
          rounds: isQuick ? 2 : 80,
          warmUp: 2,
          per,
          signal,
        }),
      )
    }
    return comparisons
  },
}

interface Way {
  readonly name: string
  readonly read: () => Promise<readonly unknown[]>
}

function waysOf(tenant: TenantScope, per: number): readonly Variant[] {
  const ways: readonly Way[] = [
    { name: 'one after the other', read: async () => await inTurn(tenant) },
    {
      name: 'Promise.all, a connection each',
      read: async () => await Promise.all(readsOf(tenant).map(async (read) => await read())),
    },
    { name: 'in a transaction', read: async () => await tenant.transaction(inTurn) },
    {
      name: 'tenant.batch',
      read: async () => await tenant.batch((batch) => readsOf(batch).map(async (read) => await read())),
    },
  ]
  return ways.map(({ name, read }): Variant => {
    return {
      name,
      prepare: async () => {
        if (!isDeepStrictEqual(await read(), await inTurn(tenant)))
          throw new Error(`${name} read something else: the run is void`)
      },
      run: async () => {
        for (let count = 0; count < per; count += 1) await read()
      },
    }
  })
}

async function inTurn(scope: TenantRepositories<DB>): Promise<readonly unknown[]> {
  const answers: unknown[] = []
  for (const read of readsOf(scope)) answers.push(await read())
  return answers
}

/** What a page about an agent might show. */
function readsOf({
  orgId,
  agents,
  sessions,
  memories,
  users,
}: TenantRepositories<DB>): readonly (() => Promise<unknown>)[] {
  return [
    async () => await agents.findById(orgId),
    async () => await agents.find({ limit: 20 }),
    async () => await sessions.find({ where: { agent_id: orgId }, limit: 20 }),
    async () => await memories.count(),
    async () => await users.count(),
  ]
}

/** A tenant with 20 agents, one of them with the tenant's id, 50 sessions and 200 memories. */
async function insertTenant(url: string): Promise<string> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      "insert into ibex_core.organizations (name, slug) values ('A', 'a') returning id",
    )
    const id = rows[0]?.id ?? ''
    await client.query(
      `with agent as (
         insert into ibex_core.agents (org_id, id, name, slug)
         select $1::uuid, case number when 1 then $1::uuid else gen_random_uuid() end, 'Agent ' || number, 'agent-' || number
         from generate_series(1, 20) as number
       ), memory as (
         insert into ibex_core.memories (org_id, content, content_hash, embedding, category)
         select $1::uuid, 'Something that was said ' || number, encode(sha256(number::text::bytea), 'hex'),
           array_fill(0.5::real, array[384])::vector, 'factual'
         from generate_series(1, 200) as number
       )
       insert into ibex_core.sessions (org_id, agent_id, title)
       select $1::uuid, $1::uuid, 'Session ' || number from generate_series(1, 50) as number`,
      [id],
    )
    await client.query('vacuum analyze')
    return id
  })
}
