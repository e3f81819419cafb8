/** What the tests of replicas do in a transaction. */
import { type Kysely, sql } from 'kysely'
import { expect, vi } from 'vitest'
import type { Scope } from '../../src/tenancy/scope.ts'
import type { TransactionOptions } from '../../src/tenancy/transaction.ts'
import type { TenantScope, TenantTransaction } from '../../src/tenant-scope.ts'
import type { DB } from '../../types/database.d.ts'

/** The port of the server on which a transaction ran. */
export async function served(tenant: TenantScope, options: TransactionOptions): Promise<number> {
  return await tenant.transaction(async ({ db }) => await portOf(db), options)
}

/** Returns when the primary and this replica have a connection for the tenant: a busy server may be late with it. */
export async function untilServed(tenant: TenantScope, port: number): Promise<void> {
  const check = async (): Promise<void> => {
    await tenant.writePosition()
    expect(await served(tenant, { readOnly: true })).toBe(port)
  }
  await vi.waitFor(check, { timeout: 20_000 })
}

/** The port of the server that runs this. */
export async function portOf(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ port: number }>`select inet_server_port() as port`.execute(db)
  return rows[0]?.port ?? 0
}

/** The agents that a transaction sees. */
export async function slugs(tenant: TenantScope, options: TransactionOptions): Promise<readonly string[]> {
  return await tenant.transaction(async ({ db }) => await slugsIn(db), options)
}

/** The agents that this sees. */
export async function slugsIn(db: Kysely<DB>): Promise<readonly string[]> {
  const rows = await db.selectFrom('ibex_core.agents').select('slug').orderBy('slug').execute()
  return rows.map(({ slug }) => slug)
}

/** Where a transaction ran, and the agents that it saw. */
interface Seen {
  readonly port: number
  readonly slugs: readonly string[]
}

async function see({ db }: Scope<DB>): Promise<Seen> {
  return { port: await portOf(db), slugs: await slugsIn(db) }
}

/** Looks where a transaction runs, and at its agents. */
export async function seenBy(tenant: TenantScope, options: TransactionOptions): Promise<Seen> {
  return await tenant.transaction(see, options)
}

/** Tries to write. */
export async function write(trx: TenantTransaction): Promise<void> {
  await trx.agents.insert({ name: 'Written', slug: 'written' })
}

/** Reads for longer than a replica waits for it. */
export async function readSlowly({ db }: Scope<DB>): Promise<void> {
  await sql`select count(*), pg_sleep(20) from ibex_core.agents`.execute(db)
}

/** A transaction that has read and does not end before it is told to. */
export function heldTransaction(
  tenant: TenantScope,
  options: TransactionOptions,
): { readonly begun: Promise<void>; readonly outcome: Promise<void>; end(): void } {
  const begun = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()
  const outcome = tenant.transaction(async ({ db }) => {
    await slugsIn(db)
    begun.resolve()
    await end.promise
  }, options)
  return { begun: begun.promise, outcome, end: end.resolve }
}
