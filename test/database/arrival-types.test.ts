import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Vector } from '../../src/vector/vector.ts'
import { openTwoTenants, type TwoTenants } from '../support/two-tenants.ts'

let bundle: TwoTenants

beforeAll(async () => {
  bundle = await openTwoTenants()
})

afterAll(async () => {
  await bundle.close()
})

const cases: readonly (readonly [string, string, unknown])[] = [
  ['a date as text, whatever the time zone', "'2024-02-29'::date", '2024-02-29'],
  ['dates as texts', "array['2024-02-29', null]::date[]", ['2024-02-29', null]],
  ['a point in time as a Date', "'2024-02-29 12:00:00+02'::timestamptz", new Date('2024-02-29T10:00:00Z')],
  ['bigint as text, which loses no digit', '9007199254740993::bigint', '9007199254740993'],
  ['numeric as text, which loses no cent', '12345678901234.10::numeric(20,2)', '12345678901234.10'],
  ['numerics as texts', 'array[0.10, null]::numeric(20,2)[]', ['0.10', null]],
  ['real as a number', '0.5::real', 0.5],
  ['int as a number', '7::int', 7],
  ['jsonb as an object', `'{"a": [1]}'::jsonb`, { a: [1] }],
  ['text[] as an array', "array['a', null]::text[]", ['a', null]],
  ['bytea as a Buffer', "'\\x00ff'::bytea", Buffer.from([0, 255])],
  ['a vector as a Vector', "'[1,-2.5,3]'::vector", Vector.parse('[1,-2.5,3]')],
  ['null as null', 'null::vector', null],
]

test.each(cases)('reads %s', async (_, expression, value) => {
  const query = sql<{ value: unknown }>`select ${sql.raw(expression)} as value`
  const outside = await query.execute(bundle.mine.db)
  const inside = await bundle.mine.transaction(async (trx) => await query.execute(trx.db))
  expect(outside.rows[0]?.value).toEqual(value)
  expect(inside.rows[0]?.value).toEqual(value)
  expect(outside.rows[0]?.value instanceof Vector).toBe(value instanceof Vector)
})
