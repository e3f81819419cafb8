import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DataExceptionError } from '../../src/errors.ts'
import { Vector } from '../../src/vector/vector.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import { type TwoTenants, failure, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterAll(async () => {
  await tenants.close()
})

const awkward = [0.1, -1 / 3, 1e-30, 3.4e38, 16_777_217, -0, 1e-45]
const embedding = Vector.create(
  Array.from({ length: 384 }, (_, index) => awkward[index] ?? Math.sin(index) / 7),
  384,
)
const values = (content: string) => ({
  content,
  content_hash: contentHash(content),
  category: 'factual' as const,
})

test('comes back as a vector equal to what was stored, to the last bit of a 4-byte float', async () => {
  const { memories } = tenants.mine
  const inserted = await memories.insert({ ...values('one'), embedding })
  const [bulk] = await memories.insertMany([{ ...values('two'), embedding }])
  const read = await memories.findByIdOrThrow(inserted.id)
  for (const row of [inserted, bulk, read]) {
    expect(row?.embedding).toBeInstanceOf(Vector)
    // -0 is stored as 0
    expect([...(row?.embedding ?? [])].map((value) => value + 0)).toEqual(
      [...embedding].map((value) => value + 0),
    )
  }
})

test('is written by plain Kysely and found by equality', async () => {
  const { db, memories } = tenants.mine
  const inserted = await db
    .insertInto('ibex_core.memories')
    .values({ ...values('plain'), embedding })
    .returning(['id', 'embedding'])
    .executeTakeFirstOrThrow()
  expect(inserted.embedding).toBeInstanceOf(Vector)
  expect(await memories.findOne({ id: inserted.id, embedding })).toMatchObject({ content: 'plain' })
  expect(await memories.update(inserted.id, { embedding })).toMatchObject({ content: 'plain' })
  expect(await tenants.theirs.memories.exists({ embedding })).toBe(false)
})

test('arrives as a vector from raw SQL, and null as null', async () => {
  const { rows } = await sql`select '[1,2]'::vector as v, null::vector as n`.execute(tenants.mine.db)
  expect(rows).toEqual([{ v: Vector.create([1, 2], 2), n: null }])
})

test('is refused by the server where another dimension slipped past the types', async () => {
  const wrong = Vector.create([1, 2, 3], 3) as unknown as Vector<384>
  for (const write of [
    async () => await tenants.mine.memories.insert({ ...values('wrong'), embedding: wrong }),
    async () => await tenants.mine.memories.insertMany([{ ...values('wrong'), embedding: wrong }]),
  ]) {
    expect(await failure(write)).toBeInstanceOf(DataExceptionError)
  }
  expect(await tenants.mine.memories.exists({ content: 'wrong' })).toBe(false)
})
