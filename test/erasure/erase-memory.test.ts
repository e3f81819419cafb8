import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sql } from 'kysely'
import { liftTombstone } from '../../src/erasure/lift-tombstone.ts'
import { ErasedContentError, InvalidArgumentError, RowNotFoundError } from '../../src/errors.ts'
import { contentHash } from '../../src/memory/memory-content.ts'
import { insertMemory } from '../support/factories.ts'
import { direction } from '../memory/embeddings.ts'
import { type TwoTenants, failure, openTwoTenants, refusal, shown } from '../support/two-tenants.ts'
import { allRows, carriersOf, createConsumerTables, insertPerson } from './person.ts'

let tenants: TwoTenants
const reason = 'asked by the user'

beforeAll(async () => {
  tenants = await openTwoTenants()
  await createConsumerTables(tenants.admin)
})

afterAll(async () => {
  await tenants.close()
})

const memory = (content: string) => ({
  agentId: null,
  content,
  embedding: direction(content),
  category: 'factual' as const,
})

test('erases a memory with all that belongs to it and the earlier words of the same fact, and nothing else', async () => {
  const { admin, mine, theirs } = tenants
  const person = await insertPerson(admin, mine.orgId)
  await insertPerson(admin, theirs.orgId)
  const theirsBefore = await allRows(admin, theirs.orgId)
  const receipt = await mine.memories.erase(person.memoryIds[0], { reason })

  expect(receipt).toMatchObject({
    subject: 'memory',
    subjectHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    reason,
  })
  expect(receipt.tables).toEqual(
    Object.entries({
      'ibex_core.memories': 3,
      'ibex_core.memory_relationships': 1,
      'ibex_core.memory_tags': 2,
      'ibex_core.memory_usage': 1,
      'ibex_core.memory_versions': 3,
      'public.memory_notes': 1,
    }).map(([table, deleted]) => ({ table, deleted, cleared: 0 })),
  )
  for (const id of person.memoryIds) expect(await carriersOf(admin, id)).toEqual([])
  expect(await mine.users.findById(person.userId)).toBeDefined()
  expect(await mine.sessions.findById(person.sessionId)).toBeDefined()
  expect(await allRows(admin, theirs.orgId)).toEqual(theirsBefore)
  expect(await mine.erasure.receiptsOf(person.memoryIds[0])).toEqual([receipt])
})

test('keeps earlier words and takes the reference out of them where it is told to, and always what came after', async () => {
  const { admin, mine } = tenants
  const { memoryIds } = await insertPerson(admin, mine.orgId)
  const [fact, past, merged] = memoryIds
  await mine.memories.erase(fact, { reason, includeDerived: false })
  expect(await mine.memories.findById(past)).toMatchObject({ status: 'superseded', superseded_by: null })

  const receipt = await mine.memories.erase(merged, { reason })
  expect(receipt.tables).toContainEqual({ table: 'ibex_core.memories', deleted: 1, cleared: 0 })
  expect(await mine.memories.findById(past)).toBeDefined()
})

test('ends where memories lead to each other in a circle, and follows a long chain to its end', async () => {
  const { admin, mine } = tenants
  const org = { org_id: mine.orgId, status: 'superseded' as const }
  const first = await insertMemory(admin, org)
  let last = first
  for (let count = 0; count < 20; count++)
    last = await insertMemory(admin, { ...org, superseded_by: last.id })
  await admin
    .updateTable('ibex_core.memories')
    .set({ superseded_by: last.id })
    .where('id', '=', first.id)
    .execute()
  const receipt = await mine.memories.erase(first.id, { reason })
  expect(receipt.tables).toContainEqual({ table: 'ibex_core.memories', deleted: 21, cleared: 0 })
})

describe('tombstones', () => {
  test('refuse what was erased, an earlier version included, however it is spaced, and by plain Kysely', async () => {
    const { admin, mine, theirs } = tenants
    const { id } = (await mine.memories.add(memory('Ana lives in Porto'))).memory
    await mine.memories.update(id, {
      content: 'Ana lives in Lisbon',
      content_hash: contentHash('Ana lives in Lisbon'),
    })
    const receipt = await mine.memories.erase(id, { reason })
    expect(receipt.tombstones).toBe(2)
    for (const content of ['Ana lives in Porto', '  Ana \u00a0lives in Lisbon\n'])
      expect(await mine.memories.add(memory(content))).toMatchObject({ outcome: 'erased' })
    const plain = await failure(
      async () =>
        await mine.db
          .insertInto('ibex_core.memories')
          .values({
            content: 'Ana lives in Porto',
            content_hash: contentHash('Ana lives in Porto'),
            embedding: direction('x'),
            category: 'factual',
          })
          .execute(),
    )
    expect(plain).toBeInstanceOf(ErasedContentError)
    expect(await theirs.memories.add(memory('Ana lives in Porto'))).toMatchObject({ outcome: 'created' })
    expect(await carriersOf(admin, id)).toEqual([])
  })

  test('are not left where it may be learnt again', async () => {
    const { memories } = tenants.mine
    const { id } = (await memories.add(memory('Ben sails'))).memory
    expect(await memories.erase(id, { reason, allowRelearning: true })).toMatchObject({ tombstones: 0 })
    expect(await memories.add(memory('Ben sails'))).toMatchObject({ outcome: 'created' })
  })

  test('are lifted by the system, for one organization alone', async () => {
    const { database, mine, theirs } = tenants
    for (const scope of [mine, theirs]) {
      const { id } = (await scope.memories.add(memory('Cy swims'))).memory
      await scope.memories.erase(id, { reason })
    }
    const lift = async (content: string): Promise<boolean> =>
      await database.asSystem(
        'erased by mistake',
        async (system) => await liftTombstone(system, mine.orgId, content),
      )
    expect([await lift(' Cy  swims'), await lift('Cy swims')]).toEqual([true, false])
    expect(await mine.memories.add(memory('Cy swims'))).toMatchObject({ outcome: 'created' })
    expect(await theirs.memories.add(memory('Cy swims'))).toMatchObject({ outcome: 'erased' })
  })

  test('are made of the same hash as the library makes, for every white space and composition', async () => {
    const spaces = '\t\n\v\f\r \u00a0\u1680\u2000\u2005\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'
    const contents = [
      ...spaces.split('').flatMap((space) => [`a${space}b`, `${space}a${space}${space}b${space}`]),
      // no white space to JavaScript: next line, Mongolian vowel separator, zero width space
      ...['\u0085', '\u180e', '\u200b', '\u001c', '\u001f'].map((other) => `${other}a${other}b${other}`),
      'e\u0301 \u1112\u1161\u11ab \ufb01 \u{1d15e} \u{1f469}\u200d\u{1f4bb}',
      'Ångström ſ ß',
    ]
    const { rows } = await sql<{ hash: string }>`select ibex_core.memory_content_hash(content) as hash
      from unnest(${contents}::text[]) with ordinality as given (content, place) order by place`.execute(
      tenants.admin,
    )
    expect(rows.map(({ hash }) => hash)).toEqual(contents.map(contentHash))
  })
})

test('says of another tenant’s memory the same as of none, and leaves it alone', async () => {
  const { admin, mine, theirs } = tenants
  const { id } = await insertMemory(admin, { org_id: theirs.orgId })
  const foreign = await failure(async () => await mine.memories.erase(id, { reason }))
  const nothing = '00000000-0000-0000-0000-000000000000'
  const unknown = await failure(async () => await mine.memories.erase(nothing, { reason }))
  expect(foreign).toBeInstanceOf(RowNotFoundError)
  expect(shown(foreign)).toEqual(shown(unknown))
  expect(await theirs.memories.findById(id)).toBeDefined()
})

test('throws InvalidArgumentError before any SQL for bad input', async () => {
  const { mine } = tenants
  for (const attempt of [
    async () => await mine.memories.erase('one', { reason }),
    async () => await mine.memories.erase(mine.orgId, { reason: '' }),
    async () => await mine.memories.erase(mine.orgId, { reason, includeDerived: 1 as never }),
    async () => await liftTombstone(mine as never, mine.orgId, 'a'),
  ])
    expect(await refusal(tenants, attempt)).toBeInstanceOf(InvalidArgumentError)
})
