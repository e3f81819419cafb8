/** A server that crashes, and one that is restarted, while eight write. */
import { setTimeout as delay } from 'node:timers/promises'
import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { migrationProvider } from '../../migrations/index.ts'
import { type Database, createDatabase } from '../../src/create-database.ts'
import { IbexError } from '../../src/errors.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import type { TenantScope } from '../../src/tenant-scope.ts'
import type { DB } from '../../types/database.d.ts'
import { openAdmin } from '../support/admin.ts'
import { insertOrganization } from '../support/factories.ts'
import type { SkipOptions } from '../support/skip.ts'
import { type Crash, type CrashServer, startCrashServer } from './crash-server.ts'
import { readWritten } from './written-units.ts'

/** Each of them twice: what a crash meets is a matter of chance. */
const crashes: readonly Crash[] = ['a backend is killed', 'the server is killed', 'the server is restarted']

describe('a server that goes away while eight write', inContainer(), () => {
  let server: CrashServer
  let database: Database
  let admin: Kysely<DB>
  let tenants: readonly TenantScope[]
  let bystander: TenantScope
  let nextUnit = 0

  beforeAll(async () => {
    server = await startCrashServer(600)
    const target = { url: server.url }
    await migrateToLatest({ target, provider: migrationProvider })
    database = createDatabase({ ...target, poolSize: 8 })
    admin = openAdmin(target)
    tenants = await Promise.all([newTenant(), newTenant()])
    bystander = await newTenant()
    await bystander.agents.insert({ name: 'Theirs', slug: 'theirs' })
  }, 180_000)

  afterAll(async () => {
    await database.close()
    await admin.destroy()
    await server[Symbol.asyncDispose]()
  })

  test.each(crashes)(
    'keeps what it acknowledged, and nothing by halves, when %s',
    { timeout: 120_000 },
    async (how) => {
      const writing = startWriting()
      for (let round = 0; round < 2; round++) {
        await writing.untilWritten(50)
        const before = writing.failed.length
        await server.crash(how)
        await expect.poll(() => writing.failed.length, { timeout: 30_000 }).toBeGreaterThan(before)
        // the same database object goes on
        await writing.untilWritten(50)
      }
      await writing.stop()
      const { units, halves } = await readWritten(database)
      expect(halves).toEqual([])
      expect(writing.written.filter((unit) => !units.includes(unit))).toEqual([])
      expect(writing.failed.filter((failed) => !isSound(failed, units))).toEqual([])
      await expectClean()
    },
  )

  interface Failed {
    readonly unit: number
    readonly error: unknown
  }

  interface Writing {
    readonly written: readonly number[]
    readonly failed: readonly Failed[]
    /** Waits until so many more units were acknowledged. */
    untilWritten(more: number): Promise<void>
    stop(): Promise<void>
  }

  function startWriting(): Writing {
    const written: number[] = []
    const failed: Failed[] = []
    const end = new AbortController()
    const ended = Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        while (!end.signal.aborted) {
          const unit = nextUnit++
          try {
            // with retry a unit that took effect, unknown to its writer, would collide with itself
            await writePair(tenants[unit % tenants.length] ?? bystander, unit, index % 2 === 0)
            written.push(unit)
          } catch (error) {
            failed.push({ unit, error })
            await delay(20)
          }
        }
      }),
    )
    return {
      written,
      failed,
      untilWritten: async (more) => {
        const goal = written.length + more
        await expect.poll(() => written.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(goal)
      },
      stop: async () => {
        end.abort()
        await ended
      },
    }
  }

  /** No connection of the pool has a transaction or a tenant of the one before. */
  async function expectClean(): Promise<void> {
    const seen = await Promise.all(Array.from({ length: 16 }, async () => await bystander.agents.find()))
    expect(seen.flat().map(({ slug }) => slug)).toEqual(Array.from({ length: 16 }, () => 'theirs'))
    const { rows } = await sql`select from pg_stat_activity where application_name = 'ibex-db'
      and state like 'idle in transaction%'`.execute(admin)
    expect(rows).toEqual([])
  }

  async function newTenant(): Promise<TenantScope> {
    const { id } = await insertOrganization(admin, { slug: `org-${randomUUID()}` })
    return database.forTenant(id)
  }
})

async function writePair(tenant: TenantScope, unit: number, retry: boolean): Promise<void> {
  await tenant.transaction(
    async (trx) => {
      await trx.agents.insert({ name: 'one', slug: `unit-${unit}-1` })
      await trx.agents.insert({ name: 'two', slug: `unit-${unit}-2` })
    },
    { retry },
  )
}

const expected: ReadonlySet<string> = new Set(['connection_lost', 'connection_failed', 'server_unavailable'])

/** What may run again is not there; of a COMMIT on its way nobody knows. */
function isSound(
  { unit, error }: { readonly unit: number; readonly error: unknown },
  units: readonly number[],
): boolean {
  if (!(error instanceof IbexError) || !expected.has(error.code)) return false
  return error.isRetryable ? !units.includes(unit) : error.code === 'connection_lost'
}

function inContainer(): SkipOptions {
  return inject('access').backend === 'testcontainers'
    ? { skip: false, meta: {} }
    : { skip: true, meta: { skipReason: 'the server must crash: only the testcontainers backend may' } }
}
