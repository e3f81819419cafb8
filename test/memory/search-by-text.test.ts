import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MemorySearchResult } from '../../src/memory/memory-hit.ts'
import type { MemoryInput } from '../../src/memory/memory-input.ts'
import type { MemorySearch } from '../../src/memory/search-input.ts'
import { skipBehindPooler } from '../support/skip.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'
import { planOfFrequent } from './plan-of-frequent.ts'

/** Of each word no more than 1,000 memories are ranked; half of these have both words. */
const fillerCount = 2_100
/** Of nobody. */
const someId = '6b1e2f44-0d0a-4b41-9a55-0d6f1f0c7a10'

let tenants: TwoTenants

beforeAll(async () => {
  tenants = await openTwoTenants({ poolSize: 1 })
  const { admin, mine, theirs } = tenants
  await mine.memories.addMany(
    [
      'Ana lives in a small house near Porto.',
      'Ben lives in Berlin.',
      "The user's favourite dish is caldo verde.",
      'Ana plays the violin, and plays it every day, plays it well.',
      "It's 100% \\ odd: a 'quoted' & (braced) <-> text | with:* signs!",
    ].map((content) => input(content)),
  )
  await mine.memories.addMany([
    input('Die Katzen schlafen in den Häusern.', { language: 'german' }),
    input('Running shoes', { language: 'simple' }),
  ])
  // theirs would be the best of all, and a common word of mine is in most of theirs
  await theirs.memories.addMany(
    ['Where does Ana live? Ana lives in Porto.', 'violin'].map((content) => input(content)),
  )
  await theirs.memories.addMany(
    Array.from({ length: fillerCount }, (_, index) =>
      input(
        `A customer ordered parcel ${index}${index % 2 === 0 ? ' by express' : ''}${index === 1_111 ? ' with a zebra' : ''}`,
        { embedding: direction('all of them') },
      ),
    ),
  )
  await sql`vacuum analyze ibex_core.memories`.execute(admin)
}, 60_000)

afterAll(async () => {
  await tenants.close()
})

function input(content: string, values: Partial<MemoryInput> = {}): MemoryInput {
  return { agentId: null, content, embedding: direction(content), category: 'factual', ...values }
}

async function search(text: string, options: Partial<MemorySearch> = {}): Promise<MemorySearchResult> {
  return await tenants.mine.memories.search({ text, record: false, ...options })
}

const contents = ({ hits }: MemorySearchResult): string[] => hits.map(({ memory }) => memory.content)

test('finds what is stated by a question in other forms of its words, best first', async () => {
  const found = await search('Where does Ana live?')
  expect(contents(found)[0]).toBe('Ana lives in a small house near Porto.')
  expect(new Set(contents(found).slice(1))).toEqual(
    new Set(['Ben lives in Berlin.', 'Ana plays the violin, and plays it every day, plays it well.']),
  )
  expect(found).toMatchObject({ strategy: 'text', isComplete: true })
  expect(contents(await search("What is the user's favorite dish?", { limit: 1 }))).toEqual([
    "The user's favourite dish is caldo verde.",
  ])
})

test('tells rank, place and the share of the words', async () => {
  const { hits } = await search('Where does Ana live?', { explain: true })
  expect(hits[0]).toMatchObject({
    coverage: 1,
    relevance: 1,
    textRank: 1,
    vectorRank: null,
    similarity: null,
  })
  for (const [index, hit] of hits.entries()) {
    expect(hit.textRank).toBe(index + 1)
    expect(hit.relevance).toBe(hit.coverage)
    expect(hit.shares).toEqual({ text: hit.score })
    expect(hit.score).toBeLessThanOrEqual(hits[index - 1]?.score ?? Infinity)
  }
  expect(hits[1]?.coverage).toBeGreaterThan(0)
  expect(hits[1]?.coverage).toBeLessThan(1)
})

test('counts a rare word for more than a frequent one', async () => {
  // Ana and lives are in two each, Berlin in one
  const found = await search('Ana or Berlin?')
  expect(contents(found)[0]).toBe('Ben lives in Berlin.')
})

test('takes a text literally, whatever signs it holds', async () => {
  for (const text of [
    "'quoted' & (braced) <-> | ! :* \\",
    "it's; drop table memories; --",
    '100% "odd',
    'odd:*',
  ])
    expect(contents(await search(text)).slice(0, 1)).toEqual(
      [expect.stringContaining('odd')].filter(() => /quoted|odd/.test(text)),
    )
})

test('finds nothing by stop words alone, nor by words that no memory holds', async () => {
  for (const text of ['what is it?', '???', 'zyzzyva'])
    expect(await search(text)).toEqual({ hits: [], strategy: 'text', isComplete: true })
})

test('finds a memory by the rules of its own language', async () => {
  const german = { language: 'german' } as const
  expect(contents(await search('Wo schläft die Katze?', german))).toEqual([
    'Die Katzen schlafen in den Häusern.',
  ])
  expect(contents(await search('Haus', german))).toEqual(['Die Katzen schlafen in den Häusern.'])
  expect(contents(await search('Wo schläft wer?'))).toEqual([])
  expect(contents(await search('running', { language: 'simple' }))).toEqual(['Running shoes'])
  expect(contents(await search('run', { language: 'simple' }))).toEqual([])
})

test('finds no memory of another tenant, and theirs nothing of mine', async () => {
  const found = await search('Where does Ana live in Porto? zebra violin', { limit: 1_000 })
  expect(new Set(found.hits.map(({ memory }) => memory.org_id))).toEqual(new Set([tenants.mine.orgId]))
  const theirs = await tenants.theirs.memories.search({ text: 'Berlin dish', record: false })
  expect(theirs.hits).toEqual([])
})

test('finds the few with a rare word among many with a frequent one, and says that it is complete', async () => {
  const found = await tenants.theirs.memories.search({
    text: 'a customer with a zebra',
    limit: 1,
    record: false,
  })
  expect(contents(found)).toEqual(['A customer ordered parcel 1111 with a zebra'])
  expect(found.isComplete).toBe(true)
})

test('finds those with all of several frequent words first, and says that others were passed over', async () => {
  const found = await tenants.theirs.memories.search({ text: 'parcel express', limit: 50, record: false })
  expect(found.hits).toHaveLength(50)
  expect(found.isComplete).toBe(false)
  for (const { memory, coverage } of found.hits) {
    expect(memory.content).toContain('express')
    expect(coverage).toBeCloseTo(1, 5)
  }
})

test('holds a filter together with frequent words', async () => {
  const { memories } = tenants.theirs
  const [only] = await memories.find({ where: { content: 'A customer ordered parcel 2000 by express' } })
  await memories.addTags(only?.id ?? '', ['kept'])
  for (const filter of [{ tags: ['kept', 'none'] }, { allTags: ['kept'] }])
    expect(contents(await memories.search({ text: 'customer parcel', ...filter, record: false }))).toEqual([
      only?.content,
    ])
})

test('reads the words of a long text up to the thirty-second', async () => {
  const words = Array.from({ length: 31 }, (_, index) => `unknown${index}`)
  expect(contents(await search([...words, 'Berlin'].join(' ')))).toEqual(['Ben lives in Berlin.'])
  expect(contents(await search([...words, 'another', 'Berlin'].join(' ')))).toEqual([])
})

describe('the plan', skipBehindPooler('statements are not prepared there'), () => {
  test.each<readonly [string, Partial<MemorySearch>]>([
    ['alone', {}],
    ['of a category', { category: 'factual' }],
    ['of an agent and a user', { agentId: someId, userId: someId }],
    ['in the composite order', { ranking: 'composite' }],
    ['and a vector', { embedding: direction('parcel') }],
    ['and a vector in the composite order', { embedding: direction('parcel'), ranking: 'composite' }],
  ])(
    'keeps the plan of a frequent search by words, which are found by a function: %s',
    async (_, options) => {
      for (const scope of [tenants.mine, tenants.theirs]) {
        const find = async (): Promise<MemorySearchResult> =>
          await scope.memories.search({ text: 'a zebra ordered the violin', record: false, ...options })
        const first = await find()
        expect(await planOfFrequent(scope, find)).toBe('kept')
        const { hits } = await find()
        expect(hits.map(({ memory }) => memory.id)).toEqual(first.hits.map(({ memory }) => memory.id))
        expect(hits.every(({ memory }) => memory.org_id === scope.orgId)).toBe(true)
      }
    },
  )

  test.each<readonly [string, Partial<MemorySearch>]>([
    ['tags', { tags: ['animal'] }],
    ['metadata', { metadata: { a: 1 } }],
    ['status', { status: 'archived' }],
    ['category beside a vector', { category: 'factual', embedding: direction('parcel') }],
  ])('plans each time where a filter may leave few: %s', async (_, options) => {
    const find = async (): Promise<MemorySearchResult> => await search('violin', options)
    expect(await planOfFrequent(tenants.mine, find)).toBe('own')
  })
})
