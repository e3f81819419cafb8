import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  CheckViolationError,
  InvalidArgumentError,
  InvalidVectorError,
  UniqueViolationError,
} from '../../src/errors.ts'
import type { DocumentInput } from '../../src/knowledge/document-input.ts'
import type { ChunkTextSearch, SimilarChunkSearch } from '../../src/knowledge/search-chunks.ts'
import type { VectorInput } from '../../src/vector/vector.ts'
import {
  type TwoTenants,
  failure,
  openTwoTenants,
  ownersView,
  refusal,
  shown,
} from '../support/two-tenants.ts'
import { direction } from './embeddings.ts'

let tenants: TwoTenants
let before: unknown
const embedding = direction('good')
const good = { content: 'good', embedding }

beforeAll(async () => {
  tenants = await openTwoTenants()
  await tenants.mine.documents.ingest({ documentId: 'a', chunks: [good, { content: 'better' }] })
  before = await view()
})

afterEach(unchanged)

afterAll(async () => {
  await tenants.close()
})

async function unchanged(): Promise<void> {
  expect(await view()).toEqual(before)
}

async function view(): Promise<unknown> {
  return await ownersView(tenants.admin, 'ibex_core.rag_documents', tenants.mine.orgId)
}

const badVectors: readonly [string, VectorInput][] = [
  ['384 dimensions', Array.from({ length: 384 }, () => 1)],
  ['1,537 dimensions', Array.from({ length: 1_537 }, () => 1)],
  ['no dimension', []],
  ['zeros', new Float32Array(1_536)],
  ['NaN', embedding.with(7, Number.NaN)],
  ['infinity', embedding.with(7, Number.POSITIVE_INFINITY)],
  ['a number too large for a 4-byte float', Array.from(embedding).with(7, 1e39)],
  ['a text', '[1,2,3]' as unknown as VectorInput],
]

const badTexts: readonly [string, unknown][] = [
  ['is missing', undefined],
  ['is null', null],
  ['is empty', ''],
  ['is blank', ' \n\t'],
  ['is a number', 7],
  ['holds a NUL', 'a\0b'],
  ['holds half a character', 'a\uD83E'],
]

/** Which argument was refused, before any SQL. */
async function refused(call: () => Promise<unknown>): Promise<string> {
  const error = await refusal(tenants, call)
  if (error instanceof InvalidArgumentError) return error.argument
  throw error
}

describe('throws before any SQL when', () => {
  test.each([...badTexts, ['has 101 characters', 'x'.repeat(101)] as const])(
    'the id of a document %s',
    async (_, bad) => {
      const { documents } = tenants.mine
      const documentId = bad as string
      expect(await refused(async () => await documents.ingest({ documentId, chunks: [good] }))).toBe(
        'documentId',
      )
      expect(await refused(async () => await documents.chunksToEmbed(documentId, ['x']))).toBe('documentId')
      expect(await refused(async () => await documents.chunks(documentId))).toBe('documentId')
      expect(await refused(async () => await documents.deleteDocument(documentId))).toBe('documentId')
      const documentIds = ['a', documentId]
      expect(await refused(async () => await documents.searchText({ text: 'x', documentIds }))).toBe(
        'documentIds[1]',
      )
      expect(await refused(async () => await documents.searchSimilar({ embedding, documentIds }))).toBe(
        'documentIds[1]',
      )
    },
  )

  test.each([...badTexts, ['has 100,001 characters', 'x'.repeat(100_001)] as const])(
    'a content %s',
    async (_, bad) => {
      const { documents } = tenants.mine
      const content = bad as string
      const chunks = [good, { content }]
      expect(await refused(async () => await documents.ingest({ documentId: 'a', chunks }))).toBe(
        'chunks[1].content',
      )
      expect(await refused(async () => await documents.chunksToEmbed('a', ['x', content]))).toBe(
        'contents[1]',
      )
    },
  )

  test.each([...badTexts, ['has 8,193 characters', 'x'.repeat(8_193)] as const])(
    'a text to find %s',
    async (_, bad) => {
      const search = { text: bad } as ChunkTextSearch
      expect(await refused(async () => await tenants.mine.documents.searchText(search))).toBe('text')
    },
  )

  test.each<[string, Partial<Record<keyof DocumentInput, unknown>>, string]>([
    ['there is no chunk', { chunks: [] }, 'chunks'],
    ['the chunks are no list', { chunks: good }, 'chunks'],
    ['a chunk is a text', { chunks: ['good'] }, 'chunks[0]'],
    ['a path has 600 characters', { sourcePath: 'x'.repeat(600) }, 'sourcePath'],
    ['a path is empty', { sourcePath: '' }, 'sourcePath'],
    ['a model is blank', { embeddingModel: ' ' }, 'embeddingModel'],
    ['a model has 256 characters', { embeddingModel: 'x'.repeat(256) }, 'embeddingModel'],
    ['metadata is a list', { metadata: [1] }, 'metadata'],
    ['metadata is null', { metadata: null }, 'metadata'],
    ["a chunk's metadata is a text", { chunks: [{ ...good, metadata: 'x' }] }, 'chunks[0].metadata'],
  ])('%s', async (_, bad, argument) => {
    const input = { documentId: 'a', chunks: [good], ...bad } as DocumentInput
    expect(await refused(async () => await tenants.mine.documents.ingest(input))).toBe(argument)
  })

  test.each(badVectors)('an embedding is %s', async (_, bad) => {
    const { documents } = tenants.mine
    for (const call of [
      async () =>
        await documents.ingest({ documentId: 'a', chunks: [good, { content: 'x', embedding: bad }] }),
      async () => await documents.searchSimilar({ embedding: bad }),
      async () => await documents.setEmbeddings([{ id: randomUUID(), embedding: bad }]),
    ]) {
      expect(await refusal(tenants, call)).toBeInstanceOf(InvalidVectorError)
    }
  })

  test.each<[string, object, string]>([
    ['limit 0', { limit: 0 }, 'limit'],
    ['limit 1,001', { limit: 1_001 }, 'limit'],
    ['limit 1.5', { limit: 1.5 }, 'limit'],
    ['documents that are no list', { documentIds: 'a' }, 'documentIds'],
  ])('a search has %s', async (_, bad, argument) => {
    const { documents } = tenants.mine
    expect(await refused(async () => await documents.searchText({ text: 'x', ...bad }))).toBe(argument)
    expect(await refused(async () => await documents.searchSimilar({ embedding, ...bad }))).toBe(argument)
  })

  test.each([1.1, -1.1, Number.NaN, '0.5'])('the least similarity is %s', async (minSimilarity) => {
    const search = { embedding, minSimilarity } as SimilarChunkSearch
    expect(await refused(async () => await tenants.mine.documents.searchSimilar(search))).toBe(
      'minSimilarity',
    )
  })

  test.each(badTexts.filter(([, bad]) => bad !== undefined))(
    'the document to read on after %s',
    async (_, bad) => {
      const after = bad as string
      expect(await refused(async () => await tenants.mine.documents.list({ after }))).toBe('after')
    },
  )

  test.each([0, 10_001, 0.5, Number.NaN])('a page has %s rows', async (limit) => {
    const { documents } = tenants.mine
    expect(await refused(async () => await documents.list({ limit }))).toBe('limit')
    expect(await refused(async () => await documents.unembedded({ limit }))).toBe('limit')
  })

  test('the id of a chunk is no uuid, or comes twice', async () => {
    const { documents } = tenants.mine
    const id = randomUUID()
    for (const ids of [
      [id, 'x'],
      [id, undefined as unknown as string],
      [id, id.toUpperCase()],
    ]) {
      const given = ids.map((each) => ({ id: each, embedding }))
      expect(await refused(async () => await documents.setEmbeddings(given))).toBe('embeddings[1].id')
    }
  })
})

test.each([
  ['no content', { content: '' }, 'rag_documents_content_check'],
  ['a content of 100,001 characters', { content: 'x'.repeat(100_001) }, 'rag_documents_content_check'],
  ['no document', { document_id: '' }, 'rag_documents_document_id_check'],
  ['a document of 101 characters', { document_id: 'x'.repeat(101) }, 'rag_documents_document_id_check'],
  ['an empty path', { source_path: '' }, 'rag_documents_source_path_check'],
  ['a path of 600 characters', { source_path: 'x'.repeat(600) }, 'rag_documents_source_path_check'],
  ['a hash that is none', { content_hash: 'X'.repeat(64) }, 'rag_documents_content_hash_check'],
  ['a place before the first', { chunk_index: -1 }, 'rag_documents_chunk_index_total_chunks_check'],
  [
    'a place after the last',
    { chunk_index: 5, total_chunks: 5 },
    'rag_documents_chunk_index_total_chunks_check',
  ],
  ['metadata that is a list', { metadata: [] as never }, 'rag_documents_metadata_check'],
  ['a place that is taken', { chunk_index: 1 }, 'rag_documents_org_id_document_id_chunk_index_key'],
])('refuses a row with %s', async (_, bad, constraint) => {
  const row = {
    document_id: 'a',
    chunk_index: 2,
    total_chunks: 3,
    content: 'x',
    content_hash: '0'.repeat(64),
  }
  const error = await failure(async () => await tenants.mine.documents.insert({ ...row, ...bad }))
  expect(error).toBeInstanceOf(constraint.endsWith('_key') ? UniqueViolationError : CheckViolationError)
  // a key of a partition has the partition's name
  expect(error).toMatchObject({
    constraint: expect.stringMatching(constraint.replace('rag_documents', 'rag_documents(_p\\d\\d)?')),
  })
  expect(JSON.stringify(shown(error))).not.toMatch(/xxx|XXX/)
})

test('takes what is just allowed', async () => {
  const { documents } = tenants.mine
  const input = {
    documentId: '🦌'.repeat(100),
    sourcePath: '🦌'.repeat(500),
    embeddingModel: 'm'.repeat(255),
    // the longest content in as many different words, of as many bytes, as can be
    chunks: [
      {
        content: Array.from({ length: 25_000 }, (_, index) =>
          String.fromCodePoint(0x4e00 + (index % 20_000), 0x20000 + index, 0x30000 + index),
        ).join(' '),
      },
    ],
  }
  expect(await documents.ingest(input)).toMatchObject({ inserted: 1 })
  expect(
    await documents.searchText({ text: '🦌'.repeat(8_192), documentIds: [input.documentId], limit: 1_000 }),
  ).toEqual([])
  expect(await documents.searchSimilar({ embedding, minSimilarity: -1, limit: 1_000 })).toHaveLength(1)
  expect(await documents.deleteDocument(input.documentId)).toBe(1)
})
