/** An agent whose hot memories a test reads, and how the test sees where they came from. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { HotCacheStore } from '../../src/hot-cache/hot-cache-store.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { DB, NewMemory } from '../../types/database.d.ts'
import { insertAgent, insertMemory } from '../support/factories.ts'

/** An agent of a tenant, with memories called `first`, `second` … from the most confident on. */
export async function insertHotAgent(
  admin: Kysely<DB>,
  orgId: string,
  {
    id,
    contents = ['first', 'second', 'third'],
  }: { readonly id?: string; readonly contents?: readonly string[] } = {},
): Promise<string> {
  const agent = await insertAgent(admin, { org_id: orgId, ...(id === undefined ? {} : { id }) })
  for (const [index, content] of contents.entries())
    await insertHotMemory(admin, {
      org_id: orgId,
      agent_id: agent.id,
      content,
      confidence: 0.8 - index / 100,
    })
  return agent.id
}

/** A memory that is old enough for its rank not to move. */
export async function insertHotMemory(
  admin: Kysely<DB>,
  values: Partial<NewMemory> & { readonly org_id: string },
): Promise<string> {
  const { id } = await insertMemory(admin, { created_at: new Date('2020-01-01'), ...values })
  return id
}

/** The contents of an agent's hot memories, best first. */
export async function hotContents(tenant: TenantScope, agentId: string, limit = 50): Promise<string[]> {
  const rows = await tenant.memories.hot({ agentId, limit })
  return rows.map(({ content }) => content)
}

/** How often the database was asked for a ranking that is to be cached. */
export function rankings(statements: readonly string[]): number {
  return statements.filter((text) => text.includes('pg_snapshot_xmax')).length
}

/** Reads until the list comes from the cache. */
export async function untilCached(
  { statements }: { readonly statements: readonly string[] },
  tenant: TenantScope,
  agentId: string,
): Promise<void> {
  await until(async () => {
    const before = rankings(statements)
    await hotContents(tenant, agentId)
    return rankings(statements) === before
  })
}

/**
 * Waits until a process has heard of all that was written before: what is heard late drops a list that was just made.
 *
 * An agent is made last; what changes its cached list is news of it, and news come in the order of the commits.
 */
export async function untilHeard(
  { admin, statements }: { readonly admin: Kysely<DB>; readonly statements: readonly string[] },
  tenant: TenantScope,
): Promise<void> {
  const agentId = await insertHotAgent(admin, tenant.orgId, { contents: ['first'] })
  await untilCached({ statements }, tenant, agentId)
  const last = { org_id: tenant.orgId, agent_id: agentId, content: 'last', confidence: 0.1 }
  await insertHotMemory(admin, last)
  await untilHot(tenant, agentId, ['first', 'last'])
}

/** Waits until something holds: what one process writes reaches another one a moment later. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (await holds()) return
    await delay(20)
  }
  throw new Error('it does not hold after 10 seconds')
}

/** Waits until the hot memories are these. */
export async function untilHot(
  tenant: TenantScope,
  agentId: string,
  contents: readonly string[],
): Promise<void> {
  let seen: readonly string[] = []
  await until(async () => {
    seen = await hotContents(tenant, agentId)
    return JSON.stringify(seen) === JSON.stringify(contents)
  }).catch((cause: unknown) => {
    throw new Error(`the hot memories stay ${seen.join(', ')}`, { cause })
  })
}

/** A store that a user could write: a map, with what a test wants to happen before each operation. */
export class MapStore implements HotCacheStore {
  readonly entries: Map<string, string> = new Map()
  readonly calls: string[] = []
  before: (operation: 'get' | 'set' | 'delete', key: string) => Promise<void> = async () => {}

  async get(key: string): Promise<string | undefined> {
    await this.#call('get', key)
    return this.entries.get(key)
  }

  async set(key: string, value: string): Promise<void> {
    await this.#call('set', key)
    this.entries.set(key, value)
  }

  async delete(key: string): Promise<void> {
    await this.#call('delete', key)
    this.entries.delete(key)
  }

  async #call(operation: 'get' | 'set' | 'delete', key: string): Promise<void> {
    this.calls.push(`${operation} ${key}`)
    await this.before(operation, key)
  }
}
