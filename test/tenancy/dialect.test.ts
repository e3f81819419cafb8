import { AbortedTransactionError, CompiledQuery, Kysely, type LogEvent, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ConnectionPool } from '../../src/database/connection-pool.ts'
import { resolveOptions } from '../../src/database/options.ts'
import { InvalidArgumentError } from '../../src/errors.ts'
import { TenantDialect, type TenantDialectConfig } from '../../src/tenancy/tenant-dialect.ts'
import { failure } from '../support/two-tenants.ts'
import { emptyDatabase, type TestDatabase } from '../support/setup.ts'
import { skipOnEmbedded } from '../support/skip.ts'

interface PersonTable {
  readonly id: number
  readonly name: string | null
}

/** A user's own schema, which knows nothing of ours: neither role nor settings. */
interface OwnDB {
  readonly person: PersonTable
}

let empty: TestDatabase
let db: Kysely<OwnDB>
const log: LogEvent[] = []

beforeAll(async () => {
  empty = await emptyDatabase()
  db = openOwn()
  await db.schema
    .createTable('person')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text')
    .execute()
})

afterAll(async () => {
  await db.destroy()
  await empty.close()
})

function openOwn(config: Partial<TenantDialectConfig> = {}): Kysely<OwnDB> {
  const pool = new ConnectionPool(resolveOptions({ ...empty.target, poolSize: 3, connectTimeout: 2_000 }))
  return new Kysely<OwnDB>({
    dialect: new TenantDialect({ pool, ...config }),
    log: (event) => void log.push(event),
  })
}

async function names(): Promise<readonly (string | null)[]> {
  const rows = await db.selectFrom('person').select('name').orderBy('id').execute()
  return rows.map(({ name }) => name)
}

function dialect(): TenantDialect {
  return new TenantDialect({ pool: async () => await Promise.reject(new Error('unused')) })
}

test('compiles for all dialects with one compiler, which keeps their parameters apart', async () => {
  // bound methods make a compiler four times as heavy as the rest of a scope
  expect(dialect().createQueryCompiler()).toBe(dialect().createQueryCompiler())
  const [first, second] = [1, 2].map((id) =>
    new Kysely<OwnDB>({ dialect: dialect() }).selectFrom('person').selectAll().where('id', '=', id).compile(),
  )
  expect([first?.parameters, second?.parameters]).toEqual([[1], [2]])
})

test('tells how many rows each kind of statement has affected', async () => {
  const inserted = await db
    .insertInto('person')
    .values([
      { id: 1, name: 'Ana' },
      { id: 2, name: 'Bo' },
    ])
    .executeTakeFirstOrThrow()
  expect(inserted.numInsertedOrUpdatedRows).toBe(2n)
  const updated = await db
    .updateTable('person')
    .set({ name: 'Bob' })
    .where('id', '=', 2)
    .executeTakeFirstOrThrow()
  expect(updated.numUpdatedRows).toBe(1n)
  const returned = await db
    .updateTable('person')
    .set({ name: 'Bo' })
    .where('id', '=', 2)
    .returningAll()
    .execute()
  expect(returned).toEqual([{ id: 2, name: 'Bo' }])
  const deleted = await db.deleteFrom('person').where('id', '>', 100).executeTakeFirstOrThrow()
  expect(deleted.numDeletedRows).toBe(0n)
  expect(await sql`select 1`.execute(db)).not.toHaveProperty('numAffectedRows')
})

test('finds tables and columns by introspection', async () => {
  const tables = await db.introspection.getTables()
  const person = tables.find(({ name }) => name === 'person')
  expect(person?.columns.map(({ name, dataType, isNullable }) => [name, dataType, isNullable])).toEqual([
    ['id', 'int4', false],
    ['name', 'text', true],
  ])
})

test('commits and rolls back controlled transactions, to a savepoint and as a whole', async () => {
  const trx = await db.startTransaction().execute()
  await trx.insertInto('person').values({ id: 10, name: 'kept' }).execute()
  const after = await trx.savepoint('a "name"').execute()
  await after.insertInto('person').values({ id: 11, name: 'undone' }).execute()
  await after.rollbackToSavepoint('a "name"').execute()
  await after.releaseSavepoint('a "name"').execute()
  await trx.commit().execute()
  expect(trx.isCommitted).toBe(true)

  const undone = await db.startTransaction().execute()
  await undone.insertInto('person').values({ id: 12, name: 'undone' }).execute()
  await undone.rollback().execute()
  expect(undone.isRolledBack).toBe(true)
  expect(await names()).toContain('kept')
  expect(await names()).not.toContain('undone')
})

test('keeps isolation level and access mode', async () => {
  const read = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only')
  const settings = await read.execute(
    async (trx) =>
      await sql<{ level: string; mode: string }>`select current_setting('transaction_isolation') as level,
        current_setting('transaction_read_only') as mode`.execute(trx),
  )
  expect(settings.rows).toEqual([{ level: 'repeatable read', mode: 'on' }])
  const write = read.execute(async (trx) => await trx.deleteFrom('person').execute())
  await expect(write).rejects.toHaveProperty('code', 'read_only_sql_transaction')
})

test('throws AbortedTransactionError when an aborted transaction is committed', async () => {
  const swallow = db.transaction().execute(async (trx) => {
    await sql`select 1 / 0`.execute(trx).catch(() => {})
  })
  expect(await failure(async () => await swallow)).toBeInstanceOf(AbortedTransactionError)
})

test('logs BEGIN and COMMIT in their place, though BEGIN waits for the first statement', async () => {
  log.length = 0
  await db
    .transaction()
    .setIsolationLevel('serializable')
    .execute(async (trx) => await sql`select 1`.execute(trx))
  expect(log.map((event) => event.query.sql)).toEqual([
    'start transaction isolation level serializable',
    'select 1',
    'commit',
  ])
})

test('says in the stack of an error which code has asked', async () => {
  const { stackTraceLimit } = Error
  // what Node.js has outside of vitest
  Error.stackTraceLimit = 10
  onTestFinished(() => void (Error.stackTraceLimit = stackTraceLimit))
  const text = sql`select nothing_like_it`
  const errors = [
    await failure(async () => await text.execute(db)),
    await failure(async () => await db.transaction().execute(async (trx) => await text.execute(trx))),
    await failure(async () => await sql`select * from nothing_like_it`.execute(db)),
  ]
  for (const error of errors) expect(error.stack).toContain('dialect.test.ts')
})

test('throws the errors of pg untouched when it is told to', async () => {
  await using own = openOwn({ mapError: (error) => error })
  const insert = async (): Promise<unknown> =>
    await own
      .insertInto('person')
      .values([
        { id: 70, name: null },
        { id: 70, name: null },
      ])
      .execute()
  expect(await failure(insert)).toMatchObject({ code: '23505', detail: 'Key (id)=(70) already exists.' })
})

test('sends every value of pg, and refuses what would be lost', async () => {
  const date = new Date('2024-02-29T12:34:56.789Z')
  const row = {
    text: `quotes ' " \\ and {braces}, null`,
    number: -12.5,
    big: '9007199254740993',
    yes: true,
    nothing: null,
    date,
    bytes: Buffer.from([0, 1, 255]),
    json: { a: [1, null, 'x'] },
    words: ['a', 'NULL', '', 'with "quotes", {braces} and \\', null],
    matrix: [
      [1, 2],
      [3, 4],
    ],
  }
  const { rows } = await sql<
    Record<string, unknown>
  >`select ${row.text}::text as text, ${row.number}::float8 as number,
    ${9007199254740993n}::int8 as big, ${row.yes}::bool as yes, ${row.nothing}::text as nothing,
    ${row.date}::timestamptz as date, ${row.bytes}::bytea as bytes, ${row.json}::jsonb as json,
    ${row.words}::text[] as words, ${row.matrix}::int[] as matrix`.execute(db)
  expect({ ...rows[0] }).toEqual(row)

  for (const value of [undefined, Symbol('x'), () => 1, new Date(Number.NaN)]) {
    const error = await failure(
      async () => await db.executeQuery(CompiledQuery.raw('select $1::text', [value])),
    )
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error.message).toContain('parameter $1')
  }
})

test('refuses more parameters than the protocol can count', async () => {
  const parameters = Array.from({ length: 65_536 }, () => 1)
  const error = await failure(async () => await db.executeQuery(CompiledQuery.raw('select 1', parameters)))
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error.message).toContain('65536 parameters')
})

test('reads no column of a row as a property of objects', async () => {
  const { rows } = await sql<
    Record<string, unknown>
  >`select 1 as "__proto__", 2 as "constructor", 3 as "toString"`.execute(db)
  expect(Object.entries(rows[0] ?? {})).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
    ['toString', 3],
  ])
})

test('refuses COPY FROM instead of waiting for data', async () => {
  await expect(sql`copy person (id,\n name) from stdin`.execute(db)).rejects.toThrow(InvalidArgumentError)
  expect(await names()).toContain('kept')
})

test('ends its pool with destroy, and refuses what comes after', async () => {
  const own = openOwn()
  await sql`select 1`.execute(own)
  await own.destroy()
  await own.destroy()
  await expect(sql`select 1`.execute(own)).rejects.toThrow('destroyed')
})

test(
  'answers a COPY FROM that it did not recognize with an error, too',
  skipOnEmbedded('the engine waits for data that it cannot be told the end of'),
  async () => {
    const copy = sql`/* hidden */ copy person from stdin`.execute(db)
    await expect(copy).rejects.toThrow(InvalidArgumentError)
    expect(await names()).toContain('kept')
  },
)

describe('several connections', skipOnEmbedded('one connection'), () => {
  test('serve statements and transactions at the same time', async () => {
    const pid = sql<{ pid: number }>`select pg_backend_pid() as pid, pg_sleep(0.05)`
    const inside = db.transaction().execute(async (trx) => await pid.execute(trx))
    const results = await Promise.all([pid.execute(db), pid.execute(db), inside])
    expect(new Set(results.map(({ rows }) => rows[0]?.pid)).size).toBe(3)
  })

  test('stay one for a callback of connection()', async () => {
    const pids = await db.connection().execute(async (connection) => {
      const pid = sql<{ pid: number }>`select pg_backend_pid() as pid`
      await sql`create temp table mine as select 1 as n`.execute(connection)
      const { rows } = await sql`select n from mine`.execute(connection)
      expect(rows).toEqual([{ n: 1 }])
      return [await pid.execute(connection), await pid.execute(connection)].map(({ rows }) => rows[0]?.pid)
    })
    expect(pids[0]).toBe(pids[1])
  })

  test('let a transaction that cannot begin fail, and come back', async () => {
    const error = await whileHolding(3, async () => await failure(begin))
    expect(error).toHaveProperty('code', 'connection_pool_timeout')
    await begin()
  })
})

async function begin(): Promise<void> {
  await db.transaction().execute(async (trx) => await sql`select 1`.execute(trx))
}

/** Runs the callback while as many connections are lent. */
async function whileHolding<T>(count: number, callback: () => Promise<T>): Promise<T> {
  if (count === 0) return await callback()
  return await db.connection().execute(async () => await whileHolding(count - 1, callback))
}
