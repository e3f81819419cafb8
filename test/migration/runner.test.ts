/** The runner on any backend: transactions, order, checksums, and what Kysely's own Migrator has run. */
import { Kysely, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import type { Migration } from 'kysely/migration'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InvalidArgumentError, MigrationError, MigrationHistoryError } from '../../src/errors.ts'
import { dryRun } from '../../src/migration/dry-run.ts'
import { migrateToLatest, migrationStatus, withMigrator } from '../../src/migration/migrate.ts'
import type { MigrateOptions } from '../../src/migration/migrate.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import type { MigrationProgress } from '../../src/migration/migration-options.ts'
import type { MigrationConfig } from '../../src/migration/migration-source.ts'
import { SafeMigrator } from '../../src/migration/migrator.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'
import { failure } from '../support/two-tenants.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await emptyDatabase()
})

afterAll(async () => {
  await database.close()
})

beforeEach(async () => {
  await sql`drop schema if exists shop cascade`.execute(database.admin)
  await sql`create schema shop`.execute(database.admin)
})

test('gives each migration a transaction of its own, and notes it there', async () => {
  const names = await migrateToLatest(options({ '1_a': create('a'), '2_b': create('b') }))
  expect(names).toEqual(['1_a', '2_b'])
  const { rows } = await sql<{ name: string; xmin: string }>`
    select name, xmin::text from shop.kysely_migration
    union all select relname, xmin::text from pg_class where relname in ('a', 'b') and relnamespace = 'shop'::regnamespace
    order by 1`.execute(database.admin)
  const [first, second, a, b] = rows.map(({ xmin }) => xmin)
  expect([a, b]).toEqual([first, second])
  expect(first).not.toBe(second)
})

test('gives a migration that asks for it no transaction, and its session back as it was', async () => {
  const settings: unknown[] = []
  const config = { transaction: false }
  const outside: ConfiguredMigration = {
    config,
    up: async (db: Kysely<unknown>) => {
      expect(db.isTransaction).toBe(false)
      await sql`set lock_timeout = '7s'`.execute(db)
      settings.push(await readSettings(db))
    },
  }
  const inside: Migration = {
    up: async (db: Kysely<unknown>) => {
      expect(db.isTransaction).toBe(true)
      settings.push(await readSettings(db))
    },
  }
  await migrateToLatest(options({ '1_outside': outside, '2_inside': inside }))
  const off = { rowSecurity: 'off' }
  expect(settings).toEqual([
    { ...off, lockTimeout: '7s', statementTimeout: '0' },
    { ...off, lockTimeout: '5s', statementTimeout: '15min' },
  ])
  expect(await readSettings(database.admin)).toMatchObject({ lockTimeout: '0', statementTimeout: '0' })
})

test('says what stays of a migration that fails without a transaction, and runs it again', async () => {
  let isReady = false
  const migration: ConfiguredMigration = {
    config: { transaction: false },
    up: async (db: Kysely<unknown>) => {
      await sql`create table if not exists shop.half (id int)`.execute(db)
      if (!isReady) throw new Error('not yet')
    },
  }
  const error = await failure(async () => await migrateToLatest(options({ '1_half': migration })))
  expect(error).toBeInstanceOf(MigrationError)
  expect(error.message).toContain('1_half failed, and what it did until then stays')
  expect(await migrationStatus(options({ '1_half': migration }))).toMatchObject([
    { state: 'pending', isTransactional: false },
  ])

  isReady = true
  expect(await migrateToLatest(options({ '1_half': migration }))).toEqual(['1_half'])
})

test('goes up to a name, and down by one, to a name and altogether', async () => {
  const all = { '1_a': create('a'), '2_b': create('b'), '3_c': create('c') }
  expect(await withMigrator(options(all), async (migrator) => await migrator.up({ to: '2_b' }))).toEqual([
    '1_a',
    '2_b',
  ])
  expect(await migrateToLatest(options(all))).toEqual(['3_c'])
  expect(await withMigrator(options(all), async (migrator) => await migrator.down())).toEqual(['3_c'])
  expect(await withMigrator(options(all), async (migrator) => await migrator.down({ to: '1_a' }))).toEqual([
    '2_b',
  ])
  expect(await tables()).toEqual(['a'])
  expect(await withMigrator(options(all), async (migrator) => await migrator.down({ count: 9 }))).toEqual([
    '1_a',
  ])
  expect(await tables()).toEqual([])
})

test.each([
  ['up', '1_a', 'names a migration that has run already'],
  ['up', '4_d', 'names no migration'],
  ['down', '2_b', 'names a migration that has not run'],
  ['down', '4_d', 'names no migration'],
] as const)('refuses to go %s to %s, which %s', async (way, to, reason) => {
  await migrateToLatest(options({ '1_a': create('a') }))
  const both = options({ '1_a': create('a'), '2_b': create('b') })
  const error = await failure(
    async () => await withMigrator(both, async (migrator) => await migrator[way]({ to })),
  )
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error.message).toContain(reason)
  expect(await tables()).toEqual(['a'])
})

test('takes nothing back when one of them has no way back', async () => {
  const { up } = create('a')
  const both = options({ '1_a': { up }, '2_b': create('b') })
  await migrateToLatest(both)
  const error = await failure(
    async () => await withMigrator(both, async (migrator) => await migrator.down({ count: 2 })),
  )
  expect(error.message).toBe('migration 1_a has no function "down": it cannot be taken back')
  expect(await tables()).toEqual(['a', 'b'])
})

describe('before anything runs', () => {
  const nothing = {} as Migration

  test.each([
    ['a file without up', { '1_a': create('a'), '2_empty': nothing }, '2_empty has no function "up"'],
    ['an empty name', { ' ': create('a') }, 'a migration needs a name'],
    [
      'a config that is misspelt',
      { '1_a': { ...create('a'), config: { transactional: false } } },
      '"config"',
    ],
    ['a config of another type', { '1_a': { ...create('a'), config: { transaction: 'no' } } }, '"config"'],
  ])('refuses %s', async (_, migrations, message) => {
    const error = await failure(async () => await migrateToLatest(options(migrations as Migrations)))
    expect(error).toBeInstanceOf(MigrationError)
    expect(error.message).toContain(message)
    expect(await tables()).toEqual([])
  })

  test.each([
    [{ schema: '' }, 'schema'],
    [{ schema: 'x'.repeat(59) }, 'schema'],
    [{ attempts: 0 }, 'attempts'],
    [{ lockWait: -1 }, 'lockWait'],
    [{ statementTimeout: 0.5 }, 'statementTimeout'],
  ])('refuses the options %j', async (wrong, argument) => {
    const error = await failure(
      async () => await migrateToLatest({ ...options({ '1_a': create('a') }), ...wrong }),
    )
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toHaveProperty('argument', argument)
  })

  test('names migrations that have run and are gone', async () => {
    await migrateToLatest(options({ '1_a': create('a'), '2_b': create('b'), '3_c': create('c') }))
    const error = await failure(async () => await migrateToLatest(options({ '2_b': create('b') })))
    expect(error).toBeInstanceOf(MigrationHistoryError)
    expect(error).toMatchObject({ problem: 'missing', migrations: ['1_a', '3_c'] })
    expect(error.message).toContain('1_a, 3_c')
    expect(await migrationStatus(options({ '2_b': create('b') }))).toMatchObject([
      { name: '1_a', state: 'missing' },
      { name: '2_b', state: 'executed' },
      { name: '3_c', state: 'missing' },
    ])
  })

  test('names a migration that sorts before one that has run', async () => {
    await migrateToLatest(options({ '9_a': create('a') }))
    const error = await failure(
      async () => await migrateToLatest(options({ '9_a': create('a'), '10_b': create('b') })),
    )
    expect(error).toMatchObject({ problem: 'reordered', migrations: ['10_b'] })
    expect(error.message).toBe(
      'has not run and sorts before 9_a, which has: 10_b: give it a name that sorts after',
    )
    expect(await tables()).toEqual(['a'])
  })

  test('names a migration that ran at another place', async () => {
    const both = { '1_a': create('a'), '2_b': create('b') }
    await migrateToLatest(options(both))
    await sql`update shop.kysely_migration set timestamp = '2020-01-01T00:00:00.000Z' where name = '2_b'`.execute(
      database.admin,
    )
    const error = await failure(async () => await migrateToLatest(options(both)))
    expect(error).toMatchObject({ problem: 'reordered', migrations: ['2_b'] })
  })

  test('names edited migrations, up and down, until the edit is accepted', async () => {
    const both = { '1_a': create('a'), '2_b': create('b') }
    await migrateToLatest(options(both, { '1_a': 'ts:1', '2_b': 'ts:2' }))
    const edited = options({ ...both, '3_c': create('c') }, { '1_a': 'ts:one', '2_b': 'ts:2' })

    for (const way of ['up', 'down'] as const) {
      const error = await failure(
        async () => await withMigrator(edited, async (migrator) => await migrator[way]()),
      )
      expect(error).toBeInstanceOf(MigrationHistoryError)
      expect(error).toMatchObject({ problem: 'edited', migrations: ['1_a'] })
    }
    await expect(dryRun(edited)).rejects.toThrow(MigrationHistoryError)
    expect(await tables()).toEqual(['a', 'b'])
    const [status] = await migrationStatus(edited)
    expect(status).toMatchObject({ name: '1_a', state: 'edited' })

    const progress: MigrationProgress[] = []
    const onProgress = (one: MigrationProgress): void => void progress.push(one)
    expect(await migrateToLatest({ ...edited, acceptEdited: true, onProgress })).toEqual(['3_c'])
    expect(progress).toContainEqual({ kind: 'accepted', names: ['1_a'] })
    expect(await migrateToLatest(edited)).toEqual([])
  })

  test('does not compare a compiled file with its source, nor what has no checksum', async () => {
    const one = { '1_a': create('a') }
    await migrateToLatest(options(one, { '1_a': 'ts:1' }))
    expect(await migrateToLatest(options(one, { '1_a': 'js:2' }))).toEqual([])
    expect(await migrateToLatest(options(one))).toEqual([])
    // neither was noted in its place
    await expect(migrateToLatest(options(one, { '1_a': 'ts:2' }))).rejects.toThrow(/edited/)
  })
})

describe("beside Kysely's own Migrator", () => {
  const both = { '1_a': create('a'), '2_b': create('b') }

  test('takes over what it has run, and notices edits from then on', async () => {
    await withKysely(async (migrator) => await migrator.migrateUp())
    expect(await migrationStatus(options(both))).toMatchObject([{ state: 'executed' }, { state: 'pending' }])

    expect(await migrateToLatest(options(both, { '1_a': 'ts:1' }))).toEqual(['2_b'])
    const edited = options(both, { '1_a': 'ts:one' })
    await expect(migrateToLatest(edited)).rejects.toThrow(/edited after it had run: 1_a/)
  })

  test('leaves it a table on which it goes on, up and down', async () => {
    await withMigrator(options(both), async (migrator) => await migrator.migrateUp())
    await withKysely(async (migrator) => {
      expect((await migrator.getMigrations()).map(({ executedAt }) => executedAt !== undefined)).toEqual([
        true,
        false,
      ])
      return await migrator.migrateToLatest()
    })
    expect(await tables()).toEqual(['a', 'b'])
    await withKysely(async (migrator) => await migrator.migrateDown())
    await withKysely(async (migrator) => await migrator.migrateDown())
    expect(await tables()).toEqual([])
  })

  test('stands in its place', async () => {
    const db = new Kysely<unknown>({ dialect: migrationDialect({ target: database.target }) })
    const { target: _, ...rest } = options(both)
    const migrator: Migrator = new SafeMigrator({ ...rest, db })
    expect(migrator).toBeInstanceOf(Migrator)
    expect(await migrator.migrateTo('1_a')).toEqual({
      results: [{ migrationName: '1_a', direction: 'Up', status: 'Success' }],
    })
    const [first, second] = await migrator.getMigrations()
    expect([first?.executedAt, second?.executedAt]).toEqual([expect.any(Date), undefined])
    expect(await migrator.migrateTo('3_c')).toMatchObject({ error: expect.any(InvalidArgumentError) })
    await db.transaction().execute(async (trx) => {
      expect(() => new SafeMigrator({ ...rest, db: trx })).toThrow(InvalidArgumentError)
      await Promise.resolve()
    })
    await db.destroy()
  })

  async function withKysely(
    callback: (migrator: Migrator) => Promise<{ readonly error?: unknown }>,
  ): Promise<void> {
    const db = new Kysely<unknown>({ dialect: migrationDialect({ target: database.target }) })
    const provider = { getMigrations: async () => await Promise.resolve(both) }
    const result = await callback(new Migrator({ db, provider, migrationTableSchema: 'shop' }))
    await db.destroy()
    expect(result.error).toBeUndefined()
  }
})

describe('a dry run', () => {
  test('returns what would be sent, and leaves nothing behind', async () => {
    const outside: ConfiguredMigration = { ...create('b'), config: { transaction: false } }
    const all = options({ '1_a': create('a'), '2_b': outside, '3_c': create('c') })
    expect(await dryRun(all, { to: '2_b' })).toEqual([
      {
        name: '1_a',
        direction: 'Up',
        statements: [{ sql: 'create table "shop"."a" (id int)', parameters: [] }],
      },
      { name: '2_b', direction: 'Up', statements: undefined },
    ])
    const { rows } =
      await sql`select relname from pg_class where relnamespace = 'shop'::regnamespace`.execute(
        database.admin,
      )
    expect(rows).toEqual([])

    await migrateToLatest(all)
    expect(await dryRun(all)).toEqual([])
    expect(await dryRun(all, { direction: 'Down', count: 1 })).toMatchObject([
      { name: '3_c', direction: 'Down', statements: [{ sql: 'drop table "shop"."c"' }] },
    ])
    expect(await tables()).toEqual(['a', 'b', 'c'])
  })

  test('names the migration that would fail', async () => {
    const wrong: Migration = { up: async (db: Kysely<unknown>) => void (await sql`select 1/0`.execute(db)) }
    const error = await failure(async () => await dryRun(options({ '1_a': create('a'), '2_wrong': wrong })))
    expect(error).toBeInstanceOf(MigrationError)
    expect(error.message).toContain('migration 2_wrong failed')
    expect(await tables()).toEqual([])
  })
})

interface ConfiguredMigration extends Migration {
  readonly config?: MigrationConfig
}

type Migrations = Readonly<Record<string, ConfiguredMigration>>

function options(migrations: Migrations, checksums: Readonly<Record<string, string>> = {}): MigrateOptions {
  const provider = {
    getMigrations: async () => await Promise.resolve(migrations),
    getChecksums: async () => await Promise.resolve(checksums),
  }
  return { target: database.target, provider, schema: 'shop' }
}

function create(name: string): Required<Migration> {
  return {
    up: async (db: Kysely<unknown>) =>
      void (await sql`create table ${sql.id('shop', name)} (id int)`.execute(db)),
    down: async (db: Kysely<unknown>) => void (await sql`drop table ${sql.id('shop', name)}`.execute(db)),
  }
}

async function tables(): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`select relname::text as name from pg_class
    where relnamespace = 'shop'::regnamespace and relkind = 'r' and relname not like 'kysely%' order by 1`.execute(
    database.admin,
  )
  return rows.map(({ name }) => name)
}

async function readSettings<DB>(db: Kysely<DB>): Promise<unknown> {
  const { rows } = await sql`select current_setting('row_security') as "rowSecurity",
    current_setting('lock_timeout') as "lockTimeout", current_setting('statement_timeout') as "statementTimeout"`.execute(
    db,
  )
  return rows[0]
}
