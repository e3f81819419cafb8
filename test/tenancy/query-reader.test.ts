import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ReadRows, withReader } from '../../src/tenancy/query-reader.ts'
import { Vector } from '../../src/vector/vector.ts'
import { openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants()
})

afterAll(async () => {
  await bundle.close()
})

const query = sql<{ text: string }>`select '[1,2]' as text, null::vector as type, '[3]'::vector as other`

/** Reads the one column as the type of the other. */
const read: ReadRows = (rows, parserOf) =>
  rows.map(({ text }) => ({ vector: parserOf('type')?.(String(text)), missing: parserOf('missing') }))

const expected = { vector: Vector.parse('[1,2]'), missing: undefined }

test('hands the rows of its statement over, with the parsers of their columns, prepared or not', async () => {
  const { db } = bundle.mine
  for (let run = 0; run < 3; run++) {
    const { rows } = await db.executeQuery(withReader(query.compile(db), read))
    expect(rows).toStrictEqual([expected])
  }
  await bundle.mine.transaction(async (trx) => {
    const { rows } = await trx.db.executeQuery(withReader(query.compile(trx.db), read))
    expect(rows).toStrictEqual([expected])
  })
})

test('leaves the query that it was given, and every other one, as it is', async () => {
  const { db } = bundle.mine
  const compiled = query.compile(db)
  withReader(compiled, read)
  const { rows } = await db.executeQuery(compiled)
  expect(rows).toStrictEqual([{ text: '[1,2]', type: null, other: Vector.parse('[3]') }])
})

test('rejects with what the reader throws, and gives the connection back in order', async () => {
  const { db } = bundle.mine
  const failing = withReader(query.compile(db), () => {
    throw new RangeError('not this one')
  })
  await expect(db.executeQuery(failing)).rejects.toThrow(RangeError)
  expect((await query.execute(db)).rows).toHaveLength(1)
})
