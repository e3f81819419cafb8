import { Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arrayTypes, scalarTypes } from '../../src/codegen/scalar-types.ts'
import { migrationDialect } from '../../src/migration/migration-dialect.ts'
import { emptyDatabase } from '../support/setup.ts'
import type { TestDatabase } from '../support/setup.ts'

/** One value of each type as PostgreSQL writes it. */
const samples: Readonly<Record<string, string>> = {
  bool: 'true',
  bpchar: 'a',
  bytea: String.raw`\x00ff`,
  cidr: '10.0.0.0/8',
  circle: '<(0,0),1>',
  date: '2026-03-29',
  float4: '0.5',
  float8: '0.5',
  inet: '10.0.0.1',
  int2: '1',
  int4: '1',
  int8: '9007199254740993',
  interval: '1 day',
  macaddr: '08:00:2b:01:02:03',
  money: '1',
  numeric: '0.10',
  numrange: '[1,2)',
  oid: '1',
  point: '(1,2)',
  text: 'a',
  time: '10:00',
  timestamp: '2026-03-29 02:30:00',
  timestamptz: '2026-03-29 02:30:00+00',
  timetz: '10:00+00',
  uuid: '00000000-0000-4000-8000-000000000000',
  varchar: 'a',
}

/** A value of each TypeScript type that may be written. */
const written: Readonly<Record<string, unknown>> = {
  Buffer: Buffer.from([0]),
  Date: new Date(0),
  bigint: 1n,
  boolean: true,
  number: 1,
}

describe('scalarTypes', () => {
  let database: TestDatabase
  let db: Kysely<unknown>

  beforeAll(async () => {
    database = await emptyDatabase()
    db = new Kysely({ dialect: migrationDialect({ target: database.target }) })
  })

  afterAll(async () => {
    await db.destroy()
    await database.close()
  })

  it.each(Object.keys(samples))('says how a single %s arrives', async (type) => {
    expect(kindOf(await read(type, samples[type]))).toBe(scalarTypes[type]?.select ?? 'string')
  })

  it.each(Object.keys(arrayTypes))('says how an array of %s arrives', async (type) => {
    const value = await read(`${type}[]`, `{"${samples[type]?.replaceAll('\\', '\\\\')}"}`)
    expect(Array.isArray(value)).toBe(true)
    expect((value as unknown[]).map(kindOf)).toEqual([arrayTypes[type]?.select])
  })

  it.each(['box', 'macaddr8', 'xml', 'int4range', 'regtype'])(
    'knows that an array of %s arrives as text',
    async (type) => {
      expect(await read(`${type}[]`, '{}')).toBe('{}')
      expect(arrayTypes[type]).toBeUndefined()
    },
  )

  it.each(Object.keys(scalarTypes))('writes every alternative of %s', async (type) => {
    const { select, insert = [select] } = scalarTypes[type] ?? { select: '' }
    for (const alternative of insert) {
      const value = alternative === 'string' ? samples[type] : written[alternative]
      expect(await read(type, value)).not.toBeNull()
    }
  })

  it('reads a date as the day that was written, whatever the time zone', async () => {
    expect(await read('date', '2026-03-29')).toBe('2026-03-29')
    expect(await read('date[]', ['2026-03-29'])).toEqual(['2026-03-29'])
  })

  it('refuses a bare array and a bare string for jsonb, and takes them as text', async () => {
    await expect(read('jsonb', [1])).rejects.toThrow('invalid input syntax for type json')
    await expect(read('jsonb', 'text')).rejects.toThrow('invalid input syntax for type json')
    expect(await read('jsonb', JSON.stringify([1]))).toEqual([1])
    expect(await read('jsonb', JSON.stringify('text'))).toBe('text')
    expect(await read('jsonb', { list: [1] })).toEqual({ list: [1] })
  })

  async function read(type: string, value: unknown): Promise<unknown> {
    const { rows } = await sql<{ value: unknown }>`select ${value}::${sql.raw(type)} as value`.execute(db)
    return rows[0]?.value
  }
})

/** The name under which the generated types know a value. */
function kindOf(value: unknown): string {
  if (value instanceof Date) return 'Date'
  if (Buffer.isBuffer(value)) return 'Buffer'
  if (typeof value !== 'object' || value === null) return typeof value
  if ('radius' in value) return 'Circle'
  if ('x' in value) return 'Point'
  return 'days' in value ? 'Interval' : 'object'
}
