import { PGlite } from '@electric-sql/pglite'
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin'
import { vector } from '@electric-sql/pglite-pgvector'
import { Kysely, sql } from 'kysely'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { migrationProvider } from '../../migrations/index.ts'
import { InsufficientPrivilegeError, MigrationError, MissingMigrationsError } from '../../src/errors.ts'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { createExtension } from '../../src/migration/extension.ts'
import { migrateToLatest } from '../../src/migration/migrate.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import { createRoles } from '../../src/migration/roles.ts'

// Roles belong to the whole cluster, and other test files need them at this moment: this file has a cluster of its own.
let cluster: Blob
let engine: PGlite
let db: Kysely<unknown>

beforeAll(async () => {
  // loading an archive is several times faster than creating a cluster for each test
  const first = await PGlite.create()
  cluster = await first.dumpDataDir('none')
  await first.close()
})

beforeEach(async () => {
  engine = await PGlite.create({ extensions: { btree_gin, vector }, loadDataDir: cluster })
  // said once outside: otherwise the end of a transaction does not bring it back
  await engine.exec('create role plain login; set session authorization postgres')
  db = new Kysely({ dialect: migrationDialect({ target: { embedded: engine } }) })
})

afterEach(async () => {
  await db.destroy()
  await engine.close()
})

test('tells an administrator exactly what to run where roles are refused', async () => {
  const error = await asPlain(createRoles).catch((error: unknown) => error)

  expect(error).toBeInstanceOf(InsufficientPrivilegeError)
  const { message } = error as InsufficientPrivilegeError
  const statements = message.slice(message.indexOf('run: ') + 'run: '.length)
  expect(statements).toBe(
    'create role ibex_app nologin nosuperuser nobypassrls; ' +
      'create role ibex_system nologin nosuperuser nobypassrls; ' +
      'create role ibex_search nologin nosuperuser nobypassrls; ' +
      'grant ibex_app, ibex_system, ibex_search to plain with inherit false, set true;',
  )

  await engine.exec(statements)
  await asPlain(createRoles)
  await asPlain(async (trx) => {
    await sql`set local role ibex_app`.execute(trx)
  })
})

test('lets a login that may create roles take them on, without inheriting their rights', async () => {
  await engine.exec('alter role plain createrole')
  await asPlain(createRoles)

  await asPlain(async (trx) => {
    const { rows } = await sql`
      select rolname::text as role, pg_has_role('plain', oid, 'set') as set, pg_has_role('plain', oid, 'usage') as usage
      from pg_roles where rolname like 'ibex%' order by 1`.execute(trx)
    expect(rows).toEqual(
      ['ibex_app', 'ibex_search', 'ibex_system'].map((role) => ({ role, set: true, usage: false })),
    )
  })
})

test('refuses a role of this name that row-level security would not hold', async () => {
  await engine.exec('create role ibex_app login bypassrls')

  const error = await createRoles(db).catch((error: unknown) => error)

  expect(error).toBeInstanceOf(MigrationError)
  const { message } = error as MigrationError
  await engine.exec(message.slice(message.indexOf('run: ') + 'run: '.length))
  await createRoles(db)
})

test('tells an administrator what to run where the extension is refused', async () => {
  await createRoles(db)

  const error = await asPlain(async (trx) => {
    await createExtension(trx, 'vector')
  }).catch((error: unknown) => error)

  expect(error).toBeInstanceOf(InsufficientPrivilegeError)
  const { message } = error as InsufficientPrivilegeError
  await engine.exec(
    message.slice(message.indexOf('run in this database: ') + 'run in this database: '.length),
  )
  await asPlain(async (trx) => {
    await createExtension(trx, 'vector')
  })
})

test('says that pgvector is missing on a server without it, and leaves nothing but the roles', async () => {
  const bare = await PGlite.create({ loadDataDir: cluster })
  try {
    const migration = migrateToLatest({ target: { embedded: bare }, provider: migrationProvider })
    await expect(migration).rejects.toThrow(MigrationError)
    await expect(migration).rejects.toThrow(/extension "vector" is not on this server/)
    const { rows } = await bare.query("select rolname from pg_roles where rolname like 'ibex%' order by 1")
    expect(rows).toEqual(['ibex_app', 'ibex_search', 'ibex_system'].map((rolname) => ({ rolname })))
    const run = await bare.query('select name from ibex_core.kysely_migration')
    expect(run.rows).toEqual([{ name: '20261122_0001_create_roles' }])
  } finally {
    await bare.close()
  }
})

test('says that the contrib modules are missing, and goes on when they are there', async () => {
  const without = await PGlite.create({ extensions: { vector }, loadDataDir: cluster })
  let stopped: Blob
  try {
    const migration = migrateToLatest({ target: { embedded: without }, provider: migrationProvider })
    await expect(migration).rejects.toThrow(MigrationError)
    await expect(migration).rejects.toThrow(/extension "btree_gin" is not on this server/)
    await without.exec('checkpoint')
    stopped = await without.dumpDataDir('none')
  } finally {
    await without.close()
  }
  await using complete = await PGlite.create({ extensions: { btree_gin, vector }, loadDataDir: stopped })
  const migrated = await migrateToLatest({ target: { embedded: complete }, provider: migrationProvider })
  expect(migrated[0]).toBe('20261128_0043_lead_word_indexes_with_tenant')
})

test('tells an administrator what to run where the schema is refused', async () => {
  await engine.exec('set session authorization plain')

  const migration = migrateToLatest({ target: { embedded: engine }, provider: migrationProvider })

  await expect(migration).rejects.toThrow(InsufficientPrivilegeError)
  await expect(migration).rejects.toThrow('run: grant create on database postgres to plain;')
})

test('asks for the migrations before a tenant table of your own', async () => {
  const create = createTenantTable(db, 'public.early', { comment: 'Too early.', columns: {} })
  await expect(create).rejects.toThrow(MissingMigrationsError)
})

/** Runs the callback as a login without any rights. */
async function asPlain<T>(callback: (trx: Kysely<unknown>) => Promise<T>): Promise<T> {
  return await db.transaction().execute(async (trx) => {
    await sql`set local session authorization plain`.execute(trx)
    return await callback(trx)
  })
}
