/** Values of every type arrive in a related row as a plain read gives them: JSON must not show. */
import { type ColumnType, type Generated, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTenantTable } from '../../src/migration/create-tenant-table.ts'
import { BaseRepository } from '../../src/repository/base-repository.ts'
import type { DefinitionOf } from '../../src/repository/table-definition.ts'
import { Vector } from '../../src/vector/vector.ts'
import type { DB } from '../../types/database.d.ts'
import { tables } from '../../types/tables.ts'
import { insertAgent } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

interface Held {
  org_id: ColumnType<string, string | undefined, never>
  id: Generated<string>
  agent_id: string
  twin_id: string | null
  place: number
  created_at: Generated<Date>
  updated_at: Generated<Date>
}

interface HeldDB extends DB {
  'public.held': Held
}

const types = [
  "create type public.mood as enum ('calm', 'so ''so''')",
  'create type public.pair as (first bigint, second timestamptz)',
  'create domain public.big as bigint',
  'create domain public.bigger as public.big',
  'create domain public.moment as timestamptz not null',
  'create domain public.padded as char(4)',
  'create domain public.address as inet',
  'create domain public.score as int not null default 7',
  'create domain public.numbers as int[]',
  'create domain public.direction as public.vector(2)',
  'create domain public.anything as jsonb',
]

/** What is stored, by the type that it is stored as; each is joined by a null, unless the type forbids it. */
const values: Readonly<Record<string, readonly string[]>> = {
  boolean: ['true', 'false'],
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '2147483647'],
  bigint: ['9007199254740993', '-9223372036854775808', '0'],
  real: ['0.1', '16777217', 'NaN', '-Infinity', '-0', '1e-40'],
  'double precision': ['0.1', '1e308', 'NaN', 'Infinity', '-0', '5e-324'],
  numeric: ['0.10', '-123456789012345678901234567890.123456789', 'NaN', 'Infinity'],
  'numeric(10,2)': ['0.10', '12345678.90'],
  money: ['1.5'],
  text: ['', ' a "quoted" \\ text\n\twith\u2028 all \u{1F410}', 'null', '[1]'],
  'varchar(10)': ['', 'a '],
  'char(4)': ['a', 'abcd'],
  '"char"': ['c'],
  name: ['name'],
  uuid: ['00000000-0000-4000-8000-000000000000'],
  bytea: ['\\x', '\\x00ff5c22'],
  'bit(3)': ['101'],
  'bit varying': ['', '10'],
  date: ['2026-03-29', 'infinity', '-infinity', '0044-03-15 BC', '20000-01-01'],
  time: ['23:59:59.999999'],
  timetz: ['10:00:00.000001+02'],
  'timestamp(3)': ['2026-03-29 02:30:00.1239'],
  timestamp: ['2026-03-29 02:30:00.123456', 'infinity', '0044-03-15 00:00 BC', '20000-01-01'],
  timestamptz: ['2026-03-29 02:30:00.123456+00', '-infinity', '0044-03-15 00:00+00 BC', '20000-01-01+00'],
  interval: ['1 year 2 mons -3 days 04:05:06.789', '00:00'],
  json: ['{"b": 1, "b": 2, "a": "\\u0000"}', 'null', '"text"', '[1.0]'],
  jsonb: ['{"big": 12345678901234567890, "__proto__": {"a": 1}}', 'null', '"2026-03-29"', '[]'],
  inet: ['10.0.0.1', '10.0.0.0/8', '::1'],
  cidr: ['10.0.0.0/8'],
  macaddr: ['08:00:2b:01:02:03'],
  oid: ['4294967295'],
  regtype: ['integer'],
  point: ['(1.5,-2)', '(NaN,Infinity)'],
  circle: ['<(0,1),2.5>'],
  box: ['(1,1),(0,0)'],
  int4range: ['[1,5)', 'empty'],
  numrange: ['[0.10,)'],
  datemultirange: ['{[2026-01-01,2026-02-01)}'],
  tsvector: ["'a':1 'b':2"],
  tsquery: ["'a' & 'b'"],
  'vector(2)': ['[1.5,-0.1]'],
  'halfvec(2)': ['[1.5,-2]'],
  mood: ['calm', "so 'so'"],
  pair: ['(9007199254740993,"2026-03-29 02:30:00.123456+00")', '(,)'],
  big: ['9007199254740993'],
  bigger: ['9007199254740993'],
  moment: ['2026-03-29 02:30:00.123456+00'],
  padded: ['a'],
  address: ['10.0.0.1'],
  score: ['3'],
  numbers: ['{1,NULL,3}'],
  direction: ['[1,2]'],
  anything: ['{"a": [1]}'],
}

const arrays: Readonly<Record<string, readonly string[]>> = {
  'boolean[]': ['{t,f,NULL}', '{}'],
  'smallint[]': ['{1}'],
  'integer[]': ['{{1,2},{3,4}}', '[0:1]={1,2}'],
  'bigint[]': ['{9007199254740993,-9223372036854775808,NULL}'],
  'real[]': ['{0.1,NaN,-Infinity}'],
  'double precision[]': ['{0.1,NaN,Infinity}'],
  'numeric[]': ['{0.10,NULL}'],
  'money[]': ['{1.50}'],
  'text[]': [String.raw`{"a \"b\" \\ ,",NULL,"NULL",""}`, '{}'],
  'varchar(4)[]': ['{abcd}'],
  'char(4)[]': ['{a}'],
  'uuid[]': ['{00000000-0000-4000-8000-000000000000,NULL}'],
  'bytea[]': [String.raw`{"\\x00ff",NULL}`],
  'date[]': ['{2026-03-29,infinity,NULL}'],
  'time[]': ['{10:00:00}'],
  'timetz[]': ['{10:00:00+02}'],
  'timestamp[]': ['{"2026-03-29 02:30:00.123456",infinity,NULL}'],
  'timestamptz[]': ['{"2026-03-29 02:30:00.123456+00",-infinity,NULL}'],
  'interval[]': ['{"1 day",NULL}'],
  'json[]': [String.raw`{"{\"a\": 1}",NULL}`],
  'jsonb[]': [String.raw`{"{\"a\": 1}","null",NULL}`],
  'inet[]': ['{10.0.0.1}'],
  'cidr[]': ['{10.0.0.0/8}'],
  'macaddr[]': ['{08:00:2b:01:02:03}'],
  'oid[]': ['{1}'],
  'point[]': ['{"(1,2)",NULL}'],
  'numrange[]': ['{"[1,2)"}'],
  'int4range[]': ['{"[1,2)"}'],
  'box[]': ['{(1,1),(0,0)}'],
  'vector(2)[]': ['{"[1,2]"}'],
  'mood[]': ['{calm}'],
  'pair[]': [String.raw`{"(1,)"}`],
  'big[]': ['{9007199254740993}'],
}

const columns = Object.entries({ ...values, ...arrays })
/** Types that refuse null. */
const required: ReadonlySet<string> = new Set(['moment', 'score'])

let tenants: TwoTenants<HeldDB>
let held: DefinitionOf<'public.held'>
let plain: readonly Record<string, unknown>[]
let asList: readonly Record<string, unknown>[]
let asOne: readonly (Record<string, unknown> | null)[]

beforeAll(async () => {
  tenants = await openTwoTenants<HeldDB>()
  const agent = await insertAgent(tenants.test.admin, { org_id: tenants.mine.orgId })
  await createHeld()
  await insertHeld(agent.id)
  held = await definitionFromCatalog()
  const repository = new BaseRepository<HeldDB, 'public.held'>(tenants.mine, held)
  const agents = new BaseRepository<HeldDB, 'ibex_core.agents'>(tenants.mine, tables['ibex_core.agents'])
  plain = await repository.find({ orderBy: { place: 'asc' } })
  const withList = await agents.findByIdOrThrow(agent.id, {
    related: ({ many }) => ({ held: many(held, 'agent_id', { orderBy: { place: 'asc' } }) }),
  })
  asList = withList.held
  const withOne = await repository.find({
    orderBy: { place: 'asc' },
    related: ({ one }) => ({ twin: one(held, 'twin_id') }),
  })
  asOne = withOne.map(({ twin }) => twin)
})

afterAll(async () => {
  await tenants.close()
})

const columnName = (index: number): string => `value_${index}`

async function createHeld(): Promise<void> {
  for (const statement of types) await sql.raw(statement).execute(tenants.admin)
  await createTenantTable(tenants.admin, 'public.held', {
    comment: 'Something of every type.',
    columns: {
      agent_id: { type: 'uuid' },
      twin_id: { type: 'uuid', optional: true },
      place: { type: 'int' },
    },
  })
  const added = columns.map(([type], index) => `add column ${columnName(index)} ${type}`)
  await sql.raw(`alter table public.held ${added.join(', ')}`).execute(tenants.admin)
}

/** One row for each place in the lists, and a last one of nulls; each is its own twin. */
async function insertHeld(agentId: string): Promise<void> {
  const count = Math.max(...columns.map(([, texts]) => texts.length)) + 1
  for (let place = 0; place < count; place++) {
    const row = columns.map(([type, texts]) => {
      const text = required.has(type) ? texts[place % texts.length] : texts[place]
      return text === undefined ? sql`null` : sql`${sql.lit(text)}::text::${sql.raw(type)}`
    })
    const names = columns.map((_, index) => sql.ref(columnName(index)))
    await sql`insert into public.held (org_id, agent_id, id, twin_id, place, ${sql.join(names)})
      select ${tenants.mine.orgId}, ${agentId}, id, id, ${place}, ${sql.join(row)} from gen_random_uuid() id`.execute(
      tenants.admin,
    )
  }
}

/** As the code generator writes it. */
async function definitionFromCatalog(): Promise<DefinitionOf<'public.held'>> {
  const { rows } = await sql<{ name: string; type: string }>`
    select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = 'public.held'::regclass and attnum > 0 order by attnum`.execute(tenants.admin)
  return {
    name: 'public.held',
    columns: Object.fromEntries(rows.map(({ name, type }) => [name, type])),
    primaryKey: ['org_id', 'id'],
    tenantColumn: 'org_id',
    softDeleteColumn: null,
    generatedColumns: [],
    nullableColumns: [],
  }
}

/** The classes of a value and of what it holds. */
function classesOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(classesOf)
  return typeof value === 'object' && value !== null ? value.constructor.name : typeof value
}

describe('gives in a list and as the one row what a plain read gives of', () => {
  test.each(columns.map(([type], index) => [type, columnName(index)]))('%s', (_, column) => {
    const of = (rows: readonly (Record<string, unknown> | null)[]): unknown[] =>
      rows.map((row) => row?.[column])
    for (const related of [asList, asOne]) {
      expect(of(related)).toStrictEqual(of(plain))
      expect(of(related).map(classesOf)).toEqual(of(plain).map(classesOf))
    }
  })
})

test('reads what it compares: values, not only nulls', () => {
  for (const [index, [type, texts]] of columns.entries()) {
    const present = plain.filter((row) => row[columnName(index)] !== null)
    // a JSON null is read as null
    const expected = texts.filter((text) => !(type.startsWith('json') && text === 'null')).length
    expect({ type, count: present.length }).toEqual({
      type,
      count: required.has(type) ? plain.length : expected,
    })
  }
})

test('gives whole rows that are equal, with the same properties in the same order', () => {
  expect(asList).toStrictEqual(plain.map((row) => ({ ...row })))
  expect(asList.map(Object.keys)).toEqual(plain.map(Object.keys))
})

/** The first value of a type, as it came in the list. */
function firstOf(type: string): unknown {
  return asList[0]?.[columnName(columns.findIndex(([name]) => name === type))]
}

test('loses no digit and no class', () => {
  expect(firstOf('bigint')).toBe('9007199254740993')
  expect(firstOf('bigger')).toBe('9007199254740993')
  expect(firstOf('numeric')).toBe('0.10')
  expect(firstOf('timestamptz')).toEqual(new Date('2026-03-29T02:30:00.123Z'))
  expect(firstOf('moment')).toBeInstanceOf(Date)
  expect(firstOf('date')).toBe('2026-03-29')
  expect(firstOf('vector(2)')).toBeInstanceOf(Vector)
  expect(firstOf('direction')).toBeInstanceOf(Vector)
  expect(firstOf('char(4)')).toBe('a   ')
  expect(firstOf('inet')).toBe('10.0.0.1')
  expect(firstOf('numbers')).toEqual([1, null, 3])
})
