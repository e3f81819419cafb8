import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { nextMoment } from '../support/next-moment.ts'
import { insertMemory } from '../support/factories.ts'
import { type TwoTenants, openTwoTenants, refusal } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants()
})

afterAll(async () => {
  await tenants.close()
})

/** Adds a memory that is younger than those before. */
async function insertMine(content: string): Promise<string> {
  await nextMoment()
  const { memory } = await tenants.mine.memories.add({
    agentId: null,
    content,
    embedding: direction(content),
    category: 'factual',
  })
  return memory.id
}

/** Moves the versions of a memory to the given times, the first one first. */
async function datedVersions(memoryId: string, times: readonly string[]): Promise<void> {
  for (const [index, time] of times.entries()) {
    await tenants.admin.transaction().execute(async (trx) => {
      // a version never changes; only the triggers' absence lets a test date it
      await sql`set local session_replication_role = replica`.execute(trx)
      await sql`update ibex_core.memory_versions set created_at = ${time}::timestamptz
        where memory_id = ${memoryId} and version_num = ${index + 1}`.execute(trx)
    })
  }
}

const at = (time: string): Date => new Date(`2026-01-${time}Z`)
/** After all of it, by the clock of any machine. */
const later = new Date('2999-01-01T00:00:00Z')

test('tells the versions in their order, also of a soft-deleted memory', async () => {
  const { database, mine } = tenants
  const id = await insertMine('Ana lives in Rome')
  const scope = database.forTenant(mine.orgId, {
    actor: { type: 'user', id: 'ana' },
    changeReason: 'she moved',
  })
  await scope.memories.update(id, { importance: 9 })
  await mine.memories.softDelete(id)
  expect(await mine.memories.history(id)).toMatchObject([
    { version_num: 1, operation: 'create', importance: 5 },
    {
      version_num: 2,
      operation: 'update',
      importance: 9,
      changed_by_type: 'user',
      changed_by: 'ana',
      change_reason: 'she moved',
    },
    { version_num: 3, operation: 'delete' },
  ])
  expect(await mine.memories.history(randomUUID())).toEqual([])
})

test('tells a memory as it was at a time, and whether it was deleted then', async () => {
  const { memories } = tenants.mine
  const id = await insertMine('Ben lives in Rome')
  await memories.update(id, { content: 'Ben lives in Bonn', metadata: { a: 1 } })
  await memories.softDelete(id)
  await memories.update(id, { importance: 1 }, { includeDeleted: true })
  await memories.restore(id)
  await datedVersions(id, [
    '2026-01-01 10:00Z',
    '2026-01-02 10:00Z',
    '2026-01-03 10:00Z',
    '2026-01-04 10:00Z',
    '2026-01-05 10:00Z',
  ])
  expect(await memories.asOf(id, at('01T09:59:59.999'))).toBeUndefined()
  const first = await memories.asOf(id, at('01T10:00:00'))
  expect(first).toMatchObject({ version_num: 1, content: 'Ben lives in Rome', isDeleted: false })
  const second = { version_num: 2, content: 'Ben lives in Bonn', metadata: { a: 1 }, isDeleted: false }
  expect(await memories.asOf(id, at('03T09:00:00'))).toMatchObject(second)
  expect(await memories.asOf(id, at('03T10:00:00'))).toMatchObject({ version_num: 3, isDeleted: true })
  expect(await memories.asOf(id, at('04T11:00:00'))).toMatchObject({ version_num: 4, isDeleted: true })
  expect(await memories.asOf(id, later)).toMatchObject({ version_num: 5, isDeleted: false })
  expect(await memories.asOf(randomUUID(), new Date())).toBeUndefined()
})

test('finds a version by its own time, which has microseconds in the database', async () => {
  const { memories } = tenants.mine
  const id = await insertMine('Cleo lives in Rome')
  await datedVersions(id, ['2026-01-01 10:00:00.123987Z'])
  const [version] = await memories.history(id)
  expect(await memories.asOf(id, version?.created_at ?? new Date(0))).toMatchObject({ version_num: 1 })
  expect(await memories.asOf(id, at('01T10:00:00.122'))).toBeUndefined()
})

test('tells nothing that was not yet written when a transaction began long before it wrote', async () => {
  const { memories } = tenants.mine
  const id = await insertMine('Dora lives in Rome')
  await memories.update(id, { importance: 6 })
  await memories.update(id, { importance: 7 })
  await datedVersions(id, ['2026-01-01 10:00Z', '2026-01-03 10:00Z', '2026-01-02 10:00Z'])
  expect(await memories.asOf(id, at('02T12:00:00'))).toMatchObject({ version_num: 1 })
  expect(await memories.asOf(id, at('03T12:00:00'))).toMatchObject({ version_num: 3 })
})

test('follows what replaced a memory and what it took in, from the oldest to the newest', async () => {
  const { memories } = tenants.mine
  const [oldest, merged, middle, newest, other] = [
    await insertMine('chain: oldest'),
    await insertMine('chain: merged'),
    await insertMine('chain: middle'),
    await insertMine('chain: newest'),
    await insertMine('chain: other'),
  ]
  await memories.update(oldest, { status: 'superseded', superseded_by: middle })
  await memories.update(merged, { status: 'merged', merged_into: middle })
  await memories.update(middle, { status: 'superseded', superseded_by: newest })
  await memories.update(other, { status: 'merged', merged_into: newest })
  await memories.softDelete(middle)
  const chainOf = async (id: string): Promise<string[]> =>
    (await memories.supersessionChain(id)).map((memory) => memory.id)
  expect(await chainOf(middle)).toEqual([oldest, merged, middle, newest])
  expect(await chainOf(oldest)).toEqual([oldest, middle, newest])
  // what was merged later is as near to the newest as the middle one, and younger
  expect(await chainOf(newest)).toEqual([oldest, merged, middle, other, newest])
  expect(await chainOf(randomUUID())).toEqual([])
})

test('gives each memory of a cycle once, and ends', async () => {
  const { memories } = tenants.mine
  const ids = [
    await insertMine('cycle: 1'),
    await insertMine('cycle: 2'),
    await insertMine('cycle: 3'),
    await insertMine('cycle: 4'),
  ]
  for (const [index, id] of ids.entries())
    await memories.update(id, { status: 'superseded', superseded_by: ids[(index + 1) % 4] ?? null })
  const [one, two, three, four] = ids
  expect((await memories.supersessionChain(two ?? '')).map(({ id }) => id)).toEqual([one, two, three, four])
})

test('tells no history of another tenant', async () => {
  const { admin, mine, theirs } = tenants
  const { id } = await insertMemory(admin, { org_id: theirs.orgId })
  expect(await theirs.memories.history(id)).toHaveLength(1)
  expect(await theirs.memories.supersessionChain(id)).toHaveLength(1)
  expect(await theirs.memories.asOf(id, later)).toMatchObject({ memory_id: id })
  expect(await mine.memories.history(id)).toEqual([])
  expect(await mine.memories.supersessionChain(id)).toEqual([])
  expect(await mine.memories.asOf(id, later)).toBeUndefined()
})

test.each<[string, string, () => Promise<unknown>]>([
  ['id', 'history of no uuid', async () => await tenants.mine.memories.history('7')],
  ['id', 'chain of no uuid', async () => await tenants.mine.memories.supersessionChain("' or true")],
  ['id', 'time of no uuid', async () => await tenants.mine.memories.asOf('', new Date())],
  ['time', 'invalid time', async () => await tenants.mine.memories.asOf(randomUUID(), new Date('never'))],
  ['time', 'text', async () => await tenants.mine.memories.asOf(randomUUID(), '2026-01-01' as never)],
])('refuses the %s before any SQL: %s', async (argument, _, run) => {
  const error = await refusal(tenants, run)
  expect(error).toBeInstanceOf(InvalidArgumentError)
  expect(error).toMatchObject({ argument })
})
