/** Several runners, killed runners and traffic: what only a server has. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { MigrationError, MigrationLockedError } from '../../src/errors.ts'
import { createIndexConcurrently } from '../../src/migration/concurrent-index.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import type { MigrateOptions } from '../../src/migration/migrate.ts'
import type { MigrationProgress } from '../../src/migration/migration-options.ts'
import { serverUrl } from '../support/server-url.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'
import { failure } from '../support/two-tenants.ts'
import { slowMigrations } from './runner-fixture.ts'

describe('on a server', skipOnEmbedded('one session: nobody to wait for, and no process to kill'), () => {
  let database: TestDatabase
  let progress: MigrationProgress[]

  beforeAll(async () => {
    database = await emptyDatabase()
  })

  afterAll(async () => {
    await database.close()
  })

  beforeEach(async () => {
    progress = []
    await run('drop schema if exists shop cascade; drop schema if exists other cascade; create schema shop')
  })

  describe('two runners at once', () => {
    test('one waits, and finds everything done', async () => {
      const waiting = Promise.withResolvers<void>()
      // whoever comes first ends only when the other one waits
      const first: Migration = { up: async () => await waiting.promise }
      const migrations = { '0_first': first, ...(await slowMigrations(0).getMigrations()) }
      const onProgress = (one: MigrationProgress): void => {
        progress.push(one)
        if (one.kind === 'waiting') waiting.resolve()
      }
      const run = async (): Promise<readonly string[]> =>
        await migrateToLatest({ ...options(migrations), onProgress })
      const both = await Promise.all([run(), run()])
      const all = ['0_first', '1_create', '2_fill', '3_index']
      expect(both.toSorted((a, b) => a.length - b.length)).toEqual([[], all])
      expect(progress.filter(({ kind }) => kind === 'waiting')).toHaveLength(1)
      expect(await indexes('slow')).toEqual(['slow_name_idx valid', 'slow_pkey valid'])
    })

    test('one gives up when the other is at work for longer than it waits', async () => {
      const gate = Promise.withResolvers<void>()
      const started = Promise.withResolvers<void>()
      const first = migrateToLatest(
        options({
          '1_long': {
            up: async () => {
              started.resolve()
              await gate.promise
            },
          },
        }),
      )
      await started.promise
      const error = await failure(async () => await migrateToLatest({ ...options({}), lockWait: 100 }))
      gate.resolve()
      await first
      expect(error).toBeInstanceOf(MigrationLockedError)
      expect(error).toHaveProperty('isRetryable', true)
      expect(error.message).toMatch(
        /server process \d+\) is at work on the migrations of shop\.kysely_migration/,
      )
    })

    test('two applications of one database do not wait for each other', async () => {
      const inside = Promise.withResolvers<void>()
      const other = Promise.withResolvers<void>()
      // each ends only when the other has begun
      await Promise.all([
        migrateToLatest(options({ '1_a': meeting(inside.resolve, other.promise) })),
        migrateToLatest({ ...options({ '1_b': meeting(other.resolve, inside.promise) }), schema: 'other' }),
      ])
      expect(progress.map(({ kind }) => kind)).not.toContain('waiting')
    })
  })

  describe('after a runner was killed', () => {
    test('within a transaction, the next one finds nothing of it, and finishes', async () => {
      const child = startRunner(60)
      await untilProgress(child, { kind: 'running', name: '2_fill' })
      await untilActive('pg_sleep')
      await kill(child)

      // the server needs a moment to notice
      const names = await migrateToLatest({ ...options({}), provider: slowMigrations(0) })
      expect(names).toEqual(['2_fill', '3_index'])
      expect(await count('shop.slow')).toBe(1)
    })

    test('within a concurrent build, the next one drops the invalid index, and finishes', async () => {
      // a build waits for everybody who may still see the table as it was
      await withTraffic('select from pg_class', async () => {
        const child = startRunner(0)
        await untilProgress(child, { kind: 'running', name: '3_index' })
        await untilWaiting('create index concurrently')
        await kill(child)
        await vi.waitUntil(async () => !(await isActive('create index concurrently')), { timeout: 10_000 })
      })
      expect(await indexes('slow')).toContain('slow_name_idx invalid')

      expect(await migrateToLatest({ ...options({}), provider: slowMigrations(0) })).toEqual(['3_index'])
      expect(await indexes('slow')).toEqual(['slow_name_idx valid', 'slow_pkey valid'])
    })
  })

  describe('a lock that traffic holds', () => {
    const addColumn: Migration = {
      up: async (db: Kysely<unknown>) => void (await sql`alter table shop.notes add title text`.execute(db)),
    }

    beforeEach(async () => {
      await run('create table shop.notes (id int); insert into shop.notes values (1)')
    })

    test('is waited for briefly, and tried again until it is free', async () => {
      await withTraffic('select from shop.notes', async (end) => {
        const onProgress = (one: MigrationProgress): void => {
          progress.push(one)
          if (one.kind === 'retrying') void end()
        }
        const migration = { ...options({ '1_title': addColumn }), lockTimeout: 50, onProgress }
        expect(await migrateToLatest(migration)).toEqual(['1_title'])
      })
      expect(progress).toContainEqual(
        expect.objectContaining({ kind: 'retrying', name: '1_title', attempt: 2, attempts: 5 }),
      )
    })

    test('ends the run when it is never free, and traffic goes on', async () => {
      await withTraffic('select from shop.notes', async () => {
        const impatient = { ...options({ '1_title': addColumn }), lockTimeout: 50, attempts: 2 }
        const error = await failure(async () => await migrateToLatest(impatient))
        expect(error).toBeInstanceOf(MigrationError)
        expect(error.message).toContain('1_title failed, and nothing of it was kept')
        expect(error.message).toContain('a lock that others hold was not free in time (2 times)')
        expect(error.cause).toHaveProperty('isRetryable', true)
        expect(await count('shop.notes')).toBe(1)
      })
    })

    test('is not tried twice where there is no transaction to begin again', async () => {
      await withTraffic('select from shop.notes', async () => {
        const outside = { ...addColumn, config: { transaction: false } }
        const impatient = { ...options({ '1_title': outside }), lockTimeout: 50 }
        await expect(migrateToLatest(impatient)).rejects.toThrow(/what it did until then stays/)
      })
      expect(progress.map(({ kind }) => kind)).not.toContain('retrying')
    })
  })

  test('ends a statement that takes too long, and a migration that sits in its transaction', async () => {
    const sleeping: Migration = {
      up: async (db: Kysely<unknown>) => void (await sql`select pg_sleep(20)`.execute(db)),
    }
    // the transaction may not be idle for longer either, which it is on a slow machine
    const slow = { ...options({ '1_slow': sleeping }), statementTimeout: 2_000 }
    await expect(migrateToLatest(slow)).rejects.toThrow(/1_slow failed.*cancelled by a timeout/)

    const lost: Migration = {
      up: async (db: Kysely<unknown>) => {
        await sql`select 1`.execute(db)
        await vi.waitUntil(async () => !(await isIdleInTransaction()), { timeout: 10_000 })
        await sql`select 1`.execute(db)
      },
    }
    const error = await failure(
      async () => await migrateToLatest({ ...options({ '1_lost': lost }), statementTimeout: 100 }),
    )
    expect(error).toBeInstanceOf(MigrationError)
    expect(error.message).toContain('1_lost failed')
  })

  describe('createIndexConcurrently', () => {
    beforeEach(async () => {
      // an analysis by itself would hold a lock that a build waits for
      await run(`create table shop.notes (id int, name text) partition by hash (id);
        create table shop."notes One" partition of shop.notes for values with (modulus 2, remainder 0);
        create table shop.notes_two partition of shop.notes for values with (modulus 2, remainder 1) partition by list (name);
        create table shop.notes_rest partition of shop.notes_two default;
        create table shop.plain (id int, name text) with (autovacuum_enabled = false);
        insert into shop.plain select number, 'same' from generate_series(1, 100) as number;
        insert into shop.notes select * from shop.plain`)
    })

    test('leaves no invalid index when the build fails', async () => {
      const error = await failure(
        async () =>
          await migrateToLatest(
            options({
              '1_key': outside(
                async (db) =>
                  await createIndexConcurrently(db, 'shop.plain', { columns: ['name'], unique: true }),
              ),
            }),
          ),
      )
      expect(error.message).toContain('1_key failed')
      expect(error.cause).toHaveProperty('name', 'UniqueViolationError')
      expect(await indexes('plain')).toEqual([])
    })

    test('builds each partition, whatever it is called, and puts the index together', async () => {
      const build = outside(
        async (db) => await createIndexConcurrently(db, 'shop.notes', { columns: ['name', 'id desc'] }),
      )
      await migrateToLatest(options({ '1_index': build }))
      expect(await indexes('notes')).toEqual(['notes_name_id_idx valid'])
      expect(await indexes('notes_two')).toEqual([expect.stringMatching(/^notes_two_\w{8} valid$/)])
      expect(await indexes('notes_rest')).toEqual([expect.stringMatching(/^notes_rest_\w{8} valid$/)])
      expect(await indexes('notes One')).toEqual([expect.stringMatching(/^notes One_\w{8} valid$/)])
      // a second run finds all there
      await migrateToLatest(options({ '1_index': build, '2_again': build }))
    })

    test('leaves no invalid index on a partition, and goes on after the reason is gone', async () => {
      const key = { columns: ['name'], unique: true, name: 'notes_key' }
      await run('alter table shop.plain rename to heap')
      await run(`create table shop.plain (like shop.heap) partition by list (name);
        create table shop.plain_same partition of shop.plain for values in ('same');
        create table shop.plain_rest partition of shop.plain default;
        insert into shop.plain select * from shop.heap`)
      const migrations = options({
        '1_key': outside(async (db) => await createIndexConcurrently(db, 'shop.plain', key)),
      })
      await expect(migrateToLatest(migrations)).rejects.toThrow(/1_key failed/)
      expect(await indexes('plain_same')).toEqual([])

      await run('delete from shop.plain where id > 1')
      await migrateToLatest(migrations)
      expect(await indexes('plain')).toEqual(['notes_key valid'])
    })

    test('tries again when only a transaction was in the way', async () => {
      const patient = { columns: ['name'], lockTimeout: 100, attempts: 5 }
      const build = outside(async (db) => await createIndexConcurrently(db, 'shop.plain', patient))
      await withTraffic("insert into shop.plain values (0, 'other')", async (end) => {
        const migrating = migrateToLatest(options({ '1_index': build }))
        await vi.waitUntil(async () => (await indexes('plain')).length > 0, { timeout: 10_000 })
        await end()
        expect(await migrating).toEqual(['1_index'])
      })
      expect(await indexes('plain')).toEqual(['plain_name_idx valid'])
    })

    test('names what it must leave behind, and drops it first the next time', async () => {
      const impatient = { columns: ['name'], lockTimeout: 50, attempts: 1 }
      const build = outside(async (db) => await createIndexConcurrently(db, 'shop.plain', impatient))
      await withTraffic("insert into shop.plain values (0, 'other')", async () => {
        const error = await failure(async () => await migrateToLatest(options({ '1_index': build })))
        expect(error).toBeInstanceOf(MigrationError)
        expect(error.message).toContain('index plain_name_idx could not be built, and its invalid rest')
        expect(await indexes('plain')).toEqual(['plain_name_idx invalid'])
      })
      await migrateToLatest(options({ '1_index': build }))
      expect(await indexes('plain')).toEqual(['plain_name_idx valid'])
    })

    test('refuses a transaction, a table that is not there, and a name that something else has', async () => {
      const within: Migration = {
        up: async (db: Kysely<unknown>) =>
          await createIndexConcurrently(db, 'shop.plain', { columns: ['name'] }),
      }
      await expect(migrateToLatest(options({ '1_within': within }))).rejects.toThrow(/transaction: false/)
      expect((await failedIndex('shop.nothing')).message).toBe(
        'there is no table shop.nothing to create an index on',
      )
      expect((await failedIndex('shop.plain', 'notes')).message).toContain(
        'the name notes belongs to something',
      )
    })
  })

  function options(migrations: Readonly<Record<string, Migration>>): MigrateOptions {
    const provider = { getMigrations: async () => await Promise.resolve(migrations) }
    return { target: database.target, provider, schema: 'shop', onProgress: (one) => void progress.push(one) }
  }

  async function failedIndex(table: string, name?: string): Promise<Error> {
    const definition = { columns: ['name'], ...(name === undefined ? {} : { name }) }
    return await failure(async () => await createIndexConcurrently(database.admin, table, definition))
  }

  /** Keeps a transaction open that has run the statement, and sees the database as it was then. */
  async function withTraffic(
    statement: string,
    callback: (end: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const db = database.admin as Kysely<unknown>
    const traffic = await db.startTransaction().setIsolationLevel('repeatable read').execute()
    let ending: Promise<void> | undefined
    const end = async (): Promise<void> => {
      ending ??= traffic.rollback().execute()
      await ending
    }
    try {
      await sql.raw(statement).execute(traffic)
      await callback(end)
    } finally {
      await end()
    }
  }

  function startRunner(seconds: number): ChildProcess {
    const fixture = join(import.meta.dirname, 'runner-fixture.ts')
    const args = [fixture, serverUrl(database), String(seconds)]
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  async function untilWaiting(statement: string): Promise<void> {
    const found = sql<{
      found: boolean
    }>`select exists (select from pg_stat_activity where datname = current_database()
      and query ilike ${`${statement}%`} and wait_event_type = 'Lock') as found`
    await vi.waitUntil(async () => (await found.execute(database.admin)).rows[0]?.found, { timeout: 10_000 })
  }

  async function untilActive(word: string): Promise<void> {
    await vi.waitUntil(async () => await isActive(word), { timeout: 10_000 })
  }

  async function isActive(word: string): Promise<boolean> {
    const { rows } = await sql<{
      found: boolean
    }>`select exists (select from pg_stat_activity where state = 'active'
      and datname = current_database() and pid <> pg_backend_pid() and query ilike ${`%${word}%`}) as found`.execute(
      database.admin,
    )
    return rows[0]?.found === true
  }

  async function isIdleInTransaction(): Promise<boolean> {
    const { rows } = await sql<{ found: boolean }>`select exists (select from pg_stat_activity
      where datname = current_database() and state = 'idle in transaction') as found`.execute(database.admin)
    return rows[0]?.found === true
  }

  async function indexes(table: string): Promise<readonly string[]> {
    const { rows } = await sql<{ line: string }>`
      select named.relname || case when indisvalid then ' valid' else ' invalid' end as line
      from pg_index join pg_class as named on named.oid = indexrelid join pg_class as owner on owner.oid = indrelid
      where owner.relname = ${table} and owner.relnamespace = 'shop'::regnamespace order by 1`.execute(
      database.admin,
    )
    return rows.map(({ line }) => line)
  }

  async function count(table: string): Promise<number> {
    const { rows } = await sql<{
      count: number
    }>`select count(*)::int as count from ${sql.table(table)}`.execute(database.admin)
    return rows[0]?.count ?? -1
  }

  async function run(script: string): Promise<void> {
    await sql.raw(script).execute(database.admin)
  }
})

/** Says that it is there, and waits for the other one. */
function meeting(mine: () => void, theirs: Promise<void>): Migration {
  return {
    up: async () => {
      mine()
      await theirs
    },
  }
}

function outside(up: (db: Kysely<unknown>) => Promise<void>): Migration {
  const config = { transaction: false }
  return Object.assign({ up }, { config })
}

async function untilProgress(child: ChildProcess, wanted: Partial<MigrationProgress>): Promise<void> {
  if (child.stdout === null) throw new Error('the runner has no output')
  for await (const line of createInterface(child.stdout)) {
    const one: unknown = JSON.parse(line)
    if (Object.entries(wanted).every(([key, value]) => Reflect.get(Object(one), key) === value)) return
  }
  throw new Error('the runner ended early')
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}
