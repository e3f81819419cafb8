import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  DataExceptionError,
  InvalidColumnError,
  TenantMismatchError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { SampleRepository, type SamplesDB, createSamples } from './samples.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  refusal,
  watchTheirs,
} from '../support/two-tenants.ts'

let tenants: TwoTenants<SamplesDB>
let mine: SampleRepository
let theirsUnchanged: () => Promise<void>

beforeAll(async () => {
  tenants = await openTwoTenants<SamplesDB>()
  await createSamples(tenants.admin)
  mine = new SampleRepository(tenants.mine)
  await new SampleRepository(tenants.theirs).insertMany([{ label: 'theirs' }, { label: 'also' }])
  theirsUnchanged = await watchTheirs(tenants, 'public.samples')
})

afterEach(async () => {
  await theirsUnchanged()
  await theirsInvisible()
})

afterAll(async () => {
  await tenants.close()
})

async function theirsInvisible(): Promise<void> {
  expect(await mine.exists({ label: ['theirs', 'also'] })).toBe(false)
}

test('inserts nothing, without any SQL, when there are no rows', async () => {
  const before = tenants.statements.length
  expect(await mine.insertMany([])).toEqual([])
  expect(tenants.statements).toHaveLength(before)
})

test('keeps the order of rows that give differing columns, and gives each column left out its default', async () => {
  const rows = await mine.insertMany([
    { label: 'a' },
    { label: 'b', texts: [] },
    {},
    { label: 'd' },
    { texts: ['e'], label: undefined },
  ])
  expect(rows.map(({ label, texts }) => [label, texts])).toEqual([
    ['a', ['default']],
    ['b', []],
    ['none', ['default']],
    ['d', ['default']],
    ['none', ['e']],
  ])
  expect(new Set(rows.map(({ org_id }) => org_id))).toEqual(new Set([tenants.mine.orgId]))
})

test('keeps the order of more rows than fit one statement', async () => {
  const ids = Array.from({ length: 12_001 }, () => randomUUID())
  const rows = await mine.insertMany(ids.map((id) => ({ id, label: 'many' })))
  expect(rows.map(({ id }) => id)).toEqual(ids)
  expect(await mine.count({ label: 'many' })).toBe(12_001)
})

const nasty = [
  '',
  ' ',
  'NULL',
  'null',
  '{}',
  '{"a"}',
  ',',
  "it's",
  '"',
  '\\',
  '\\"',
  '\n\t',
  'Zoë 🦌 漢字',
  'e\u0301',
]

test('writes awkward texts, arrays and JSON exactly as they are', async () => {
  const written = [
    ...nasty.map((text) => ({ texts: [text, ...nasty], object: { [text]: text, list: nasty } })),
    { texts: [], object: {} },
    { texts: [null, 'NULL', null], object: [] },
    { texts: ['a'], object: [1, [2, { three: null }], 'four', nasty] },
  ]
  const rows = await mine.insertMany(written)
  expect(rows.map(({ texts, object }) => ({ texts, object }))).toEqual(written)
  // what the driver was given back is what the table holds
  const read = await mine.find({
    where: (eb) =>
      eb(
        'id',
        'in',
        rows.map(({ id }) => id),
      ),
  })
  expect(read.map(({ texts }) => texts)).toEqual(expect.arrayContaining(written.map(({ texts }) => texts)))
})

test('writes the same with insert as with insertMany', async () => {
  const values = {
    label: 'same',
    fixed: 'ab',
    bits: '101',
    texts: nasty,
    labels: ['x', ''],
    uuids: [randomUUID(), randomUUID()],
    object: { nasty },
    anything: nasty,
    amount: '1234.50',
    amounts: ['0.10', '-7'],
    big: 9_007_199_254_740_993n,
    flag: true,
    bytes: Buffer.from([0, 255, 92, 34]),
    day: '2024-02-29',
    moment: '2024-02-29T12:00:00.123456Z',
  }
  const [single, ...bulk] = [await mine.insert(values), ...(await mine.insertMany([values, values]))]
  for (const row of bulk) {
    const { id, created_at, updated_at } = row
    expect(row).toEqual({ ...single, id, created_at, updated_at })
  }
  expect(single).toMatchObject({
    fixed: 'ab  ',
    uuids: values.uuids,
    anything: nasty,
    amount: '1234.50',
    amounts: ['0.10', '-7.00'],
    big: '9007199254740993',
    bytes: values.bytes,
    day: '2024-02-29',
    shouted: 'SAME',
  })
})

test('writes nulls in every kind of column', async () => {
  const nulls = { uuids: null, anything: null, bytes: null, day: null, big: null, fixed: null }
  const rows = await mine.insertMany([nulls, { ...nulls, uuids: [] }])
  expect(rows[0]).toMatchObject(nulls)
  expect(rows[1]).toMatchObject({ ...nulls, uuids: [] })
})

test('keeps the microseconds of a timestamp that is given as text', async () => {
  const moments = ['2024-01-01T00:00:00.000001Z', '2024-01-01T00:00:00.000002Z']
  const rows = await mine.insertMany(moments.map((moment) => ({ label: 'micro', moment })))
  const stored = await ownersView(tenants.admin, 'public.samples', tenants.mine.orgId)
  const found = (stored as { id: string; moment: string }[]).filter(({ id }) =>
    rows.some((row) => row.id === id),
  )
  expect(found.map(({ moment }) => moment.slice(17, 26)).toSorted()).toEqual(['00.000001', '00.000002'])
})

describe('refuses, as insert does,', () => {
  test.each([
    ['a text that is too long', { label: 'eleven char' }],
    ['a text of fixed length that is too long', { fixed: 'abcde' }],
    ['a text in an array that is too long', { labels: ['eleven char'] }],
    ['bits that are too many', { bits: '1010' }],
    ['a number that is too large', { amount: '123456789.00' }],
    ['a uuid that is none', { uuids: ['none'] }],
  ])('%s, and writes nothing', async (_, values) => {
    const before = await mine.count()
    const errors = [
      await failure(async () => await mine.insert(values)),
      await failure(async () => await mine.insertMany([{}, values])),
    ]
    for (const error of errors) expect(error).toBeInstanceOf(DataExceptionError)
    expect(await mine.count()).toBe(before)
  })
})

test('writes all or none: a row that collides undoes those of other columns before it', async () => {
  const { id } = await mine.insert({ label: 'first' })
  const before = await mine.count()
  const error = await failure(
    async () => await mine.insertMany([{ label: 'new' }, { label: 'new', texts: [] }, { id, flag: true }]),
  )
  expect(error).toBeInstanceOf(UniqueViolationError)
  expect(await mine.count()).toBe(before)
})

test('undoes its own rows only when it fails inside a transaction that goes on', async () => {
  const { id } = await mine.insert({ label: 'taken' })
  await tenants.mine.transaction(async (trx) => {
    await new SampleRepository(trx).insert({ label: 'kept' })
    const error = await failure(
      async () =>
        await trx.transaction(
          async (inner) =>
            await new SampleRepository(inner).insertMany([{ label: 'undone' }, { id, flag: true }]),
        ),
    )
    expect(error).toBeInstanceOf(UniqueViolationError)
  })
  expect(await mine.count({ label: 'kept' })).toBe(1)
  expect(await mine.count({ label: 'undone' })).toBe(0)
})

test('throws before any SQL when one of the rows names another tenant', async () => {
  const rows = [{ label: 'fine' }, { label: 'smuggled', org_id: tenants.theirs.orgId }]
  expect(await refusal(tenants, async () => await mine.insertMany(rows))).toBeInstanceOf(TenantMismatchError)
  expect(await refusal(tenants, async () => await mine.insert(rows[1] ?? {}))).toBeInstanceOf(
    TenantMismatchError,
  )
})

test('takes rows that name the tenant itself, in upper case too', async () => {
  const rows = await mine.insertMany([
    { org_id: tenants.mine.orgId },
    { org_id: tenants.mine.orgId.toUpperCase() },
  ])
  expect(rows.map(({ org_id }) => org_id)).toEqual([tenants.mine.orgId, tenants.mine.orgId])
})

test.each([
  ['does not exist', { lable: 'x' }],
  ['is inherited by every object', JSON.parse('{"constructor": "x"}') as object],
  ['is generated', { shouted: 'X' }],
])('throws before any SQL when a column %s', async (_, values) => {
  const error = await refusal(tenants, async () => await mine.insertMany([{}, values]))
  expect(error).toBeInstanceOf(InvalidColumnError)
})
