import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ChunkTextSearch, RankedChunk } from '../../src/knowledge/search-chunks.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'

let tenants: TwoTenants

const handbook = [
  'Holidays are granted by the manager. Ask your manager three weeks before.',
  'Expenses are paid back within a month.',
  'A manager can approve expenses of up to 1,000 euros.',
  "O'Brien's path is C:\\temp\\o'brien and https://example.com/a?b='c'&d=1|2",
]
const guide = [
  'Travel expenses, hotel expenses, phone expenses: expenses are costs.',
  'Who sings in the rain?',
]
const long = `${'The weather was fine and the river went by under the bridge of the old town. '.repeat(60)} Expenses are mentioned once.`

beforeAll(async () => {
  tenants = await openTwoTenants()
  const { mine, theirs } = tenants
  for (const [documentId, texts] of [
    ['handbook', handbook],
    ['guide', guide],
    ['long', [long]],
  ] as const) {
    await mine.documents.ingest({ documentId, chunks: texts.map((content) => ({ content })) })
  }
  // the same words, and more of them
  await theirs.documents.ingest({
    documentId: 'handbook',
    chunks: [{ content: 'Manager expenses holidays month.' }],
  })
})

afterAll(async () => {
  await tenants.close()
})

async function search(text: string, options: Omit<ChunkTextSearch, 'text'> = {}): Promise<RankedChunk[]> {
  return await tenants.mine.documents.searchText({ text, ...options })
}

async function contents(text: string, options: Omit<ChunkTextSearch, 'text'> = {}): Promise<string[]> {
  return (await search(text, options)).map(({ content }) => content)
}

test('finds the chunks with any word of a question, those with most of its words first', async () => {
  const found = await search('Which manager approves my expenses?')
  expect(found[0]?.content).toBe(handbook[2])
  expect(new Set(found.map(({ content }) => content))).toEqual(
    new Set([handbook[0], handbook[1], handbook[2], guide[0], long]),
  )
  const ranks = found.map(({ rank }) => rank)
  expect(ranks).toEqual(ranks.toSorted((one, other) => other - one))
  expect(ranks.at(-1)).toBeGreaterThan(0)
})

test('gives whole chunks, without embedding and index of words', async () => {
  const [first] = await search('singing')
  const { rank, ...chunk } = first ?? {}
  expect(rank).toBeGreaterThan(0)
  expect((await tenants.mine.documents.chunks('guide'))[1]).toEqual(chunk)
})

test('lets no chunk win by its length', async () => {
  const found = await contents('expenses')
  expect(found).toHaveLength(4)
  expect(found.at(-1)).toBe(long)
})

test('lets no chunk win by saying one of several words again and again', async () => {
  const found = await contents('Are expenses paid by the manager?')
  expect(found.indexOf(guide[0] ?? '')).toBeGreaterThan(found.indexOf(handbook[1] ?? ''))
  expect(found.indexOf(guide[0] ?? '')).toBeGreaterThan(found.indexOf(handbook[2] ?? ''))
})

test('filters by documents, and finds as many as the limit says', async () => {
  expect(await contents('expenses', { documentIds: ['guide', 'long'] })).toEqual([guide[0], long])
  expect(await contents('expenses', { documentIds: ['unknown'] })).toEqual([])
  expect(await contents('expenses', { documentIds: [] })).toEqual([])
  expect(await contents('expenses manager', { limit: 2 })).toEqual(
    (await contents('expenses manager')).slice(0, 2),
  )
})

test.each([
  ['words in another form', 'approving', [handbook[2]]],
  ['nothing but stop words', 'what is it and who are you', []],
  ['nothing but punctuation', '?! & | <-> :* ( "', []],
  ['words that are nowhere', 'zebra', []],
  ['what looks like a query', "zebra' | !singing & (", [guide[1]]],
  ['an address with quotes and bars', "https://example.com/a?b='c'&d=1|2", [handbook[3]]],
  ['a path with backslashes and quotes', "C:\\temp\\o'brien", [handbook[3]]],
])('finds by %s', async (_, text, found) => {
  expect(await contents(text)).toEqual(found)
})

test('finds a chunk by what it says now, within its own transaction too', async () => {
  await tenants.mine.transaction(async (trx) => {
    await trx.documents.ingest({ documentId: 'draft', chunks: [{ content: 'About zebras.' }] })
    expect(await trx.documents.searchText({ text: 'zebra' })).toHaveLength(1)
    await trx.documents.ingest({ documentId: 'draft', chunks: [{ content: 'About giraffes.' }] })
    expect(await trx.documents.searchText({ text: 'zebra' })).toEqual([])
    expect(await trx.documents.deleteDocument('draft')).toBe(1)
    expect(await trx.documents.searchText({ text: 'giraffe' })).toEqual([])
  })
})

test('shows nothing of another tenant', async () => {
  const text = 'manager expenses holidays month'
  expect(new Set((await search(text)).map(({ org_id }) => org_id))).toEqual(new Set([tenants.mine.orgId]))
  const found = await tenants.theirs.documents.searchText({ text })
  expect(found.map(({ org_id }) => org_id)).toEqual([tenants.theirs.orgId])
})

describe('search_rag_documents called in raw SQL', () => {
  const call = sql<{
    id: string
  }>`select id, rank from ibex_core.search_rag_documents('manager expenses', null, null)`

  test('finds the ids of the tenant, and none of another', async () => {
    for (const [tenant, count] of [
      [tenants.mine, 5],
      [tenants.theirs, 1],
    ] as const) {
      const ids = (await call.execute(tenant.db)).rows.map(({ id }) => id)
      expect(ids).toHaveLength(count)
      expect(await tenant.documents.count({ id: ids })).toBe(count)
    }
  })

  test('finds nothing without a tenant', async () => {
    const trx = await tenants.admin.startTransaction().execute()
    try {
      await sql`select set_config('role', 'ibex_app', true)`.execute(trx)
      expect((await call.execute(trx)).rows).toEqual([])
    } finally {
      await trx.rollback().execute()
    }
  })
})

test.each([
  ["Where does Ana's cat live?", ['ana', 'cat', 'live']],
  ['Run, runner, running!', ['run', 'runner']],
  ["it's a \\ 'quoted' & piped | text", ['pipe', 'quot', 'text']],
  ['/usr/lib/x', ['/usr/lib/x']],
  ["o'brien's", ['brien', 'o']],
  ['the of and', []],
  ['', []],
])('any_word makes of %j the query for any of its words', async (text, words) => {
  const { rows } = await sql<{
    query: string | null
  }>`select ibex_core.any_word(${text})::text as query`.execute(tenants.admin)
  expect(rows).toEqual([{ query: words.length === 0 ? null : words.map((word) => `'${word}'`).join(' | ') }])
})
