import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChunkInput } from '../../src/knowledge/document-input.ts'
import type { SimilarChunk, SimilarChunkSearch } from '../../src/knowledge/search-chunks.ts'
import type { RagDocument } from '../../types/database.d.ts'
import { type TwoTenants, openTwoTenants } from '../support/two-tenants.ts'
import { cosine, direction, near } from './embeddings.ts'

let tenants: TwoTenants
let stored: readonly RagDocument[]
const question = direction('where does Ana live?')

beforeAll(async () => {
  // one connection: what a search would leave behind in its session, the next statement would see
  tenants = await openTwoTenants({ poolSize: 1 })
  const { mine, theirs } = tenants
  for (const documentId of ['a', 'b', 'c'])
    await mine.documents.ingest({
      documentId,
      embeddingModel: documentId === 'c' ? 'new' : 'old',
      chunks: chunksOf(documentId),
    })
  // theirs are the nearest of all
  const nearest = Array.from({ length: 15 }, (_, index) => ({
    content: `theirs ${index}`,
    embedding: near(question, `theirs ${index}`, 0.001),
  }))
  await theirs.documents.ingest({ documentId: 'a', embeddingModel: 'old', chunks: nearest })
  stored = await mine.documents.find()
})

afterAll(async () => {
  await tenants.close()
})

/** Twelve chunks, two of which have no embedding. */
function chunksOf(documentId: string): ChunkInput[] {
  return Array.from({ length: 12 }, (_, index) => {
    const content = `${documentId} ${index}`
    return index < 10
      ? { content, embedding: near(question, content, 0.2 + ((index * 7) % 10) / 4) }
      : { content }
  })
}

function similarityOf({ embedding }: RagDocument): number {
  return embedding === null ? Number.NaN : cosine(question, embedding)
}

/** The contents nearest to the question by the definition, computed here. */
function expected(limit: number, matches: (chunk: RagDocument) => boolean = () => true): string[] {
  return stored
    .filter((chunk) => chunk.embedding !== null && matches(chunk))
    .toSorted((one, other) => similarityOf(other) - similarityOf(one))
    .slice(0, limit)
    .map(({ content }) => content)
}

async function search(options: Omit<SimilarChunkSearch, 'embedding'> = {}): Promise<SimilarChunk[]> {
  return await tenants.mine.documents.searchSimilar({ embedding: question, ...options })
}

const contents = (rows: readonly SimilarChunk[]): string[] => rows.map(({ content }) => content)

test('finds the nearest, most similar first, with their cosine similarity', async () => {
  const found = await search()
  expect(contents(found)).toEqual(expected(10))
  for (const chunk of found) {
    const {
      embedding: _,
      search_vector: __,
      ...row
    } = stored.find(({ id }) => id === chunk.id) ?? ({} as RagDocument)
    const similarity = similarityOf({ embedding: _ } as RagDocument)
    expect(chunk).toEqual({ ...row, similarity: expect.closeTo(similarity, 5) })
  }
})

test('finds as many as the limit says, and all that are embedded when it is higher', async () => {
  expect(contents(await search({ limit: 3 }))).toEqual(expected(3))
  expect(contents(await search({ limit: 1_000 }))).toEqual(expected(30))
})

test('filters by documents and by the model', async () => {
  expect(contents(await search({ documentIds: ['a', 'c'], limit: 100 }))).toEqual(
    expected(100, ({ document_id }) => document_id !== 'b'),
  )
  expect(contents(await search({ embeddingModel: 'old', limit: 100 }))).toEqual(
    expected(100, ({ embedding_model }) => embedding_model === 'old'),
  )
  expect(await search({ documentIds: ['a'], embeddingModel: 'new' })).toEqual([])
  expect(await search({ documentIds: [] })).toEqual([])
  expect(await search({ documentIds: ['theirs'] })).toEqual([])
})

test('leaves out what is less similar than asked for', async () => {
  const middle = similarityOf(stored.find(({ content }) => content === expected(100)[12]) as RagDocument)
  const found = await search({ minSimilarity: middle + 1e-4, limit: 100 })
  expect(contents(found)).toEqual(expected(12))
  expect(await search({ minSimilarity: 1 })).toEqual([])
  expect(await search({ minSimilarity: -1, limit: 100 })).toHaveLength(30)
  // the limit is of those that are similar enough
  expect(contents(await search({ minSimilarity: middle + 1e-4, limit: 5 }))).toEqual(expected(5))
})

test('finds the same inside a transaction, and leaves no setting behind outside of one', async () => {
  const settings = sql`select current_setting('hnsw.ef_search', true) as ef_search,
    current_setting('hnsw.iterative_scan', true) as iterative_scan, current_setting('plan_cache_mode') as plan_cache_mode`
  await search()
  expect((await settings.execute(tenants.mine.db)).rows).toEqual([
    { ef_search: '40', iterative_scan: 'off', plan_cache_mode: 'auto' },
  ])
  const found = await tenants.mine.transaction(
    async (trx) => await trx.documents.searchSimilar({ embedding: question }),
    { readOnly: true },
  )
  expect(contents(found)).toEqual(expected(10))
})

test('shows nothing of another tenant', async () => {
  const found = await tenants.theirs.documents.searchSimilar({ embedding: question, limit: 1_000 })
  expect(found).toHaveLength(15)
  expect(new Set(found.map(({ org_id }) => org_id))).toEqual(new Set([tenants.theirs.orgId]))
  expect(new Set((await search({ limit: 1_000 })).map(({ org_id }) => org_id))).toEqual(
    new Set([tenants.mine.orgId]),
  )
})
